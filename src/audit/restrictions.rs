//! smtpd's access lists (`SMTPD_ACCESS_README`): each list of each service is walked in its
//! order, as smtpd does, until something ends it for everybody.
//!
//! A recipient is taken where `smtpd_relay_restrictions` and `smtpd_recipient_restrictions`
//! both let it pass, and a list that comes to its end lets pass. It is the first that keeps
//! strangers from relaying here; an OK in any other list only skips what stands behind it.

use super::access::{Action, Restriction, restrictions};
use super::effective::{Place, Service};
use super::rules::{content, relaying};
use super::table::{self, Content, Row};
use super::words::words;
use super::{Reader, Rule, known};

/// The lists that smtpd asks, and the kind of access table that a bare table in them is.
const LISTS: [(&str, &str); 8] = [
    ("smtpd_client_restrictions", "client"),
    ("smtpd_helo_restrictions", "helo"),
    ("smtpd_sender_restrictions", "sender"),
    ("smtpd_relay_restrictions", "recipient"),
    ("smtpd_recipient_restrictions", "recipient"),
    ("smtpd_data_restrictions", "client"),
    ("smtpd_end_of_data_restrictions", "client"),
    ("smtpd_etrn_restrictions", "etrn"),
];

const RELAY: &str = "smtpd_relay_restrictions";

/// Nothing passes these that has no right to relay.
const CLOSING: [&str; 5] = [
    "defer",
    "defer_if_permit",
    "defer_unauth_destination",
    "reject",
    "reject_unauth_destination",
];

/// Refusals that say who somebody may not claim to be.
const OWNERSHIP: [&str; 4] = [
    "reject_authenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
    "reject_sender_login_mismatch",
    "reject_unauthenticated_sender_login_mismatch",
];

/// The limit's own policy service.
const OURS: &str = "unix:/run/limits/socket";

/// Restrictions of restrictions of restrictions end somewhere.
const DEPTH: usize = 6;

impl Reader<'_> {
    pub(super) fn restrictions(&mut self) {
        let effective = self.effective;
        let smtpd = effective.services().iter();
        for service in smtpd.filter(|service| service.command == "smtpd") {
            for (list, kind) in LISTS {
                if let Some((place, value)) = effective.of(service, list) {
                    let list = List {
                        name: list,
                        kind,
                        place: &place,
                        service,
                    };
                    self.list(&list, &value);
                }
            }
        }
    }

    fn list(&mut self, list: &List<'_>, value: &str) {
        let all = restrictions(words(value));
        for (at, one) in all.iter().enumerate() {
            let behind = &all[at + 1..];
            if one.tried && CLOSING.contains(&one.name.as_str()) {
                let does = format!(
                    "{} only writes a warning, and lets everybody pass",
                    one.name
                );
                self.find(&relaying::ONLY_WARNS, list.place, does);
                continue;
            }
            if self.one(list, one, behind, DEPTH) {
                return;
            }
        }
        if list.name == RELAY && !value.is_empty() {
            let does = format!("{RELAY} comes to its end without a refusal: anybody may relay");
            self.find(&relaying::ANYBODY_RELAYS, list.place, does);
        }
    }

    /// Whether the list ends there for everybody.
    fn one(
        &mut self,
        list: &List<'_>,
        one: &Restriction,
        behind: &[Restriction],
        depth: usize,
    ) -> bool {
        if depth == 0 {
            return false;
        }
        let name = one.name.as_str();
        if let Some(kind) = access_kind(one, list.kind) {
            if let Some(table) = &one.argument {
                self.access(list, &kind, table, behind, depth);
            }
            return false;
        }
        if CLOSING.contains(&name) {
            // Behind reject_unauth_destination there are only those who may relay.
            return list.name == RELAY || matches!(name, "reject" | "defer");
        }
        match name {
            "permit" => {
                self.permitted(
                    list,
                    list.place,
                    "anybody",
                    behind,
                    &relaying::ANYBODY_RELAYS,
                );
                true
            }
            "permit_inet_interfaces" => {
                let who = "a client with one of the relay's own addresses";
                self.permitted(list, list.place, who, behind, &relaying::CLIENT_RELAYS);
                false
            }
            "permit_mx_backup" => {
                let who = "mail to any domain whose MX is the relay";
                self.permitted(list, list.place, who, behind, &relaying::RECIPIENT_RELAYS);
                false
            }
            "permit_tls_all_clientcerts" => {
                let who = "a client with any certificate that a CA of smtpd_tls_CAfile signed";
                self.permitted(list, list.place, who, behind, &relaying::CERTIFICATE_RELAYS);
                false
            }
            "permit_tls_clientcerts" => {
                self.fingerprints(list, behind);
                false
            }
            "check_policy_service" => {
                let service = one.argument.clone().unwrap_or_default();
                if service != OURS {
                    let does = format!("the program at {service} decides in {}", list.name);
                    self.find(&relaying::POLICY_DECIDES, list.place, does);
                }
                false
            }
            _ => self.class(list, name, behind, depth),
        }
    }

    /// A class of restrictions (`RESTRICTION_CLASS_README`).
    fn class(&mut self, list: &List<'_>, name: &str, behind: &[Restriction], depth: usize) -> bool {
        let classes = self
            .effective
            .main("smtpd_restriction_classes")
            .unwrap_or_default();
        if !words(&classes).iter().any(|class| class == name) {
            if !name.starts_with('$') && !known::is_known(name) {
                let does = format!("{} has {name}, which is no restriction", list.name);
                self.find(&relaying::UNKNOWN_RESTRICTION, list.place, does);
            }
            return false;
        }
        let inside = self.effective.main(name).unwrap_or_default();
        let inside = restrictions(words(&inside));
        for (at, one) in inside.iter().enumerate() {
            let behind: Vec<Restriction> = [&inside[at + 1..], behind].concat();
            if self.one(list, one, &behind, depth - 1) {
                return true;
            }
        }
        false
    }

    fn access(
        &mut self,
        list: &List<'_>,
        kind: &str,
        table: &str,
        behind: &[Restriction],
        depth: usize,
    ) {
        for row in self.rows(table, list.place) {
            let who = subject(kind, &row);
            self.acted(list, kind, &row, &who, behind, depth);
        }
    }

    fn acted(
        &mut self,
        list: &List<'_>,
        kind: &str,
        row: &Row,
        who: &str,
        behind: &[Restriction],
        depth: usize,
    ) {
        let place = &row.place;
        match Action::read(&row.value) {
            Action::Permit => self.permitted(list, place, who, behind, relays(kind)),
            Action::Nothing => self.tell(place, format!("{who} is left to the rules behind it")),
            Action::Refuse => self.tell(place, format!("{who} is refused")),
            Action::Hold => self.find(
                &content::HELD,
                place,
                format!("{who} is held until somebody releases it"),
            ),
            Action::Discard => {
                self.find(
                    &content::DROPPED,
                    place,
                    format!("{who} is taken and thrown away"),
                );
            }
            Action::Filter(to) => {
                self.find(
                    &content::REROUTED,
                    place,
                    format!("{who} goes to {to} first"),
                );
            }
            Action::Redirect(to) => {
                self.find(
                    &content::REDIRECTED,
                    place,
                    format!("{who} goes to {to} instead"),
                );
            }
            Action::Copy(to) => {
                self.find(&content::COPIED, place, format!("{who} is copied to {to}"));
            }
            Action::Prepend(header) => {
                let does = format!("{who} gets the header {header:?}");
                self.find(&content::HEADER_ADDED, place, does);
            }
            Action::Log => self.tell(place, format!("{who} is noted in the log")),
            Action::Restrictions(more) => {
                let inside = restrictions(words(&more));
                for (at, one) in inside.iter().enumerate() {
                    let rest: Vec<Restriction> = [&inside[at + 1..], behind].concat();
                    if one.name == "permit" {
                        self.permitted(list, place, who, &rest, relays(kind));
                        return;
                    }
                    let there = List { place, ..*list };
                    if depth > 1 && self.one(&there, one, &rest, depth - 1) {
                        return;
                    }
                }
                self.tell(place, format!("{who} is judged by {more}"));
            }
        }
    }

    /// What an OK comes to, in this list and before what stands `behind` it.
    fn permitted(
        &mut self,
        list: &List<'_>,
        place: &Place,
        who: &str,
        behind: &[Restriction],
        rule: &'static Rule,
    ) {
        if list.name == RELAY {
            let may = if who.starts_with("mail") || who.starts_with("all mail") {
                "is relayed for anybody"
            } else {
                "may relay"
            };
            return self.find(rule, place, format!("{who} {may}"));
        }
        let refusal = |one: &&Restriction| {
            let refuses = ["reject", "defer", "check_policy"];
            refuses.iter().any(|word| one.name.starts_with(word))
        };
        let Some(skipped) = behind.iter().find(refusal) else {
            return self.tell(place, format!("{who} passes {}", list.name));
        };
        if OWNERSHIP.contains(&skipped.name.as_str()) {
            let does = format!("{who} may send under anybody's name");
            return self.find(&relaying::SENDS_AS_ANOTHER, place, does);
        }
        let does = format!(
            "{who} passes {} before {} is asked",
            list.name, skipped.name
        );
        self.find(&relaying::RULE_SKIPPED, place, does);
    }

    fn fingerprints(&mut self, list: &List<'_>, behind: &[Restriction]) {
        let Some((place, tables)) = self.effective.of(list.service, "relay_clientcerts") else {
            return;
        };
        for table in words(&tables) {
            for row in self.rows(&table, &place) {
                let who = row.key.of(
                    "a client with any certificate",
                    "a client with the certificate ",
                );
                let rule = &relaying::CERTIFICATE_RELAYS;
                self.permitted(list, &row.place, &who, behind, rule);
            }
        }
    }

    /// The entries of a table; one that cannot be read is a finding of its own.
    pub(super) fn rows(&mut self, table: &str, by: &Place) -> Vec<Row> {
        match table::read(table, by, self.tables) {
            Content::Rows(rows) => rows,
            Content::Elsewhere => {
                let does = format!(
                    "what {table} answers is decided elsewhere, and can change at any time"
                );
                self.find(&relaying::ASKED_ELSEWHERE, by, does);
                Vec::new()
            }
            Content::Unread => {
                self.find(
                    &relaying::UNREAD,
                    by,
                    format!("{table} cannot be read here, so nobody has judged it"),
                );
                Vec::new()
            }
            Content::Unknown(kind) => {
                let does = format!("{table}: the relay's Postfix has no tables of type {kind}");
                self.find(&relaying::NO_SUCH_TABLE, by, does);
                Vec::new()
            }
        }
    }
}

/// A list of a service.
#[derive(Clone, Copy)]
struct List<'a> {
    name: &'static str,
    kind: &'static str,
    place: &'a Place,
    service: &'a Service,
}

/// `check_client_access` is of kind `client`; a bare table is of the list's own kind.
fn access_kind(one: &Restriction, own: &str) -> Option<String> {
    if one.name.is_empty() {
        return Some(own.to_owned());
    }
    let kind = one.name.strip_prefix("check_")?.strip_suffix("_access")?;
    Some(kind.to_owned())
}

/// The rule for an OK in an access table of this kind.
fn relays(kind: &str) -> &'static Rule {
    match kind {
        "helo" => &relaying::HELO_RELAYS,
        kind if kind.starts_with("sender") => &relaying::SENDER_RELAYS,
        kind if kind.starts_with("recipient") => &relaying::RECIPIENT_RELAYS,
        "ccert" => &relaying::CERTIFICATE_RELAYS,
        _ => &relaying::CLIENT_RELAYS,
    }
}

/// Whom an entry is about.
fn subject(kind: &str, row: &Row) -> String {
    let key = &row.key;
    match kind {
        "client" => key.of("every client", "a client of "),
        "reverse_client_hostname" => key.of("every client", "a client whose address has the name "),
        "helo" => key.of("every client", "a client that says HELO "),
        "sender" => key.of("all mail", "mail from "),
        "recipient" => key.of("all mail", "mail to "),
        "ccert" => key.of(
            "every client with a certificate",
            "a client with the certificate ",
        ),
        "sasl" => key.of("every login", "the login "),
        "etrn" => key.of("every ETRN", "ETRN for "),
        other => {
            let (of, what) = other.rsplit_once('_').unwrap_or((other, "address"));
            let what = match what {
                "a" => "address",
                "mx" => "mail server",
                "ns" => "name server",
                other => other,
            };
            let of = of.replace('_', " ");
            key.of(&format!("every {of}"), &format!("a {of} whose {what} is "))
        }
    }
}
