//! `privacy`: what a delivered message may tell of its sender.

use crate::config::setting::Setting;
use crate::config::syntax;
use crate::config::value::{Flag, List, Word, equal_in_any_case};

/// What the next hop learns of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    /// What becomes of the trace header of a message that came by login.
    pub received: Received,
    /// What becomes of the trace headers that such a message brings along.
    pub earlier_received: EarlierReceived,
    /// Whether the trace header names the login.
    pub show_login: bool,
    /// Further header fields that are removed from messages that came by login.
    pub strip_headers: Vec<String>,
    /// Whether mail that came by login gets the `Date`, `Message-ID` and `From` that it
    /// lacks (RFC 6409 section 8).
    pub add_missing_headers: bool,
}

/// `privacy.received`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A whole trace header (by, with, id, for, date) without the client.
    Rewrite,
    /// Postfix's own short form (`smtpd_hide_client_session`): no `with`, never a login.
    Hide,
    /// As Postfix writes it, client and all.
    Keep,
}

impl Received {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rewrite, Self::Hide, Self::Keep];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Hide => "hide",
            Self::Keep => "keep",
        }
    }
}

/// `privacy.earlier_received`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierReceived {
    /// They stay as they are.
    Keep,
    /// They are taken off; the relay's own stays.
    Remove,
}

impl EarlierReceived {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Remove];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            received: Received::Rewrite,
            earlier_received: EarlierReceived::Keep,
            show_login: true,
            strip_headers: Vec::new(),
            add_missing_headers: true,
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Privacy>] = &[
    Setting {
        name: "received",
        value: &Word {
            at: |privacy: &mut Privacy| &mut privacy.received,
            all: &Received::ALL,
            name: Received::name,
        },
        about: "what becomes of the trace header of mail that came by login",
        doc: "What the relay's own trace header tells of a client that has logged in. `rewrite` \
              leaves a whole and valid header that names the relay in the client's place. `hide` \
              is Postfix's own short form, which names nobody. `keep` leaves the client's name and \
              address as they are. Mail that came without a login keeps its trace in each of them.",
        example: "keep",
        source: "RFC 5321 section 4.4; Postfix smtpd_hide_client_session; Postfix header_checks",
        ..Setting::USUAL
    },
    Setting {
        name: "earlier_received",
        value: &Word {
            at: |privacy: &mut Privacy| &mut privacy.earlier_received,
            all: &EarlierReceived::ALL,
            name: EarlierReceived::name,
        },
        about: "what becomes of the trace headers that mail by login brings along",
        doc: "A web mailer writes a `Received` header with the address of its user's browser before \
              the message comes here. `keep` leaves such headers as they are. `remove` takes all \
              of them off mail that came by login, and leaves the relay's own, and those inside \
              attached messages. Write `remove` only where every login is a mail program or a \
              web mailer: servers find loops by counting these headers (RFC 5321 section 6.3), \
              and section 4.4 tells servers to leave them. Mail that came without a login keeps \
              its trace. Not with smtp in auth.listeners, since header checks cannot tell there \
              which message came by login.",
        example: "remove",
        source: "RFC 5321 section 4.4; RFC 5321 section 6.3; Postfix header_checks",
        ..Setting::USUAL
    },
    Setting {
        name: "show_login",
        value: &Flag(|privacy: &mut Privacy| &mut privacy.show_login),
        about: "whether the trace header names the login",
        doc: "Whether the trace header of mail that came by login has the comment `(Authenticated \
              sender: alice)`, so that abuse can be told apart. It has no effect with `received: \
              hide`, which never shows a login.",
        example: "false",
        source: "Postfix smtpd_sasl_authenticated_header",
        ..Setting::USUAL
    },
    Setting {
        name: "strip_headers",
        value: &List {
            what: "the name of a header field",
            at: |privacy: &mut Privacy| &mut privacy.strip_headers,
            read: syntax::header_name,
            same: equal_in_any_case,
            wary: None,
        },
        about: "further header fields removed from mail that came by login",
        doc: "Header fields that are taken off mail that came by login, by name, in any case of \
              letters: those in which a mail program or a web mailer tells of its user. Attached \
              messages keep theirs.",
        example: "[User-Agent, X-Originating-IP]",
        source: "Postfix header_checks",
        ..Setting::USUAL
    },
    Setting {
        name: "add_missing_headers",
        value: &Flag(|privacy: &mut Privacy| &mut privacy.add_missing_headers),
        about: "whether mail by login gets the Date, Message-ID and From that it lacks",
        doc: "Whether mail that came by login gets the `Date`, `Message-ID` and `From` that it \
              lacks: today's date, an id with the relay's name in it, the sender of the envelope. \
              Programs and devices send such mail, and filters take it for spam. Mail that came \
              without a login gets nothing, and neither does mail on port 25 where relay.domains \
              names a domain.",
        example: "false",
        source: "Postfix always_add_missing_headers; RFC 6409 section 8",
        parameters: &["always_add_missing_headers"],
        promised: "whether mail by login gets the headers that it lacks",
        ..Setting::USUAL
    },
];
