//! One stored message.

use std::fmt::Write as _;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::READINESS;
use crate::lab::Error;

/// What the names of stored messages end in.
const ENDING: &str = ".eml";

/// Digits of a message's name on the command line.
pub(super) const HANDLE: usize = 8;

/// What is known of a message without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The name of its file in the sink without its ending; sorts by arrival.
    pub id: String,
    /// When the sink had all of it, to the microsecond.
    pub received_at: Timestamp,
    /// RFC 5321 reverse-path; empty for the null sender.
    pub envelope_from: String,
    /// RFC 5321 forward-paths.
    pub envelope_to: Vec<String>,
    /// The trace header that the sink itself wrote: how the relay spoke to it,
    /// over TLS or not. Lines end in CRLF.
    pub trace: String,
    /// The message's own header, byte for byte.
    pub header: Vec<u8>,
    /// Bytes of the message as the relay sent it.
    pub size: usize,
}

/// A message as the next hop got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// What is known of it without its content.
    pub head: Head,
    /// The message byte for byte as the relay sent it, lines ending in CRLF.
    pub raw: Vec<u8>,
}

impl Deref for StoredMessage {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl StoredMessage {
    /// Reads the file `name` with the content `bytes`.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let (head, begins) = Head::read(name, bytes, bytes.len())?;
        let raw = bytes.get(begins..).unwrap_or_default().to_vec();
        Ok(Self { head, raw })
    }
}

impl Head {
    /// Reads the file `name` of `size` bytes, which begins with `bytes`: at least up to the end of
    /// the message's header.
    pub(super) fn parse(name: &str, bytes: &[u8], size: usize) -> Result<Self, Error> {
        Self::read(name, bytes, size).map(|(head, _)| head)
    }

    /// The same, and where the message begins, behind the sink's own trace.
    fn read(name: &str, bytes: &[u8], size: usize) -> Result<(Self, usize), Error> {
        let id = id(name);
        let unreadable = |reason: &str| Error::Inbox {
            id: id.to_owned(),
            reason: reason.to_owned(),
        };
        let end = find(bytes, b"\n\n").ok_or_else(|| unreadable("it has no head"))?;
        // An address need not be text.
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut message = Self {
            id: id.to_owned(),
            received_at: Timestamp::UNIX_EPOCH,
            envelope_from: String::new(),
            envelope_to: Vec::new(),
            trace: String::new(),
            header: Vec::new(),
            size: 0,
        };
        for line in head.split('\n') {
            let (name, value) = line.split_once(": ").ok_or_else(|| unreadable(line))?;
            match name {
                "relaykit-inbox" if value != "1" => {
                    return Err(unreadable("another version wrote it"));
                }
                "received" => {
                    message.received_at = timestamp(value).ok_or_else(|| unreadable(line))?;
                }
                "from" => path(value).clone_into(&mut message.envelope_from),
                "to" => message.envelope_to.push(path(value).to_owned()),
                _ => {}
            }
        }
        let (trace, content) = split_trace(&bytes[end + 2..])
            .ok_or_else(|| unreadable("it does not begin with the sink's own Received field"))?;
        message.trace = String::from_utf8_lossy(trace).into_owned();
        message.header = header(content).to_vec();
        let begins = end + 2 + trace.len();
        message.size = size.saturating_sub(begins);
        Ok((message, begins))
    }

    /// What it is called on the command line: eight digits that one can type, the same
    /// wherever it is asked for.
    #[must_use]
    pub fn handle(&self) -> String {
        let mut digits = digits(&self.id);
        digits.truncate(HANDLE);
        digits
    }

    /// The name of its file in the sink.
    pub(super) fn file(&self) -> String {
        format!("{}{ENDING}", self.id)
    }

    /// Whether `up` sent it to prove the lab ready.
    #[must_use]
    pub fn proves_readiness(&self) -> bool {
        self.envelope_to == [READINESS]
    }

    /// The first header field `name`, unfolded (RFC 5322 2.2.3), undecoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.header);
        let unfolded = text.replace("\r\n\t", "\t").replace("\r\n ", " ");
        unfolded.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .trim_end()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }
}

/// The id of the message in the file `name`.
pub(super) fn id(name: &str) -> &str {
    name.strip_suffix(ENDING).unwrap_or(name)
}

/// All digits of which a message's name on the command line is the beginning.
pub(super) fn digits(id: &str) -> String {
    let digest = Sha256::digest(id);
    let hex = |mut hex: String, byte: &u8| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    };
    digest.iter().fold(String::new(), hex)
}

/// The first header field, which must be `Received`, and what follows.
fn split_trace(message: &[u8]) -> Option<(&[u8], &[u8])> {
    if !message.starts_with(b"Received:") {
        return None;
    }
    let mut from = 0;
    loop {
        let end = from + find(&message[from..], b"\r\n")? + 2;
        if !matches!(message.get(end), Some(b' ' | b'\t')) {
            return Some(message.split_at(end));
        }
        from = end;
    }
}

/// The header of a message (RFC 5322 2.1), with the empty line that ends it.
fn header(message: &[u8]) -> &[u8] {
    let end = if message.starts_with(b"\r\n") {
        2
    } else {
        find(message, b"\r\n\r\n").map_or(message.len(), |end| end + 4)
    };
    &message[..end]
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    let seconds = Timestamp::from_second(seconds.parse().ok()?).ok()?;
    seconds
        .checked_add(SignedDuration::from_nanos(nanoseconds.parse().ok()?))
        .ok()
}

fn path(value: &str) -> &str {
    value
        .strip_prefix('<')
        .and_then(|v| v.strip_suffix('>'))
        .unwrap_or(value)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &[u8] = b"relaykit-inbox: 1\nreceived: 1764000000.250000000\nqueue-id: 4F\n\
        from: <alice@example.test>\nto: <bob@example.org>\nto: <carol@example.org>\n\n\
        Received: from relay (relay [172.18.0.2])\r\n\t(using TLSv1.3)\r\n\tby sink; date\r\n\
        Received: by relay; date\r\nSubject: two\r\n words\r\n\r\nbody\r\n";

    #[test]
    fn the_sinks_own_trace_is_taken_off() {
        let message = StoredMessage::parse("a", STORED).unwrap();
        assert_eq!(
            message.trace,
            "Received: from relay (relay [172.18.0.2])\r\n\t(using TLSv1.3)\r\n\tby sink; date\r\n"
        );
        assert_eq!(
            message.raw,
            b"Received: by relay; date\r\nSubject: two\r\n words\r\n\r\nbody\r\n"
        );
        assert_eq!(message.envelope_from, "alice@example.test");
        assert_eq!(
            message.envelope_to,
            ["bob@example.org", "carol@example.org"]
        );
        assert_eq!(message.received_at.to_string(), "2025-11-24T16:00:00.25Z");
        assert_eq!(message.subject(), "two words");
    }

    #[test]
    fn a_head_is_the_beginning_of_a_message() {
        let message = StoredMessage::parse("a.eml", STORED).unwrap();
        let end = find(STORED, b"\r\n\r\n").unwrap() + 4;
        let head = Head::parse("a.eml", &STORED[..end], STORED.len()).unwrap();
        assert_eq!(head, message.head);
        assert_eq!(head.size, message.raw.len());
        assert_eq!(head.handle(), digits("a")[..8]);
        for (content, header) in [
            ("\r\na: b\r\n\r\n", "\r\n"),
            ("", ""),
            ("a: b\r\n", "a: b\r\n"),
        ] {
            let text = format!("from: <>\n\nReceived: x\r\n{content}");
            let message = StoredMessage::parse("a.eml", text.as_bytes()).unwrap();
            assert_eq!(message.header, header.as_bytes());
            assert_eq!(message.raw, content.as_bytes());
        }
    }

    #[test]
    fn an_address_that_is_no_text_hides_no_other_message() {
        let stored = b"from: <\xff@b>\nto: <c@d>\n\nReceived: x\r\n";
        let message = StoredMessage::parse("a.eml", stored).unwrap();
        assert_eq!(message.envelope_from, "\u{fffd}@b");
    }

    #[test]
    fn the_null_sender_is_empty() {
        let text = String::from_utf8_lossy(STORED).replace("<alice@example.test>", "<>");
        assert_eq!(
            StoredMessage::parse("a", text.as_bytes())
                .unwrap()
                .envelope_from,
            ""
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = StoredMessage::parse("a.eml", b"Received: x\r\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the stored message a cannot be read: it has no head"
        );
        let text = String::from_utf8_lossy(STORED).replace("inbox: 1", "inbox: 2");
        let error = StoredMessage::parse("a.eml", text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("another version"), "{error}");
    }
}
