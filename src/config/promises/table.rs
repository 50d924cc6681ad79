//! The promises, in the order of relay.yaml.

use super::words::{comes_to, everybody, has, is_yes};
use super::{Override, Place};
use crate::config::spec::{ClientCertificates, Listener, Received, SenderLogin, Spec};

/// Something that relay.yaml promises and Postfix parameters carry out.
pub(super) struct Promise {
    pub(super) key: Key,
    /// What becomes of it, in words that go on after a colon.
    pub(super) promised: &'static str,
    /// The parameters that could take it back.
    pub(super) parameters: &'static [&'static str],
    /// What to write instead, if this override does take it back. `NAME` stands for
    /// the parameter.
    pub(super) taken: fn(&Override<'_>) -> Option<&'static str>,
}

/// Where a promise is made.
pub(super) enum Key {
    /// By whoever writes the key.
    Written(&'static str),
    /// By what the key comes to, written or not.
    Says(&'static str, fn(&Spec) -> bool),
}

/// Two places for one value.
const fn twice(
    key: &'static str,
    promised: &'static str,
    parameters: &'static [&'static str],
) -> Promise {
    Promise {
        key: Key::Written(key),
        promised,
        parameters,
        taken: |_| Some("remove NAME here and write the value there"),
    }
}

const ALWAYS: fn(&Spec) -> bool = |_| true;

/// The rule of `relay.sender_login: own`.
const OWNER_RULES: &[&str] = &[
    "reject_authenticated_sender_login_mismatch",
    "reject_sender_login_mismatch",
];

/// What ends a list for everybody who has no right to relay.
const CLOSED: &[&str] = &[
    "reject_unauth_destination",
    "defer_unauth_destination",
    "reject",
    "defer",
];

/// How `limits.messages_per_login_per_hour` is asked.
const COUNTED: &[&str] = &["check_policy_service unix:/run/limits/socket"];

/// What smtpd calls itself on listeners with logins (`render::MARK`).
const MARK: &str = "relaykit-own-trace";

fn offered(spec: &Spec) -> bool {
    !spec.auth.listeners.is_empty()
}

fn rewritten(spec: &Spec) -> bool {
    spec.privacy.received == Received::Rewrite
}

/// Whether header checks work on mail that came by login.
fn checked(spec: &Spec) -> bool {
    rewritten(spec) || !spec.privacy.strip_headers.is_empty()
}

fn strangers(spec: &Spec) -> bool {
    !spec.relay.domains.is_empty() && spec.listeners.smtp.is_some()
}

pub(super) const PROMISES: &[Promise] = &[
    twice("hostname", "the relay's name", &["myhostname"]),
    twice(
        "relay.trusted_networks",
        "these relay without a login, and nobody else",
        &["mynetworks", "mynetworks_style"],
    ),
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
    twice(
        "relay.domains",
        "mail to these is taken without a login",
        &["relay_domains"],
    ),
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
    twice(
        "relay.message_size_limit",
        "the size of a message",
        &["message_size_limit"],
    ),
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
        key: Key::Says("auth.listeners", ALWAYS),
        promised: "logins on these ports, and on no other",
        parameters: &["smtpd_sasl_auth_enable"],
        taken: |over| {
            let yes = is_yes(over.value);
            let wrong = match over.place {
                // Listeners with logins have an option of their own.
                Place::Main => yes && !over.spec.auth.listeners.contains(&Listener::Smtp),
                Place::Listener(_) => yes != over.place.has_logins(over.spec),
                Place::Cleanup | Place::Other => false,
            };
            wrong.then_some("remove NAME and name the listener there")
        },
    },
    Promise {
        key: Key::Says("auth.listeners", offered),
        promised: "logins under TLS alone",
        parameters: &["smtpd_tls_auth_only"],
        taken: |over| {
            (!is_yes(over.value)).then_some("remove NAME: passwords would travel in clear")
        },
    },
    Promise {
        key: Key::Says("auth.listeners", offered),
        promised: "logins, under TLS alone",
        parameters: &["smtpd_tls_security_level", "smtpd_tls_wrappermode"],
        taken: |over| {
            let level = over.value.trim();
            let wrong = match (over.place, over.name) {
                (Place::Main, "smtpd_tls_security_level") => {
                    level == "none" && over.spec.auth.listeners.contains(&Listener::Smtp)
                }
                (Place::Listener(Listener::Smtp), "smtpd_tls_security_level") => {
                    level == "none" && over.place.has_logins(over.spec)
                }
                (Place::Listener(_), "smtpd_tls_security_level") => level != "encrypt",
                (Place::Main, _) => is_yes(level),
                (Place::Listener(listener), _) => {
                    is_yes(level) != (listener == Listener::Submissions)
                }
                _ => false,
            };
            wrong.then_some("remove NAME: TLS is required on 587, and from the first byte on 465")
        },
    },
    Promise {
        key: Key::Says("auth.listeners", offered),
        promised: "nobody relays there who has not said who he is",
        parameters: &[
            "smtpd_sasl_security_options",
            "smtpd_sasl_tls_security_options",
        ],
        taken: |over| {
            let ours = matches!(over.place, Place::Main | Place::Listener(_));
            let inherits = over.value.contains("$smtpd_sasl_security_options");
            (ours && !inherits && !has(over.value, "noanonymous"))
                .then_some("add noanonymous to NAME")
        },
    },
    Promise {
        key: Key::Written("auth.ldap"),
        promised: "this directory checks logins",
        parameters: &[
            "smtpd_sasl_type",
            "smtpd_sasl_path",
            "smtpd_sasl_service",
            "cyrus_sasl_config_path",
        ],
        taken: |_| Some("remove NAME: it hands logins to something else"),
    },
    twice(
        "auth.mechanisms",
        "these mechanisms are offered",
        &["smtpd_sasl_mechanism_filter"],
    ),
    twice(
        "auth.outlook_compatible",
        "whether there is an AUTH= line",
        &["broken_sasl_auth_clients"],
    ),
    twice(
        "tls.certificate",
        "the relay's certificate and key",
        &[
            "smtpd_tls_chain_files",
            "smtpd_tls_cert_file",
            "smtpd_tls_key_file",
            "smtpd_tls_eccert_file",
            "smtpd_tls_eckey_file",
        ],
    ),
    twice(
        "tls.minimum",
        "the lowest version of TLS",
        &["smtpd_tls_protocols", "smtpd_tls_mandatory_protocols"],
    ),
    Promise {
        key: Key::Written("tls.client_certificates"),
        promised: "whether clients show a certificate",
        parameters: &["smtpd_tls_ask_ccert", "smtpd_tls_req_ccert"],
        taken: |over| {
            let asked = over.spec.tls.client_certificates;
            let ours = match over.name {
                "smtpd_tls_ask_ccert" => asked != ClientCertificates::None,
                _ => asked == ClientCertificates::Require && over.place != Place::Main,
            };
            (is_yes(over.value) != ours).then_some("remove NAME here and write the value there")
        },
    },
    twice(
        "tls.client_ca",
        "this CA and no other signs clients' certificates",
        &[
            "smtpd_tls_CAfile",
            "smtpd_tls_CApath",
            "tls_append_default_CA",
        ],
    ),
    twice(
        "tls.outbound.level",
        "how TLS is used towards the next hop",
        &[
            "smtp_tls_security_level",
            "smtp_use_tls",
            "smtp_enforce_tls",
        ],
    ),
    twice(
        "tls.outbound.ca",
        "who signs the next hop's certificate",
        &["smtp_tls_CAfile", "smtp_tls_CApath"],
    ),
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
    twice("outbound.next_hop", "where mail goes", &["relayhost"]),
    Promise {
        key: Key::Says("outbound.credentials", |spec| {
            spec.outbound.credentials.is_some()
        }),
        promised: "the relay's login at the next hop, never in clear",
        parameters: &[
            "smtp_sasl_auth_enable",
            "smtp_sasl_password_maps",
            "smtp_sasl_security_options",
        ],
        taken: |over| match over.name {
            "smtp_sasl_auth_enable" => {
                (!is_yes(over.value)).then_some("remove NAME, or the credentials")
            }
            "smtp_sasl_password_maps" => {
                let ours = "texthash:/etc/relaykit/postfix/next_hop_password";
                (!has(over.value, ours)).then_some(
                    "begin NAME with texthash:/etc/relaykit/postfix/next_hop_password, or \
                     remove the credentials",
                )
            }
            _ => (!has(over.value, "noplaintext")).then_some("add noplaintext to NAME"),
        },
    },
    twice(
        "limits.connections_per_client",
        "connections of one client at once",
        &["smtpd_client_connection_count_limit"],
    ),
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
