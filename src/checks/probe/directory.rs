//! The two requests of RFC 4511 that checks of a directory need, simple bind and
//! search, over `ldaps://`.

mod ber;

use std::ops::ControlFlow;

use super::super::verdict::{broken, fail};
use super::super::{Context, Judged};
use super::session::answer;
use crate::smtp::{Connect, Session, TlsSettings};
use ber::{Value, element, integer, octets, sequence};

/// `success` of RFC 4511 section 4.1.9.
pub(in super::super) const SUCCESS: u8 = 0;

// Tags of RFC 4511 section 4.
const BIND_REQUEST: u8 = 0x60;
const SIMPLE_PASSWORD: u8 = 0x80;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const FILTER_PRESENT: u8 = 0x87;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_REFERENCE: u8 = 0x73;
const SEARCH_DONE: u8 = 0x65;
const ENUMERATED: u8 = 0x0a;
const BOOLEAN: u8 = 0x01;

/// A connection to the lab's directory.
pub(in super::super) struct Directory {
    context: Context,
    connection: Session,
    unread: Vec<u8>,
    message_id: u8,
}

/// An entry that a search has found.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Entry {
    /// Its distinguished name.
    pub(in super::super) dn: String,
    /// The attributes shown, without their values.
    pub(in super::super) attributes: Vec<String>,
}

impl Directory {
    /// Connects over TLS; the certificate must be the lab CA's, for `name`.
    pub(in super::super) async fn connect(context: &Context, name: &str) -> Judged<Self> {
        let Some(endpoint) = context.target().address("ldaps") else {
            return broken("the check asks the directory and did not say that it needs one");
        };
        let transcript = context.transcript();
        transcript.note(format!("connecting to ldaps://{endpoint}"));
        // SMTP's client carries the bytes; its transcript of them would not be readable.
        let tls = TlsSettings::trusting(name, &*context.target().ca_pem);
        let connected = Session::connect(endpoint, &Connect::wrapper(tls)).await;
        let expected = "ldaps:// with a certificate that the lab CA signed for the directory";
        ControlFlow::Continue(Self {
            context: context.clone(),
            connection: answer(connected, expected)?,
            unread: Vec::new(),
            message_id: 0,
        })
    }

    /// A simple bind (RFC 4511 section 4.2); the result code.
    pub(in super::super) async fn bind(&mut self, dn: &str, password: &str) -> Judged<u8> {
        let shown = if password.is_empty() {
            "no password"
        } else {
            "a password"
        };
        self.note(format!("C: bind as {dn:?} with {shown}"));
        let request = [
            integer(3),
            octets(dn.as_bytes()),
            element(SIMPLE_PASSWORD, password.as_bytes()),
        ];
        self.send(BIND_REQUEST, &request.concat()).await?;
        let (tag, body) = self.receive().await?;
        if tag != BIND_RESPONSE {
            return fail(
                "an answer to a bind",
                format!("an answer with tag {tag:#04x}"),
            );
        }
        self.result(&body)
    }

    /// Everything below `base` that may be seen, with all attributes (RFC 4511
    /// section 4.5); the entries and the result code.
    pub(in super::super) async fn search(&mut self, base: &str) -> Judged<(Vec<Entry>, u8)> {
        self.note(format!("C: search below {base:?} for all attributes"));
        let whole_subtree = element(ENUMERATED, &[2]);
        let never_dereference = element(ENUMERATED, &[0]);
        let names = [octets(b"*"), octets(b"+"), octets(b"userPassword")].concat();
        let request = [
            octets(base.as_bytes()),
            whole_subtree,
            never_dereference,
            integer(0),
            integer(0),
            element(BOOLEAN, &[0]),
            element(FILTER_PRESENT, b"objectClass"),
            sequence(&names),
        ];
        self.send(SEARCH_REQUEST, &request.concat()).await?;
        let mut entries = Vec::new();
        loop {
            let (tag, body) = self.receive().await?;
            match tag {
                SEARCH_ENTRY => entries.extend(self.entry(&body)),
                SEARCH_REFERENCE => {}
                SEARCH_DONE => return self.result(&body).map_continue(|code| (entries, code)),
                _ => return fail("an answer to a search", format!("tag {tag:#04x}")),
            }
        }
    }

    fn entry(&self, body: &[u8]) -> Option<Entry> {
        let fields = ber::values(body)?;
        let attributes = ber::values(&fields.get(1)?.content)?;
        let entry = Entry {
            dn: fields.first()?.text(),
            attributes: attributes
                .iter()
                .filter_map(|a| Some(ber::values(&a.content)?.first()?.text()))
                .collect(),
        };
        let Entry { dn, attributes } = &entry;
        self.note(format!("S: {dn}: {}", attributes.join(" ")));
        Some(entry)
    }

    fn result(&self, body: &[u8]) -> Judged<u8> {
        let fields = ber::values(body).unwrap_or_default();
        let Some(&code) = fields.first().and_then(|f| f.content.first()) else {
            return fail("a result code", "an answer without one");
        };
        let words = fields.get(2).map(Value::text).unwrap_or_default();
        self.note(format!("S: result {code} {words}"));
        ControlFlow::Continue(code)
    }

    fn note(&self, line: impl std::fmt::Display) {
        self.context.transcript().note(line);
    }

    async fn send(&mut self, tag: u8, body: &[u8]) -> Judged {
        self.message_id += 1;
        let message = sequence(&[integer(self.message_id), element(tag, body)].concat());
        let sent = self.connection.write_raw(&message).await;
        answer(sent, "a directory that listens")
    }

    /// The tag and content of the next answer.
    async fn receive(&mut self) -> Judged<(u8, Vec<u8>)> {
        loop {
            if let Some((message, length)) = ber::first(&self.unread) {
                let operation = ber::values(&message.content).and_then(|v| v.into_iter().nth(1));
                self.unread.drain(..length);
                return match operation {
                    Some(Value { tag, content }) => ControlFlow::Continue((tag, content)),
                    None => fail("an LDAP message (RFC 4511)", "something else"),
                };
            }
            let more = answer(
                self.connection.read_raw().await,
                "an answer of the directory",
            )?;
            if more.is_empty() {
                return fail("an answer", "the directory closed the connection");
            }
            self.unread.extend(more);
        }
    }
}
