//! The requests of RFC 4511 that checks of a directory need, over `ldaps://`.

mod ber;

use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail};
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
const MODIFY_REQUEST: u8 = 0x66;
const MODIFY_RESPONSE: u8 = 0x67;
const ADD_REQUEST: u8 = 0x68;
const ADD_RESPONSE: u8 = 0x69;
const DELETE_REQUEST: u8 = 0x4a;
const DELETE_RESPONSE: u8 = 0x6b;
const SET: u8 = 0x31;
const ENUMERATED: u8 = 0x0a;
const BOOLEAN: u8 = 0x01;

/// A connection to the lab's directory.
pub(in super::super) struct Directory {
    context: Context,
    connection: Session,
    unread: Vec<u8>,
    message_id: u8,
}

/// An attribute with its values (RFC 4511 section 4.1.7).
fn values(attribute: &str, all: &[&str]) -> Vec<u8> {
    let all: Vec<_> = all.iter().map(|value| octets(value.as_bytes())).collect();
    sequence(&[octets(attribute.as_bytes()), element(SET, &all.concat())].concat())
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

    /// Puts `value` in the place of all values of an attribute (RFC 4511 section
    /// 4.6); the result code.
    pub(in super::super) async fn replace(
        &mut self,
        dn: &str,
        attribute: &str,
        value: &str,
    ) -> Judged<u8> {
        const REPLACE: u8 = 2;
        self.modify(REPLACE, dn, attribute, value).await
    }

    /// Takes one value away from an attribute (RFC 4511 section 4.6); the result code.
    pub(in super::super) async fn take_away(
        &mut self,
        dn: &str,
        attribute: &str,
        value: &str,
    ) -> Judged<u8> {
        const DELETE: u8 = 1;
        self.modify(DELETE, dn, attribute, value).await
    }

    async fn modify(&mut self, how: u8, dn: &str, attribute: &str, value: &str) -> Judged<u8> {
        self.note(format!("C: modify {attribute} of {dn:?}"));
        let change = [element(ENUMERATED, &[how]), values(attribute, &[value])].concat();
        let request = [octets(dn.as_bytes()), sequence(&sequence(&change))].concat();
        self.send(MODIFY_REQUEST, &request).await?;
        self.code_of(MODIFY_RESPONSE).await
    }

    /// Adds an entry (RFC 4511 section 4.7); the result code.
    pub(in super::super) async fn add(
        &mut self,
        dn: &str,
        attributes: &[(&str, &[&str])],
    ) -> Judged<u8> {
        self.note(format!("C: add {dn:?}"));
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, all)| values(name, all))
            .collect();
        let request = [octets(dn.as_bytes()), sequence(&attributes.concat())].concat();
        self.send(ADD_REQUEST, &request).await?;
        self.code_of(ADD_RESPONSE).await
    }

    /// Removes an entry (RFC 4511 section 4.8); the result code.
    pub(in super::super) async fn remove(&mut self, dn: &str) -> Judged<u8> {
        self.note(format!("C: delete {dn:?}"));
        self.send(DELETE_REQUEST, dn.as_bytes()).await?;
        self.code_of(DELETE_RESPONSE).await
    }

    async fn code_of(&mut self, response: u8) -> Judged<u8> {
        let (tag, body) = self.receive().await?;
        if tag == response {
            self.result(&body)
        } else {
            fail(
                "an answer to a change",
                format!("an answer with tag {tag:#04x}"),
            )
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
