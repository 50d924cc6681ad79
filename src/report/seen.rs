//! What a check held a relay to, and what it saw: the rows behind a pass.

use std::collections::BTreeMap;

use serde::Serialize;

/// One thing that was as it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The row of a table that it is said of; empty for the check as a whole.
    pub row: String,
    /// What a right relay does.
    pub expected: String,
    /// What this relay did.
    pub observed: String,
}

impl Seen {
    /// In one line: `port 25: no AUTH: 250 DSN`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let row = if self.row.is_empty() { "-" } else { &*self.row };
        let words = format!(
            "{row}: expected {}, observed {}",
            self.expected, self.observed
        );
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The characters of one text of a summary.
const MOST: usize = 300;

/// What all rows expected, in one line; each expectation once.
pub(super) fn expected(rows: &[Seen]) -> String {
    line(rows.iter().map(|seen| seen.expected.clone()))
}

/// What was seen in all rows, in one line; what was seen in several once.
pub(super) fn observed(rows: &[Seen]) -> String {
    let named = |seen: &Seen| match seen.row.as_str() {
        "" => seen.observed.clone(),
        row => format!("{row}: {}", seen.observed),
    };
    line(rows.iter().map(named))
}

fn line(texts: impl Iterator<Item = String>) -> String {
    let mut different: Vec<String> = Vec::new();
    for text in texts {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !different.contains(&text) {
            different.push(text);
        }
    }
    let all = different.len();
    let mut joined = String::new();
    for (number, text) in different.into_iter().enumerate() {
        let text = shortened(&text, MOST);
        if number > 0 && joined.chars().count() + text.chars().count() > MOST {
            return format!("{joined}; and {} more", all - number);
        }
        if number > 0 {
            joined.push_str("; ");
        }
        joined.push_str(&text);
    }
    joined
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Lines of a transcript in short: replies, programs and what they printed, what arrived.
/// `None` where there are none. Commands alone tell nothing of the relay.
#[must_use]
pub fn summary_of(lines: &[String]) -> Option<String> {
    let mut replies = Vec::new();
    let mut notes = Vec::new();
    let mut arrived = 0;
    for line in lines {
        if let Some(reply) = line.strip_prefix("S: ") {
            // Of a reply of several lines, the last.
            if reply.as_bytes().get(3) != Some(&b'-') {
                replies.push(reply);
            }
        } else if line.starts_with("-- next hop got: ") {
            arrived += 1;
        } else if let Some(note) = line.strip_prefix("-- ") {
            // Printed lines are counted in the line of their program.
            if !note.starts_with("| ") && !note.starts_with("connected to ") {
                notes.push(shortened(note, 100));
            }
        }
    }
    let mut parts = Vec::new();
    match replies.as_slice() {
        [] => {}
        [one] => parts.push(shortened(one, 160)),
        [one, two] => parts.push(format!("{}; {}", shortened(one, 120), shortened(two, 120))),
        many => parts.push(format!("{} replies: {}", many.len(), grouped(many))),
    }
    if arrived > 0 {
        parts.push(format!("{arrived} header lines at the next hop"));
    }
    notes.dedup();
    let more = notes.len().saturating_sub(3);
    parts.extend(notes.into_iter().take(3));
    if more > 0 {
        parts.push(format!("and {more} more notes in the transcript"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Replies by their codes: `554 5.7.1 (40), 250 2.1.0 (40)`, the frequent ones first.
fn grouped(replies: &[&str]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reply in replies {
        let mut words = reply.split(' ');
        let code = words.next().unwrap_or_default();
        let enhanced = words.next().filter(|word| {
            word.split('.').count() == 3 && word.split('.').all(|n| n.parse::<u16>().is_ok())
        });
        let name = enhanced.map_or_else(|| code.to_owned(), |e| format!("{code} {e}"));
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = counts.iter().take(8);
    let shown: Vec<_> = shown
        .map(|(code, count)| format!("{code} ({count})"))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(row: &str, expected: &str, observed: &str) -> Seen {
        Seen {
            row: row.into(),
            expected: expected.into(),
            observed: observed.into(),
        }
    }

    #[test]
    fn a_summary_is_one_line_that_says_each_thing_once() {
        let rows = [
            seen("port 25", "no AUTH", "250-PIPELINING\r\n250 DSN"),
            seen("port 587", "no AUTH", "250 DSN"),
        ];
        assert_eq!(expected(&rows), "no AUTH");
        assert_eq!(
            observed(&rows),
            "port 25: 250-PIPELINING 250 DSN; port 587: 250 DSN"
        );
        let many: Vec<_> = (0..100)
            .map(|n| seen("", "a", &format!("{n:04}")))
            .collect();
        let line = observed(&many);
        assert!(
            line.starts_with("0000; 0001; ") && line.ends_with(" more"),
            "{line}"
        );
        assert!(line.chars().count() < MOST + 20);
    }

    #[test]
    fn few_replies_are_quoted_and_many_counted() {
        let lines = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let few = lines(&[
            "-- connected to x",
            "C: EHLO me",
            "S: 250-SIZE",
            "S: 250 DSN",
        ]);
        assert_eq!(summary_of(&few).as_deref(), Some("250 DSN"));
        let many = lines(&[
            "S: 250 2.1.0 Ok",
            "S: 554 5.7.1 <a>",
            "S: 554 5.7.1 <b>",
            "S: 220 me",
        ]);
        assert_eq!(
            summary_of(&many).as_deref(),
            Some("4 replies: 554 5.7.1 (2), 220 (1), 250 2.1.0 (1)")
        );
        let program = lines(&["-- relay# postconf -M: 2 lines", "-- | smtp inet", "-- | x"]);
        assert_eq!(
            summary_of(&program).as_deref(),
            Some("relay# postconf -M: 2 lines")
        );
        assert_eq!(summary_of(&lines(&["C: QUIT"])), None);
    }
}
