//! The keys about messages, limits, the operator's own lines and labs.

use super::{FILE, Key, Kind, PORT, key, nullable, required};

pub(super) static PRIVACY: &[Key] = &[
    key(
        "received",
        Kind::Word(&["rewrite", "hide", "keep"]),
        "what becomes of the trace header of mail that came by login",
    ),
    key(
        "show_login",
        Kind::Flag,
        "whether the trace header names the login",
    ),
    key(
        "strip_headers",
        Kind::List(&Kind::Text("the name of a header field")),
        "further header fields removed from mail that came by login",
    ),
];

pub(super) static OUTBOUND: &[Key] = &[
    nullable(
        "next_hop",
        Kind::Text("a next hop"),
        "the host that takes all mail; null: the lab's sink",
    ),
    nullable(
        "credentials",
        Kind::Section(CREDENTIALS),
        "the relay's login at the next hop",
    ),
];

static CREDENTIALS: &[Key] = &[
    required("user", Kind::Text("a user name"), "the user name"),
    required(
        "password_file",
        FILE,
        "the password: the only line of this file",
    ),
];

pub(super) static LIMITS: &[Key] = &[
    key(
        "connections_per_client",
        Kind::Number(1, 100_000),
        "connections at once from one address",
    ),
    nullable(
        "messages_per_login_per_hour",
        Kind::Number(1, 1_000_000_000),
        "messages of one login in an hour; null: no limit",
    ),
    nullable(
        "failed_logins_per_minute",
        Kind::Number(1, 100_000),
        "failed logins of one address, and of one name; null: no limit",
    ),
    key(
        "shared_addresses",
        Kind::List(&Kind::Text("a network in CIDR notation")),
        "addresses that many people share: failed logins put none of them off",
    ),
];

pub(super) static POSTFIX: &[Key] = &[
    key(
        "main",
        Kind::Open("a Postfix parameter"),
        "main.cf: parameter and value",
    ),
    key(
        "master",
        Kind::Open("service/type"),
        "master.cf: service/type and the rest of its line",
    ),
];

pub(super) static LAB: &[Key] = &[
    key(
        "users",
        Kind::List(&Kind::Section(USER)),
        "the people in the lab's directory",
    ),
    key(
        "networks",
        Kind::List(&Kind::Text("the name of a network on the engine")),
        "networks of your own that the relay joins under its host name",
    ),
    key(
        "ldaps",
        PORT,
        "the directory's port on the host; 0: the kernel picks",
    ),
];

static USER: &[Key] = &[
    required("name", Kind::Text("a user name"), "what the user types"),
    required(
        "password",
        Kind::Secret,
        "the password in clear text; the directory gets a hash",
    ),
];
