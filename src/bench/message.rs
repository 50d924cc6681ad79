//! The messages that are sent: of one size, and each with an id of its own, so that no
//! server takes two of them for the same.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// A line of a body, as long as people's.
const LINE: &[u8] = b"The quick brown fox jumps over the lazy dog, and again: 0123456789abcdef\r\n";

/// Makes messages.
#[derive(Debug)]
pub(super) struct Messages {
    token: String,
    head: String,
    body: Vec<u8>,
    number: AtomicU64,
}

/// The header field that every message of `bench` has: the run's token.
pub(super) const FIELD: &str = "X-Relaykit-Bench";

impl Messages {
    /// Messages of `size` bytes, as far as the header leaves room.
    pub(super) fn new(token: &str, sender: &str, recipient: &str, size: usize) -> Self {
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
        let mut head = format!("{FIELD}: {token}\r\n");
        // Writing to a String cannot fail.
        let _ = write!(
            head,
            "From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: relaykit bench\r\nDate: {date}\r\n"
        );
        let mut messages = Self {
            token: token.to_owned(),
            head,
            body: Vec::new(),
            number: AtomicU64::new(0),
        };
        let room = size.saturating_sub(messages.id(0).len() + messages.head.len() + 2);
        messages.body = body(room);
        messages
    }

    fn id(&self, number: u64) -> String {
        format!(
            "Message-ID: <{number:012}.{}@relaykit.invalid>\r\n",
            self.token
        )
    }

    /// Another one, with the end of data (RFC 5321 4.5.2). No line begins with a dot.
    pub(super) fn next(&self) -> Vec<u8> {
        let id = self.id(self.number.fetch_add(1, Ordering::Relaxed));
        [
            id.as_bytes(),
            self.head.as_bytes(),
            b"\r\n",
            &self.body,
            b".\r\n",
        ]
        .concat()
    }
}

/// Lines of so many bytes together, or of the next number that lines can have.
fn body(room: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(room);
    while body.len() + LINE.len() <= room {
        body.extend_from_slice(LINE);
    }
    let rest = room - body.len();
    if rest > 0 {
        body.resize(body.len() + rest.saturating_sub(2), b'x');
        body.extend_from_slice(b"\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_an_id_of_its_own() {
        for size in [512, 1024, 1025, 1026, 1027, 100_000] {
            let messages = Messages::new("abc", "a@a.test", "b@b.test", size);
            let (one, two) = (messages.next(), messages.next());
            let content = one.strip_suffix(b".\r\n").unwrap();
            assert!(
                content.len().abs_diff(size) <= 1,
                "{size}: {}",
                content.len()
            );
            assert!(content.ends_with(b"\r\n"));
            assert_ne!(one, two);
            let text = String::from_utf8(one).unwrap();
            assert!(text.contains("\r\nX-Relaykit-Bench: abc\r\n"), "{text}");
            assert!(text.split("\r\n").all(|line| line.len() <= 78), "{size}");
        }
    }

    #[test]
    fn a_header_alone_is_longer_than_a_very_small_message() {
        let messages = Messages::new("abc", "a@a.test", "b@b.test", 10);
        assert!(messages.next().ends_with(b"\r\n\r\n.\r\n"));
    }
}
