//! Mail transactions and the commands around them.

use super::{Error, Failure, Reply, Session, TlsFacts, TlsSettings, xtext};

impl Session {
    /// STARTTLS and the handshake (RFC 3207).
    ///
    /// # Errors
    /// [`Failure::Refused`] where the reply is not 220; as [`Session::handshake`].
    pub async fn starttls(&mut self, settings: &TlsSettings) -> Result<&TlsFacts, Error> {
        let reply = self.command("STARTTLS").await?;
        if reply.code != 220 {
            return Err(self.error("STARTTLS", Failure::Refused(Box::new(reply))));
        }
        self.handshake(settings).await
    }

    /// `MAIL FROM:<address>`; parameters go through [`Session::command`].
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn mail_from(&mut self, address: &str) -> Result<Reply, Error> {
        self.command(&format!("MAIL FROM:<{address}>")).await
    }

    /// `RCPT TO:<address>`.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn rcpt_to(&mut self, address: &str) -> Result<Reply, Error> {
        self.command(&format!("RCPT TO:<{address}>")).await
    }

    /// DATA and, after 354, `message` with dots stuffed and the end of data
    /// (RFC 5321, 4.5.2); the reply that ends it. A missing last CRLF is added,
    /// nothing else is changed: only a dot after CRLF is doubled.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn data(&mut self, message: &[u8]) -> Result<Reply, Error> {
        let reply = self.command("DATA").await?;
        if reply.code != 354 {
            return Ok(reply);
        }
        self.recorder.sent_message(message.len());
        self.transmit(&stuffed(message)).await?;
        self.read_reply().await
    }

    /// DATA and, after 354, `bytes` as they stand, which should hold an end of data
    /// of some spelling; one reply is read.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn data_raw(&mut self, bytes: &[u8]) -> Result<Reply, Error> {
        let reply = self.command("DATA").await?;
        if reply.code != 354 {
            return Ok(reply);
        }
        self.write_raw(bytes).await?;
        self.read_reply().await
    }

    /// One BDAT chunk, command and bytes in one write (RFC 3030).
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn bdat(&mut self, chunk: &[u8], last: bool) -> Result<Reply, Error> {
        let command = format!(
            "BDAT {}{}\r\n",
            chunk.len(),
            if last { " LAST" } else { "" }
        );
        self.recorder.sent(command.as_bytes());
        self.recorder.sent_chunk(chunk.len());
        self.transmit(&[command.as_bytes(), chunk].concat()).await?;
        self.read_reply().await
    }

    /// XCLIENT with these attributes, values encoded as xtext. The reply is the
    /// server's new greeting, 220, or a refusal; after it the session is as after a
    /// connection: EHLO comes next.
    /// See <https://www.postfix.org/XCLIENT_README.html>.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn xclient(&mut self, attributes: &[(&str, &str)]) -> Result<Reply, Error> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| format!(" {name}={}", xtext(value)));
        self.command(&format!("XCLIENT{}", attributes.collect::<String>()))
            .await
    }

    /// QUIT; ends the session.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn quit(mut self) -> Result<Reply, Error> {
        self.command("QUIT").await
    }

    /// Whether the server has ended its side, under TLS by the alert for that (`close_notify`,
    /// RFC 8446 section 6.1); known after [`Session::expect_closed`].
    #[must_use]
    pub fn ended_by_server(&self) -> bool {
        self.wire.ended()
    }
}

/// `message` with the dots at line starts doubled and the end of data after it.
pub(super) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 64);
    for &byte in message {
        if byte == b'.' && (bytes.is_empty() || bytes.ends_with(b"\r\n")) {
            bytes.push(b'.');
        }
        bytes.push(byte);
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[test]
    fn dots_are_stuffed_after_crlf_alone() {
        for (message, sent) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.b\r\n..\r\n", "a\r\n..b\r\n...\r\n.\r\n"),
            ("a\n.b\r\n", "a\n.b\r\n.\r\n"),
            ("a\r.b", "a\r.b\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(message.as_bytes()), sent.as_bytes(), "{message:?}");
        }
    }
}
