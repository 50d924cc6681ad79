//! Mutants in the terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::{Fate, RunReport, Tried};
use super::Colours;
use super::text::{GREEN, RED, YELLOW, painted, section};

/// The line before the first.
pub(super) fn started(mutants: usize, possible: usize, dropped: usize, seed: u64) -> String {
    format!(
        "    Mutating {mutants} of {possible} mutants, --seed {seed} ({dropped} changes that nobody could see are left out)\n"
    )
}

/// What a mutant is called while it is tried.
pub(super) fn plant(number: usize, title: &str) -> String {
    format!("{number} {title}")
}

/// The line of a mutant, and below it what it was where nobody saw it.
pub(super) fn judged(tried: &Tried, took: Duration, colours: Colours) -> String {
    let (word, colour) = match tried.fate {
        Fate::Seen { .. } | Fate::NoLab { .. } => ("SEEN", GREEN),
        Fate::Hindered { .. } => ("SEEN", YELLOW),
        Fate::Harmless { .. } => ("HARMLESS", YELLOW),
        Fate::Unplanted { .. } => ("UNPLANTED", YELLOW),
        Fate::Survived => ("SURVIVED", RED),
    };
    let word = painted(word, colour, colours);
    let by = match &tried.fate {
        Fate::Seen { by, .. } => format!("  by {by}"),
        Fate::Hindered { by, .. } => format!("  by {by}, which could not be judged"),
        Fate::NoLab { .. } => "  since it does not come up".to_owned(),
        Fate::Harmless { .. } | Fate::Survived | Fate::Unplanted { .. } => String::new(),
    };
    let seconds = took.as_secs_f64();
    let (number, id, title) = (tried.number, &tried.id, &tried.title);
    let mut text = format!("{word} [{seconds:>8.3}s] {number} {id} {title}{by}\n");
    match &tried.fate {
        Fate::Harmless { why } => section(&mut text, "harmless", why),
        Fate::Survived => section(&mut text, "change", &tried.diff),
        Fate::Hindered { why, .. } | Fate::Unplanted { why } => section(&mut text, "because", why),
        Fate::Seen { .. } | Fate::NoLab { .. } => {}
    }
    text
}

/// What came of all of them, by operator; each survivor with its change.
pub(super) fn summary(text: &mut String, report: &RunReport, colours: Colours) {
    let Some(mutation) = &report.mutation else {
        return;
    };
    for tried in mutation.survivors() {
        let word = painted("SURVIVED", RED, colours);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word} {} {}", tried.number, tried.title);
        section(text, "change", &tried.diff);
        section(text, "again", &again(tried));
        text.push('\n');
    }
}

/// The counts, for below the summary.
pub(super) fn counts(text: &mut String, report: &RunReport) {
    let Some(mutation) = &report.mutation else {
        return;
    };
    let seconds = mutation.elapsed.as_secs_f64();
    let all = mutation.fates().in_words();
    let _ = writeln!(
        text,
        "             mutants: {all} [{seconds:.3}s], --seed {}",
        mutation.seed
    );
    for (operator, fates) in mutation.by_operator() {
        let _ = writeln!(text, "               {operator}: {}", fates.in_words());
    }
}

/// How to try it once more.
fn again(tried: &Tried) -> String {
    format!("relaykit test --mutant {}", tried.id)
}
