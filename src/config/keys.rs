//! The keys of `relay.yaml`, version 1: one table for each mapping. The shape of
//! a file is checked against them, hints come from them, and nothing that is not
//! in them is ever read.

mod message;

use message::{LAB, LIMITS, OUTBOUND, POSTFIX, PRIVACY};

/// A key of a mapping.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it may be left out or be `null`.
    pub need: Need,
    /// What it is for, in one line.
    pub about: &'static str,
}

/// Whether a key may be left out or be `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be there.
    Required,
    /// It has a default.
    Optional,
    /// It has a default, and `null` means: none.
    Nullable,
}

/// What a value may be.
#[derive(Debug)]
pub enum Kind {
    /// A mapping with these keys.
    Section(&'static [Key]),
    /// One of these words, or a mapping with these keys.
    WordOr(&'static [&'static str], &'static [Key]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Number(u64, u64),
    /// A number of bytes with or without a unit.
    Size,
    /// Text on one line; what it is in words.
    Text(&'static str),
    /// Text that no message may show.
    Secret,
    /// A list of this kind.
    List(&'static Kind),
    /// A mapping from names that are not known beforehand to text (a number is taken as it is written).
    Open(&'static str),
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        need: Need::Optional,
        about,
    }
}

const fn nullable(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        need: Need::Nullable,
        about,
    }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        need: Need::Required,
        about,
    }
}

const PORT: Kind = Kind::Number(0, 65535);
const FILE: Kind = Kind::Text("the path of a file");
const AUTHORITY: Kind = Kind::Text("`generated`, `system` or the path of a PEM file");

/// The whole file.
pub static ROOT: &[Key] = &[
    required(
        "version",
        Kind::Number(0, u64::MAX),
        "the version of this format: 1",
    ),
    key(
        "hostname",
        Kind::Text("a host name"),
        "the relay's fully qualified name",
    ),
    key(
        "listeners",
        Kind::Section(LISTENERS),
        "ports on the host; 0: the kernel picks",
    ),
    key(
        "relay",
        Kind::Section(RELAY),
        "what is relayed without a login, and how large",
    ),
    key("auth", Kind::Section(AUTH), "how clients log in"),
    key(
        "tls",
        Kind::Section(TLS),
        "certificates and protocol versions",
    ),
    key(
        "privacy",
        Kind::Section(PRIVACY),
        "what a delivered message may tell of its sender",
    ),
    key("outbound", Kind::Section(OUTBOUND), "where mail goes"),
    key("limits", Kind::Section(LIMITS), "limits on clients"),
    key(
        "postfix",
        Kind::Section(POSTFIX),
        "the last word: any Postfix parameter",
    ),
    key("lab", Kind::Section(LAB), "what only a lab has"),
];

static LISTENERS: &[Key] = &[
    nullable("smtp", PORT, "port 25 of the relay; null: off"),
    nullable("submission", PORT, "port 587, STARTTLS required; null: off"),
    nullable(
        "submissions",
        PORT,
        "port 465, TLS from the first byte; null: off",
    ),
    key(
        "bind",
        Kind::Text("an IP address"),
        "the host's address that the ports are opened on",
    ),
];

static RELAY: &[Key] = &[
    key(
        "trusted_networks",
        Kind::List(&Kind::Text("a network such as 192.0.2.0/24")),
        "networks that relay without a login",
    ),
    key(
        "domains",
        Kind::List(&Kind::Text("a domain")),
        "domains accepted without a login, for delivery to the next hop",
    ),
    key(
        "message_size_limit",
        Kind::Size,
        "the largest message accepted",
    ),
    key(
        "sender_login",
        Kind::Word(&["any", "own"]),
        "own: MAIL FROM must belong to the login",
    ),
];

/// The mechanisms that saslauthd can serve.
pub(super) const MECHANISMS: &[&str] = &["plain", "login"];
const LISTENER_NAMES: &[&str] = &["smtp", "submission", "submissions"];

static AUTH: &[Key] = &[
    key(
        "backend",
        Kind::Word(&["ldap", "pam"]),
        "what checks passwords",
    ),
    key(
        "mechanisms",
        Kind::List(&Kind::Word(MECHANISMS)),
        "SASL mechanisms in the order offered",
    ),
    key(
        "listeners",
        Kind::List(&Kind::Word(LISTENER_NAMES)),
        "listeners that offer a login",
    ),
    key(
        "outlook_compatible",
        Kind::Flag,
        "the AUTH= line of broken clients",
    ),
    key(
        "ldap",
        Kind::Section(LDAP),
        "the directory that checks passwords",
    ),
    nullable(
        "users",
        FILE,
        "a users file that checks passwords, without any directory",
    ),
    key(
        "pam",
        Kind::Section(PAM),
        "the PAM stack that checks passwords",
    ),
];

static LDAP: &[Key] = &[
    key(
        "servers",
        Kind::List(&Kind::Text("an LDAP URL")),
        "ldaps://host, or ldap://host with start_tls: true",
    ),
    key("start_tls", Kind::Flag, "StartTLS on ldap:// servers"),
    key(
        "search_base",
        Kind::Text("a distinguished name"),
        "where users are searched",
    ),
    key(
        "filter",
        Kind::Text("an LDAP filter"),
        "which entry is the user's; %u is the login",
    ),
    nullable(
        "bind",
        Kind::Section(BIND),
        "the account that searches; null: anonymously",
    ),
    key("ca", AUTHORITY, "who signs the directory's certificate"),
];

static BIND: &[Key] = &[
    nullable("dn", Kind::Text("a distinguished name"), "its name"),
    nullable(
        "password_file",
        FILE,
        "its password: the only line of this file",
    ),
];

static PAM: &[Key] = &[
    nullable(
        "users_file",
        FILE,
        "name:hash lines; the default PAM stack reads them",
    ),
    nullable("stack", FILE, "a PAM service file of your own"),
];

static TLS: &[Key] = &[
    key(
        "certificate",
        Kind::WordOr(&["generated"], CERTIFICATE),
        "the relay's own certificate",
    ),
    key(
        "minimum",
        Kind::Word(&["TLSv1.2", "TLSv1.3"]),
        "the oldest version offered to clients",
    ),
    key(
        "client_certificates",
        Kind::Word(&["none", "ask", "require"]),
        "whether clients are asked for a certificate",
    ),
    nullable(
        "client_ca",
        FILE,
        "who signs clients' certificates, a PEM file; null: in a lab its own CA",
    ),
    key(
        "outbound",
        Kind::Section(OUTBOUND_TLS),
        "TLS towards next hops",
    ),
];

static CERTIFICATE: &[Key] = &[
    required("cert", FILE, "the certificate and its intermediates, PEM"),
    required("key", FILE, "its private key, PEM"),
];

static OUTBOUND_TLS: &[Key] = &[
    key(
        "level",
        Kind::Word(&["may", "encrypt", "verify", "secure"]),
        "smtp_tls_security_level of Postfix",
    ),
    key(
        "policies",
        Kind::Open("a destination"),
        "another level for one destination",
    ),
    key("ca", AUTHORITY, "who signs next hops' certificates"),
];

/// Where else in the file a key of this name stands, such as `listeners.smtp`.
pub(super) fn elsewhere(name: &str) -> Option<String> {
    fn search(table: &'static [Key], above: &str, name: &str) -> Option<String> {
        table.iter().find_map(|key| {
            let path = super::tree::join(above, key.name);
            if key.name == name {
                return Some(path);
            }
            match &key.kind {
                Kind::Section(keys) | Kind::WordOr(_, keys) => search(keys, &path, name),
                _ => None,
            }
        })
    }
    search(ROOT, "", name)
}
