//! Promises of `hostname` and `relay`: who relays, and where strangers end.

use super::super::Place;
use super::super::words::{comes_to, everybody, has};
use super::{ALWAYS, CLOSED, Key, OWNER_RULES, Promise, strangers};
use crate::config::spec::{Listener, SenderLogin};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        key: Key::Says("relay.trusted_networks", |spec| {
            !spec.relay.trusted_networks.is_empty()
        }),
        promised: "these networks alone relay without a login",
        parameters: &["smtpd_upstream_proxy_protocol"],
        taken: |over| {
            (!over.value.is_empty()).then_some(
                "write trusted_networks: []: whoever reaches the port says with the PROXY \
                 protocol that he comes from such a network",
            )
        },
    },
    Promise {
        key: Key::Says("relay.trusted_networks", ALWAYS),
        promised: "nobody else relays without a login",
        parameters: &["smtpd_relay_restrictions"],
        taken: |over| {
            let open = match over.place {
                Place::Main | Place::Listener(Listener::Smtp) | Place::Other => {
                    !comes_to(over.value, CLOSED)
                }
                Place::Listener(_) => !comes_to(over.value, &["reject", "defer"]),
                Place::Cleanup => false,
            };
            open.then_some(
                "add your rules before ours: permit_mynetworks, permit_sasl_authenticated and \
                 reject_unauth_destination on port 25, permit_sasl_authenticated and reject on \
                 ports of logins; a bare permit lets everybody relay",
            )
        },
    },
    Promise {
        key: Key::Says("relay.trusted_networks", |spec| {
            !spec.relay.trusted_networks.is_empty()
        }),
        promised: "these networks relay without a login",
        parameters: &["smtpd_relay_restrictions"],
        taken: |over| {
            (over.place.is_port_25() && !has(over.value, "permit_mynetworks"))
                .then_some("put permit_mynetworks before reject_unauth_destination")
        },
    },
    Promise {
        key: Key::Says("relay.domains", |spec| {
            let list = spec.postfix.main.get("relay_recipient_maps");
            strangers(spec) && list.is_none_or(String::is_empty)
        }),
        promised: "a recipient whom the next hop does not take is refused before DATA",
        parameters: &["smtpd_recipient_restrictions"],
        taken: |over| {
            (over.place.is_port_25() && !comes_to(over.value, &["reject_unverified_recipient"]))
                .then_some(
                    "end NAME with permit_mynetworks, permit_sasl_authenticated, \
                     reject_unverified_recipient, or name all recipients in relay_recipient_maps",
                )
        },
    },
    Promise {
        key: Key::Says("relay.domains", strangers),
        promised: "a recipient whom the next hop does not take is refused for good",
        parameters: &[
            "unverified_recipient_reject_code",
            "unverified_recipient_defer_code",
        ],
        taken: |over| {
            let right = match over.name {
                "unverified_recipient_reject_code" => ['4', '5'].as_slice(),
                _ => ['4'].as_slice(),
            };
            (!over.value.trim().starts_with(right))
                .then_some("write 550 to refuse for good, and 450 to refuse for now")
        },
    },
    Promise {
        key: Key::Says("relay.domains", strangers),
        promised: "strangers get no reports, which would go to senders that they forge",
        parameters: &["smtpd_discard_ehlo_keywords"],
        taken: |over| {
            (over.place.is_port_25() && !has(over.value, "dsn")).then_some("add dsn to NAME")
        },
    },
    Promise {
        key: Key::Says("relay.domains", strangers),
        promised: "nothing but mail for these domains is taken without a login",
        parameters: &["address_verify_sender"],
        taken: |over| {
            (!matches!(over.value.trim(), "" | "<>"))
                .then_some("remove NAME: mail to that address is taken from anybody")
        },
    },
    Promise {
        key: Key::Says("relay.sender_login", |spec| {
            spec.relay.sender_login == SenderLogin::Own
        }),
        promised: "`own`, a login sends only from its own addresses",
        parameters: &["smtpd_sender_restrictions"],
        taken: |over| {
            let counts = over.place == Place::Main || over.place.has_logins(over.spec);
            (counts && !comes_to(over.value, OWNER_RULES)).then_some(
                "begin NAME with reject_authenticated_sender_login_mismatch, and add your own \
                 rules behind it",
            )
        },
    },
    Promise {
        key: Key::Says("relay", ALWAYS),
        promised: "nobody hides a second message in his own (SMTP smuggling, CVE-2023-51764)",
        parameters: &[
            "smtpd_forbid_bare_newline",
            "smtpd_forbid_bare_newline_exclusions",
        ],
        taken: |over| match over.name {
            "smtpd_forbid_bare_newline" => {
                let value = over.value.trim().to_ascii_lowercase();
                (!matches!(value.as_str(), "yes" | "normalize" | "reject"))
                    .then_some("write normalize or reject")
            }
            _ => everybody(over.value).then_some(
                "name those clients alone that cannot be mended, each by its own address",
            ),
        },
    },
];
