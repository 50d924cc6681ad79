//! Files of `name: value` and `name = value`: saslauthd's, the guard's, OpenSSL's.

use super::text::lines;
use super::{Draft, Operator, values};

/// What saslauthd's `LDAP_SASLAUTHD` document and OpenSSL's config(5) allow.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ldap_scope", &["sub", "one", "base"]),
    ("ldap_auth_method", &["bind", "custom", "fastbind"]),
    ("ldap_deref", &["never", "search", "find", "always"]),
    ("ldap_version", &["2", "3"]),
    ("backend", &["ldap", "users"]),
    ("names", &["uid", "cn", "mail"]),
    (
        "ldap_filter",
        &[
            "(uid=%U)",
            "(uid=*)",
            "(|(uid=%u)(mail=%u))",
            "(cn=%u)",
            "(objectClass=*)",
        ],
    ),
];

/// The changes of `text`.
pub(super) fn drafts(text: &str) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for line in lines(text) {
        let colon = line.text.split_once(':').filter(|(name, _)| is_name(name));
        let equals = line.text.split_once('=').filter(|(name, _)| is_name(name));
        let (name, value, mark) = match (colon, equals) {
            (Some((name, value)), _) => (name, value, ": "),
            (None, Some((name, value))) => (name, value, " = "),
            (None, None) => (line.text.as_str(), "", ""),
        };
        let (name, value) = (name.trim(), value.trim());
        let mut add = |operator, after: String| {
            drafts.push(Draft::of_line(text, &line, name, operator, after));
        };
        add(Operator::DropLine, String::new());
        let allowed = ALLOWED.iter().filter(|(known, _)| *known == name);
        let mut others: Vec<_> = allowed
            .flat_map(|(_, allowed)| *allowed)
            .filter(|other| **other != value)
            .map(|other| (Operator::FlipValue, (*other).to_owned()))
            .collect();
        if others.is_empty() && !mark.is_empty() {
            others = values::plain(value);
        }
        for (operator, other) in others {
            add(operator, format!("{name}{mark}{other}"));
        }
    }
    drafts
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
