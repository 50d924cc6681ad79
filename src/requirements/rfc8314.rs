//! RFC 8314: TLS for submission.

use super::answer::{CLIENTS, held, not_offered, operator, partly};
use super::{Requirement, Source, must, must_not, should, should_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 8314",
    title: "Cleartext Considered Obsolete: Use of TLS for Email Submission and Access",
    parts: &[ROWS],
    beside: &[
        ("2", "It says what the words MUST and SHOULD mean."),
        ("3.1", "POP."),
        ("3.2", "IMAP."),
        ("5", "What mail programs do; the relay is none."),
    ],
};

const DNS: &str = "records of the operator's zone";
const CERTIFICATE: &[&str] = &[
    "tls.certificate_stays_valid",
    "tls.certificate_names_the_host",
    "tls.chain_leads_to_the_ca",
];
const PORTS: &[&str] = &[
    "tls.submissions_starts_with_tls",
    "tls.starttls_is_offered_in_clear",
];
const NO_CLEAR: &[&str] = &[
    "auth.plaintext_is_never_offered",
    "tls.submission_requires_starttls",
];

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must("3.3", "Clients check the server's certificate.", CLIENTS),
    should("3.3", "Servers have both STARTTLS on 587 and TLS from the first byte on 465.", held(PORTS)),
    should("3.4", "Whoever closes a connection says so in TLS first.",
        held(&["protocol.commands_of_no_transaction_are_answered"])),
    must("4", "Submission has TLS.", held(PORTS)),
    must("4", "Every other server that takes a name and a password has TLS.",
        held(&["auth.only_login_listeners_offer_it", "directory.listens_for_tls_alone"])),
    should("4", "Submission has TLS from the first byte.", held(&["tls.submissions_starts_with_tls"])),
    should("4", "For clients of old there is STARTTLS, too.", held(&["tls.starttls_is_offered_in_clear"])),
    should_not("4", "STARTTLS is offered where it is likely to fail.",
        held(&["tls.starttls_is_offered_in_clear", "tls.chain_leads_to_the_ca"])),
    should("4", "Servers are found by SRV records, those with TLS first, and TLS from the first byte before STARTTLS.", operator(DNS)),
    should("4", "Submission in the clear is given up, on port 25 too.", held(NO_CLEAR)),
    must("4", "TLS 1.2 or later is spoken.", held(&["tls.modern_versions_are_spoken"])),
    should("4", "The suites that RFC 7525 and its successor recommend are there.",
        held(&["tls.strong_suites_are_spoken"])),
    should("4", "SSL and TLS 1.0 are given up.", held(&["tls.old_versions_are_refused"])),
    should("4", "The trace header names the suite of the session.",
        partly(&["tls.trace_tells_of_tls", "privacy.kept_trace_names_the_client"],
            "of mail by login it tells ESMTPSA, and the suite under `privacy.received: keep` alone, since it tells which program a sender has")),
    should("4", "The log has the suite of each session.",
        held(&["runtime.log_tells_the_tls"])),
    must_not("4.1", "Whether a password was right shows in the clear, once passwords in the clear are no more taken.",
        held(&["auth.plaintext_is_never_accepted"])),
    must("4.1", "A right and a wrong password in the clear get the same answer.",
        held(&["auth.plaintext_is_never_accepted"])),
    should("4.1", "Whoever has sent a password in the clear changes it.", operator("passwords are the directory's")),
    should("4.1", "New users begin with TLS 1.1 or later.", held(&["tls.old_versions_are_refused"])),
    must_not("4.2", "A certificate is asked of clients where none would be taken for a login.",
        partly(&["tls.no_client_certificate_is_asked_for"],
            "relay.yaml may ask for one beside the login; by default it does not")),
    must("4.2", "Where a client's certificate is a login, EXTERNAL is offered.",
        held(&["tls.a_certificate_is_no_login", "auth.other_mechanisms_are_refused"])),
    should("4.3", "The trace header of mail that came by TLS has the suite in a clause of its own.",
        not_offered("Postfix tells version and suite in a comment, not in a tls clause")),
    should("4.3", "The suite has its registered name.",
        held(&["tls.trace_tells_of_tls"])),
    must("4.4", "All servers have valid certificates.", held(CERTIFICATE)),
    should("4.5.2", "SRV records are there, and prefer TLS from the first byte.", operator(DNS)),
    should("4.5.3", "Records for clients are signed by DNSSEC.", operator(DNS)),
    should("4.5.4", "TLSA records name the keys of servers.", operator(DNS)),
    must_not("4.5.4", "TLSA records are published without DNSSEC.", operator(DNS)),
];
