//! What containers and programs in them write.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as Fault;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::LogsOptions;
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;

use super::lines::Lines;
use super::{DockerEngine, fault};
use crate::engine::{Conversation, Error, ExecOutput, LogRequest, Said};

/// What is kept of each of a program's streams; the rest is read and dropped.
const OUTPUT_KEPT: usize = 1024 * 1024;
/// An engine may close a program's streams before it knows its exit code.
const EXIT_CODE_WITHIN: Duration = Duration::from_secs(10);
const EXIT_CODE_POLL: Duration = Duration::from_millis(10);

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
        let reader = LogReader {
            name: name.to_owned(),
            chunks: docker.logs(name, Some(options.clone())).boxed(),
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

    pub(super) async fn exec_program(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error> {
        let program = argv.first().copied().unwrap_or_default();
        let action = format!("running {program} in the container {container}");
        let failed = |fault| fault::classify(&action, container, &fault);
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            user: Some(user.unwrap_or("0")),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(container, options).await;
        let exec = exec.map_err(failed)?;
        let started = self.docker.start_exec(&exec.id, None::<StartExecOptions>);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let StartExecResults::Attached { mut output, .. } = started.await.map_err(failed)? {
            while let Some(chunk) = output.next().await {
                match chunk.map_err(failed)? {
                    LogOutput::StdErr { message } => keep(&mut stderr, &message),
                    other => keep(&mut stdout, other.as_ref()),
                }
            }
        }
        let exit_code = self.exit_code(&exec.id).await.map_err(failed)?;
        Ok(ExecOutput {
            exit_code: exit_code.ok_or_else(|| Error::Refused {
                action: action.clone(),
                status: 0,
                reason: "the program closed its output and did not end".to_owned(),
            })?,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    pub(super) async fn talk_to_program(
        &self,
        container: &str,
        argv: &[&str],
        user: &str,
    ) -> Result<Conversation, Error> {
        let program = argv.first().copied().unwrap_or_default();
        let action = format!("talking to {program} in the container {container}");
        let failed = |fault| fault::classify(&action, container, &fault);
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            user: Some(user),
            ..CreateExecOptions::default()
        };
        // It lasts as long as it is talked to.
        let docker = self.patient();
        let exec = docker.create_exec(container, options).await;
        let exec = exec.map_err(failed)?;
        let started = docker.start_exec(&exec.id, None::<StartExecOptions>);
        match started.await.map_err(failed)? {
            StartExecResults::Attached { output, input } => {
                let container = container.to_owned();
                let output = output.map(move |chunk| match chunk {
                    Ok(LogOutput::StdErr { message }) => Ok(Said::Err(message)),
                    Ok(other) => Ok(Said::Out(other.into_bytes())),
                    Err(fault) => Err(fault::classify(&action, &container, &fault)),
                });
                Ok(Conversation {
                    input,
                    output: output.boxed(),
                })
            }
            StartExecResults::Detached => Err(Error::cannot(action)),
        }
    }

    async fn exit_code(&self, exec: &str) -> Result<Option<i64>, Fault> {
        let deadline = Instant::now() + EXIT_CODE_WITHIN;
        loop {
            let state = self.docker.inspect_exec(exec).await?;
            if state.running != Some(true) && state.exit_code.is_some() {
                return Ok(state.exit_code);
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            tokio::time::sleep(EXIT_CODE_POLL).await;
        }
    }
}

fn keep(kept: &mut Vec<u8>, chunk: &[u8]) {
    let room = OUTPUT_KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
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
    /// Engines take whole seconds; what is left of the first one is dropped here.
    since: Option<Timestamp>,
    chunks: BoxStream<'static, Result<LogOutput, Fault>>,
    out: Lines,
    err: Lines,
    ready: VecDeque<String>,
    /// The last chunk of a log that is followed.
    last: Option<LogOutput>,
    /// The chunk that was the last one when following ended.
    skip_to: Option<LogOutput>,
    ended: bool,
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
        if let Some(known) = &self.skip_to {
            if *known == chunk {
                self.skip_to = None;
            }
            return;
        }
        let early = |since: Timestamp| {
            split_timestamp(chunk.as_ref()).is_some_and(|(stamp, _)| stamp < since)
        };
        if self.since.is_some_and(early) {
            return;
        }
        let text = if self.options.timestamps {
            without_timestamp(chunk.as_ref())
        } else {
            chunk.as_ref()
        };
        let lines = match chunk {
            LogOutput::StdErr { .. } => self.err.push(text),
            _ => self.out.push(text),
        };
        self.ready.extend(lines);
        if self.options.follow {
            self.last = Some(chunk);
        }
    }

    /// Goes on with the same log, not followed, from the last chunk on.
    fn read_the_end(&mut self) {
        self.options.follow = false;
        self.skip_to = self.last.take();
        if let Some(known) = &self.skip_to {
            self.options.since = second_of(known.as_ref());
            "all".clone_into(&mut self.options.tail);
        }
        let options = Some(self.options.clone());
        self.chunks = self.docker.logs(&self.name, options).boxed();
    }
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
    fn a_programs_output_is_kept_up_to_a_bound() {
        let mut kept = Vec::new();
        for _ in 0..100 {
            keep(&mut kept, &vec![b'x'; 100_000]);
        }
        assert_eq!(kept.len(), OUTPUT_KEPT);
    }
}
