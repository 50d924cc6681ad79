//! RFC 4616: the mechanism PLAIN.

use super::answer::{AUTHORS, held, inside, partly};
use super::{Requirement, Source, must, must_not, should, should_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 4616",
    title: "The PLAIN Simple Authentication and Security Layer (SASL) Mechanism",
    parts: &[ROWS],
    beside: &[],
};

const UNDER_TLS: &[&str] = &[
    "auth.plaintext_is_never_offered",
    "auth.plaintext_is_never_accepted",
];

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    should("1", "PLAIN is offered and used where something protects it.", held(UNDER_TLS)),
    must("1", "A protocol that uses PLAIN demands that TLS or its like is there.", AUTHORS),
    must("2", "Names and passwords of up to 255 octets are taken.",
        partly(&["auth.long_password_is_not_cut"],
            "saslauthd takes passwords of up to 127 octets; longer ones are refused whole")),
    must("2", "Names and passwords are UTF-8.", held(&["auth.special_characters_log_in"])),
    must_not("2", "A name or a password has a NUL in it.",
        held(&["auth.garbled_responses_are_refused", "auth.filter_characters_are_refused"])),
    should("2", "Names and passwords are prepared by SASLprep.",
        partly(&["auth.name_is_read_as_people_type_it"],
            "names are compared by the directory's rules; a password is compared as it was typed")),
    must("2", "Where a hash of a password is kept, the password was prepared before.",
        inside("the directory or the operator's tool makes the hash")),
    must("2", "A name or a password of which nothing is left does not log in.",
        held(&["auth.empty_name_is_refused", "auth.empty_password_is_refused"])),
    should_not("5", "PLAIN is offered or used where nothing protects it.", held(UNDER_TLS)),
];
