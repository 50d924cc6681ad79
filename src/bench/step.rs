//! What is timed of a message, from the wish to send it to the server's last word.

use std::time::Duration;

use serde::Serialize;

/// A stretch of time of one message. Those from `Connect` to `Quit` follow one another;
/// `Login` and `Message` are sums as a client feels them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// From the time at which a message was to be sent until a client was free for it.
    Wait,
    /// The TCP connection.
    Connect,
    /// From there, and from the handshake where TLS is first, to the whole greeting (220).
    Greeting,
    /// The first EHLO.
    Ehlo,
    /// The handshake, with STARTTLS and its reply where that comes first.
    Tls,
    /// The EHLO after STARTTLS: what the server still writes for the handshake comes first.
    EhloAgain,
    /// AUTH (RFC 4954), to 235.
    Auth,
    /// MAIL FROM.
    Mail,
    /// Each RCPT TO.
    Rcpt,
    /// DATA, to 354.
    Data,
    /// The content and its end, to 250: the server has taken the message over.
    End,
    /// QUIT, to 221.
    Quit,
    /// From the wish to log in to 235: all of the above up to AUTH.
    Login,
    /// From the wish to send a message to 250 at its end. It begins when the message was
    /// to be sent, whether or not a client was free then.
    Message,
}

impl Step {
    /// All of them, in the order in which they happen.
    pub const ALL: [Self; 14] = [
        Self::Wait,
        Self::Connect,
        Self::Greeting,
        Self::Ehlo,
        Self::Tls,
        Self::EhloAgain,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::End,
        Self::Quit,
        Self::Login,
        Self::Message,
    ];

    /// Its key in JSON, and its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Tls => "tls",
            Self::EhloAgain => "ehlo_again",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::End => "end",
            Self::Quit => "quit",
            Self::Login => "login",
            Self::Message => "message",
        }
    }
}

/// A step that was taken, and how long it took.
pub(super) type Taken = (Step, Duration);
