//! Distinguished names (RFC 4514), as far as a lab's directory needs them.

/// A relative distinguished name as it was written: `ou=People`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rdn {
    /// The attribute type of its first part.
    pub(super) attribute: String,
    /// Its value, without escapes.
    pub(super) value: String,
    /// As it was written.
    pub(super) text: String,
}

impl Rdn {
    /// Of an attribute and its value, which is written with escapes.
    pub(super) fn new(attribute: &str, value: &str) -> Self {
        Self {
            attribute: attribute.to_owned(),
            value: value.to_owned(),
            text: format!("{attribute}={}", escape(value)),
        }
    }
}

/// The parts of a distinguished name, most specific first.
pub(super) fn parse(dn: &str) -> Vec<Rdn> {
    split(dn)
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .map(|text| {
            let (attribute, value) = text.split_once('=').unwrap_or((text, ""));
            Rdn {
                attribute: attribute.trim().to_owned(),
                value: unescape(value.trim()),
                text: text.to_owned(),
            }
        })
        .collect()
}

/// The parts as one name again.
pub(super) fn join(parts: &[Rdn]) -> String {
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    texts.join(",")
}

/// A name as it is compared with others: without regard to case, and to blanks beyond one.
pub(super) fn folded(dn: &str) -> String {
    let parts = parse(dn);
    let parts = parts.iter().map(|part| {
        let words: Vec<&str> = part.value.split_whitespace().collect();
        let value = escape(&words.join(" ")).to_lowercase();
        format!("{}={value}", part.attribute.to_lowercase())
    });
    parts.collect::<Vec<_>>().join(",")
}

/// The end that two names share, without regard to case.
pub(super) fn common_end(a: &[Rdn], b: &[Rdn]) -> Vec<Rdn> {
    let shared = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x.text.eq_ignore_ascii_case(&y.text))
        .count();
    a[a.len() - shared..].to_vec()
}

/// A value as it must be written in a distinguished name (RFC 4514 2.4).
pub(super) fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (index, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => {
                text.push('\\');
                text.push(letter);
            }
            ' ' if index == 0 || index == last => text.push_str("\\20"),
            '#' if index == 0 => text.push_str("\\23"),
            '\0' => text.push_str("\\00"),
            _ => text.push(letter),
        }
    }
    text
}

/// Splits at commas that are not escaped.
fn split(dn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for letter in dn.chars() {
        if letter == ',' && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = letter == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts
}

/// `\,` and `\2c` both stand for a comma.
fn unescape(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let hex = value
            .get(index + 1..index + 3)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'\\', Some(code)) => {
                plain.push(code);
                index += 3;
            }
            (b'\\', None) => index += 1,
            _ => {
                plain.push(byte);
                index += 1;
            }
        }
        if byte == b'\\' && hex.is_none() {
            plain.extend(bytes.get(index));
            index += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{common_end, escape, join, parse};

    #[test]
    fn escaped_commas_do_not_split() {
        let parts = parse("cn=Doe\\, Jane, ou=People,dc=example\\2c,dc=test");
        let values: Vec<_> = parts.iter().map(|p| p.value.as_str()).collect();
        assert_eq!(values, ["Doe, Jane", "People", "example,", "test"]);
    }

    #[test]
    fn what_is_escaped_reads_back() {
        for value in ["a", " a ", "#x", "a,b=c+d", "\"<>;\\", "grün"] {
            let dn = format!("uid={},dc=test", escape(value));
            assert_eq!(parse(&dn)[0].value, value, "{dn}");
        }
    }

    #[test]
    fn names_share_their_end() {
        let a = parse("ou=People,dc=a,dc=Test");
        let b = parse("cn=reader,dc=b,dc=test");
        assert_eq!(join(&common_end(&a, &b)), "dc=Test");
        assert!(common_end(&a, &parse("dc=other")).is_empty());
    }
}
