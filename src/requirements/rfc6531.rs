//! RFC 6531: addresses and headers in UTF-8.

use super::answer::{AUTHORS, CLIENTS, departs, held, inside, not_offered, open, operator, partly};
use super::{Requirement, Source, must, must_not, should, should_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 6531",
    title: "SMTP Extension for Internationalized Email",
    parts: &[ROWS],
    beside: &[("1.1", "It says what the words MUST and SHOULD mean.")],
};

const WITH_PARAMETER: &[&str] = &["protocol.utf8_addresses_need_smtputf8"];
const NOT_MANGLED: &[&str] = &["outbound.utf8_addresses_are_not_mangled"];
const NO_ADDRESS: &str = "no reply of the relay has an address of somebody's in it: VRFY and EXPN are refused, and 251 and 551 are not used";

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must_not("3.1", "SMTPUTF8 has a parameter in the reply to EHLO.",
        held(&["protocol.extensions_are_the_expected"])),
    must("3.1", "A client passes over parameters of SMTPUTF8.", inside("Postfix as a client reads the keyword alone, and no server that a lab plays can add a parameter to it")),
    must("3.1", "Whoever offers SMTPUTF8 keeps to all of it.",
        partly(WITH_PARAMETER, "as far as the rows of this source are held")),
    must("3.2", "UTF-8 is taken wherever an address may stand.", held(WITH_PARAMETER)),
    must("3.2", "Domains are looked up as IDNA says, in their ASCII form or by a library that knows it.",
        open("a lab's networks have no name server of their own")),
    must_not("3.2", "Addresses or headers in UTF-8 go to a server without SMTPUTF8.", held(NOT_MANGLED)),
    should("3.2", "Mail that needs SMTPUTF8 and meets a server without is refused or returned.", held(NOT_MANGLED)),
    must("3.2", "Such a report is as RFC 5321, RFC 3464 and RFC 6533 say.",
        partly(NOT_MANGLED, "that the message is returned with 5.6.7 is seen, not what the report looks like")),
    must("3.2", "Whoever offers DSN and SMTPUTF8 has RFC 6533.",
        held(&["outbound.reports_on_utf8_addresses_are_international"])),
    must_not("3.3", "What stands in quotes has control characters, and no ASCII is written another way.", CLIENTS),
    must("3.4", "Mail that needs it is sent with SMTPUTF8 in MAIL.",
        held(&["protocol.utf8_addresses_need_smtputf8"])),
    must("3.4", "SMTPUTF8 takes no value.", held(&["protocol.wrong_parameters_are_refused"])),
    should_not("3.4", "SMTPUTF8 is said where nothing needs it.", CLIENTS),
    must_not("3.5", "A client sends such a message to a server without SMTPUTF8.", held(NOT_MANGLED)),
    should("3.7", "Domains are in UTF-8 with SMTPUTF8, and in ASCII without.",
        partly(WITH_PARAMETER, "addresses are passed on as they were given")),
    must("3.7.1", "A client says a name in ASCII in EHLO.", held(&["outbound.relay_names_itself"])),
    must("3.7.1", "Names in the reply to EHLO are in ASCII.", held(&["protocol.replies_are_well_formed"])),
    should("3.7.2", "All MX hosts of a domain offer SMTPUTF8, or none.", operator("records of the operator's zone")),
    should("3.7.3", "Trace headers of such mail have domains in UTF-8.",
        partly(&["privacy.trace_left_is_whole"], "the recipient stands there as it was given; the relay's own name is ASCII")),
    must("3.7.4", "A client takes addresses in UTF-8 in 251 and 551.", not_offered("the relay has no use for such an answer")),
    must_not("3.7.4", "251 or 551 has an address in UTF-8 where MAIL had no SMTPUTF8, and 250 or 550 stands in for it.", not_offered(NO_ADDRESS)),
    should("3.7.4", "VRFY and EXPN are said with SMTPUTF8 after it was offered.", CLIENTS),
    must("3.7.4", "A client takes UTF-8 in replies to VRFY and EXPN.", not_offered("the relay never says them")),
    must_not("3.7.4", "VRFY and EXPN are answered in UTF-8 where the client did not ask for it.", not_offered(NO_ADDRESS)),
    must("3.7.4", "They are answered with 252 or 550 then.",
        departs("they are refused with 502, for everybody")),
    must("3.7.4", "A success of them has the mailbox, in one of two forms.", not_offered(NO_ADDRESS)),
    must_not("3.7.4", "Other replies have bytes above ASCII.", held(&["protocol.replies_are_well_formed"])),
    must("5", "Those who read logs can find out who owns an address in UTF-8.", AUTHORS),
];
