//! BSI TR-03108, version 2.0 of June 2023: secure transport of mail. It asks by numbered
//! requirements, M for mandatory and R for recommended, of whoever runs a mail service.
//! What it asks of TLS stands in BSI TR-03116-4, and is listed where it is asked for.

use super::answer::{departs, held, not_offered, operator, partly};
use super::{Requirement, Source, must, must_not, should, should_not};

pub(super) const SOURCE: Source = Source {
    name: "BSI TR-03108",
    title: "Secure Email Transport, version 2.0",
    parts: &[ROWS],
    beside: &[],
};

const TLS_IS_STRONG: &[&str] = &[
    "tls.old_versions_are_refused",
    "tls.modern_versions_are_spoken",
    "tls.weak_suites_are_refused",
    "tls.suites_are_authenticated_encryption",
    "tls.strong_suites_are_spoken",
    "tls.groups_are_strong",
    "tls.keys_are_exchanged_over_curves",
    "tls.handshake_has_no_known_hole",
    "tls.keys_and_signatures_are_strong",
];
const LISTS: &str = "the lists of TR-03116-4 change each year; what is tried is what RFC 9325 and RFC 8446 have in common with them";
const ZONE: &str = "records of the operator's zone";
const RESOLVER: &str = "the resolver that the container is given";
const PROVIDER: &str = "it is asked of the provider, not of a server";

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must("01-M", "Everything that a mail program sends is encrypted by TLS, as RFC 8314 has it.",
        held(&["tls.submission_requires_starttls", "tls.submissions_starts_with_tls",
            "auth.plaintext_is_never_offered", "auth.plaintext_is_never_accepted"])),
    must("01-M", "TLS towards mail programs is as TR-03116-4 demands.", partly(TLS_IS_STRONG, LISTS)),
    must("01-M", "Submission with TLS from the first byte (port 465) is there.",
        held(&["tls.submissions_starts_with_tls"])),
    must("01-M", "Its use is encouraged by SRV records or automatic set-up, and by documentation.", operator(ZONE)),
    must("01-M", "A web mailer speaks HTTPS.", not_offered("there is no web mailer")),
    must("01-M", "Where TLS cannot be had, the client gets an error with a code of RFC 3463.",
        held(&["tls.submission_requires_starttls", "protocol.replies_are_well_formed"])),
    should("01-M", "That error can be understood by people who are no engineers.",
        departs("it is Postfix's one line, `Must issue a STARTTLS command first`, which mail programs put into words of their own")),
    should("02-R", "For mail programs of old there is STARTTLS (port 587).",
        held(&["tls.starttls_is_offered_in_clear", "tls.submission_requires_starttls"])),
    must("02-R", "TLS is as TR-03116-4 demands there, too.", partly(TLS_IS_STRONG, LISTS)),
    must("03-M", "Mail from other servers can be encrypted, by STARTTLS.",
        held(&["tls.starttls_is_offered_in_clear", "tls.trace_tells_of_tls"])),
    must("03-M", "TLS towards other servers is as TR-03116-4 demands.", partly(TLS_IS_STRONG, LISTS)),
    must("03-M", "Suites with forward secrecy come first.",
        held(&["tls.weak_suites_are_refused", "tls.strong_suites_are_spoken"])),
    must("04-M", "Names are looked up by a resolver that verifies DNSSEC.", operator(RESOLVER)),
    must("04-M", "Mail to other servers is encrypted where they offer STARTTLS.",
        held(&["outbound.next_hop_gets_tls"])),
    should("04-M", "Suites with forward secrecy come first towards other servers.",
        held(&["outbound.forward_secrecy_comes_first"])),
    must("04-M", "TLS towards other servers is as TR-03116-4 demands, where it is spoken.",
        partly(&["outbound.old_tls_is_not_spoken"], "versions are tried; the suites and groups that the relay offers are not")),
    must("05-M", "The zones of the domain and of its mail servers are signed by DNSSEC.", operator(ZONE)),
    must("05-M", "TLSA records for the mail servers are published.", operator(ZONE)),
    must("06-M", "Names are looked up by a resolver that verifies DNSSEC, for DANE.", operator(RESOLVER)),
    must("06-M", "Before mail is sent, the relay finds out whether the recipient's zones are signed and have TLSA records.",
        not_offered("all mail goes to one next hop, whose TLS `tls.outbound` demands; DANE is for whoever delivers to the world: \
            with `postfix.main: {smtp_tls_security_level: dane, smtp_dns_support_level: dnssec}` Postfix does it")),
    must_not("06-M", "Mail goes to a server that has a TLSA record and offers no TLS.",
        partly(&["outbound.without_tls_nothing_is_sent"], "it is held for a next hop of which relay.yaml demands TLS, not by TLSA records")),
    must_not("06-M", "Mail goes to a server that cannot prove to be the one of the TLSA record.",
        partly(&["outbound.unknown_authority_gets_nothing", "outbound.wrong_name_gets_nothing"],
            "it is held for a next hop at level verify or secure, by its certificate, not by TLSA records")),
    should("07-R", "MTA-STS is published for the domain.", operator(ZONE)),
    must("08-R", "Names are looked up by a resolver that verifies DNSSEC, for MTA-STS.", operator(RESOLVER)),
    should("08-R", "MTA-STS of other domains is kept to, and wildcard certificates are not taken for their policies.",
        not_offered("all mail goes to one next hop; MTA-STS is for whoever delivers to the world")),
    must("09-M", "Names are looked up by a resolver that verifies DNSSEC, for reports on TLS.", operator(RESOLVER)),
    must("09-M", "Reports on TLS are sent to domains that wish for them, and by HTTPS or mail as they say.",
        not_offered("all mail goes to one next hop; the reports are for whoever delivers to the world")),
    must("10-M", "A policy for reports on TLS is published, for reports by mail.", operator(ZONE)),
    must_not("10-M", "Reports on TLS are asked for by HTTPS.", operator(ZONE)),
    should_not("10-M", "Whoever takes such reports demands TLS by TLSA records or MTA-STS for them.", operator(ZONE)),
    should("11-R", "Reports on TLS are read, and lead to something.", operator(PROVIDER)),
    should("12-R", "Certificates come from an authority that keeps to TR-03116-4.",
        partly(&["tls.chain_leads_to_the_ca", "tls.keys_and_signatures_are_strong", "tls.certificate_names_the_host", "tls.certificate_stays_valid"],
            "the certificate is looked at; how an authority works is not seen")),
    must("13-M", "There is a security concept, kept up to date, as the law of the country asks.", operator(PROVIDER)),
    should("13-M", "There is a management of information security (ISO 27001) over all of the service.", operator(PROVIDER)),
    must("14-M", "Data protection is as the law asks (GDPR).",
        partly(&["privacy.login_hides_every_client", "privacy.next_hop_is_told_no_client", "runtime.logs_hold_no_password"],
            "what the relay tells to others is held; what an operator keeps, and how long, is theirs")),
    must("15-M", "Incidents are reported as the law asks.", operator(PROVIDER)),
    should("15-M", "Users are told about the security of information.", operator(PROVIDER)),
    must("16-M", "Users are told which other providers keep to the guideline.", operator(PROVIDER)),
    must_not("4.3.1", "Sessions are ended for having lasted for 48 hours, as TR-03116-4 has it.",
        not_offered("Postfix has no such limit; idle sessions end after five minutes, as RFC 5321 has it")),
    must("4.3.2", "Where old versions and suites are taken, they come last.",
        held(&["tls.old_versions_are_refused", "tls.weak_suites_are_refused"])),
];
