//! `test --list`: the catalogue without a run.

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
    /// What the target must have, in words; a check without it is skipped.
    pub needs: Vec<String>,
}

/// The entries in columns: id, title, citation.
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
            "{:id$}  {:title$}  {}",
            entry.id, entry.title, entry.citation
        );
    }
    text
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
            needs: vec!["a login".into()],
        };
        vec![entry("auth.a", "One"), entry("privacy.long", "Another")]
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            list_human(&entries()),
            "auth.a        One      row 16\nprivacy.long  Another  row 16\n"
        );
    }

    #[test]
    fn json_has_the_same_entries() {
        let json: serde_json::Value = serde_json::from_str(&list_json(&entries())).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({"id": "auth.a", "title": "One", "citation": "row 16", "needs": ["a login"]})
        );
        assert_eq!(json.as_array().unwrap().len(), 2);
    }
}
