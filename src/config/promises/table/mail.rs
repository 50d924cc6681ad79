//! Promises of `privacy`, `outbound` and `limits`: what leaves, and how much.

use super::super::Place;
use super::super::words::{comes_to, everybody, has};
use super::{ALWAYS, COUNTED, Key, MARK, Promise, checked, removes_earlier, rewritten};
use crate::audit::is_yes;
use crate::config::spec::{Listener, Received};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        key: Key::Says("privacy.received", checked),
        promised: "headers of mail that came by login are looked at before it leaves",
        parameters: &["receive_override_options"],
        taken: |over| {
            let counts = over.place == Place::Main || over.place.has_logins(over.spec);
            (counts && has(over.value, "no_header_body_checks"))
                .then_some("take no_header_body_checks out of NAME")
        },
    },
    Promise {
        key: Key::Says("privacy.received", checked),
        promised: "a cleanup of its own rewrites the headers of mail that came by login",
        parameters: &[
            "cleanup_service_name",
            "header_checks",
            "smtpd_proxy_filter",
        ],
        taken: |over| {
            let counts = match over.name {
                "header_checks" => over.place == Place::Cleanup,
                "smtpd_proxy_filter" => {
                    !over.value.is_empty()
                        && (over.place == Place::Main || over.place.has_logins(over.spec))
                }
                // A line of master.cf may be a copy of ours.
                _ => {
                    let ours = matches!(over.value.trim(), "cleanup-login" | "cleanup-mixed");
                    over.place.has_logins(over.spec) && !ours
                }
            };
            counts.then_some(
                "remove NAME; privacy.strip_headers takes further headers off, and a filter \
                 behind the queue (content_filter) gets what was rewritten",
            )
        },
    },
    Promise {
        key: Key::Says("privacy.received", rewritten),
        promised: "`rewrite`, no trace header leaves that tells of a client",
        parameters: &["smtp_header_checks", "mail_name"],
        taken: |over| {
            let table = "pcre:/etc/relaykit/postfix/departing_header_checks";
            let taken = match over.name {
                "mail_name" => over.place.has_logins(over.spec) && over.value.trim() != MARK,
                _ => !has(over.value, table),
            };
            taken.then_some(
                "leave mail_name of listeners with logins alone, and begin smtp_header_checks \
                 with pcre:/etc/relaykit/postfix/departing_header_checks",
            )
        },
    },
    Promise {
        key: Key::Says("privacy.earlier_received", |spec| {
            removes_earlier(spec) && !rewritten(spec)
        }),
        promised: "the relay's own trace header is told from those that a message brings along",
        parameters: &["mail_name"],
        taken: |over| {
            let taken = over.place.has_logins(over.spec) && over.value.trim() != MARK;
            taken.then_some("leave mail_name of listeners with logins alone")
        },
    },
    Promise {
        key: Key::Written("privacy.received"),
        promised: "what the trace header of mail that came by login tells",
        parameters: &["smtpd_hide_client_session"],
        taken: |over| {
            let hide = over.spec.privacy.received == Received::Hide;
            let counts = over.place == Place::Main || over.place.has_logins(over.spec);
            (counts && is_yes(over.value) != hide).then_some("remove NAME and write hide there")
        },
    },
    Promise {
        key: Key::Written("privacy.show_login"),
        promised: "whether the trace header names the login",
        parameters: &["smtpd_sasl_authenticated_header"],
        taken: |over| {
            // Where the header is rewritten, that decides.
            let ours = rewritten(over.spec) && is_yes(over.value);
            (!ours).then_some("remove NAME here and write the value there")
        },
    },
    Promise {
        key: Key::Says("tls.outbound.policies", ALWAYS),
        promised: "what a lab shows of a next hop's TLS holds in production",
        parameters: &["smtp_tls_policy_maps"],
        taken: |over| {
            // A table of the operator's own may come from elsewhere (MTA-STS). One that
            // stands here names next hops, and in a lab others stand in for them.
            let here = ["inline:", "static:"].iter();
            let mut here = here.filter(|kind| over.value.contains(*kind));
            here.next().is_some().then_some(
                "write the next hop and its level in tls.outbound.policies: a lab then has it for \
                 the server that stands in",
            )
        },
    },
    Promise {
        key: Key::Written("limits.connections_per_client"),
        promised: "connections of one client at once",
        parameters: &[
            "smtpd_client_event_limit_exceptions",
            "smtpd_upstream_proxy_protocol",
        ],
        taken: |over| match over.name {
            "smtpd_upstream_proxy_protocol" => (!over.value.is_empty()).then_some(
                "leave limits.connections_per_client to its default: with the PROXY protocol \
                 whoever reaches the port names his own address",
            ),
            _ => {
                everybody(over.value).then_some("name those clients alone whom no limit shall hold")
            }
        },
    },
    Promise {
        key: Key::Says("limits.messages_per_login_per_hour", |spec| {
            spec.limits.messages_per_login_per_hour.is_some()
        }),
        promised: "the messages of each login are counted",
        parameters: &[
            "smtpd_data_restrictions",
            "smtpd_policy_service_default_action",
        ],
        taken: |over| {
            let counts = over.place.has_logins(over.spec)
                || over.place == Place::Main && over.spec.auth.listeners.contains(&Listener::Smtp);
            if over.name == "smtpd_data_restrictions" {
                return (counts && !comes_to(over.value, COUNTED)).then_some(
                    "begin NAME with check_policy_service unix:/run/limits/socket; on ports \
                     where everybody logs in end it with permit_sasl_authenticated, reject",
                );
            }
            let action = over.value.trim().to_ascii_lowercase();
            let refuses = action.starts_with(['4', '5'])
                || action.starts_with("defer")
                || action.starts_with("reject");
            (!refuses).then_some(
                "write an action that refuses, such as 451 4.3.5 try again later: without an \
                 answer nothing is counted",
            )
        },
    },
];
