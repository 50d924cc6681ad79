//! `relaykit config lint`: what the operator's own lines let through.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::Session;
use super::super::exit::Exit;
use super::super::labs::source;
use crate::audit::{Place, Tables};
use crate::cli::Which;
use crate::config;
use crate::lint;

/// Tables at their paths on this machine. A container has its own files there: what is
/// found here is what the operator means to bring there.
struct Here;

impl Tables for Here {
    fn text(&self, _kind: &str, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// A sentence about a line.
#[derive(Serialize)]
struct Told<'a> {
    file: String,
    line: usize,
    column: usize,
    /// In the words of Postfix's files.
    r#where: String,
    does: &'a str,
}

/// What a rule finds fault with.
#[derive(Serialize)]
struct Found<'a> {
    rule: &'static str,
    severity: &'static str,
    accepted: bool,
    #[serde(flatten)]
    told: Told<'a>,
    consequence: &'static str,
    repair: &'static str,
}

#[derive(Serialize)]
struct Linted<'a> {
    findings: Vec<Found<'a>>,
    /// What other entries do.
    told: Vec<Told<'a>>,
    /// Ids of `postfix.accept` without a finding.
    idle: Vec<String>,
}

pub(super) fn run(session: &Session, which: &Which) -> anyhow::Result<Exit> {
    let source = source(which)?;
    let (spec, name, places) = match &source {
        Some(source) => (
            source.load(session)?,
            source.name.as_str(),
            config::places(&source.bytes),
        ),
        None => (config::built_in(), "the built-in lab", config::places(b"")),
    };
    let read = lint::read(&spec, &Here);
    let findings = lint::findings(&spec, &read);
    let told = |place: &Place, does| {
        let lint::Line { file, line, column } = lint::located(place, name, &places);
        Told {
            file,
            line,
            column,
            r#where: place.in_words(),
            does,
        }
    };
    let found = findings.iter().map(|finding| Found {
        rule: finding.rule.id,
        severity: finding.rule.severity.word(),
        accepted: finding.accepted,
        told: told(&finding.place, &finding.does),
        consequence: finding.rule.consequence,
        repair: finding.rule.repair,
    });
    let mut found: Vec<Found<'_>> = found.collect();
    let place = |told: &Told<'_>| (told.file.clone(), told.line, told.column);
    found.sort_by_key(|found| place(&found.told));
    let others = read.iter().filter(|told| told.rule.is_none());
    let mut others: Vec<Told<'_>> = others.map(|one| told(&one.place, &one.does)).collect();
    others.sort_by_key(place);
    let idle = lint::idle(&spec, &findings);
    let linted = Linted {
        findings: found,
        told: others,
        idle,
    };
    session.print(&linted, &human(&linted))?;
    let open = findings.iter().any(|finding| !finding.accepted);
    Ok(if open { Exit::CheckFailed } else { Exit::Done })
}

fn human(linted: &Linted<'_>) -> String {
    let mut text = String::new();
    let (accepted, open): (Vec<&Found<'_>>, Vec<_>) =
        linted.findings.iter().partition(|found| found.accepted);
    // Writing to a String cannot fail.
    for found in &open {
        let Told {
            file,
            line,
            column,
            does,
            ..
        } = &found.told;
        let (severity, rule) = (found.severity, found.rule);
        let _ = write!(
            text,
            "{file}:{line}:{column}: {severity}: {does} [{rule}]\n    {}\n    {}\n",
            found.consequence, found.repair
        );
    }
    if !accepted.is_empty() {
        text.push_str("Accepted by postfix.accept:\n");
        for found in &accepted {
            let Told {
                file,
                line,
                column,
                does,
                ..
            } = &found.told;
            let _ = writeln!(text, "  {file}:{line}:{column}: {does} [{}]", found.rule);
        }
    }
    if !linted.told.is_empty() {
        text.push_str("What other entries do:\n");
        for Told {
            file,
            line,
            column,
            does,
            ..
        } in &linted.told
        {
            let _ = writeln!(text, "  {file}:{line}:{column}: {does}");
        }
    }
    for id in &linted.idle {
        let _ = writeln!(
            text,
            "postfix.accept has {id}, and nothing of that kind is found any more"
        );
    }
    let _ = match (open.len(), accepted.len()) {
        (0, 0) => writeln!(text, "no findings"),
        (open, accepted) => writeln!(
            text,
            "{open} to repair, or to accept by name in postfix.accept; {accepted} accepted"
        ),
    };
    text
}
