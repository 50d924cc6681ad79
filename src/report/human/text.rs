//! The words of the view. A word in capitals stands right-aligned in twelve
//! columns, and what belongs to it stands below, indented.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::super::{
    CheckRecord, CutShort, Down, Outcome, Planted, RunReport, Seen, Severity, Unclaimed,
};
use super::{Colours, mutants};
use crate::visible::visible;

pub(super) const GREEN: &str = "1;32";
pub(super) const RED: &str = "1;31";
pub(super) const YELLOW: &str = "1;33";
const MAGENTA: &str = "1;35";

/// The line of a check that has an outcome, and below it what went wrong; what it saw where
/// it passed, if `passed_too`. Why it could not be judged is not told again where that is
/// `known`.
pub(super) fn finished(
    record: &CheckRecord,
    known: bool,
    passed_too: bool,
    colours: Colours,
) -> String {
    let word = outcome_word(&record.outcome, colours);
    let why = match &record.outcome {
        Outcome::Skipped { why } => format!("  {}", visible(first_line(why))),
        Outcome::Fail { .. } => format!("  {}", severity(record.severity, colours)),
        _ => String::new(),
    };
    let seconds = record.duration.as_secs_f64();
    let mut text = format!("{word} [{seconds:>8.3}s] {}{why}\n", record.id);
    if !known {
        verdict(&mut text, &record.outcome);
    }
    if passed_too && record.outcome == Outcome::Pass {
        section(&mut text, "expected", &record.expected());
        section(&mut text, "observed", &record.observed());
        if record.shows_rows() {
            let rows: Vec<_> = record.rows.iter().map(Seen::in_words).collect();
            section(&mut text, "rows", &rows.join("\n"));
        }
    }
    text
}

/// The line of a port that is down, and below it what the relay's daemons said.
pub(super) fn down(down: &Down, colours: Colours) -> String {
    let word = painted("DOWN", MAGENTA, colours);
    let mut text = format!(
        "{word} port {} ({}): {}\n",
        down.port, down.listener, down.why
    );
    section(&mut text, "because", &down.said.join("\n"));
    text
}

/// The line of a lab that has come up.
pub(super) fn ready(lab: &str, laboratory: &str, after: Duration, colours: Colours) -> String {
    let word = painted("READY", GREEN, colours);
    let seconds = after.as_secs_f64();
    format!("{word} [{seconds:>8.3}s] lab {lab}, {laboratory}\n")
}

/// What a sabotage is called while it is planted.
pub(super) fn plant(name: &str, laboratory: &str) -> String {
    match laboratory {
        "as configured" => name.to_owned(),
        other => format!("{name} ({other})"),
    }
}

/// The line of a sabotage, and below it who did not see it, and who else did.
pub(super) fn judged(
    plant: &str,
    took: Duration,
    claims: &[(&'static str, Planted)],
    unclaimed: &[Unclaimed],
    colours: Colours,
) -> String {
    let (seen, unseen): (Vec<_>, Vec<_>) = claims.iter().partition(|(_, p)| p.detected);
    let word = if unseen.is_empty() {
        painted("DETECTED", GREEN, colours)
    } else {
        painted("UNDETECTED", RED, colours)
    };
    let by: Vec<_> = seen.iter().map(|(id, _)| *id).collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!("  by {}", by.join(", "))
    };
    let mut text = format!("{word} [{:>8.3}s] {plant}{by}\n", took.as_secs_f64());
    for (id, planted) in unseen {
        section(&mut text, "not by", &format!("{id}: {}", planted.observed));
    }
    let others: Vec<_> = unclaimed.iter().map(|other| other.check).collect();
    section(&mut text, "also by", &others.join("\n"));
    text
}

/// Every failure in full, what was skipped and why, and the counts.
pub(super) fn summary(
    report: &RunReport,
    selected: usize,
    name_skipped: bool,
    colours: Colours,
) -> String {
    let mut text = format!("{}\n", "─".repeat(12));
    let gave_up = report.gave_up();
    if !gave_up.is_empty() {
        let word = painted("GAVE UP", RED, colours);
        let _ = writeln!(
            text,
            "{word} a daemon of the relay, which may be the cause of all below"
        );
        section(&mut text, "it said", &gave_up.join("\n"));
        text.push('\n');
    }
    let accepted = report.subject.iter().flat_map(|subject| &subject.accepted);
    for one in accepted {
        let word = painted("ACCEPTED", YELLOW, colours);
        let _ = writeln!(text, "{word} {} [{}]", visible(&one.does), one.rule);
    }
    for port in &report.down {
        text.push_str(&down(port, colours));
        let because = |check: &&CheckRecord| report.down_for(&check.outcome) == Some(port);
        let ids: Vec<_> = report.checks.iter().filter(because).map(|c| c.id).collect();
        section(&mut text, "not judged", &ids.join("\n"));
        text.push('\n');
    }
    for check in &report.checks {
        if report.down_for(&check.outcome).is_some() {
            continue;
        }
        if matches!(check.outcome, Outcome::Fail { .. } | Outcome::Broken { .. }) {
            in_full(&mut text, check, colours);
        }
    }
    mutants::summary(&mut text, report, colours);
    for (id, planted) in report.undetected() {
        let word = painted("UNDETECTED", RED, colours);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word} {}", plant(planted.name, planted.laboratory));
        section(&mut text, "by", id);
        section(&mut text, "because", &planted.observed);
        text.push('\n');
    }
    let counts = report.summary();
    let _ = writeln!(
        text,
        "     Summary [{:>8.3}s] {} of {selected} checks: {} passed, {} failed, {} skipped, {} broken",
        report.elapsed.as_secs_f64(),
        report.checks.len(),
        counts.passed,
        counts.failed,
        counts.skipped,
        counts.broken,
    );
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in &report.checks {
        if let Outcome::Skipped { why } = &check.outcome {
            reasons.entry(first_line(why)).or_default().push(check.id);
        }
    }
    for (why, ids) in reasons {
        let _ = writeln!(text, "             skipped {}: {}", ids.len(), visible(why));
        if name_skipped {
            let _ = writeln!(text, "               {}", ids.join("\n               "));
        }
    }
    sabotages(&mut text, report);
    mutants::counts(&mut text, report);
    if let Some(cut_short) = report.cut_short {
        not_run(&mut text, cut_short, &report.not_run);
    }
    text
}

/// Whoever interrupts a run wants to know where it was; where a lab is missing, most
/// checks are.
fn not_run(text: &mut String, cut_short: CutShort, ids: &[&str]) {
    let rest = match (cut_short, ids) {
        (CutShort::Interrupted, []) => "interrupted".to_owned(),
        (CutShort::Interrupted, ids) => {
            format!(
                "interrupted; not run:\n               {}",
                ids.join("\n               ")
            )
        }
        (CutShort::MaxFail, ids) => format!(
            "as many checks have failed as --max-fail allows; checks not run: {}",
            ids.len()
        ),
        (CutShort::NoLab, ids) => format!("a lab did not come up; checks not run: {}", ids.len()),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "             {rest}");
}

/// What came of the sabotages, and of those that were left out, why.
fn sabotages(text: &mut String, report: &RunReport) {
    let Some(proof) = report.proof() else { return };
    let (planted, detected) = (proof.planted, proof.detected);
    let _ = write!(
        text,
        "             sabotages: {planted} planted, {detected} detected"
    );
    if proof.not_planted > 0 {
        let _ = write!(text, ", {} not planted", proof.not_planted);
    }
    let _ = writeln!(text, " [{:.3}s]", report.proving.as_secs_f64());
    let mut left_out: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for unplanted in &report.unplanted {
        let names = left_out.entry(&unplanted.why).or_default();
        names.insert(unplanted.sabotage);
    }
    for (why, names) in left_out {
        let names: Vec<_> = names.into_iter().collect();
        let _ = writeln!(
            text,
            "             not planted: {} ({})",
            names.join("; "),
            visible(why)
        );
    }
    let unproved = report.unproved();
    if !unproved.is_empty() {
        let _ = writeln!(
            text,
            "             no sabotage for: {}",
            unproved.join(", ")
        );
    }
}

fn in_full(text: &mut String, check: &CheckRecord, colours: Colours) {
    let word = outcome_word(&check.outcome, colours);
    let _ = writeln!(text, "{word} {}", check.id);
    section(text, "check", check.title);
    section(text, "severity", check.severity.word());
    section(text, "citation", check.citation);
    verdict(text, &check.outcome);
    section(text, "transcript", &check.transcript.join("\n"));
    section(text, "relay log", &check.log.join("\n"));
    if matches!(check.outcome, Outcome::Fail { .. }) {
        section(text, "repair", check.repair);
    }
    text.push('\n');
}

/// What was expected and observed, or what stood in the way.
fn verdict(text: &mut String, outcome: &Outcome) {
    match outcome {
        Outcome::Fail { expected, observed } => {
            section(text, "expected", expected);
            section(text, "observed", observed);
        }
        Outcome::Broken { why } => section(text, "because", why),
        Outcome::Pass | Outcome::Skipped { .. } => {}
    }
}

/// A label and its lines, one below the other; nothing for no lines.
pub(super) fn section(text: &mut String, label: &str, body: &str) {
    for (number, line) in visible(body).lines().enumerate() {
        let label = if number == 0 { label } else { "" };
        text.push_str(format!("             {label:<10} {line}").trim_end());
        text.push('\n');
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn outcome_word(outcome: &Outcome, colours: Colours) -> String {
    let (word, code) = match outcome {
        Outcome::Pass => ("PASS", GREEN),
        Outcome::Fail { .. } => ("FAIL", RED),
        Outcome::Skipped { .. } => ("SKIP", YELLOW),
        Outcome::Broken { .. } => ("BROKEN", MAGENTA),
    };
    painted(word, code, colours)
}

/// Right-aligned before it is coloured: the colour has no width.
pub(super) fn painted(word: &str, code: &str, colours: Colours) -> String {
    match colours {
        Colours::On => format!("\u{1b}[{code}m{word:>12}\u{1b}[0m"),
        Colours::Off => format!("{word:>12}"),
    }
}

fn severity(severity: Severity, colours: Colours) -> String {
    let code = match severity {
        Severity::Critical | Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low => "1",
    };
    match colours {
        Colours::On => format!("\u{1b}[{code}m{}\u{1b}[0m", severity.word()),
        Colours::Off => severity.word().to_owned(),
    }
}
