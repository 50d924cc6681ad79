//! RFC 3207: STARTTLS.

use super::answer::{CLIENTS, departs, held, partly};
use super::{Requirement, Source, must, must_not, should};

pub(super) const SOURCE: Source = Source {
    name: "RFC 3207",
    title: "SMTP Service Extension for Secure SMTP over Transport Layer Security",
    parts: &[ROWS],
    beside: &[("1.1", "It says what the words MUST and SHOULD mean.")],
};

const FORGOTTEN: &[&str] = &[
    "tls.starttls_forgets_what_was_said",
    "tls.commands_before_tls_are_not_run",
];
const NOT_BELIEVED: &[&str] = &["tls.replies_before_tls_are_not_believed"];

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must_not("4", "A server that the world sends mail to demands STARTTLS for it.",
        held(&["relay.own_domains_need_no_login", "protocol.no_stranger_smuggles"])),
    should("4", "A server that demands STARTTLS answers 530 to what comes before it.",
        held(&["tls.submission_requires_starttls"])),
    should("4", "That refusal has the enhanced code 5.7.0.",
        partly(&["tls.submission_requires_starttls", "protocol.replies_are_well_formed"],
            "530 is demanded, and an enhanced code of its class")),
    must("4", "After 220 the next thing that a client says is its handshake.",
        held(&["outbound.next_hop_gets_tls"])),
    should("4", "A client that cannot begin a handshake gives up the connection.",
        held(&["outbound.old_tls_is_not_spoken"])),
    must("4.1", "Both sides judge the handshake before they go on.",
        held(&["outbound.unknown_authority_gets_nothing", "outbound.wrong_name_gets_nothing", "tls.required_certificates_are_checked"])),
    should("4.1", "A client that is not content says QUIT.",
        held(&["outbound.untrusted_next_hop_hears_quit"])),
    should("4.1", "A server that is not content answers 554 to everything but QUIT.",
        departs("where a client's certificate is demanded, the handshake itself fails, or Postfix hangs up")),
    must("4.2", "A server forgets what a client said before TLS.", held(FORGOTTEN)),
    must("4.2", "A client forgets what a server said before TLS.", held(NOT_BELIEVED)),
    should("4.2", "A client begins with EHLO under TLS.",
        held(&["outbound.conversation_is_in_order"])),
    must("4.2", "Both know whether there is TLS.",
        held(&["tls.starttls_is_offered_in_clear", "privacy.tls_is_told_without_login"])),
    must_not("4.2", "A client begins TLS within TLS.", CLIENTS),
    must_not("4.2", "STARTTLS is offered under TLS.",
        held(&["tls.starttls_is_offered_in_clear", "protocol.extensions_are_the_expected"])),
    must("6", "TLS can be demanded of chosen hosts before a message crosses.",
        held(&["outbound.without_tls_nothing_is_sent", "tls.submission_requires_starttls"])),
    should("6", "TLS can be used wherever it is there.",
        held(&["outbound.next_hop_gets_tls", "outbound.optional_tls_loses_no_mail"])),
    must("6", "What was known before TLS is forgotten once it is there.",
        held(&["tls.starttls_forgets_what_was_said", "tls.replies_before_tls_are_not_believed"])),
];
