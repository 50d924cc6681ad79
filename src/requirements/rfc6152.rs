//! RFC 6152: eight bits. It says must in small letters.

use super::answer::{CLIENTS, held, partly};
use super::{Requirement, Source, must, must_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 6152",
    title: "SMTP Service Extension for 8-bit MIME Transport",
    parts: &[ROWS],
    beside: &[],
};

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must("3", "BODY stands behind the address in MAIL, once.", CLIENTS),
    must("3", "A message with bytes above ASCII is delivered or passed on without a change of them.",
        held(&["protocol.eight_bits_stay_eight_bits", "privacy.message_is_untouched"])),
    must_not("3", "A client sends bytes above ASCII to a server that has not offered 8BITMIME.",
        held(&["outbound.eight_bits_are_converted"])),
    must("3", "What is converted for such a server loses nothing.",
        held(&["outbound.eight_bits_are_converted"])),
    must("3", "What is converted is valid MIME in seven bits.",
        partly(&["outbound.eight_bits_are_converted"], "it is tried with one plain text; signed and nested parts are not")),
];
