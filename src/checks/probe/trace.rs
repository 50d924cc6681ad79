//! Reading a trace header (RFC 5321 section 4.4).

use std::ops::ControlFlow;

use super::super::target::Delivered;
use super::super::verdict::Judged;
use super::super::verdict::fail;
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
    let mut pieces = pieces(&value.replace("\r\n", ""));
    let date = pieces.iter().rposition(|piece| *piece == Piece::Semicolon);
    let date = date.map_or_else(Vec::new, |at| pieces.split_off(at));
    let mut trace = Trace {
        raw: field.to_owned(),
        date: words(&date).collect::<Vec<_>>().join(" "),
        comments: comments(&pieces).chain(comments(&date)).collect(),
        ..Trace::default()
    };
    let mut words = words(&pieces);
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

/// A part of a structured field (RFC 5322 section 3.2).
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// What is between blanks; a quoted string is part of a word, blanks and all.
    Word(String),
    /// Without its outer parentheses, quoted pairs resolved.
    Comment(String),
    Semicolon,
}

fn words(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Word(word) => Some(word.as_str()),
        _ => None,
    })
}

fn comments(pieces: &[Piece]) -> impl Iterator<Item = String> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Comment(text) => Some(text.clone()),
        _ => None,
    })
}

fn pieces(value: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    let end_word = |word: &mut String, pieces: &mut Vec<Piece>| {
        if !word.is_empty() {
            pieces.push(Piece::Word(std::mem::take(word)));
        }
    };
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                word.push('"');
                quoted(&mut characters, &mut word);
            }
            '(' => {
                end_word(&mut word, &mut pieces);
                pieces.push(Piece::Comment(comment(&mut characters)));
            }
            ';' => {
                end_word(&mut word, &mut pieces);
                pieces.push(Piece::Semicolon);
            }
            blank if blank.is_whitespace() => end_word(&mut word, &mut pieces),
            _ => word.push(character),
        }
    }
    end_word(&mut word, &mut pieces);
    pieces
}

/// The rest of a quoted string with its closing quote, as it stands (RFC 5322
/// section 3.2.4).
fn quoted(characters: &mut std::str::Chars<'_>, word: &mut String) {
    while let Some(character) = characters.next() {
        word.push(character);
        match character {
            '"' => return,
            '\\' => word.extend(characters.next()),
            _ => {}
        }
    }
}

/// The rest of a comment. Comments nest, and a quoted pair hides a parenthesis (RFC
/// 5322 section 3.2.2).
fn comment(characters: &mut std::str::Chars<'_>) -> String {
    let mut text = String::new();
    let mut depth = 1_usize;
    while let Some(character) = characters.next() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => break,
            ')' => depth -= 1,
            '\\' => {
                text.extend(characters.next());
                continue;
            }
            _ => {}
        }
        text.push(character);
    }
    text
}

/// What RFC 5321 section 4.4 has between `Received:` and the date, in this order.
const CLAUSES: [&str; 6] = ["from", "by", "via", "with", "id", "for"];

impl Trace {
    /// What keeps the field from being a time stamp line of RFC 5321 section 4.4; `None`
    /// where it is one. The date is another matter.
    pub(in super::super) fn fault(&self) -> Option<String> {
        let (_, value) = self.raw.split_once(':')?;
        let mut pieces = pieces(&value.replace("\r\n", ""));
        let Some(end) = pieces.iter().rposition(|piece| *piece == Piece::Semicolon) else {
            return Some("no semicolon before a date".to_owned());
        };
        pieces.truncate(end);
        if pieces.contains(&Piece::Semicolon) {
            return Some("a second semicolon".to_owned());
        }
        let mut words = words(&pieces);
        let mut left = CLAUSES.iter();
        while let Some(word) = words.next() {
            let clause = word.to_ascii_lowercase();
            if !left.any(|known| *known == clause) {
                return Some(format!("{word:?} is no clause, or out of its place"));
            }
            let value = words.next().unwrap_or_default();
            if !fits(&clause, value) {
                return Some(format!("{value:?} after {word:?}"));
            }
        }
        // An address is a client's by what the connection told (TCP-info), right behind it.
        let literal = pieces
            .iter()
            .position(|p| matches!(p, Piece::Word(w) if w.starts_with('[')));
        let told = literal.and_then(|at| pieces.get(at + 1));
        match (&self.from, &self.by) {
            (None, _) => Some("no from clause".to_owned()),
            (_, None) => Some("no by clause".to_owned()),
            (Some(from), _) if from.starts_with('[') => match told {
                Some(Piece::Comment(text)) if text.ends_with(']') => None,
                _ => Some("no TCP-info after the address".to_owned()),
            },
            _ => None,
        }
    }
}

/// Whether `value` may follow `clause`.
fn fits(clause: &str, value: &str) -> bool {
    let atom = |text: &str| {
        let special = |c: char| "()<>[]:;@\\,\"".contains(c) || c.is_whitespace() || c.is_control();
        !text.is_empty() && !text.contains(special)
    };
    let literal = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        inner.is_some_and(|t| !t.is_empty() && !t.contains(['[', ']', '\\']))
    };
    match clause {
        "from" | "by" => atom(value) || literal(value),
        "for" => {
            let path = value.strip_prefix('<').and_then(|v| v.strip_suffix('>'));
            path.and_then(|path| path.rsplit_once('@'))
                .is_some_and(|(local, domain)| {
                    !local.is_empty() && (atom(domain) || literal(domain))
                })
        }
        _ => atom(value),
    }
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

    const STAMP: &str = "Received: from [127.0.0.1] (localhost [127.0.0.1])\r\n\t(Authenticated \
        sender: al;ice)\r\n\tby relay.test (Postfix) with ESMTPSA id 4fXk\r\n\tfor \
        <\"a) \\\"; by b\"@b.test>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)";

    #[test]
    fn a_quoted_recipient_is_one_word() {
        let trace = parse(STAMP).unwrap();
        assert_eq!(
            trace.recipient.as_deref(),
            Some("<\"a) \\\"; by b\"@b.test>")
        );
        assert_eq!(trace.by.as_deref(), Some("relay.test"));
        assert_eq!(trace.date, "Mon, 23 Nov 2026 03:14:01 +0000");
        assert_eq!(trace.comments[1], "Authenticated sender: al;ice");
    }

    #[test]
    fn a_stamp_is_what_the_standard_says() {
        assert_eq!(parse(STAMP).unwrap().fault(), None);
        for (part, instead) in [
            ("from [127.0.0.1] (localhost [127.0.0.1])\r\n\t", ""),
            ("(localhost [127.0.0.1])\r\n\t", ""),
            ("(localhost [127.0.0.1])", "(localhost)"),
            ("by relay.test ", ""),
            ("by relay.test", "by"),
            ("with ESMTPSA id 4fXk", "id 4fXk with ESMTPSA"),
            ("with ESMTPSA", "ESMTPSA"),
            ("id 4fXk", "id <4fXk"),
            ("id 4fXk", "id 4fXk id 4fXk"),
            ("@b.test>", ">"),
            ("@b.test>", "@b.test"),
            ("@b.test>;", "@b.test>"),
        ] {
            let broken = STAMP.replacen(part, instead, 1);
            assert_ne!(parse(&broken).unwrap().fault(), None, "{broken}");
        }
    }

    #[test]
    fn another_header_is_no_trace() {
        assert_eq!(parse("Subject: Received: by me; now"), None);
    }
}
