//! How much a report keeps of one check: what a server says is evidence, and a server that
//! says it without end must not fill a disk.

use super::{CheckRecord, Outcome, Seen, Severity};

/// Bytes of one text: what was expected, observed, or stood in the way.
const TEXT: usize = 8 * 1024;
/// Rows of a check that passes, and of one of the gravest severity.
const ROWS: usize = 60;
const ALL_ROWS: usize = 2000;
/// Bytes of a check's transcript, and of the relay's log beside it.
const LINES: usize = 96 * 1024;

impl CheckRecord {
    /// The record with no more than a person can read. What is left out is said.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.outcome = match self.outcome {
            Outcome::Pass => Outcome::Pass,
            Outcome::Fail { expected, observed } => Outcome::Fail {
                expected: text(expected),
                observed: text(observed),
            },
            Outcome::Skipped { why } => Outcome::Skipped { why: text(why) },
            Outcome::Broken { why } => Outcome::Broken { why: text(why) },
        };
        self.rows = rows(self.rows, self.severity);
        self.transcript = lines(self.transcript);
        self.log = lines(self.log);
        self
    }
}

/// Every row of a check whose failure costs the most; of another, as many as are read.
fn rows(mut rows: Vec<Seen>, severity: Severity) -> Vec<Seen> {
    let most = match severity {
        Severity::Critical => ALL_ROWS,
        _ => ROWS,
    };
    if rows.len() > most {
        let left_out = rows.len() - most;
        rows.truncate(most);
        rows.push(Seen {
            row: "and more".into(),
            expected: "the same".into(),
            observed: format!("{left_out} further rows, each as it must be"),
        });
    }
    for seen in &mut rows {
        seen.expected = text(std::mem::take(&mut seen.expected));
        seen.observed = text(std::mem::take(&mut seen.observed));
    }
    rows
}

fn text(mut text: String) -> String {
    if text.len() > TEXT {
        let all = text.len();
        let whole = (0..=TEXT).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(whole.unwrap_or_default());
        text = format!("{text}... ({all} bytes in all)");
    }
    text
}

/// The first and the last lines: a conversation is judged by its beginning and its end.
fn lines(mut lines: Vec<String>) -> Vec<String> {
    let size = |lines: &[String]| lines.iter().map(String::len).sum::<usize>();
    if size(&lines) <= LINES {
        return lines;
    }
    let mut kept = 0;
    let fits = |kept: &mut usize, line: &String, most: usize| {
        *kept += line.len();
        *kept <= most
    };
    let first = lines
        .iter()
        .take_while(|l| fits(&mut kept, l, LINES / 2))
        .count();
    let mut kept = 0;
    let last = lines[first..]
        .iter()
        .rev()
        .take_while(|l| fits(&mut kept, l, LINES / 2))
        .count();
    let left_out = first..lines.len() - last;
    let (number, bytes) = (left_out.len(), size(&lines[left_out.clone()]));
    let said = format!("-- {number} lines ({bytes} bytes) are left out here");
    lines.splice(left_out, [said]);
    lines
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{fail, record};
    use super::*;

    #[test]
    fn a_flood_is_cut_in_the_middle_and_said() {
        let mut flooded = record("a.b", fail());
        flooded.transcript = (0..10_000)
            .map(|n| format!("S: {n} {}", "ä".repeat(200)))
            .collect();
        flooded.outcome = Outcome::Broken {
            why: "ä".repeat(100_000),
        };
        let bounded = flooded.bounded();
        let size: usize = bounded.transcript.iter().map(String::len).sum();
        assert!(size < LINES + 100, "{size}");
        assert!(bounded.transcript[0].starts_with("S: 0 "));
        assert!(bounded.transcript.last().unwrap().starts_with("S: 9999 "));
        let said = bounded
            .transcript
            .iter()
            .filter(|l| l.contains("are left out here"));
        assert_eq!(said.count(), 1);
        let Outcome::Broken { why } = bounded.outcome else {
            panic!()
        };
        assert!(why.len() < TEXT + 100 && why.ends_with("(200000 bytes in all)"));
    }

    #[test]
    fn what_a_person_can_read_is_kept_whole() {
        let kept = record("a.b", fail());
        assert_eq!(kept.clone().bounded(), kept);
    }
}
