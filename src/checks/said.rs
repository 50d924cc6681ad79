//! What a check says as it passes: what it expected, and what it saw.
//!
//! A check hands nothing on for this: `require` and its like write it down at the moment
//! they let it pass. The runner puts a [`Said`] around each check and a table one around
//! each of its rows. So a new check has its rows for nothing, and one that
//! passes without a word is found, by the runner, as broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::report::{Seen, summary_of};
use crate::smtp::Transcript;

/// Why a check is broken that passes without a word.
pub(super) const SILENT: &str = "it passed and did not say what it expected and what it saw\n  \
                                 this is a bug in relaykit";

/// Bytes of what was seen that a row keeps. A right relay says less in one reply; one that
/// floods its clients is not kept whole.
const LONGEST: usize = 2_000;

tokio::task_local! {
    /// Of the check or the row that this task is in.
    static CURRENT: Said;
}

/// What one check, or one row of a table, has said. A clone is the same.
#[derive(Clone)]
pub(super) struct Said {
    transcript: Transcript,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    rows: Vec<Seen>,
    /// The lines of the transcript that the last row stands on: from, and up to.
    stands_on: (usize, usize),
}

impl Said {
    /// Nothing yet. What is seen is taken from `transcript` where it is in no words.
    pub(super) fn about(transcript: &Transcript) -> Self {
        Self {
            transcript: transcript.clone(),
            told: Arc::default(),
        }
    }

    /// `judging`, whose words are written down here.
    pub(super) async fn around<T>(self, judging: impl Future<Output = T>) -> T {
        CURRENT.scope(self, judging).await
    }

    /// All of it, in the order in which it was said.
    pub(super) fn rows(&self) -> Vec<Seen> {
        self.guard().rows.clone()
    }

    /// Takes over what a row of a table has said, under the row's name.
    pub(super) fn take_over(&self, name: &str, row: &Self) {
        let rows = row.rows().into_iter().map(|seen| Seen {
            row: match seen.row.as_str() {
                "" => name.to_owned(),
                inner => format!("{name}, {inner}"),
            },
            ..seen
        });
        self.guard().rows.extend(rows);
    }

    /// What was read and heard since the last row, in short; the same again for a row that
    /// judges more of it. `None`: nothing at all.
    fn heard(&self) -> Option<String> {
        let lines = self.transcript.lines();
        let mut told = self.guard();
        if lines.len() > told.stands_on.1 {
            told.stands_on = (told.stands_on.1, lines.len());
        }
        let (from, to) = told.stands_on;
        let own = lines.get(from..to).unwrap_or_default();
        summary_of(own).or_else(|| summary_of(&lines))
    }

    fn guard(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down what was expected and is so. `observed` is what was seen; `None`: what was
/// read and heard until now. Outside of a check nobody listens.
pub(super) fn say(expected: &str, observed: Option<String>) {
    // An error: the tests of a step stand around no check.
    let _ = CURRENT.try_with(|said| {
        let heard = said.heard();
        let Some(observed) = observed.filter(|words| !words.is_empty()).or(heard) else {
            return;
        };
        let seen = Seen {
            row: String::new(),
            expected: expected.to_owned(),
            observed: bounded(observed),
        };
        let mut told = said.guard();
        // Said again of what was seen again, it tells nothing more.
        if !told.rows.contains(&seen) {
            told.rows.push(seen);
        }
    });
}

/// No more of `text` than a row keeps, and how much that leaves out.
fn bounded(mut text: String) -> String {
    if text.len() > LONGEST {
        let all = text.len();
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text = format!("{text}... ({all} bytes)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_not_kept_whole() {
        let flood = "\u{e9}".repeat(LONGEST);
        let kept = bounded(format!("x{flood}"));
        assert!(kept.starts_with("x\u{e9}") && kept.ends_with("\u{e9}... (4001 bytes)"));
        assert!(kept.len() < LONGEST + 50);
        assert_eq!(bounded("250 ok".to_owned()), "250 ok");
    }

    #[tokio::test]
    async fn what_is_in_no_words_is_taken_from_what_was_heard() {
        let transcript = Transcript::new();
        let said = Said::about(&transcript);
        let judging = async {
            say("nothing heard", None);
            transcript.note("the first");
            say("one", None);
            transcript.note("the second");
            say("two", None);
            say("two again", None);
            say("three", Some("seen".to_owned()));
            say("three", Some("seen".to_owned()));
        };
        said.clone().around(judging).await;
        let rows: Vec<_> = said
            .rows()
            .into_iter()
            .map(|r| (r.expected, r.observed))
            .collect();
        let row = |expected: &str, observed: &str| (expected.to_owned(), observed.to_owned());
        assert_eq!(
            rows,
            [
                row("one", "the first"),
                row("two", "the second"),
                row("two again", "the second"),
                row("three", "seen"),
            ]
        );
    }

    #[tokio::test]
    async fn a_row_keeps_its_name() {
        let transcript = Transcript::new();
        let (outer, inner) = (Said::about(&transcript), Said::about(&transcript));
        let judging = async { say("554", Some("554 5.7.1".to_owned())) };
        inner.clone().around(judging).await;
        outer.take_over("port 25", &inner);
        let again = Said::about(&transcript);
        again.take_over("in clear", &outer);
        assert_eq!(again.rows()[0].row, "in clear, port 25");
    }
}
