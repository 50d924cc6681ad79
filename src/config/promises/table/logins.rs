//! Promises of `auth` and `tls`: who logs in and how, and whom TLS believes.

use super::super::Place;
use super::super::words::has;
use super::{ALWAYS, Key, Promise, offered};
use crate::audit::is_yes;
use crate::config::spec::{ClientCertificates, Listener};

pub(super) const PROMISES: &[Promise] = &[
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
];
