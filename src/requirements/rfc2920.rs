//! RFC 2920: several commands at once.

use super::answer::{held, inside, partly};
use super::{Requirement, Source, must, must_not, should};

pub(super) const SOURCE: Source = Source {
    name: "RFC 2920",
    title: "SMTP Service Extension for Command Pipelining",
    parts: &[ROWS],
    beside: &[("1.1", "It says what the words MUST and SHOULD mean.")],
};

const IN_ORDER: &[&str] = &["protocol.pipelined_commands_keep_their_order"];
const CLIENT: &str =
    "Postfix counts replies; that recipients are not mixed up shows in what the next hop gets";

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must("3.1", "A client looks at the reply to each of its commands, and counts them.",
        partly(&["outbound.envelope_arrives_as_given", "outbound.final_refusal_is_reported"],
            "a group of which the next hop refuses one is not tried")),
    must("3.1", "Replies of several lines are understood, and not taken for several.",
        held(&["outbound.next_hop_gets_tls", "outbound.envelope_arrives_as_given"])),
    must("3.1", "A client that can block keeps a group within the window of TCP.", inside(CLIENT)),
    must("3.2", "Commands are answered in their order.", held(IN_ORDER)),
    should("3.2", "Replies to a group are kept and sent together.",
        inside("how replies are cut into packets is seen on the wire, and a proxy changes it")),
    should("3.2", "DATA is taken where a recipient is good, and nowhere else.",
        held(&["protocol.pipelined_commands_keep_their_order", "protocol.commands_keep_their_order"])),
    must_not("3.2", "A message without a good recipient is sent to anybody.",
        held(&["protocol.commands_keep_their_order"])),
    must_not("3.2", "Replies to EHLO, DATA, VRFY, EXPN, TURN, QUIT and NOOP are kept back.",
        held(&["protocol.replies_are_well_formed", "protocol.commands_keep_their_order"])),
    must_not("3.2", "Replies to unknown commands are kept back.",
        held(&["protocol.a_mistake_ends_no_session"])),
    must("3.2", "All replies are sent once there is nothing more to read.", held(IN_ORDER)),
    must_not("3.2", "A server guesses what comes next.", inside("a guess that does not show does no harm")),
    must_not("3.2", "What has been read is thrown away.",
        partly(IN_ORDER, "what comes in too early in one piece with EHLO, DATA or STARTTLS is refused or thrown away, on purpose")),
    should("3.2", "The text of a reply tells which command it is for.",
        inside("the texts of Postfix do so; a check of words would judge taste")),
];
