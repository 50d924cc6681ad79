//! RFC 5321: SMTP itself. The relay is a server towards clients and a client towards its
//! next hop, so that both sides' rules are for it.

mod commands;
mod content;
mod model;
mod procedures;
mod relaying;
mod replies;

use super::Source;

pub(super) const SOURCE: Source = Source {
    name: "RFC 5321",
    title: "Simple Mail Transfer Protocol",
    parts: &[
        model::ROWS,
        procedures::ROWS,
        commands::ROWS,
        replies::ROWS,
        content::ROWS,
        relaying::ROWS,
    ],
    beside: &[
        ("1.3", "It says what the words MUST and SHOULD mean."),
        (
            "3.7",
            "Gateways to other mail systems; what 3.7.2 asks of every server is listed.",
        ),
        ("10.2", "The references."),
        ("B", "How mail programs make an envelope of headers."),
        ("E", "Gateways to other mail systems."),
    ],
};
