//! What standards and guidelines ask for, as a page of the documentation.

use std::fmt::Write as _;

use serde::Serialize;

use super::Entry;
use super::markdown::prose;
use crate::requirements::{Answer, Named, Profile, Reason, SOURCES, Source, all, named};

/// How to make the page anew.
const REGENERATE: &str = "RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports requirements";

/// How many requirements have which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answered {
    /// Held by checks.
    pub held: usize,
    /// Held in part.
    pub partly: usize,
    /// No check can hold them, for a reason.
    pub not_testable: usize,
    /// Done otherwise on purpose.
    pub departed: usize,
    /// They could be held, and are not.
    pub open: usize,
}

impl Answered {
    /// Counts the answers.
    #[must_use]
    pub fn of(requirements: &[Named]) -> Self {
        let mut counts = Self::default();
        for named in requirements {
            let count = match named.requirement.answer {
                Answer::Held(_) => &mut counts.held,
                Answer::Partly(..) => &mut counts.partly,
                Answer::Not(..) => &mut counts.not_testable,
                Answer::Departs(_) => &mut counts.departed,
                Answer::Open(_) => &mut counts.open,
            };
            *count += 1;
        }
        counts
    }

    fn cells(self) -> String {
        format!(
            "{} | {} | {} | {} | {}",
            self.held, self.partly, self.not_testable, self.departed, self.open
        )
    }
}

/// Every requirement with the checks that hold it, or why none does, as Markdown. `entries`
/// is the catalogue.
#[must_use]
pub fn requirements(entries: &[Entry]) -> String {
    let all = all();
    let counts = Answered::of(&all);
    let mut text = format!(
        "# The requirements\n\n\
         What standards and guidelines ask of a submission relay, in relaykit's words: {} requirements of\n\
         {} documents. A row stands for one sentence, or for several of one section that ask for the same.\n\n\
         - **held** ({}): the checks that are named fail where it is broken.\n\
         - **partly held** ({}): they hold a part of it; what they leave out is said.\n\
         - **not testable** ({}): no check of a relay can hold it, and the reason is said.\n\
         - **departed from** ({}): relaykit does otherwise on purpose, and says why.\n\
         - **open** ({}): it could be held, and is not.\n\n\
         `relaykit test --profile NAME` runs the checks of one document and reports by its requirements;\n\
         every report of the whole catalogue has a verdict on each of them.\n\n\
         This page is made from `src/requirements`; to make it anew:\n\
         `{REGENERATE}`\n\n\
         | document | requirements | held | partly held | not testable | departed from | open |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        all.len(),
        SOURCES.len(),
        counts.held,
        counts.partly,
        counts.not_testable,
        counts.departed,
        counts.open,
    );
    for source in SOURCES {
        let own = named(source);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} |",
            source.name,
            anchor(source.name),
            own.len(),
            Answered::of(&own).cells()
        );
    }
    let _ = writeln!(
        text,
        "| all | {} | {} |\n\nNot testable, for these reasons:\n",
        all.len(),
        counts.cells()
    );
    for reason in Reason::ALL {
        let is = |named: &&Named| matches!(named.requirement.answer, Answer::Not(own, _) if own == reason);
        let _ = writeln!(
            text,
            "- {}: {}",
            reason.words(),
            all.iter().filter(is).count()
        );
    }
    open(&mut text, &all);
    for source in SOURCES {
        section(&mut text, source, entries);
    }
    text
}

/// What is open, at one place.
fn open(text: &mut String, all: &[Named]) {
    let is_open = |named: &&Named| matches!(named.requirement.answer, Answer::Open(_));
    let left: Vec<&Named> = all.iter().filter(is_open).collect();
    if left.is_empty() {
        return;
    }
    text.push_str("\n## What is open\n\n");
    for named in left {
        let (id, requirement) = (&named.id, named.requirement);
        let (asks, why) = (prose(requirement.asks), prose(&requirement.answer.why()));
        let level = requirement.level.word();
        let _ = writeln!(text, "- {id}, {level}: {asks} Open: {why}.");
    }
}

fn section(text: &mut String, source: &'static Source, entries: &[Entry]) {
    let _ = write!(
        text,
        "\n## {}\n\n{}.\n\n| section | level | what is asked for | here |\n| --- | --- | --- | --- |\n",
        source.name, source.title
    );
    for named in named(source) {
        let requirement = named.requirement;
        let number = named.id.rsplit(' ').next().unwrap_or_default();
        let place = match address(source.name, requirement.section) {
            Some(address) => format!("[{}]({address})", requirement.section),
            None => requirement.section.to_owned(),
        };
        let _ = writeln!(
            text,
            "| {place} {number} | {} | {} | {} |",
            requirement.level.word(),
            prose(requirement.asks),
            here(&requirement.answer, entries)
        );
    }
    if source.beside.is_empty() {
        return;
    }
    text.push_str("\nNone of these sections asks anything of a relay:\n\n");
    for (section, why) in source.beside {
        let _ = writeln!(text, "- {section}: {}", prose(why));
    }
}

/// The answer with its checks, or with its reason.
fn here(answer: &Answer, entries: &[Entry]) -> String {
    let known = |id: &str| entries.iter().any(|entry| entry.id == id);
    let checks = answer.checks().iter().map(|id| {
        if known(id) {
            format!("[`{id}`](CHECKS.md#{})", id.replace('.', ""))
        } else {
            format!("`{id}`")
        }
    });
    let checks = checks.collect::<Vec<_>>().join(", ");
    let (word, why) = (answer.word(), prose(&answer.why()));
    match (checks.is_empty(), why.is_empty()) {
        (false, true) => checks,
        (false, false) => format!("**{word}**: {checks}; {why}"),
        (true, _) => format!("**{word}**: {why}"),
    }
}

fn anchor(heading: &str) -> String {
    heading.to_ascii_lowercase().replace(' ', "-")
}

/// Where a section can be read; `None`: not at an address of its own.
pub(super) fn address(source: &str, section: &str) -> Option<String> {
    let number = source.strip_prefix("RFC ")?;
    let kind = if section.starts_with(|c: char| c.is_ascii_digit()) {
        "section"
    } else {
        "appendix"
    };
    Some(format!(
        "https://www.rfc-editor.org/rfc/rfc{number}#{kind}-{section}"
    ))
}

/// A requirement as `--explain` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    id: String,
    source: &'static str,
    section: &'static str,
    level: &'static str,
    asks: &'static str,
    answer: &'static str,
    checks: &'static [&'static str],
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

impl Asked {
    /// All that there is to tell of it.
    #[must_use]
    pub fn of(named: &Named) -> Self {
        let requirement = named.requirement;
        Self {
            id: named.id.clone(),
            source: named.source,
            section: requirement.section,
            level: requirement.level.word(),
            asks: requirement.asks,
            answer: requirement.answer.word(),
            checks: requirement.answer.checks(),
            why: requirement.answer.why(),
        }
    }

    /// In whole sentences.
    #[must_use]
    pub fn explanation(&self) -> String {
        let mut text = format!("{}\n  {}: {}\n", self.id, self.level, self.asks);
        let address = address(self.source, self.section);
        let checks = self.checks.join("\n  ");
        for (label, body) in [
            ("Here", self.answer),
            ("Checks", &checks),
            ("Beside", &self.why),
            ("Source", &address.unwrap_or_default()),
        ] {
            if !body.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n{label}\n  {body}\n");
            }
        }
        text
    }
}

/// The requirements of a profile, each with those of `entries` that hold it, or why none
/// does.
#[must_use]
pub fn list_of_profile(profile: &Profile, entries: &[Entry]) -> String {
    let mut text = String::new();
    for named in profile.requirements() {
        let requirement = named.requirement;
        let (level, answer) = (requirement.level.word(), requirement.answer);
        let _ = writeln!(text, "{}  {level}: {}", named.id, requirement.asks);
        let known = |id: &&&str| entries.iter().any(|entry| entry.id == **id);
        for id in answer.checks().iter().filter(known) {
            let _ = writeln!(text, "    {id}");
        }
        let why = answer.why();
        if !why.is_empty() {
            let _ = writeln!(text, "    {}: {why}", answer.word());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_appendices_have_addresses() {
        let to = |source, section| address(source, section).unwrap_or_default();
        assert_eq!(
            to("RFC 5321", "4.4"),
            "https://www.rfc-editor.org/rfc/rfc5321#section-4.4"
        );
        assert_eq!(
            to("RFC 5321", "F.2"),
            "https://www.rfc-editor.org/rfc/rfc5321#appendix-F.2"
        );
        assert_eq!(to("BSI TR-03108", "01-M"), "");
    }

    #[test]
    fn every_answer_is_counted_once() {
        let counts = Answered::of(&all());
        let sum = counts.held + counts.partly + counts.not_testable + counts.departed + counts.open;
        assert_eq!(sum, all().len());
    }

    /// A requirement that nobody can answer for yet says so on the page.
    #[test]
    fn what_is_open_stands_at_one_place() {
        let page = requirements(&[]);
        for named in all() {
            let told = page.contains(&format!("- {}, ", named.id));
            let is_open = matches!(named.requirement.answer, Answer::Open(_));
            assert_eq!(told, is_open, "{}", named.id);
        }
    }
}
