//! What containers write.

use std::collections::VecDeque;

use bollard::container::LogOutput;
use bollard::errors::Error as Fault;
use bollard::query_parameters::LogsOptions;
use bollard::{BollardRequest, Docker};
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;

use super::lines::Lines;
use super::{DockerEngine, at_version, fault};
use crate::engine::{Error, LogRequest};

impl DockerEngine {
    pub(super) fn container_logs(
        &self,
        name: &str,
        logs: LogRequest,
    ) -> BoxStream<'static, Result<String, Error>> {
        let options = LogsOptions {
            follow: logs.follow,
            stdout: true,
            stderr: true,
            timestamps: logs.follow || logs.since.is_some(),
            since: logs.since.map_or(0, second),
            tail: logs
                .tail
                .map_or_else(|| "all".to_owned(), |n| n.to_string()),
            ..LogsOptions::default()
        };
        let docker = self.patient();
        let first = match logs.since {
            Some(since) => self.exact_from(since),
            None => docker.clone(),
        };
        let reader = LogReader {
            name: name.to_owned(),
            chunks: first.logs(name, Some(options.clone())).boxed(),
            docker,
            options,
            since: logs.since,
            out: Lines::default(),
            err: Lines::default(),
            ready: VecDeque::new(),
            last: None,
            skip_to: None,
            ended: false,
        };
        let next = |mut reader: LogReader| async move {
            let line = reader.next().await?;
            Some((line, reader))
        };
        stream::unfold(reader, next).boxed()
    }

    /// The engine for a log from this instant on: bollard knows whole seconds only, and
    /// engines know nanoseconds.
    fn exact_from(&self, since: Timestamp) -> Docker {
        let api = self.about.api.clone();
        let exactly = move |request| at_version(at_instant(request, since), &api);
        self.patient().with_request_modifier(exactly)
    }
}

/// Puts the rest of a second behind the seconds in the request for a log.
fn at_instant(mut request: BollardRequest, since: Timestamp) -> BollardRequest {
    let seconds = format!("since={}", second(since));
    let exact = format!("{seconds}.{:09}", since.subsec_nanosecond());
    if let Ok(uri) = request.uri().to_string().replace(&seconds, &exact).parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// Whole lines out of a container's two streams.
///
/// An engine that is followed stops as soon as the container has ended, and may
/// then leave out what was written last (seen with 20.10): so the end is read
/// once more, from the last chunk that came. Chunks have timestamps to be known
/// by, which nobody else gets to see.
struct LogReader {
    docker: Docker,
    name: String,
    options: LogsOptions,
    since: Option<Timestamp>,
    chunks: BoxStream<'static, Result<LogOutput, Fault>>,
    out: Lines,
    err: Lines,
    ready: VecDeque<String>,
    /// Where a log that is followed has come to.
    last: Option<Place>,
    /// Where it had come to when following ended.
    skip_to: Option<Place>,
    ended: bool,
}

/// A place in a log. Many chunks have the timestamp of one where an engine's timestamps
/// are whole seconds (Podman's are), and some have the same text: so they are counted.
#[derive(Debug)]
struct Place {
    /// The chunk that is here.
    chunk: LogOutput,
    /// How many of its second there are up to here, with itself.
    of_its_second: usize,
}

impl Place {
    fn after(before: Option<Self>, chunk: LogOutput) -> Self {
        let same = |before: &Self| second_of(before.chunk.as_ref()) == second_of(chunk.as_ref());
        let count = before.filter(same).map_or(0, |before| before.of_its_second);
        Self {
            chunk,
            of_its_second: count + 1,
        }
    }

    /// Whether this is the place, where `chunk` is the next of a log from its second on.
    /// A log that was read from its tail may have come in the middle of a second.
    fn is_reached_with(&mut self, chunk: &LogOutput) -> bool {
        if second_of(chunk.as_ref()) == second_of(self.chunk.as_ref()) {
            self.of_its_second = self.of_its_second.saturating_sub(1);
        }
        self.of_its_second == 0 && *chunk == self.chunk
    }
}

impl LogReader {
    async fn next(&mut self) -> Option<Result<String, Error>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.take(chunk),
                Some(Err(fault)) if self.was_removed(&fault) => self.finish(),
                Some(Err(fault)) => {
                    self.ended = true;
                    let action = format!("reading the log of the container {}", self.name);
                    return Some(Err(fault::classify(&action, &self.name, &fault)));
                }
                None if self.options.follow => self.read_the_end(),
                None => self.finish(),
            }
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.ready.extend(self.out.finish());
        self.ready.extend(self.err.finish());
    }

    /// Whether the container went away while it was followed: an end, not an error.
    fn was_removed(&self, fault: &Fault) -> bool {
        let at_the_end = self.options.timestamps && !self.options.follow && self.since.is_none();
        at_the_end && matches!(fault::status(fault), Some(404 | 409))
    }

    fn take(&mut self, chunk: LogOutput) {
        if let Some(place) = &mut self.skip_to {
            if place.is_reached_with(&chunk) {
                self.skip_to = None;
            }
            return;
        }
        let text = if self.options.timestamps {
            without_timestamp(chunk.as_ref())
        } else {
            chunk.as_ref()
        };
        let early = self
            .since
            .is_some_and(|since| is_before(chunk.as_ref(), since));
        if !early {
            let lines = match chunk {
                LogOutput::StdErr { .. } => self.err.push(text),
                _ => self.out.push(text),
            };
            self.ready.extend(lines);
        }
        if self.options.follow {
            self.last = Some(Place::after(self.last.take(), chunk));
        }
    }

    /// Goes on with the same log, not followed, from the last chunk on.
    fn read_the_end(&mut self) {
        self.options.follow = false;
        self.skip_to = self.last.take();
        if let Some(place) = &self.skip_to {
            self.options.since = second_of(place.chunk.as_ref());
            "all".clone_into(&mut self.options.tail);
        }
        let options = Some(self.options.clone());
        self.chunks = self.docker.logs(&self.name, options).boxed();
    }
}

/// Whether a chunk was written before an instant, as far as its timestamp tells. One of
/// whole seconds does not tell: of its own second the engine alone knows more.
fn is_before(chunk: &[u8], instant: Timestamp) -> bool {
    split_timestamp(chunk).is_some_and(|(stamp, _)| {
        let of_its_second = stamp.subsec_nanosecond() == 0 && second(stamp) == second(instant);
        stamp < instant && !of_its_second
    })
}

/// The timestamp that an engine puts before a chunk (RFC 3339), and the rest.
fn split_timestamp(chunk: &[u8]) -> Option<(Timestamp, &[u8])> {
    let blank = chunk.iter().take(40).position(|byte| *byte == b' ')?;
    let stamp = std::str::from_utf8(&chunk[..blank]).ok()?;
    Some((stamp.parse().ok()?, &chunk[blank + 1..]))
}

fn without_timestamp(chunk: &[u8]) -> &[u8] {
    split_timestamp(chunk).map_or(chunk, |(_, text)| text)
}

/// Seconds since 1970, or 0: the log from its start.
fn second_of(chunk: &[u8]) -> i32 {
    split_timestamp(chunk).map_or(0, |(stamp, _)| second(stamp))
}

fn second(stamp: Timestamp) -> i32 {
    i32::try_from(stamp.as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunks_timestamp_is_known_and_taken_off() {
        let chunk = b"2026-11-23T03:21:08.123456789Z two words\n";
        assert_eq!(without_timestamp(chunk), b"two words\n");
        assert_eq!(second_of(chunk), 1_795_404_068);
        assert_eq!(without_timestamp(b"no timestamp"), b"no timestamp");
        assert_eq!(second_of(b""), 0);
    }

    #[test]
    fn an_instant_within_a_second_loses_nothing_of_that_second() {
        let instant: Timestamp = "2026-11-23T03:21:08.5Z".parse().unwrap();
        for (stamp, before) in [
            ("2026-11-23T03:21:07Z", true),
            // Podman: it chose by the instant that it knows, and tells less.
            ("2026-11-23T03:21:08Z", false),
            ("2026-11-23T03:21:08.499999999Z", true),
            ("2026-11-23T03:21:08.500000000Z", false),
            ("2026-11-23T03:21:09Z", false),
        ] {
            let chunk = format!("{stamp} line\n");
            assert_eq!(is_before(chunk.as_bytes(), instant), before, "{stamp}");
        }
        let asked = at_instant(
            request("/containers/a/logs?since=1795404068&tail=all"),
            instant,
        );
        let query = asked.uri().query();
        assert_eq!(query, Some("since=1795404068.500000000&tail=all"));
    }

    fn request(path: &str) -> BollardRequest {
        let mut request = BollardRequest::new(bollard::body_full(bytes::Bytes::new()));
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    /// What is told of a log that was followed up to `seen` chunks after its first `cut`.
    fn end_of(log: &[&str], cut: usize, seen: usize) -> Vec<String> {
        let chunk = |line: &&str| LogOutput::StdOut {
            message: format!("{line}\n").into(),
        };
        let mut place = None;
        for line in &log[cut..cut + seen] {
            place = Some(Place::after(place, chunk(line)));
        }
        let mut place = place.unwrap();
        let second = second_of(place.chunk.as_ref());
        let from_there = log.iter().filter(|l| second_of(l.as_bytes()) >= second);
        let rest = from_there.skip_while(|line| !place.is_reached_with(&chunk(line)));
        rest.skip(1).map(ToString::to_string).collect()
    }

    #[test]
    fn the_end_goes_on_where_following_stopped_also_in_whole_seconds() {
        let podmans = [
            "2026-11-23T03:21:07Z a",
            "2026-11-23T03:21:07Z b",
            "2026-11-23T03:21:08Z a",
            "2026-11-23T03:21:08Z a",
            "2026-11-23T03:21:08Z b",
            "2026-11-23T03:21:08Z a",
            "2026-11-23T03:21:09Z a",
        ];
        let dockers = [
            "2026-11-23T03:21:07.1Z a",
            "2026-11-23T03:21:08.2Z b",
            "2026-11-23T03:21:08.3Z c",
            "2026-11-23T03:21:08.4Z c",
        ];
        for log in [podmans.as_slice(), &dockers] {
            for seen in 1..=log.len() {
                assert_eq!(end_of(log, 0, seen), log[seen..], "after {seen}");
            }
        }
        // Of a tail, where the one that came last is known by its text.
        assert_eq!(end_of(&podmans, 4, 1), podmans[5..]);
        assert_eq!(end_of(&dockers, 2, 1), dockers[3..]);
    }
}
