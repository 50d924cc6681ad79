//! A server's reply (RFC 5321, 4.2).

use std::fmt;

/// The longest reply line, in octets with its line end (RFC 5321, 4.5.3.1.5).
const LONGEST_LINE: usize = 512;

/// A whole reply: one code, one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// For example 250.
    pub code: u16,
    /// The text after the code, a line each; not empty.
    pub lines: Vec<String>,
    /// The enhanced status code at the start of the last line (RFC 3463), where
    /// its class agrees with the code.
    pub enhanced: Option<EnhancedStatus>,
    /// What was odd in it, though readable.
    pub irregularities: Vec<Irregularity>,
}

/// `class.subject.detail` (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedStatus {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What it is about: 1 address, 5 protocol, 7 security or policy, ...
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

/// Something in a reply that the standard forbids and a client can live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Irregularity {
    /// A line of this many octets: RFC 5321, 4.5.3.1.5 allows 512.
    LongLine(usize),
    /// A line ended with LF alone.
    BareNewline,
    /// The second digit is not 0 to 5 (RFC 5321, 4.2).
    UnusualCode,
    /// A control character or a byte outside ASCII, from a server that was not
    /// asked for SMTPUTF8.
    UnprintableText,
}

impl Reply {
    /// 2xx: done.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: the server waits for more.
    #[must_use]
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4xx: the client may try again later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: the client must not try the same again.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The text of all lines, joined with newlines.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Postfix's queue id, from `2.0.0 Ok: queued as ID`.
    #[must_use]
    pub fn queue_id(&self) -> Option<&str> {
        let (_, id) = self.lines.last()?.split_once("queued as ")?;
        id.split_whitespace().next()
    }
}

/// The reply as it came, on one line: `250-first / 250 last`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, first) = match self.lines.split_last() {
            Some((last, first)) => (last.as_str(), first),
            None => ("", self.lines.as_slice()),
        };
        for line in first {
            write!(f, "{}-{line} / ", self.code)?;
        }
        write!(f, "{} {last}", self.code)
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl EnhancedStatus {
    /// The status at the start of `text`, for a reply with this code.
    fn parse(code: u16, text: &str) -> Option<Self> {
        let mut parts = text.split_whitespace().next()?.split('.');
        let class: u8 = parts.next()?.parse().ok()?;
        let subject = parts.next()?.parse().ok()?;
        let detail = parts.next()?.parse().ok()?;
        let whole = parts.next().is_none() && u16::from(class) == code / 100;
        whole.then_some(Self {
            class,
            subject,
            detail,
        })
    }
}

/// A reply that is still arriving.
#[derive(Debug, Default)]
pub(super) struct Partial {
    code: Option<u16>,
    lines: Vec<String>,
    irregularities: Vec<Irregularity>,
}

impl Partial {
    /// Adds a line, given with its line end. `Ok(Some)` when it was the last;
    /// `Err` says which rule of RFC 5321, 4.2 it breaks.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<Option<Reply>, &'static str> {
        if line.len() > LONGEST_LINE {
            self.irregularities.push(Irregularity::LongLine(line.len()));
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or_else(|| {
            self.irregularities.push(Irregularity::BareNewline);
            line
        });
        let (code, rest) = code(line)?;
        if code / 10 % 10 > 5 {
            self.irregularities.push(Irregularity::UnusualCode);
        }
        if *self.code.get_or_insert(code) != code {
            return Err("the lines of one reply have different codes");
        }
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err("neither a space nor a hyphen follows the code"),
        };
        if text.iter().any(|byte| !matches!(byte, b'\t' | b' '..=b'~')) {
            self.irregularities.push(Irregularity::UnprintableText);
        }
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        Ok(last.then(|| self.take(code)))
    }

    /// How many lines have arrived.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    fn take(&mut self, code: u16) -> Reply {
        let whole = std::mem::take(self);
        Reply {
            code,
            enhanced: whole
                .lines
                .last()
                .and_then(|text| EnhancedStatus::parse(code, text)),
            lines: whole.lines,
            irregularities: whole.irregularities,
        }
    }
}

/// The code at the start of `line` and what follows it.
fn code(line: &[u8]) -> Result<(u16, &[u8]), &'static str> {
    let Some((digits, rest)) = line.split_first_chunk::<3>() else {
        return Err("a line is shorter than a reply code");
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err("a line does not start with three digits");
    }
    if !matches!(digits[0], b'2'..=b'5') {
        return Err("the first digit of a reply code is 2 to 5");
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Ok((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Result<Reply, &'static str> {
        let mut partial = Partial::default();
        for line in lines {
            if let Some(reply) = partial.add(line.as_bytes())? {
                return Ok(reply);
            }
        }
        Err("more lines expected")
    }

    #[test]
    fn a_reply_of_many_lines_is_one() {
        let reply = parse(&["250-relay\r\n", "250-SIZE 100\r\n", "250 DSN\r\n"]).unwrap();
        assert_eq!((reply.code, reply.lines.len()), (250, 3));
        assert_eq!(reply.to_string(), "250-relay / 250-SIZE 100 / 250 DSN");
        assert_eq!(reply.irregularities, []);
    }

    #[test]
    fn the_enhanced_status_agrees_with_the_code() {
        let reply = parse(&["535 5.7.8 Error: authentication failed\r\n"]).unwrap();
        assert_eq!(reply.enhanced.unwrap().to_string(), "5.7.8");
        assert!(reply.is_permanent());
        for text in [
            "535 2.7.8 no\r\n",
            "535 5.7 no\r\n",
            "535 5.7.8.9 no\r\n",
            "535\r\n",
        ] {
            assert_eq!(parse(&[text]).unwrap().enhanced, None, "{text}");
        }
    }

    #[test]
    fn the_queue_id_is_found() {
        let reply = parse(&["250 2.0.0 Ok: queued as 4XyZ0a1b2c\r\n"]).unwrap();
        assert_eq!(reply.queue_id(), Some("4XyZ0a1b2c"));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for (lines, rule) in [
            (vec!["250-a\r\n", "251 b\r\n"], "different codes"),
            (vec!["250_a\r\n"], "neither a space nor a hyphen"),
            (vec!["25\r\n"], "shorter"),
            (vec!["HTTP/1.1 400\r\n"], "three digits"),
            (vec!["150 a\r\n"], "first digit"),
            (vec!["650 a\r\n"], "first digit"),
        ] {
            let error = parse(&lines).unwrap_err();
            assert!(error.contains(rule), "{lines:?}: {error}");
        }
    }

    #[test]
    fn what_can_be_lived_with_is_noted() {
        let long = format!("250 {}\r\n", "x".repeat(507));
        let fits = format!("250 {}\r\n", "x".repeat(506));
        for (line, expected) in [
            (long.as_str(), vec![Irregularity::LongLine(513)]),
            (fits.as_str(), vec![]),
            ("250 a\n", vec![Irregularity::BareNewline]),
            ("571 a\r\n", vec![Irregularity::UnusualCode]),
            ("250 a\0\r\n", vec![Irregularity::UnprintableText]),
        ] {
            assert_eq!(parse(&[line]).unwrap().irregularities, expected, "{line:?}");
        }
    }
}
