//! Changes that no check sees and that somebody has judged to harm nobody, each with
//! the reason. A reason is for the lines as they stand: where the file says something
//! else one day, the mutant is another, and has no reason.

use super::Mutant;

/// A reason, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Harmless {
    /// Whole sentences.
    pub why: &'static str,
    /// The end of the file's path, or a service.
    pub file: &'static str,
    /// With what the place in the file begins: a parameter, or a service of master.cf.
    /// Empty: wherever the lines stand.
    pub place: &'static str,
    /// What stood there and what stands there then, each without white space around it. A
    /// parameter's or a service's lines, as the file has them.
    pub changes: &'static [(&'static str, &'static str)],
}

/// Every reason.
#[must_use]
pub fn all() -> &'static [Harmless] {
    ALL
}

static ALL: &[Harmless] = &[
    Harmless {
        why: "It is for local(8), newaliases(1) or a mailbox. The relay has no local(8), nobody runs \
              newaliases, and mydestination is empty, so that nothing reads it.",
        file: "/main.cf",
        place: "",
        changes: &[
            ("alias_database =", ""),
            ("alias_maps =", ""),
            ("biff = no", ""),
            ("biff = no", "biff = yes"),
        ],
    },
    Harmless {
        why: "Where nobody may relay without a login (no relay.trusted_networks, no relay.domains), port \
              25 takes no recipient at all, and whatever DATA says comes to a refusal.",
        file: "/main.cf",
        place: "",
        changes: &[(
            "smtpd_data_restrictions = permit_mynetworks, reject",
            "smtpd_data_restrictions = reject, permit_mynetworks",
        )],
    },
    Harmless {
        why: "Where nobody may relay without a login, port 25 takes no recipient at all, and both lists \
              come to a refusal at DATA.",
        file: "/master.cf",
        place: "smtp/inet",
        changes: &[(
            "",
            "-o { smtpd_data_restrictions = permit_sasl_authenticated, reject }",
        )],
    },
    Harmless {
        why: "smtpd_relay_restrictions of the same service has `reject` at its end, and every recipient \
              has to pass both lists. No session without a login comes as far as DATA.",
        file: "/master.cf",
        place: "submission",
        changes: &[
            (
                "-o { smtpd_recipient_restrictions = permit_sasl_authenticated, reject }",
                "-o smtpd_recipient_restrictions=permit_sasl_authenticated",
            ),
            (
                "-o { smtpd_data_restrictions = permit_sasl_authenticated, reject }",
                "-o smtpd_data_restrictions=permit_sasl_authenticated",
            ),
        ],
    },
    Harmless {
        why: "smtpd_tls_wrappermode asks for TLS from the first byte, so that there is no session in \
              clear for the level to forbid; AUTH waits for TLS by smtpd_tls_auth_only, too.",
        file: "/master.cf",
        place: "submissions/inet",
        changes: &[(
            "-o smtpd_tls_security_level=encrypt",
            "-o smtpd_tls_security_level=",
        )],
    },
    Harmless {
        why: "Both are within what Postfix takes for usual (its own is 60 s): a service that fails is \
              started again, some seconds sooner or later.",
        file: "/main.cf",
        place: "",
        changes: &[("service_throttle_time = 2s", "service_throttle_time = 20s")],
    },
    Harmless {
        why: "Only domains in relay_domains go by relay_transport, and this relay has none; where it has \
              some, mail for them stops, and checks see it.",
        file: "/main.cf",
        place: "",
        changes: &[("relay_transport = smtp", "")],
    },
    Harmless {
        why: "The group before it has taken every line that has an end, and gives nothing back (it is \
              possessive), so that what is left has no line end for the dot to fit.",
        file: "/long_lines",
        place: "",
        changes: &[(
            "/^(?:[^\\n]{0,998}\\n)*+[^\\n]{999}/",
            "/^(?:[^\\n]{0,998}\\n)*+.{999}/",
        )],
    },
];

pub(super) fn of(mutant: &Mutant) -> Option<&'static Harmless> {
    all().iter().find(|harmless| harmless.is_for(mutant))
}

impl Harmless {
    fn is_for(&self, mutant: &Mutant) -> bool {
        let change = (mutant.before.trim(), mutant.after.trim());
        let there = mutant.file.ends_with(self.file) && mutant.place.starts_with(self.place);
        there && self.changes.contains(&change)
    }
}
