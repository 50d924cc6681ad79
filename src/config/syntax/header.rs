//! Names of header fields.

use crate::config::problem::{Refusal, quoted};

/// Fields without which a message is not one any more (RFC 5322 3.6, RFC 2045 4),
/// or that something else in relay.yaml decides on, with the reason.
const KEPT: &[(&str, &str)] = &[
    (
        "Received",
        "privacy.received decides on the relay's own trace header, and privacy.earlier_received \
         on those that a message brings along",
    ),
    ("From", "RFC 5322 3.6 demands it in every message"),
    ("Date", "RFC 5322 3.6 demands it in every message"),
    (
        "Message-ID",
        "replies and bounces are matched by it; without it Postfix makes a new one",
    ),
    ("MIME-Version", "without it attachments cannot be read"),
    ("Content-Type", "without it attachments cannot be read"),
    (
        "Content-Transfer-Encoding",
        "without it attachments cannot be read",
    ),
];

/// A field name (RFC 5322 2.2: printable ASCII without the colon) that may go.
pub(in crate::config) fn header_name(text: &str) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected the name of a header field",
            quoted(text)
        ))
    };
    if text.is_empty() {
        return Err(Refusal::new(
            "found nothing, expected the name of a header field",
        ));
    }
    if let Some(name) = text.strip_suffix(':') {
        return Err(wrong("a colon at the end").hint(format!("write {}", quoted(name))));
    }
    if text.len() > 76 {
        return Err(wrong("longer than 76 characters"));
    }
    if let Some(odd) = text.chars().find(|c| !matches!(c, '!'..='9' | ';'..='~')) {
        return Err(
            wrong(&format!("{} cannot be in one", quoted(&odd.to_string())))
                .hint("whole names only: there are no patterns and no values here"),
        );
    }
    if text.contains(['*', '?']) {
        return Err(wrong("a pattern").hint("list each name"));
    }
    match KEPT
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
    {
        Some((_, why)) => Err(wrong("this field cannot be removed").hint(*why)),
        None => Ok(text.to_owned()),
    }
}
