//! `limits`: limits on clients.

use crate::config::setting::{Need, Setting};
use crate::config::syntax;
use crate::config::value::{List, Number, NumberOrNone, equal};

/// Limits on clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `smtpd_client_connection_count_limit`.
    pub connections_per_client: u32,
    /// Messages, whatever the number of their recipients, that one login may send
    /// within any hour; `None`: no limit.
    pub messages_per_login_per_hour: Option<u32>,
    /// How many logins may fail within a minute, from one address and for one name,
    /// once twice as many have; `None`: any number.
    pub failed_logins_per_minute: Option<u32>,
    /// Networks, in CIDR notation, of addresses that many people share: failed logins
    /// from there put none of them off.
    pub shared_addresses: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_client: 50,
            messages_per_login_per_hour: None,
            failed_logins_per_minute: Some(10),
            shared_addresses: Vec::new(),
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Limits>] = &[
    Setting {
        name: "connections_per_client",
        value: &Number {
            at: |limits: &mut Limits| &mut limits.connections_per_client,
            least: 1,
            most: 100_000,
        },
        about: "connections at once from one address",
        doc: "How many connections one address may have open at once. One more gets `421` and is \
              closed. Many people behind one address, as in an office, need more.",
        example: "7",
        source: "Postfix smtpd_client_connection_count_limit",
        parameters: &["smtpd_client_connection_count_limit"],
        promised: "connections of one client at once",
        ..Setting::USUAL
    },
    Setting {
        name: "messages_per_login_per_hour",
        value: &NumberOrNone {
            at: |limits: &mut Limits| &mut limits.messages_per_login_per_hour,
            least: 1,
            most: 1_000_000_000,
        },
        need: Need::Nullable,
        about: "messages of one login in an hour; null: no limit",
        doc: "How many messages one person may send within any sixty minutes, whatever the number of \
              their recipients and under every spelling of the login. One more gets `450 4.7.1` at \
              `DATA`, and a mail program tries again later. The counts are gone with the relay's \
              container.",
        example: "300",
        source: "Postfix check_policy_service",
        ..Setting::USUAL
    },
    Setting {
        name: "failed_logins_per_minute",
        value: &NumberOrNone {
            at: |limits: &mut Limits| &mut limits.failed_logins_per_minute,
            least: 1,
            most: 100_000,
        },
        need: Need::Nullable,
        about: "failed logins of one address, and of one name; null: no limit",
        doc: "How many logins a minute are tried from an address, and for a name, once twice as many \
              have failed. Others get `454` after three seconds. Whoever has logged in from an \
              address within a day has a count of their own there, so that a guesser beside them \
              keeps nobody out.",
        example: "9",
        source: "RFC 4954 section 6",
        ..Setting::USUAL
    },
    Setting {
        name: "shared_addresses",
        value: &List {
            what: "a network in CIDR notation",
            at: |limits: &mut Limits| &mut limits.shared_addresses,
            read: syntax::network,
            same: equal,
            wary: None,
        },
        about: "addresses that many people share: failed logins put none of them off",
        doc: "Networks whose clients are many people behind few addresses, such as those of an \
              office or of a web mailer. Failed logins from there put nobody off.",
        example: "[198.51.100.0/24]",
        source: "RFC 6302",
        ..Setting::USUAL
    },
];
