//! `relay`: what is relayed without a login, and how large.

use crate::config::problem::Refusal;
use crate::config::setting::Setting;
use crate::config::syntax;
use crate::config::value::{List, Size, Word, equal, equal_in_any_case};

/// Relaying without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Postfix `mynetworks`, in CIDR notation; empty: nobody.
    pub trusted_networks: Vec<String>,
    /// Postfix `relay_domains`: accepted without login on `smtp`, for delivery to the next hop.
    pub domains: Vec<String>,
    /// Bytes.
    pub message_size_limit: u64,
    /// Which envelope senders a login may use.
    pub sender_login: SenderLogin,
}

/// `relay.sender_login`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderLogin {
    /// Any.
    Any,
    /// Those that the directory has as `mail` of the entry that logged in, and the
    /// null sender, which read receipts must have (RFC 8098 section 3).
    Own,
}

impl SenderLogin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Any, Self::Own];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Own => "own",
        }
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            trusted_networks: Vec::new(),
            domains: Vec::new(),
            message_size_limit: 25 << 20,
            sender_login: SenderLogin::Any,
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Relay>] = &[
    Setting {
        name: "trusted_networks",
        value: &List {
            what: "a network such as 192.0.2.0/24",
            at: |relay: &mut Relay| &mut relay.trusted_networks,
            read: syntax::network,
            same: equal,
            wary: Some(wary_of_trust),
        },
        about: "networks that relay without a login",
        doc: "Clients in these networks send mail to anywhere on port 25, and nobody asks them who \
              they are. An empty list lets nobody relay without a login, which is safer: behind an \
              engine's port proxy strangers can seem to come from an address of a network of its \
              own.",
        example: "[192.0.2.0/24, '[2001:db8::]/32']",
        source: "Postfix mynetworks; Postfix smtpd_relay_restrictions",
        parameters: &["mynetworks", "mynetworks_style"],
        promised: "these relay without a login, and nobody else",
        ..Setting::USUAL
    },
    Setting {
        name: "domains",
        value: &List {
            what: "a domain",
            at: |relay: &mut Relay| &mut relay.domains,
            read: syntax::domain,
            same: equal_in_any_case,
            wary: None,
        },
        about: "domains accepted without a login, for delivery to the next hop",
        doc: "Mail to these domains is taken from anybody on port 25 and handed to the next hop, \
              which has their mailboxes. A recipient whom the next hop does not take is refused \
              before the message is sent. With an empty list no mail is taken without a login.",
        example: "[example.com, example.org]",
        source: "Postfix relay_domains; Postfix reject_unverified_recipient",
        parameters: &["relay_domains"],
        promised: "mail to these is taken without a login",
        ..Setting::USUAL
    },
    Setting {
        name: "message_size_limit",
        value: &Size(|relay: &mut Relay| &mut relay.message_size_limit),
        about: "the largest message accepted",
        doc: "The largest message, headers and encoded attachments included, that a client may \
              send. The reply to EHLO announces it. An attachment grows by a third when it is \
              encoded for mail.",
        example: "50MiB",
        source: "Postfix message_size_limit; RFC 1870",
        parameters: &["message_size_limit"],
        promised: "the size of a message",
        ..Setting::USUAL
    },
    Setting {
        name: "sender_login",
        value: &Word {
            at: |relay: &mut Relay| &mut relay.sender_login,
            all: &SenderLogin::ALL,
            name: SenderLogin::name,
        },
        about: "own: MAIL FROM must belong to the login",
        doc: "With `own` a login sends only from the addresses that its entry in the directory has \
              as `mail`, and from the null sender, which read receipts must have (RFC 8098). With \
              `any` whoever has logged in may write any sender on the envelope. The `From` header \
              is compared in neither case.",
        example: "own",
        source: "Postfix smtpd_sender_login_maps; Postfix reject_sender_login_mismatch",
        ..Setting::USUAL
    },
];

fn wary_of_trust(network: &str) -> Option<Refusal> {
    let why = "an engine's own networks can lie in this one, and behind its port proxy strangers \
               come from them";
    let hint = "relaying without a login is safer left off";
    syntax::can_be_an_engines(network).then(|| Refusal::new(why).hint(hint))
}
