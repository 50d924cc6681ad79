//! Filters as they are written (RFC 4515 section 3), with saslauthd's tokens.

use std::fmt::{self, Write as _};

use super::{Compare, Filter, Piece, Test, Text};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, operator: char, all: &[Self]| {
            write!(f, "({operator}")?;
            all.iter().try_for_each(|one| one.fmt(f))?;
            f.write_char(')')
        };
        match self {
            Self::And(all) => list(f, '&', all),
            Self::Or(all) => list(f, '|', all),
            Self::Not(inner) => write!(f, "(!{inner})"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}", self.attribute)?;
        match &self.compare {
            Compare::Equal(text) => write!(f, "={text}"),
            Compare::Approximate(text) => write!(f, "~={text}"),
            Compare::AtLeast(text) => write!(f, ">={text}"),
            Compare::AtMost(text) => write!(f, "<={text}"),
            Compare::Present => f.write_str("=*"),
            Compare::Parts { initial, any, last } => {
                f.write_char('=')?;
                initial.iter().try_for_each(|text| text.fmt(f))?;
                f.write_char('*')?;
                any.iter().try_for_each(|text| write!(f, "{text}*"))?;
                last.iter().try_for_each(|text| text.fmt(f))
            }
            Compare::Extensible {
                in_name,
                rule,
                value,
            } => {
                if *in_name {
                    f.write_str(":dn")?;
                }
                rule.iter().try_for_each(|rule| write!(f, ":{rule}"))?;
                write!(f, ":={value}")
            }
        }?;
        f.write_char(')')
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Token(token) => write!(f, "%{}", token.letter())?,
                Piece::Bytes(bytes) => written(f, bytes)?,
            }
        }
        Ok(())
    }
}

/// Readable as far as it is text; else two digits for each byte.
fn written(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, more) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &rest[rest.len()..]),
            Err(error) => {
                let (text, more) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(text).unwrap_or_default(), more)
            }
        };
        for letter in text.chars() {
            match letter {
                '(' | ')' | '*' | '\\' | '\0'..='\x1f' | '\x7f' => {
                    write!(f, "\\{:02x}", u32::from(letter))?;
                }
                '%' => f.write_str("%%")?,
                _ => f.write_char(letter)?,
            }
        }
        rest = more;
        if let Some((byte, after)) = rest.split_first() {
            write!(f, "\\{byte:02x}")?;
            rest = after;
        }
    }
    Ok(())
}
