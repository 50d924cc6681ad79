//! The settings as a page of the documentation.

use std::fmt::Write as _;

use super::Entry;
use super::citation::sources;
use crate::config::{Counts, Described};

/// How to make the page anew.
const REGENERATE: &str = "RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports reference";

/// Every setting, section by section, as Markdown, with the checks that name it.
#[must_use]
pub fn reference(settings: &[Described], checks: &[Entry]) -> String {
    let count = settings.iter().filter(|s| !s.is_section).count();
    let mut text = format!(
        "# The settings of relay.yaml\n\n\
         {count} settings. A file says `version: 1` and what is to differ from the defaults. A setting that\n\
         does not exist, or cannot be meant, is refused with file, line and column, all of them at once.\n\
         `relaykit config validate` prints what a file comes to, and `relaykit config schema` the JSON\n\
         Schema for editors.\n\n\
         This page is made from the declarations in `src/config/settings`; to make it anew:\n\
         `{REGENERATE}`\n\n\
         | setting | what it is for | default |\n| --- | --- | --- |\n",
    );
    for setting in settings.iter().filter(|setting| !setting.is_section) {
        let default = setting.default.as_deref().map(code).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} |",
            code(&setting.key),
            anchor(&setting.key),
            setting.about.replace('|', "\\|"),
            default.replace('|', "\\|"),
        );
    }
    for setting in settings {
        section(&mut text, setting, checks);
    }
    text
}

fn section(text: &mut String, setting: &Described, checks: &[Entry]) {
    let level = if setting.is_section { "##" } else { "###" };
    let _ = writeln!(text, "\n{level} {}\n\n{}", setting.key, setting.doc);
    if setting.is_section {
        return;
    }
    let _ = writeln!(text, "\n- takes: {}", setting.takes);
    match &setting.default {
        Some(default) => {
            let _ = writeln!(text, "- default: {}", code(default));
        }
        None => text.push_str("- must be written where its mapping is\n"),
    }
    if !setting.example.is_empty() {
        let name = setting.key.rsplit(['.', ']']).next().unwrap_or_default();
        let example = format!("{name}: {}", setting.example);
        let _ = writeln!(text, "- example: {}", code(&example));
    }
    if !setting.source.is_empty() {
        let cited: Vec<String> = sources(setting.source)
            .map(|(source, address)| match address {
                Some(address) => format!("[{source}]({address})"),
                None => source.to_owned(),
            })
            .collect();
        let _ = writeln!(text, "- source: {}", cited.join("; "));
    }
    let counts = match setting.counts {
        Counts::Everywhere => None,
        Counts::InLabs => Some("in labs alone"),
        Counts::InProduction => Some("in production; in a lab something of its own stands in"),
    };
    if let Some(counts) = counts {
        let _ = writeln!(text, "- counts: {counts}");
    }
    let by: Vec<String> = checks
        .iter()
        .filter(|check| speaks_of(check, &setting.key))
        .map(|check| format!("[{}](CHECKS.md#{})", check.id, anchor(check.id)))
        .collect();
    if !by.is_empty() {
        let _ = writeln!(text, "- checks that speak of it: {}", by.join("; "));
    }
}

/// Whether a check, in what it says of itself, names a setting.
fn speaks_of(check: &Entry, key: &str) -> bool {
    let own = [check.title, check.about, check.repair].into_iter();
    let sabotages = check
        .sabotages
        .iter()
        .flat_map(|sabotage| &sabotage.changes);
    let said = check.needs.iter().chain(sabotages).map(String::as_str);
    own.chain(said).any(|text| names(text, key))
}

/// Whether `text` has `key`, and not as a part of another. A key without a dot is a word
/// that may mean anything: it counts in quotes, and before a colon.
fn names(text: &str, key: &str) -> bool {
    if !key.contains('.') {
        return text.contains(&code(key)) || text.contains(&format!("{key}: "));
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(key).any(|(at, _)| {
        let before = text[..at].ends_with(|c: char| part(c) || c == '.');
        let after = &text[at + key.len()..];
        // A full stop may end a sentence.
        let longer = after.starts_with(part)
            || after
                .strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(part));
        !before && !longer
    })
}

/// As Markdown's readers make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
    heading.chars().filter(kept).collect()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_key_is_not_a_part_of_another() {
        assert!(names("Set auth.listeners. By hand", "auth.listeners"));
        assert!(names("privacy.received: keep", "privacy.received"));
        assert!(!names("auth.listeners", "listeners"));
        assert!(!names("tls.outbound.level", "tls.outbound"));
        assert!(!names("tls.client_certificates", "tls.client"));
        assert!(names("Set `hostname` to it.", "hostname"));
        assert!(!names("a version of TLS", "version"));
    }
}
