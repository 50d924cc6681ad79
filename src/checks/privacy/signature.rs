//! A DKIM signature (RFC 6376, RFC 8463) that was made before submission: made
//! here, and verified on what the next hop got, with real keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{logged_in, login_listener};
use super::super::probe::trace::fields;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require};
use super::content::BODY_FILTER;
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "privacy.signature_survives",
    title: "A DKIM signature made before submission still verifies at the next hop",
    citation: "RFC 6376 section 3.4; RFC 6376 section 6.1; RFC 8463 section 3; Postfix smtp_line_length_limit",
    severity: Severity::High,
    about: "Signs messages with Ed25519 in simple and in relaxed canonicalisation, with folded \
            headers, UTF-8, lines of 998 bytes, blanks at line ends, dots and empty lines at the \
            end, submits them, and verifies each on what the next hop got. A relay that hides \
            its clients must not cost their mail its signature: without it, it is spam.",
    repair: "By hand, smtp_line_length_limit = 0, no body_checks, no footer, no header_checks on \
             signed headers, and local_header_rewrite_clients empty.",
    needs: &[Need::Login, Need::Inbox],
    sabotages: &[
        BODY_FILTER.seen_as("the body hash"),
        Sabotage {
            name: "long lines are broken",
            changes: &[Change::Main("smtp_line_length_limit", "990")],
            sees: "the body hash",
        },
        Sabotage {
            name: "subjects are tagged",
            changes: &[Change::Main(
                "smtp_header_checks",
                "pcre:{{/^Subject:(.*)/ REPLACE Subject: [external]$$1}}",
            )],
            sees: "the signature of the headers",
        },
    ],
    ..Check::by(&signature_survives)
}];

/// How far a message may be changed on its way (RFC 6376 section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Canonical {
    Simple,
    Relaxed,
}

impl Canonical {
    fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }

    /// A header field without its line end.
    fn header(self, field: &str) -> String {
        let Some((name, value)) = field.split_once(':').filter(|_| self == Self::Relaxed) else {
            return field.to_owned();
        };
        let words: Vec<&str> = value.split([' ', '\t', '\r', '\n']).collect();
        let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
        format!("{}:{}", name.trim_end().to_lowercase(), words.join(" "))
    }

    /// A body, whose lines all end in CRLF.
    fn body(self, body: &str) -> String {
        let mut lines: Vec<String> = body.split("\r\n").map(|line| self.line(line)).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        if lines.is_empty() && self == Self::Relaxed {
            return String::new();
        }
        lines.join("\r\n") + "\r\n"
    }

    fn line(self, line: &str) -> String {
        if self == Self::Simple {
            return line.to_owned();
        }
        let mut relaxed = String::new();
        for character in line.trim_end_matches([' ', '\t']).chars() {
            if !matches!(character, ' ' | '\t') {
                relaxed.push(character);
            } else if !relaxed.ends_with(' ') {
                relaxed.push(' ');
            }
        }
        relaxed
    }
}

/// Canonicalisation of the headers and of the body.
const FORMS: [(Canonical, Canonical); 3] = [
    (Canonical::Simple, Canonical::Simple),
    (Canonical::Relaxed, Canonical::Simple),
    (Canonical::Relaxed, Canonical::Relaxed),
];

const SIGNED: [&str; 7] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "X-Folded",
];

async fn signature_survives(context: Context) -> Judged {
    let Ok(key) = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()) else {
        return broken("no key could be made");
    };
    let Ok(key) = Ed25519KeyPair::from_pkcs8(key.as_ref()) else {
        return broken("the key that was made cannot be read");
    };
    let key = &key;
    rows::each(
        &context,
        FORMS,
        |(header, body)| format!("c={}/{}", header.name(), body.name()),
        |context, form| async move {
            let message = signed(key, form);
            let mut session = logged_in(&context, login_listener(&context)?).await?;
            let commands = [
                format!("MAIL FROM:<{SENDER}> BODY=8BITMIME"),
                format!("RCPT TO:<{RECIPIENT}>"),
            ];
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            verified(key.public_key().as_ref(), form, &delivered.raw)
        },
    )
    .await
}

/// A message with its signature on top.
fn signed(key: &Ed25519KeyPair, form: (Canonical, Canonical)) -> Message {
    let body = format!(
        "Gr\u{fc}\u{df}e, \u{65e5}\u{672c}\u{8a9e}  \r\nthe relay's word\t \r\n.\r\n..\r\nFrom the start\r\n{}\r\n\r\nend\r\n\r\n\r\n",
        // The longest that mail may have (RFC 5322 section 2.1.1).
        "long line ".repeat(99) + "and end."
    );
    let plain = Message::from_to(SENDER, RECIPIENT)
        .header("X-Folded", "one\r\n two\r\n\t three  ")
        .header("MIME-Version", "1.0")
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("Content-Transfer-Encoding", "8bit")
        .body(body)
        .build();
    let text = String::from_utf8_lossy(plain.bytes()).into_owned();
    let (header, body) = form;
    let unsigned = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; c={}/{}; d=relaykit.example; s=check;\r\n\
         \th={};\r\n\tbh={};\r\n\tb=",
        header.name(),
        body.name(),
        SIGNED.join(":"),
        body_hash(body, &text),
    );
    let hash = header_hash(header, &text, &unsigned);
    let signature = STANDARD.encode(key.sign(&hash));
    Message::exact(format!("{unsigned}{signature}\r\n{text}"), plain.token())
}

fn verified(key: &[u8], (header, body): (Canonical, Canonical), raw: &[u8]) -> Judged {
    let text = String::from_utf8_lossy(raw).into_owned();
    let field = fields(raw)
        .into_iter()
        .find(|field| field.starts_with("DKIM-Signature:"));
    let parts = field.as_deref().and_then(|field| {
        let (unsigned, signature) = field.rsplit_once("b=")?;
        let (_, rest) = unsigned.split_once("bh=")?;
        let (hash, _) = rest.split_once(';')?;
        Some((format!("{unsigned}b="), signature, hash))
    });
    let Some((unsigned, signature, hash)) = parts else {
        return fail("the signature", "none, or another");
    };
    let found = body_hash(body, &text);
    require(found == hash, "the body hash that was signed", || {
        format!("the body hash is {found}, signed is {hash}")
    })?;
    let signature = STANDARD.decode(signature.trim()).unwrap_or_default();
    let message = header_hash(header, &text, &unsigned);
    let right = UnparsedPublicKey::new(&ED25519, key).verify(&message, &signature);
    require(
        right.is_ok(),
        "a signature that verifies",
        || "the signature of the headers does not verify",
    )
}

/// The value of `bh=` for the message `text`.
fn body_hash(form: Canonical, text: &str) -> String {
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    STANDARD.encode(digest(&SHA256, form.body(body).as_bytes()))
}

/// The hash of the signed headers of `text` and of the signature's own field, whose
/// `b=` is empty (RFC 6376 section 3.7).
fn header_hash(form: Canonical, text: &str, unsigned: &str) -> Vec<u8> {
    let all = fields(text.as_bytes());
    let mut input = String::new();
    for name in SIGNED {
        let named = |field: &&String| {
            let start = field.split(':').next().unwrap_or_default();
            start.eq_ignore_ascii_case(name)
        };
        if let Some(field) = all.iter().rev().find(named) {
            input.push_str(&form.header(field));
            input.push_str("\r\n");
        }
    }
    input.push_str(&form.header(unsigned));
    digest(&SHA256, input.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376 section 3.4.5.
    #[test]
    fn canonical_forms_are_those_of_the_standard() {
        let field = "B : Y\t\r\n\tZ  ";
        assert_eq!(Canonical::Relaxed.header(field), "b:Y Z");
        assert_eq!(Canonical::Simple.header(field), field);
        let body = " C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(Canonical::Relaxed.body(body), " C\r\nD E\r\n");
        assert_eq!(Canonical::Simple.body(body), " C \r\nD \t E\r\n");
        assert_eq!(Canonical::Relaxed.body(""), "");
        assert_eq!(Canonical::Simple.body(""), "\r\n");
    }

    #[test]
    fn a_signature_verifies_until_something_changes() {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let public = key.public_key().as_ref();
        for form in FORMS {
            let message = signed(&key, form);
            let arrived = [b"Received: by x\r\n", message.bytes()].concat();
            assert!(verified(public, form, &arrived).is_continue(), "{form:?}");
            let text = String::from_utf8(arrived).unwrap();
            for changed in [
                text.replace("Subject: ", "Subject: [x] "),
                text.replace("From the start", ">From the start"),
            ] {
                assert!(
                    verified(public, form, changed.as_bytes()).is_break(),
                    "{form:?}"
                );
            }
        }
    }
}
