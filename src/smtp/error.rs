//! Why there was no reply.

use std::io;
use std::time::Duration;

use super::{Reply, Transcript};

/// What was being done, what came instead, and everything said before.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {failure}")]
pub struct Error {
    /// For example `the reply to EHLO client.test from 127.0.0.1:2587`.
    pub doing: String,
    /// What happened.
    #[source]
    pub failure: Failure,
    /// The conversation until then.
    pub transcript: Transcript,
}

/// What happened instead of a reply.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("cannot connect: {0}; is the relay up, and is this its port?")]
    Connect(#[source] io::Error),
    /// The server said nothing, or not enough, in time.
    #[error("nothing complete came within {waited:?}; unread: \"{read}\"")]
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// What had come without making a reply, escaped.
        read: String,
    },
    /// The server closed or reset the connection.
    #[error("the server closed the connection; unread: \"{read}\"")]
    Closed {
        /// What had come without making a reply, escaped.
        read: String,
    },
    /// What came is not a reply.
    #[error("not an SMTP reply (RFC 5321, 4.2): {reason}: \"{line}\"")]
    Malformed {
        /// The rule that it breaks.
        reason: &'static str,
        /// The line that breaks it, escaped and shortened.
        line: String,
    },
    /// The handshake failed, or the peer sent an alert later: with TLS 1.3 that is
    /// how a client certificate is refused. `AlertReceived` and
    /// `InvalidCertificate` say which. A server that resets the connection along
    /// with its alert may be seen as [`Failure::Closed`] instead.
    #[error("TLS: {0}")]
    Tls(#[source] Box<rustls::Error>),
    /// The TLS settings are no use: a broken PEM file, a bad server name.
    #[error("the TLS settings cannot be used: {0}")]
    Settings(String),
    /// A refusal where the operation needs consent: [`super::submit`],
    /// [`super::Session::starttls`].
    #[error("the server refused: {0}")]
    Refused(Box<Reply>),
    /// The server's EHLO reply lacks what is needed.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
    /// It would not be polite: see [`super::Manners`].
    #[error("not done: {0}")]
    Declined(String),
    /// The machine's own trouble.
    #[error(transparent)]
    Io(io::Error),
}

impl Failure {
    /// The reply that was a refusal.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused(reply) => Some(reply),
            _ => None,
        }
    }

    /// Sorts what reading, writing or shaking hands came back with; `read` is
    /// what had arrived and not been used.
    pub(super) fn sort(error: io::Error, read: String) -> Self {
        if let Some(tls) = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>())
        {
            return Self::Tls(Box::new(tls.clone()));
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed { read },
            _ => Self::Io(error),
        }
    }
}
