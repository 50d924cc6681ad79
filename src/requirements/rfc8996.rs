//! RFC 8996: the end of TLS 1.0 and 1.1.

use super::answer::{held, not_offered, partly};
use super::{Requirement, Source, must, must_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 8996",
    title: "Deprecating TLS 1.0 and TLS 1.1",
    parts: &[ROWS],
    beside: &[("1.2", "It says what the words MUST and SHOULD mean.")],
};

const OLD: &[&str] = &[
    "tls.old_versions_are_refused",
    "outbound.old_tls_is_not_spoken",
];
const SERVER: &[&str] = &["tls.old_versions_are_refused"];
const CLIENT: &[&str] = &["outbound.old_tls_is_not_spoken"];
const ALERT: &str =
    "that the handshake is refused is demanded; a closed connection without the alert counts, too";
const RECORDS: &[&str] = &[
    "tls.old_versions_are_refused",
    "tls.broken_hellos_do_no_harm",
];

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must_not("4", "TLS 1.0 is used.", held(OLD)),
    must_not("4", "TLS 1.0 is agreed on, whatever else was offered.", held(OLD)),
    must_not("4", "A client's hello has TLS 1.0 for its version.", held(CLIENT)),
    must_not("4", "A server's hello has TLS 1.0 for its version.", held(SERVER)),
    must("4", "A hello of TLS 1.0 gets the alert protocol_version, and the connection ends.", partly(SERVER, ALERT)),
    must("4", "Any version of TLS is taken on the record around a client's hello.",
        partly(RECORDS, "hellos come in records of TLS 1.0, as most clients send them; SSL 3 is not tried there")),
    must_not("5", "TLS 1.1 is used.", held(OLD)),
    must_not("5", "TLS 1.1 is agreed on, whatever else was offered.", held(OLD)),
    must_not("5", "A client's hello has TLS 1.1 for its version.", held(CLIENT)),
    must_not("5", "A server's hello has TLS 1.1 for its version.", held(SERVER)),
    must("5", "A hello of TLS 1.1 gets the alert protocol_version, and the connection ends.", partly(SERVER, ALERT)),
    must("5", "Any version of TLS is taken on the record around a client's hello.",
        partly(RECORDS, "hellos come in records of TLS 1.0, as most clients send them; SSL 3 is not tried there")),
    must_not("6", "TLS 1.0 and TLS 1.1 are agreed on.", held(OLD)),
    must_not("6", "DTLS 1.0 is agreed on.", not_offered("mail is not sent over DTLS; no port for UDP is open (runtime.nothing_else_listens)")),
];
