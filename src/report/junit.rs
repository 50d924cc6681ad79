//! The report for CI servers (`JUnit` XML), in the shape that GitLab, Jenkins and the GitHub reporters
//! have in common: a suite for each area, a case for each check.

mod mutants;

use std::time::Duration;

use super::xml::Document;
use super::{CheckRecord, Outcome, RunReport, Summary};

/// The report as one XML document. A check that is broken, or was not run, is an
/// `error`: whoever reads nothing else must not take half a run for a good one. An
/// unseen sabotage is a `failure` of the check that claims to see it, and so is a mutant
/// that no check saw.
#[must_use]
pub(super) fn render(report: &RunReport) -> Vec<u8> {
    let mut document = Document::new();
    let mut attributes = vec![("name", "relaykit".to_owned())];
    let all: Vec<&CheckRecord> = report.checks.iter().collect();
    let not_run = not_run(report);
    let mut sums = counts(&all, not_run.len());
    sums.add(&planted_counts(report));
    sums.add(&mutants::counts(report));
    attributes.extend(sums.attributes());
    // Suites have it, their sum has not in every schema.
    attributes.retain(|(name, _)| *name != "skipped");
    attributes.push(("time", seconds(report.elapsed)));
    document.open("testsuites", &borrowed(&attributes));
    let mut areas: Vec<&str> = Vec::new();
    let areas_not_run = not_run.iter().map(|id| area_and_name(id).0);
    for area in all.iter().map(|check| check.area()).chain(areas_not_run) {
        if !areas.contains(&area) {
            areas.push(area);
        }
    }
    for area in areas {
        suite(&mut document, report, area, &not_run);
    }
    sabotages(&mut document, report);
    mutants::suite(&mut document, report);
    document.finish()
}

/// The ids of what should have been run: checks or, where all of them were, the proof.
fn not_run(report: &RunReport) -> Vec<&str> {
    if report.cut_short.is_some() && report.not_run.is_empty() {
        vec!["proof.sabotages_are_detected"]
    } else {
        report.not_run.clone()
    }
}

fn suite(document: &mut Document, report: &RunReport, area: &str, not_run: &[&str]) {
    let checks = report.checks.iter().filter(|c| c.area() == area);
    let checks: Vec<&CheckRecord> = checks.collect();
    let not_run = not_run.iter().map(|id| area_and_name(id));
    let not_run: Vec<_> = not_run.filter(|(of, _)| *of == area).collect();
    let time: Duration = checks.iter().map(|check| check.duration).sum();
    let mut attributes = vec![("name", area.to_owned())];
    attributes.extend(counts(&checks, not_run.len()).attributes());
    attributes.push(("time", seconds(time)));
    // The XSD wants a time without a zone.
    let started = report.started_at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    attributes.push(("timestamp", started));
    if let Some(subject) = &report.subject {
        attributes.push(("hostname", subject.hostname.clone()));
    }
    document.open("testsuite", &borrowed(&attributes));
    accepted(document, report);
    for check in checks {
        case(document, check);
    }
    for (area, name) in not_run {
        document.open(
            "testcase",
            &[("name", name), ("classname", area), ("time", "0.000")],
        );
        let attributes = [
            ("message", "the run ended before this check did"),
            ("type", "not run"),
        ];
        document.element("error", &attributes, "");
        document.close();
    }
    document.close();
}

/// What relay.yaml says is meant, as properties of a suite.
fn accepted(document: &mut Document, report: &RunReport) {
    let subject = report.subject.as_ref();
    let Some(subject) = subject.filter(|subject| !subject.accepted.is_empty()) else {
        return;
    };
    document.open("properties", &[]);
    for one in &subject.accepted {
        let name = format!("accepted {}", one.rule);
        let value = format!("{} ({})", one.does, one.place);
        document.element("property", &[("name", &name), ("value", &value)], "");
    }
    document.close();
}

/// A case for each sabotage in each lab that it was planted in, seen or not.
fn sabotages(document: &mut Document, report: &RunReport) {
    let plantings = report.plantings();
    if plantings.is_empty() {
        return;
    }
    let mut attributes = vec![("name", "sabotages".to_owned())];
    attributes.extend(planted_counts(report).attributes());
    attributes.push(("time", seconds(report.proving)));
    document.open("testsuite", &borrowed(&attributes));
    for ((name, laboratory), claims) in plantings {
        let name = format!("{name} ({laboratory})");
        let attributes = [
            ("name", name.as_str()),
            ("classname", "sabotages"),
            ("time", "0.000"),
        ];
        document.open("testcase", &attributes);
        let (seen, unseen): (Vec<_>, Vec<_>) = claims.iter().partition(|(_, p)| p.detected);
        if !unseen.is_empty() {
            let lines = unseen.iter().map(|(id, p)| format!("{id}: {}", p.observed));
            let text = lines.collect::<Vec<_>>().join("\n");
            let attributes = [
                ("message", "a sabotage was not detected"),
                ("type", "sabotage"),
            ];
            document.element("failure", &attributes, &text);
        }
        let seen = seen.iter().map(|(id, p)| format!("{id}: {}\n", p.observed));
        document.element(
            "system-out",
            &[],
            &format!("seen by\n{}", seen.collect::<String>()),
        );
        document.close();
    }
    document.close();
}

/// Cases and how they ended.
#[derive(Default)]
struct Numbers {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Numbers {
    fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }

    fn attributes(&self) -> [(&'static str, String); 4] {
        [
            ("tests", self.tests.to_string()),
            ("failures", self.failures.to_string()),
            ("errors", self.errors.to_string()),
            ("skipped", self.skipped.to_string()),
        ]
    }
}

fn planted_counts(report: &RunReport) -> Numbers {
    let plantings = report.plantings();
    let unseen = |claims: &&Vec<(&str, &super::Planted)>| claims.iter().any(|(_, p)| !p.detected);
    Numbers {
        tests: plantings.len(),
        failures: plantings.values().filter(unseen).count(),
        ..Numbers::default()
    }
}

/// `area.name` taken apart.
fn area_and_name(id: &str) -> (&str, &str) {
    id.split_once('.').unwrap_or(("", id))
}

fn case(document: &mut Document, check: &CheckRecord) {
    let time = seconds(check.duration);
    let attributes = [
        ("name", area_and_name(check.id).1),
        ("classname", check.area()),
        ("time", &time),
    ];
    document.open("testcase", &attributes);
    verdict(document, check);
    // Not as properties, which the strictest of the schemas has not in a case.
    let mut said = format!(
        "{}\n{}\nseverity: {}\n",
        check.title,
        check.citation,
        check.severity.word()
    );
    if check.outcome == Outcome::Pass {
        said.push_str("\nexpected: ");
        said.push_str(&check.expected());
        said.push_str("\nobserved: ");
        said.push_str(&check.observed());
        said.push('\n');
    }
    if check.shows_rows() {
        said.push_str("\nRows:\n");
        for seen in &check.rows {
            said.push_str(&seen.in_words());
            said.push('\n');
        }
    }
    if !check.transcript.is_empty() {
        said.push_str("\nTranscript:\n");
        said.push_str(&check.transcript.join("\n"));
        said.push('\n');
    }
    if !check.log.is_empty() {
        said.push_str("\nThe relay's log:\n");
        said.push_str(&check.log.join("\n"));
        said.push('\n');
    }
    document.element("system-out", &[], &said);
    document.close();
}

fn verdict(document: &mut Document, check: &CheckRecord) {
    let unseen = unseen(check);
    match &check.outcome {
        Outcome::Pass if unseen.is_empty() => {}
        Outcome::Pass => {
            let attributes = [
                ("message", "a sabotage was not detected"),
                ("type", "sabotage"),
            ];
            document.element("failure", &attributes, &unseen.join("\n"));
        }
        Outcome::Fail { expected, observed } => {
            let message = format!("expected {}, observed {}", line(expected), line(observed));
            let text = format!(
                "{}\n{}\n\nexpected: {expected}\nobserved: {observed}\n\nrepair: {}",
                check.title, check.citation, check.repair
            );
            let attributes = [
                ("message", message.as_str()),
                ("type", check.severity.word()),
            ];
            document.element("failure", &attributes, &text);
        }
        Outcome::Skipped { why } => document.element("skipped", &[("message", why)], ""),
        Outcome::Broken { why } => {
            let attributes = [("message", line(why)), ("type", "broken")];
            document.element("error", &attributes, why);
        }
    }
}

fn unseen(check: &CheckRecord) -> Vec<String> {
    let unseen = check.sabotages.iter().filter(|planted| !planted.detected);
    unseen
        .map(|planted| format!("{}: {}", planted.name, planted.observed))
        .collect()
}

fn counts(checks: &[&CheckRecord], not_run: usize) -> Numbers {
    let mut counts = Summary::default();
    for check in checks {
        counts.add(&check.outcome);
        let passed = check.outcome == Outcome::Pass;
        if passed && !unseen(check).is_empty() {
            counts.failed += 1;
        }
    }
    Numbers {
        tests: checks.len() + not_run,
        failures: counts.failed,
        errors: counts.broken + not_run,
        skipped: counts.skipped,
    }
}

fn borrowed<'a>(attributes: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    attributes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

fn line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
