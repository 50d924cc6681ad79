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
        why: "The suites that are left are the same, as for sessions that demand TLS.",
        file: "/main.cf",
        place: "smtpd_tls_ciphers",
        changes: &[("smtpd_tls_ciphers = high", "")],
    },
    Harmless {
        why: "It is how often answers that are too old are cleared out of a file; address_verify_*_expire_time \
              say for how long one is believed.",
        file: "/main.cf",
        place: "address_verify_cache_cleanup_interval",
        changes: &[("address_verify_cache_cleanup_interval = 1h", "")],
    },
    Harmless {
        why: "user%domain is read so where it has no other domain alone. Strangers are refused both \
              spellings, submission ports as well, and who has logged in on port 25 may write either.",
        file: "/main.cf",
        place: "allow_percent_hack",
        changes: &[("allow_percent_hack = no", "")],
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
    Harmless {
        why: "Postfix's own list has the same three and whatever does not begin with a letter, and so is \
              stricter; the three are ours to say.",
        file: "/main.cf",
        place: "smtpd_forbidden_commands",
        changes: &[("smtpd_forbidden_commands = CONNECT, GET, POST", "")],
    },
    Harmless {
        why: "OpenSSL 3 lets no client begin a handshake anew where nobody allows it \
              (SSL_OP_ALLOW_CLIENT_RENEGOTIATION), and a check tries; the option says it for older ones.",
        file: "/main.cf",
        place: "tls_ssl_options",
        changes: &[("tls_ssl_options = NO_RENEGOTIATION", "")],
    },
    Harmless {
        why: "ETRN is not offered, and there is nothing that it could start: fast_flush_domains is empty.",
        file: "/main.cf",
        place: "smtpd_etrn_restrictions",
        changes: &[(
            "smtpd_etrn_restrictions = reject",
            "smtpd_etrn_restrictions = permit",
        )],
    },
    Harmless {
        why: "The suites that are left are the same: what smtpd_tls_exclude_ciphers leaves encrypts and \
              authenticates in one step, and no such suite is below the grade high.",
        file: "/main.cf",
        place: "smtpd_tls_mandatory_ciphers",
        changes: &[("smtpd_tls_mandatory_ciphers = high", "")],
    },
    Harmless {
        why: "Postfix's own value is 998, and no line that is longer comes in (long_lines), so that none \
              is broken when it leaves.",
        file: "/main.cf",
        place: "smtp_line_length_limit",
        changes: &[("smtp_line_length_limit = 0", "")],
    },
    Harmless {
        why: "Postfix's own value completes headers for clients at the relay's own addresses alone, and \
              nobody is there: pickup gets no mail, and clients come from other addresses.",
        file: "/main.cf",
        place: "local_header_rewrite_clients",
        changes: &[("local_header_rewrite_clients =", "")],
    },
    Harmless {
        why: "smtpd_command_filter lets no recipient pass RCPT unseen, and without relay.domains and \
              trusted networks RCPT refuses all others: nobody comes as far as DATA.",
        file: "/main.cf",
        place: "smtpd_data_restrictions",
        changes: &[(
            "smtpd_data_restrictions = permit_mynetworks, reject",
            "smtpd_data_restrictions = permit_mynetworks",
        )],
    },
    Harmless {
        why: "Where nobody may relay without a login, port 25 takes no mail, in clear or under TLS. Where it \
              takes some, mail from servers without TLS is refused, and checks see it.",
        file: "/master.cf",
        place: "smtp/inet",
        changes: &[("", "-o smtpd_tls_security_level=encrypt")],
    },
    Harmless {
        why: "A match is a row of 999 octets without a line end wherever it begins, so that the same lines \
              are refused; it takes more time alone.",
        file: "/long_lines",
        place: "",
        changes: &[(
            "/^(?:[^\\n]{0,998}\\n)*+[^\\n]{999}/",
            "/(?:[^\\n]{0,998}\\n)*+[^\\n]{999}/",
        )],
    },
    Harmless {
        why: "It is cut off as well where a line of more than 2000 octets begins with a blank, which is no \
              command and no response to AUTH: those have no blank before their words.",
        file: "/commands",
        place: "",
        changes: &[(
            "/^(?!AUTH\\s)(?=\\S+\\s).{2000}/",
            "/^(?!AUTH\\s)(?=.+\\s).{2000}/",
        )],
    },
    Harmless {
        why: "No default of Postfix 3.10 depends on a level above 3.6 (`postconf -d` shows each that does).",
        file: "/main.cf",
        place: "compatibility_level",
        changes: &[("compatibility_level = 3.10", "compatibility_level = 3.6")],
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
