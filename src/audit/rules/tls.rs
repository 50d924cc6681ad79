//! TLS and passwords.

use crate::audit::Severity;
use crate::audit::rule::Rule;

pub(in crate::audit) static WEAKENED: Rule = Rule {
    id: "tls-weakened",
    severity: Severity::High,
    title: "TLS protects less than it could",
    consequence: "Somebody in between reads mail or passwords, or answers in the other server's name.",
    repair: "Remove it, and use `tls.minimum` and `tls.outbound.level`.",
    example: "main: {smtpd_discard_ehlo_keyword_address_maps: \"cidr:{{::/0 starttls}}\"}",
    source: "Postfix TLS_README; RFC 8996; RFC 9325",
};

pub(in crate::audit) static PASSWORD_IN_CLEAR: Rule = Rule {
    id: "password-in-clear",
    severity: Severity::Critical,
    title: "A password may travel without TLS",
    consequence: "Whoever listens on the way has it, and sends mail with it.",
    repair: "Remove it.",
    example: "main: {smtp_sasl_security_options: noanonymous}",
    source: "Postfix SASL_README; RFC 4954 section 4",
};

pub(in crate::audit) static OTHER_CERTIFICATE: Rule = Rule {
    id: "other-certificate",
    severity: Severity::Medium,
    title: "Another certificate is shown than relay.yaml names",
    consequence: "It is not checked: neither its name, its end, nor whether its key belongs to it.",
    repair: "Use `tls.certificate`.",
    example: "main: {smtpd_tls_cert_file: /etc/ssl/other.pem}",
    source: "Postfix smtpd_tls_chain_files",
};

pub(in crate::audit) static WRAPPER_WITHOUT_TLS: Rule = Rule {
    id: "wrapper-without-tls",
    severity: Severity::High,
    title: "TLS from the first byte is asked for and not required",
    consequence: "Postfix's client refuses the combination, and no mail is delivered.",
    repair: "Set `smtp_tls_security_level` to encrypt or more (`tls.outbound.level`).",
    example: "main: {smtp_tls_wrappermode: 'yes'}",
    source: "Postfix smtp_tls_wrappermode",
};

pub(in crate::audit) static LOGS_IN: Rule = Rule {
    id: "next-hop-login",
    severity: Severity::Medium,
    title: "The relay logs in at a next hop by a table of its own",
    consequence: "Passwords stand in relay.yaml or in a file that nobody looks after, and go to whatever server the table names.",
    repair: "Use `outbound.credentials`, which reads the password from a file and sends it under TLS alone.",
    example: "main: {smtp_sasl_password_maps: \"inline:{smtp.example.net=relay:secret}\"}",
    source: "Postfix smtp_sasl_password_maps",
};

pub(super) static ALL: &[&Rule] = &[
    &WEAKENED,
    &PASSWORD_IN_CLEAR,
    &OTHER_CERTIFICATE,
    &WRAPPER_WITHOUT_TLS,
    &LOGS_IN,
];
