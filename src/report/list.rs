//! `test --list` and `test --explain`: the catalogue without a run.

use std::fmt::Write as _;

use serde::Serialize;

/// One line of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `area.what_holds`.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Where the claim comes from.
    pub citation: &'static str,
    /// What it costs when the claim does not hold: `low`, `medium`, `high`, `critical`.
    pub severity: &'static str,
    /// What the check does and why.
    pub about: &'static str,
    /// What to change when it fails.
    pub repair: &'static str,
    /// What the target must have, in words; a check without it is skipped.
    pub needs: Vec<String>,
    /// Whether it disturbs others, and runs alone on a lab of its own.
    pub disturbs: bool,
    /// Under what it must fail.
    pub sabotages: Vec<Sabotaged>,
    /// What it holds, or a part of it, of standards and guidelines: docs/REQUIREMENTS.md.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
}

/// A sabotage as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sabotaged {
    /// Its name.
    pub name: &'static str,
    /// What it changes, in the words of the file that is changed.
    pub changes: Vec<String>,
}

/// The entries in columns: id, severity, title, citation.
#[must_use]
pub fn list_human(entries: &[Entry]) -> String {
    let width = |of: fn(&Entry) -> &str| entries.iter().map(|e| of(e).chars().count()).max();
    let id = width(|e| e.id).unwrap_or(0);
    let title = width(|e| e.title).unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:id$}  {:8}  {:title$}  {}",
            entry.id, entry.severity, entry.title, entry.citation
        );
    }
    text
}

/// How long a line of `--explain` may be.
const WIDTH: usize = 78;

/// One entry in whole sentences.
#[must_use]
pub fn explanation(entry: &Entry) -> String {
    let mut text = format!("{}\n  {}\n", entry.id, entry.title);
    let mut part = |label: &str, body: &str| {
        if body.is_empty() {
            return;
        }
        let _ = write!(text, "\n{label}\n");
        for paragraph in body.lines() {
            for line in wrapped(paragraph, WIDTH - 2) {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    part("What it does, and why", entry.about);
    part("Severity", entry.severity);
    part(
        "Source",
        &entry.citation.split("; ").collect::<Vec<_>>().join("\n"),
    );
    part("Needs", &entry.needs.join("\n"));
    if entry.disturbs {
        part("Runs", "alone, on a lab of its own: it disturbs");
    }
    let sabotages = entry.sabotages.iter().flat_map(|sabotage| {
        let changes = sabotage.changes.iter().map(|change| format!("- {change}"));
        std::iter::once(format!("{}:", sabotage.name)).chain(changes)
    });
    part("Must fail under", &sabotages.collect::<Vec<_>>().join("\n"));
    part(
        "Requirements that it holds, or a part of",
        &entry.requirements.join("\n"),
    );
    part("How to repair", entry.repair);
    text
}

/// `text` in lines of at most `width` characters, cut between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(word),
            Some(last) if line + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The entries as a JSON list with a newline at its end.
#[must_use]
pub fn list_json(entries: &[Entry]) -> String {
    let mut text = serde_json::to_string_pretty(entries).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |id, title| Entry {
            id,
            title,
            citation: "row 16",
            severity: "critical",
            about: "Says EHLO, and reads what is offered.",
            repair: "Set it.",
            needs: vec!["a login".into()],
            disturbs: false,
            sabotages: vec![Sabotaged {
                name: "logins in clear",
                changes: vec!["main.cf: smtpd_tls_auth_only = no".into()],
            }],
            requirements: vec!["RFC 4954 4 (22)".into()],
        };
        vec![entry("auth.a", "One"), entry("privacy.long", "Another")]
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            list_human(&entries()),
            "auth.a        critical  One      row 16\nprivacy.long  critical  Another  row 16\n"
        );
    }

    #[test]
    fn json_has_the_same_entries() {
        let json: serde_json::Value = serde_json::from_str(&list_json(&entries())).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({
                "id": "auth.a", "title": "One", "citation": "row 16", "severity": "critical",
                "about": "Says EHLO, and reads what is offered.", "repair": "Set it.",
                "needs": ["a login"], "disturbs": false,
                "sabotages": [{
                    "name": "logins in clear",
                    "changes": ["main.cf: smtpd_tls_auth_only = no"]
                }],
                "requirements": ["RFC 4954 4 (22)"]
            })
        );
        assert_eq!(json.as_array().unwrap().len(), 2);
    }

    #[test]
    fn an_explanation_has_everything() {
        let expected = "auth.a
  One

What it does, and why
  Says EHLO, and reads what is offered.

Severity
  critical

Source
  row 16

Needs
  a login

Must fail under
  logins in clear:
  - main.cf: smtpd_tls_auth_only = no

Requirements that it holds, or a part of
  RFC 4954 4 (22)

How to repair
  Set it.
";
        assert_eq!(explanation(&entries()[0]), expected);
    }

    #[test]
    fn lines_are_cut_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""]);
    }
}
