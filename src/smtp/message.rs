//! Messages whose bytes are known, to be found again and compared.

use std::fmt::Write as _;

/// A message in wire form (RFC 5322): CRLF line ends, no dots stuffed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
    token: String,
}

impl Message {
    /// Starts a message between these addresses, with a token of its own.
    #[must_use]
    pub fn from_to(from: &str, to: &str) -> MessageBuilder {
        MessageBuilder {
            token: token(),
            from: from.to_owned(),
            to: to.to_owned(),
            subject: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// A message of exactly these bytes, whatever they are; `token` should be in them.
    #[must_use]
    pub fn exact(bytes: impl Into<Vec<u8>>, token: &str) -> Self {
        Self {
            bytes: bytes.into(),
            token: token.to_owned(),
        }
    }

    /// The bytes, as they are to arrive.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// 24 hexadecimal digits that no other message has.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The bytes up to and with the last header's line end.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.bytes[..self.split().0]
    }

    /// The bytes after the empty line.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.split().1..]
    }

    /// What was put before this message on its way: `Some(trace)` where `arrived`
    /// ends with exactly these bytes, `None` where anything was changed.
    #[must_use]
    pub fn trace_in<'a>(&self, arrived: &'a [u8]) -> Option<&'a [u8]> {
        arrived.strip_suffix(self.bytes.as_slice())
    }

    /// Where the headers end and the body starts.
    fn split(&self) -> (usize, usize) {
        let end = self
            .bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        end.map_or((self.bytes.len(), self.bytes.len()), |end| {
            (end + 2, end + 4)
        })
    }
}

/// Composes a [`Message`].
#[derive(Debug, Clone)]
pub struct MessageBuilder {
    token: String,
    from: String,
    to: String,
    subject: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl MessageBuilder {
    /// The token that the message will have.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The subject; by default `relaykit TOKEN`.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds a header before all others, as earlier servers do. The value may hold
    /// folded lines with CRLF.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, with line ends of any kind; they become CRLF. By default one line
    /// with the token.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The message. It has Date and Message-ID, so that no server needs to add them.
    #[must_use]
    pub fn build(self) -> Message {
        let Self {
            token,
            from,
            to,
            subject,
            headers,
            body,
        } = self;
        let mut text = String::new();
        let subject = subject.unwrap_or_else(|| format!("relaykit {token}"));
        let domain = from
            .rsplit_once('@')
            .map_or("relaykit.invalid", |(_, domain)| domain);
        let date = jiff::Timestamp::now()
            .strftime("%a, %d %b %Y %H:%M:%S +0000")
            .to_string();
        let own = [
            ("From", format!("<{from}>")),
            ("To", format!("<{to}>")),
            ("Subject", subject),
            ("Date", date),
            ("Message-ID", format!("<{token}@{domain}>")),
        ];
        let own = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        for (name, value) in headers.into_iter().chain(own) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        for line in body.unwrap_or_else(|| token.clone()).lines() {
            let _ = write!(text, "{line}\r\n");
        }
        Message {
            bytes: text.into_bytes(),
            token,
        }
    }
}

/// 96 random bits: enough to be alone in the world.
fn token() -> String {
    let mut bytes = [0; 12];
    let random = rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes);
    if random.is_err() {
        // Without the system's randomness the clock must do: unique, if not unguessable.
        let now = jiff::Timestamp::now().as_nanosecond().to_be_bytes();
        bytes.copy_from_slice(&now[4..]);
    }
    bytes.iter().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_and_in_wire_form() {
        let message = Message::from_to("alice@a.test", "bob@b.test")
            .header("X-Canary", "one\r\n two")
            .body("first\nsecond\r\n.dot")
            .build();
        let token = message.token();
        let text = String::from_utf8(message.bytes().to_vec()).unwrap();
        assert!(
            text.starts_with("X-Canary: one\r\n two\r\nFrom: <alice@a.test>\r\n"),
            "{text}"
        );
        assert!(
            text.contains(&format!("\r\nMessage-ID: <{token}@a.test>\r\n\r\n")),
            "{text}"
        );
        assert!(
            text.contains(&format!("\r\nSubject: relaykit {token}\r\n")),
            "{text}"
        );
        assert!(text.contains(" +0000\r\n"), "{text}");
        assert_eq!(message.body(), b"first\r\nsecond\r\n.dot\r\n");
        assert!(message.headers().ends_with(b"@a.test>\r\n"));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn no_two_messages_are_the_same() {
        let message = || Message::from_to("a@a.test", "b@b.test").build();
        assert_ne!(message().token(), message().token());
        assert_eq!(message().token().len(), 24);
    }

    #[test]
    fn any_change_on_the_way_is_seen() {
        let message = Message::from_to("a@a.test", "b@b.test").build();
        let arrived = [b"Received: by x\r\n", message.bytes()].concat();
        assert_eq!(
            message.trace_in(&arrived),
            Some(b"Received: by x\r\n".as_slice())
        );
        let mut changed = arrived;
        changed.push(b' ');
        assert_eq!(message.trace_in(&changed), None);
    }
}
