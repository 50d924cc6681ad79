//! One stored message.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{FOLDER, READINESS};
use crate::lab::Error;

/// What the names of stored messages end in.
const ENDING: &str = ".eml";

/// A message as the next hop got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The name of its file in the sink without its ending; sorts by arrival.
    pub id: String,
    /// When the sink took it, to the microsecond.
    pub received_at: Timestamp,
    /// RFC 5321 reverse-path; empty for the null sender.
    pub envelope_from: String,
    /// RFC 5321 forward-paths.
    pub envelope_to: Vec<String>,
    /// The trace header that the sink itself wrote: how the relay spoke to it,
    /// over TLS or not. Lines end in CRLF.
    pub trace: String,
    /// The message byte for byte as the relay sent it, lines ending in CRLF.
    pub raw: Vec<u8>,
}

impl StoredMessage {
    /// Reads the file `name` with the content `bytes`.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let id = name.strip_suffix(ENDING).unwrap_or(name);
        let unreadable = |reason: &str| Error::Inbox {
            id: id.to_owned(),
            reason: reason.to_owned(),
        };
        let end = find(bytes, b"\n\n").ok_or_else(|| unreadable("it has no head"))?;
        let head =
            std::str::from_utf8(&bytes[..end]).map_err(|_| unreadable("its head is no text"))?;
        let mut message = Self {
            id: id.to_owned(),
            received_at: Timestamp::UNIX_EPOCH,
            envelope_from: String::new(),
            envelope_to: Vec::new(),
            trace: String::new(),
            raw: Vec::new(),
        };
        for line in head.lines() {
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
        let (trace, raw) = split_trace(&bytes[end + 2..])
            .ok_or_else(|| unreadable("it does not begin with the sink's own Received field"))?;
        message.trace = String::from_utf8_lossy(trace).into_owned();
        message.raw = raw.to_vec();
        Ok(message)
    }

    /// What it is called on the command line: eight digits that one can type, the same
    /// wherever it is asked for.
    #[must_use]
    pub fn handle(&self) -> String {
        let digest = Sha256::digest(&self.id);
        let digits = digest.iter().take(4);
        digits.fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }

    /// The name of its file in the sink.
    pub(super) fn file(&self) -> String {
        format!("{}{ENDING}", self.id)
    }

    /// Where its file is in the sink.
    pub(super) fn path(&self) -> String {
        format!("{FOLDER}/{}", self.file())
    }

    /// Whether `up` sent it to prove the lab ready.
    #[must_use]
    pub fn proves_readiness(&self) -> bool {
        self.envelope_to == [READINESS]
    }

    /// The first header field `name`, unfolded (RFC 5322 2.2.3), undecoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let end = find(&self.raw, b"\r\n\r\n").map_or(self.raw.len(), |end| end + 2);
        let text = String::from_utf8_lossy(&self.raw[..end]);
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
