//! The first answer to a hand-made `ClientHello`: a `ServerHello` (RFC 5246 section
//! 7.4.1.3, RFC 8446 section 4.1.3) or a refusal.

use std::fmt;
use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::Judged;
use super::client_hello::{ClientHello, Version};
use super::session::{CLIENT, answer, command, ehlo, greeted, open, pass_by};
use crate::config::Listener;
use crate::smtp::{Failure, Session};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// The server goes on with the handshake.
    Hello(Box<ServerHello>),
    /// An alert, by its number (RFC 8446 section 6).
    Alert(u8),
    /// The end of the connection.
    Closed,
    /// What is no TLS, as it begins.
    Other(String),
}

/// What a server chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ServerHello {
    /// The version.
    pub(in super::super) version: Version,
    /// Its random, which may tell of a downgrade.
    pub(in super::super) random: [u8; 32],
    /// The cipher suite.
    pub(in super::super) suite: u16,
    /// The compression method.
    pub(in super::super) compression: u8,
    /// The extensions, by number.
    pub(in super::super) extensions: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    /// The `ServerHello`, if it is one.
    pub(in super::super) fn hello(&self) -> Option<&ServerHello> {
        match self {
            Self::Hello(hello) => Some(hello),
            _ => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(hello) => write!(f, "a ServerHello for {}", hello.version),
            Self::Alert(number) => match alert(*number) {
                Some(name) => write!(f, "the alert {name}"),
                None => write!(f, "the alert {number}"),
            },
            Self::Closed => f.write_str("the end of the connection"),
            Self::Other(bytes) => write!(f, "no TLS: {bytes:?}"),
        }
    }
}

impl ServerHello {
    /// What it says in this extension.
    pub(in super::super) fn extension(&self, number: u16) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(other, _)| *other == number);
        found.map(|(_, content)| content.as_slice())
    }

    /// Reads a whole handshake message; `None` where it is no `ServerHello`.
    fn parse(message: &[u8]) -> Option<Self> {
        let mut rest = Reader(message);
        if rest.take(1)? != [SERVER_HELLO] {
            return None;
        }
        rest.take(3)?;
        let legacy = rest.number()?;
        let random = rest.take(32)?.try_into().ok()?;
        let session = rest.take(1)?[0];
        rest.take(session.into())?;
        let suite = rest.number()?;
        let compression = rest.take(1)?[0];
        let mut extensions = Vec::new();
        if !rest.0.is_empty() {
            let length = rest.number()?;
            let mut list = Reader(rest.take(length.into())?);
            while !list.0.is_empty() {
                let number = list.number()?;
                let length = list.number()?;
                extensions.push((number, list.take(length.into())?.to_vec()));
            }
        }
        // TLS 1.3 says so in an extension, and 1.2 in the old place.
        let supported = extensions.iter().find(|(number, _)| *number == 43);
        let version = match supported.map(|(_, content)| content.as_slice()) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => legacy,
        };
        Some(Self {
            version: Version(version),
            random,
            suite,
            compression,
            extensions,
        })
    }
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const KEY: u8 = 12;
const DONE: u8 = 14;

/// The alerts that a hello is refused with.
fn alert(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        109 => "missing_extension",
        112 => "unrecognized_name",
        120 => "no_application_protocol",
        _ => return None,
    })
}

/// A session that waits for a `ClientHello`, after STARTTLS where the listener has it.
pub(in super::super) async fn awaiting_hello(
    context: &Context,
    listener: Listener,
) -> Judged<Session> {
    let mut session = open(context, listener, None).await?;
    if listener != Listener::Submissions {
        greeted(context, listener, &mut session).await?;
        ehlo(&mut session, CLIENT).await?;
        let ready = command(&mut session, "STARTTLS").await?;
        pass_by(&ready, 220, "STARTTLS")?;
    }
    ControlFlow::Continue(session)
}

/// Makes an offer to `listener` on a connection of its own.
pub(in super::super) async fn offer(
    context: &Context,
    listener: Listener,
    hello: &ClientHello,
) -> Judged<Answer> {
    let mut session = awaiting_hello(context, listener).await?;
    say(&mut session, &hello.record()).await
}

/// Sends `bytes` where a `ClientHello` is awaited and reads the answer.
pub(in super::super) async fn say(session: &mut Session, bytes: &[u8]) -> Judged<Answer> {
    answer(session.write_raw(bytes).await, "a server that reads")?;
    let found = until(session, first).await?.unwrap_or(Answer::Closed);
    session.transcript().note(format_args!("answer: {found}"));
    ControlFlow::Continue(found)
}

/// The group that the server of TLS 1.2 takes for its key (RFC 8422 section 5.4),
/// or what it answers instead of a `ServerHello`; `None` where it sends no such key.
pub(in super::super) async fn group_of_key(
    context: &Context,
    listener: Listener,
    hello: &ClientHello,
) -> Judged<Result<Option<u16>, Answer>> {
    let mut session = awaiting_hello(context, listener).await?;
    let sent = session.write_raw(&hello.record()).await;
    answer(sent, "a server that reads")?;
    let found = until(&mut session, |bytes| match first(bytes)? {
        Answer::Hello(_) => group(bytes).map(Ok),
        other => Some(Err(other)),
    });
    ControlFlow::Continue(found.await?.unwrap_or(Err(Answer::Closed)))
}

/// Reads until `found` finds something in all that has come; `None` where the
/// server ends the connection before that.
async fn until<T>(session: &mut Session, found: impl Fn(&[u8]) -> Option<T>) -> Judged<Option<T>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(found) = found(&bytes) {
            return ControlFlow::Continue(Some(found));
        }
        let more = match session.read_raw().await {
            Err(error) if matches!(error.failure, Failure::Closed { .. }) => Vec::new(),
            other => answer(other, "an answer to a ClientHello")?,
        };
        if more.is_empty() {
            return ControlFlow::Continue(None);
        }
        bytes.extend(more);
    }
}

/// The first message in `bytes`, once it is whole.
fn first(bytes: &[u8]) -> Option<Answer> {
    match *bytes.first()? {
        ALERT => bytes.get(6).map(|number| Answer::Alert(*number)),
        HANDSHAKE => {
            let messages = messages(bytes);
            Some(match ServerHello::parse(messages.first()?) {
                Some(hello) => Answer::Hello(Box::new(hello)),
                None => Answer::Other("another handshake message".to_owned()),
            })
        }
        _ => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
            Some(Answer::Other(text.into_owned()))
        }
    }
}

/// The group in the server's key, once it or the end of what the server says is there.
#[allow(
    clippy::option_option,
    reason = "nobody knows yet, there is none, there is this one"
)]
fn group(bytes: &[u8]) -> Option<Option<u16>> {
    messages(bytes)
        .iter()
        .find_map(|message| match message[..] {
            // A named curve, by its number.
            [KEY, _, _, _, 3, high, low, ..] => Some(Some(u16::from_be_bytes([high, low]))),
            [KEY | DONE, ..] => Some(None),
            _ => None,
        })
}

/// The whole handshake messages in `bytes`; one may be in more records than one,
/// and one record may have several.
fn messages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Reader(bytes);
    let mut content = Vec::new();
    while let Some(record) = records.record() {
        content.extend(record);
    }
    let mut rest = Reader(&content);
    std::iter::from_fn(|| {
        let [_, high, middle, low, ..] = *rest.0 else {
            return None;
        };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize + 4;
        rest.take(length).map(<[u8]>::to_vec)
    })
    .collect()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The content of one record of the handshake.
    fn record(&mut self) -> Option<&'a [u8]> {
        if self.take(3)?.first() != Some(&HANDSHAKE) {
            return None;
        }
        let length = self.number()?;
        self.take(length.into())
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `ServerHello` of TLS 1.3 in two records.
    fn hello() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([1, 9, 0x13, 0x02, 0, 0, 10]);
        body.extend([0, 43, 0, 2, 3, 4, 0, 15, 0, 0]);
        let mut message = vec![2, 0, 0, u8::try_from(body.len()).unwrap()];
        message.extend(body);
        let (one, two) = message.split_at(20);
        let record = |piece: &[u8]| {
            let length = u8::try_from(piece.len()).unwrap();
            [&[22, 3, 3, 0, length], piece].concat()
        };
        [record(one), record(two)].concat()
    }

    #[test]
    fn a_server_hello_is_read_across_records() {
        let bytes = hello();
        assert_eq!(first(&bytes[..30]), None);
        let answer = first(&bytes).unwrap();
        let hello = answer.hello().unwrap();
        assert_eq!((hello.version, hello.suite), (Version::TLS13, 0x1302));
        assert_eq!(hello.extension(15), Some(&[] as &[u8]));
        assert_eq!(hello.extension(16), None);
        assert_eq!(answer.to_string(), "a ServerHello for TLS 1.3");
    }

    #[test]
    fn the_group_is_in_the_servers_key() {
        let mut bytes = hello();
        assert_eq!(group(&bytes), None);
        bytes.extend([22, 3, 3, 0, 8, 12, 0, 0, 4, 3, 0, 21, 0]);
        assert_eq!(group(&bytes), Some(Some(21)));
        let without = [hello(), vec![22, 3, 3, 0, 4, 14, 0, 0, 0]].concat();
        assert_eq!(group(&without), Some(None));
    }

    #[test]
    fn an_alert_and_plain_text_are_told_apart() {
        let alert = first(&[21, 3, 1, 0, 2, 2, 70]).unwrap();
        assert_eq!(alert.to_string(), "the alert protocol_version");
        let text = first(b"554 no\r\n").unwrap();
        assert_eq!(text.to_string(), "no TLS: \"554 no\\r\\n\"");
        assert_eq!(first(&[21, 3]), None);
    }
}
