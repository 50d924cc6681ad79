//! Looking for what must not be told, in every spelling that outlives a mail
//! system: as it is, in base64 at any offset, quoted-printable, percent-encoded,
//! in hexadecimal, and an address as its name in reverse DNS.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The way in which `secret` stands in `bytes`, if it does. Case and line ends
/// hide nothing.
pub(in super::super) fn told(bytes: &[u8], secret: &str) -> Option<&'static str> {
    let lower = String::from_utf8_lossy(bytes).to_lowercase();
    let joined: String = lower.split_ascii_whitespace().collect();
    let plain = secret.to_lowercase();
    if lower.contains(&plain) || joined.contains(&plain) {
        return Some("as it is");
    }
    told_encoded(bytes, secret)
}

/// Whether `login` stands in `bytes` as a name of its own, in any case of letters, or
/// encoded. A part of a longer name tells nothing: `test` is one of `relay.example.test`.
pub(in super::super) fn names(bytes: &[u8], login: &str) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let login = login.to_lowercase();
    let goes_on = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let whole = text.match_indices(&login).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(|c| goes_on(c) || c == '@') && !after.is_some_and(goes_on)
    });
    whole || told_encoded(bytes, &login).is_some()
}

/// As [`told`], but for `secret` as it is: for words that stand there anyway.
pub(in super::super) fn told_encoded(bytes: &[u8], secret: &str) -> Option<&'static str> {
    // The code of a letter or two stands in any hash.
    if secret.len() < 4 {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let lower = text.to_lowercase();
    let joined: String = text.split_ascii_whitespace().collect();
    let soft: String = lower
        .replace("=\r\n", "")
        .split_ascii_whitespace()
        .collect();
    let plain = secret.to_lowercase();
    if let Ok(address) = secret.parse::<Ipv4Addr>() {
        let [a, b, c, d] = address.octets();
        if lower.contains(&format!("{d}.{c}.{b}.{a}")) {
            return Some("as its name in reverse DNS");
        }
    }
    // Of short words, three letters of base64 are left: they stand anywhere.
    if secret.len() >= 6
        && in_base64(secret.as_bytes())
            .iter()
            .any(|form| joined.contains(form))
    {
        return Some("in base64");
    }
    let coded = |before| in_digits(plain.as_bytes(), before);
    for (before, form) in [
        ("=", "quoted-printable"),
        ("%", "percent-encoded"),
        ("", "in hexadecimal"),
    ] {
        if soft.contains(&coded(before)) {
            return Some(form);
        }
    }
    None
}

/// Whether a text that has `secret` in it can be told from one that has the word for
/// reasons of its own: `test`, `password` and `8080` stand in many places.
pub(in super::super) fn is_telling(secret: &str) -> bool {
    let is_plain = |kind: fn(char) -> bool| secret.chars().all(kind);
    if is_plain(char::is_alphabetic) || is_plain(char::is_numeric) {
        secret.chars().count() > 9
    } else {
        secret.chars().count() > 3
    }
}

/// Each byte as two hexadecimal digits, small, with `before` in front of them.
pub(in super::super) fn in_digits(bytes: &[u8], before: &str) -> String {
    bytes.iter().fold(String::new(), |mut coded, byte| {
        // Writing to a String cannot fail.
        let _ = write!(coded, "{before}{byte:02x}");
        coded
    })
}

/// What is the same of `secret` in base64 whatever stands before and after it, for
/// each of the three places in a group.
pub(in super::super) fn in_base64(secret: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|shift| {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(secret);
        let coded = STANDARD.encode(&bytes);
        let start = (8 * shift).div_ceil(6);
        let end = 8 * bytes.len() / 6;
        coded[start..end].to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        let secret = "canary-host.example";
        for (shift, before) in ["", "a", "ab", "abc"].iter().enumerate() {
            let coded = STANDARD.encode(format!("{before}{secret} and more"));
            let folded = format!("{}\r\n {}", &coded[..7], &coded[7..]);
            assert_eq!(
                told(folded.as_bytes(), secret),
                Some("in base64"),
                "at {shift}"
            );
        }
        for (text, form) in [
            ("x Canary-HOST.example y", "as it is"),
            ("x canary-ho\r\n\tst.example y", "as it is"),
            (
                "=63=61=6e=61=72=79=2D=68=6f=73=74=2e=65=78=61=6d=70=6c=65",
                "quoted-printable",
            ),
            (
                "=63=61=6e=61=72=79=2D=\r\n=68=6f=73=74=2e=65=78=61=6d=70=6c=65",
                "quoted-printable",
            ),
            ("63616e6172792d686f73742e6578616d706c65", "in hexadecimal"),
        ] {
            assert_eq!(told(text.as_bytes(), secret), Some(form), "{text}");
        }
        assert_eq!(
            told(b"77.2.0.192.in-addr.arpa", "192.0.2.77"),
            Some("as its name in reverse DNS")
        );
    }

    #[test]
    fn a_login_is_a_name_of_its_own() {
        let trace = b"Received: by relay.example.test (Postfix) with ESMTPSA id 4jcHlR6rGczBkKn";
        for login in ["test", "relay", "a", "with.a.dot"] {
            assert!(!names(trace, login), "{login}");
        }
        for text in [
            "(Authenticated sender: Test)",
            "sender: test@example.org",
            "test",
        ] {
            assert!(names(text.as_bytes(), "test"), "{text}");
        }
        assert!(names(b"(Authenticated sender: a)", "a"));
        assert!(names(b"AUTH=dGVzdGVyIQ==", "tester"));
    }

    #[test]
    fn words_and_numbers_of_any_text_tell_nothing() {
        for secret in [
            "",
            "x1!",
            "test",
            "password",
            "saslauthd",
            "8080",
            "123456789",
        ] {
            assert!(!is_telling(secret), "{secret}");
        }
        for secret in [
            "wonderland",
            "test1",
            "pass word",
            "1234567890",
            "p\u{e4}ss-1",
        ] {
            assert!(is_telling(secret), "{secret}");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert_eq!(told(b"Received: by relay", "canary-host.example"), None);
        assert_eq!(told(b"", "192.0.2.77"), None);
        assert_eq!(
            told_encoded(b"canary-host.example", "canary-host.example"),
            None
        );
    }
}
