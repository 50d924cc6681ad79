//! Reading a trace header (RFC 5321 section 4.4).

use std::ops::ControlFlow;

use super::super::verdict::fail;
use super::super::{Delivered, Judged};
use super::mail::head;

/// A `Received:` header taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Trace {
    /// The whole field as it stands, folds and all.
    pub(in super::super) raw: String,
    /// What follows `from`.
    pub(in super::super) from: Option<String>,
    /// The server that wrote it.
    pub(in super::super) by: Option<String>,
    /// The protocol, see RFC 3848 and RFC 6531 section 4.3.
    pub(in super::super) with: Option<String>,
    /// The queue id.
    pub(in super::super) id: Option<String>,
    /// The recipient with its angle brackets.
    pub(in super::super) recipient: Option<String>,
    /// The date as it stands.
    pub(in super::super) date: String,
    /// The comments, without their outer parentheses.
    pub(in super::super) comments: Vec<String>,
}

/// The first header of a message, which is the one that the relay wrote last;
/// demands that it is a trace header.
pub(in super::super) fn newest(delivered: &Delivered) -> Judged<Trace> {
    let fields = fields(&delivered.raw);
    match fields.first().map(|field| (field, parse(field))) {
        Some((_, Some(trace))) => ControlFlow::Continue(trace),
        Some((field, None)) => fail("a trace header first (RFC 5321 section 4.4)", field),
        None => fail("a trace header", "a message without headers"),
    }
}

/// The header fields of a message, each with its folds, without its last CRLF.
pub(in super::super) fn fields(raw: &[u8]) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let text = String::from_utf8_lossy(head(raw));
    for line in text.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push_str("\r\n");
                field.push_str(line);
            }
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// Takes a field apart; `None` where it is no trace header.
pub(in super::super) fn parse(field: &str) -> Option<Trace> {
    let (name, value) = field.split_once(':')?;
    if !name.eq_ignore_ascii_case("Received") {
        return None;
    }
    let (text, comments) = without_comments(&value.replace("\r\n", ""));
    let (clauses, date) = text.rsplit_once(';').unwrap_or((text.as_str(), ""));
    let mut trace = Trace {
        raw: field.to_owned(),
        date: date.trim().to_owned(),
        comments,
        ..Trace::default()
    };
    let mut words = clauses.split_whitespace();
    while let Some(word) = words.next() {
        let slot = match word.to_ascii_lowercase().as_str() {
            "from" => &mut trace.from,
            "by" => &mut trace.by,
            "with" => &mut trace.with,
            "id" => &mut trace.id,
            "for" => &mut trace.recipient,
            _ => continue,
        };
        *slot = words.next().map(str::to_owned);
    }
    Some(trace)
}

/// The text outside of comments, and the comments. Comments nest, and a quoted
/// pair hides a parenthesis (RFC 5322 section 3.2.2).
fn without_comments(value: &str) -> (String, Vec<String>) {
    let (mut text, mut comments) = (String::new(), Vec::new());
    let mut depth = 0_usize;
    let mut comment = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '(' => {
                depth += 1;
                if depth > 1 {
                    comment.push(character);
                }
            }
            ')' if depth == 1 => {
                depth = 0;
                comments.push(std::mem::take(&mut comment));
            }
            _ if depth == 0 => text.push(character),
            '\\' => comment.extend(characters.next()),
            _ => {
                depth -= usize::from(character == ')');
                comment.push(character);
            }
        }
    }
    (text, comments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_header_is_taken_apart() {
        let field = "Received: (Authenticated sender: al\\)ice (x))\r\n\tby relay.test (Postfix) \
                     with ESMTPSA id 4fXk\r\n\tfor <a@b.test>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)";
        let trace = parse(field).unwrap();
        let expected = Trace {
            raw: field.to_owned(),
            from: None,
            by: Some("relay.test".into()),
            with: Some("ESMTPSA".into()),
            id: Some("4fXk".into()),
            recipient: Some("<a@b.test>".into()),
            date: "Mon, 23 Nov 2026 03:14:01 +0000".into(),
            comments: vec![
                "Authenticated sender: al)ice (x)".into(),
                "Postfix".into(),
                "UTC".into(),
            ],
        };
        assert_eq!(trace, expected);
    }

    #[test]
    fn the_client_is_what_follows_from() {
        let trace = parse("Received: from helo (name [192.0.2.1])\r\n\tby me; now").unwrap();
        assert_eq!(trace.from.as_deref(), Some("helo"));
        assert_eq!(trace.comments, ["name [192.0.2.1]"]);
        assert_eq!(trace.date, "now");
    }

    #[test]
    fn folded_fields_stay_together_and_the_body_is_none() {
        let raw = b"A: 1\r\n\tfolded\r\nB: 2\r\n\r\nC: body";
        assert_eq!(fields(raw), ["A: 1\r\n\tfolded", "B: 2"]);
    }

    #[test]
    fn another_header_is_no_trace() {
        assert_eq!(parse("Subject: Received: by me; now"), None);
    }
}
