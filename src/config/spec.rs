//! The validated meaning of a `relay.yaml`. A value of these types is complete
//! and consistent: defaults are filled in and impossible combinations refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::secret::Secret;

mod tls;

pub use tls::*;

/// Everything a relay is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The relay's fully qualified name: `myhostname`, and the name in its certificate.
    pub hostname: String,
    /// Where the relay listens on the host.
    pub listeners: Listeners,
    /// Who may relay what without a login.
    pub relay: Relay,
    /// How clients log in.
    pub auth: Auth,
    /// TLS towards clients and next hops.
    pub tls: Tls,
    /// What a delivered message may tell of its sender.
    pub privacy: Privacy,
    /// Where mail goes.
    pub outbound: Outbound,
    /// Limits on clients.
    pub limits: Limits,
    /// The operator's last word on Postfix.
    pub postfix: Postfix,
    /// What only a lab has.
    pub lab: Lab,
}

impl Spec {
    /// The level of TLS towards next hops, `smtp_tls_security_level`. It is
    /// `tls.outbound.level`, but never less than `encrypt` where the relay logs in
    /// there: its password is not sent in clear.
    #[must_use]
    pub fn outbound_level(&self) -> OutboundLevel {
        match self.tls.outbound.level {
            OutboundLevel::May if self.outbound.credentials.is_some() => OutboundLevel::Encrypt,
            level => level,
        }
    }

    /// Whether the relay wants to see a next hop's certificate before it sends.
    #[must_use]
    pub fn verifies_next_hop(&self) -> bool {
        let level = self.outbound_level();
        level == OutboundLevel::Verify || level == OutboundLevel::Secure
    }
}

/// Ports on the host; `0` lets the kernel pick, `None` turns a listener off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// The address that the ports are published on.
    pub bind: IpAddr,
    /// RFC 5321, port 25 in the container.
    pub smtp: Option<u16>,
    /// RFC 6409, port 587 in the container, STARTTLS required.
    pub submission: Option<u16>,
    /// RFC 8314, port 465 in the container, TLS from the first byte.
    pub submissions: Option<u16>,
}

impl Listeners {
    /// The port of `listener` on the host.
    #[must_use]
    pub fn port(&self, listener: Listener) -> Option<u16> {
        match listener {
            Listener::Smtp => self.smtp,
            Listener::Submission => self.submission,
            Listener::Submissions => self.submissions,
        }
    }
}

/// One of the three services that a client can connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listener {
    /// Port 25.
    Smtp,
    /// Port 587.
    Submission,
    /// Port 465.
    Submissions,
}

impl Listener {
    /// All of them, in the order of `relay.yaml`.
    pub const ALL: [Self; 3] = [Self::Smtp, Self::Submission, Self::Submissions];

    /// The name in `relay.yaml` and in master.cf.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
        }
    }

    /// The port in the container.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Submission => 587,
            Self::Submissions => 465,
        }
    }
}

/// Relaying without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Postfix `mynetworks`, in CIDR notation; empty: nobody.
    pub trusted_networks: Vec<String>,
    /// Postfix `relay_domains`: accepted without login on `smtp`, for delivery to the next hop.
    pub domains: Vec<String>,
    /// Bytes.
    pub message_size_limit: u64,
    /// Which envelope senders a login may use.
    pub sender_login: SenderLogin,
}

/// `relay.sender_login`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderLogin {
    /// Any.
    Any,
    /// Those that the directory has as `mail` of the entry that logged in, and the
    /// null sender, which read receipts must have (RFC 8098 section 3).
    Own,
}

impl SenderLogin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Any, Self::Own];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Own => "own",
        }
    }
}

/// Logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Which listeners offer a login; never without TLS.
    pub listeners: BTreeSet<Listener>,
    /// SASL mechanisms in the order offered.
    pub mechanisms: Vec<Mechanism>,
    /// Whether the `250-AUTH=` line of old Outlook versions is sent as well.
    pub outlook_compatible: bool,
    /// The directory that checks them, where there is no users file.
    pub ldap: Ldap,
    /// The users file that checks them in its place.
    pub users: Option<Users>,
}

/// A users file, see [`crate::accounts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// Where it is, absolute. Its folder is mounted in production: the file is replaced
    /// by another whenever somebody changes it.
    pub file: PathBuf,
    /// How many people are in it.
    pub people: usize,
}

/// A SASL mechanism that saslauthd can serve: it needs the password itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The name in `relay.yaml` and in Cyrus SASL's `mech_list`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Login => "login",
        }
    }
}

/// saslauthd's LDAP settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ldap {
    /// `ldaps://host[:port]` or, with `start_tls`, `ldap://host[:port]`; never in clear.
    pub servers: Vec<String>,
    /// Whether `StartTLS` is used on `ldap://` servers.
    pub start_tls: bool,
    /// Where users are searched: a distinguished name, the same for every login.
    pub search_base: String,
    /// RFC 4515 filter; `%u` is the login as it was typed.
    pub filter: String,
    /// The account that searches; `None`: anonymously.
    pub bind: Option<Bind>,
    /// Who signs the directory's certificate.
    pub ca: TrustAnchor,
}

impl Ldap {
    /// The attributes that hold logins: those that the filter compares with the login
    /// or its first half, such as `uid` in `(uid=%u)`. A person goes by the first that
    /// their entry has.
    #[must_use]
    pub fn login_attributes(&self) -> Vec<&str> {
        let mut attributes: Vec<&str> = Vec::new();
        for (before, component) in self.filter.split('(').zip(self.filter.split('(').skip(1)) {
            let Some((attribute, value)) = component.split_once('=') else {
                continue;
            };
            let opposite = before.ends_with('!') || attribute.ends_with(['<', '>']);
            let value = value.trim_end_matches(')').replace("%%", "");
            // By another rule (RFC 4515 section 3) more than the login may be meant.
            let whole = ["%u", "%U"].contains(&value.trim()) || !attribute.contains(':');
            let compared = whole && (value.contains("%u") || value.contains("%U"));
            let attribute = attribute.split([':', '~', ';']).next().unwrap_or_default();
            let attribute = attribute.trim();
            let known = attributes.iter().any(|a| a.eq_ignore_ascii_case(attribute));
            if compared && !opposite && !known && !attribute.is_empty() {
                attributes.push(attribute);
            }
        }
        attributes
    }
}

/// An LDAP account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its distinguished name.
    pub dn: String,
    /// Its password, read from `password_file`.
    pub password: Secret,
    /// Where the password was read from, absolute.
    pub password_file: PathBuf,
}

/// What the next hop learns of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    /// What becomes of the trace header of a message that came by login.
    pub received: Received,
    /// Whether the trace header names the login.
    pub show_login: bool,
    /// Further header fields that are removed from messages that came by login.
    pub strip_headers: Vec<String>,
}

/// `privacy.received`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A whole trace header (by, with, id, for, date) without the client.
    Rewrite,
    /// Postfix's own short form (`smtpd_hide_client_session`): no `with`, never a login.
    Hide,
    /// As Postfix writes it, client and all.
    Keep,
}

impl Received {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rewrite, Self::Hide, Self::Keep];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Hide => "hide",
            Self::Keep => "keep",
        }
    }
}

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// `None`: in a lab the sink, elsewhere not allowed.
    pub next_hop: Option<NextHop>,
    /// The relay's own login at the next hop.
    pub credentials: Option<Credentials>,
}

/// A host that takes all mail: `[host]:port` without MX lookup, or `host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// Name or address; an IPv6 address stands without brackets and prefix.
    pub host: String,
    /// `None`: 25.
    pub port: Option<u16>,
    /// Whether MX records are looked up (no brackets in `relay.yaml`).
    pub mx_lookup: bool,
}

impl fmt::Display for NextHop {
    /// As Postfix's transport(5) and `relay.yaml` write it: `[host]:port`, `host`,
    /// `[192.0.2.1]` or `[ipv6:2001:db8::1]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.mx_lookup, self.host.contains(':')) {
            (true, _) => write!(f, "{}", self.host)?,
            (false, false) => write!(f, "[{}]", self.host)?,
            (false, true) => write!(f, "[ipv6:{}]", self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A login at the next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password, read from `password_file`.
    pub password: Secret,
    /// Where the password was read from, absolute.
    pub password_file: PathBuf,
}

/// Limits on clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `smtpd_client_connection_count_limit`.
    pub connections_per_client: u32,
    /// Messages, whatever the number of their recipients, that one login may send
    /// within any hour; `None`: no limit.
    pub messages_per_login_per_hour: Option<u32>,
    /// How many logins may fail within a minute, from one address and for one name,
    /// once twice as many have; `None`: any number.
    pub failed_logins_per_minute: Option<u32>,
    /// Networks, in CIDR notation, of addresses that many people share: failed logins
    /// from there put none of them off.
    pub shared_addresses: Vec<String>,
}

/// The operator's last word: any parameter, any service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Postfix {
    /// main.cf: parameter to value.
    pub main: BTreeMap<String, String>,
    /// master.cf: `service/type` to the rest of its line, as `postconf -M` takes it.
    pub master: BTreeMap<String, String>,
}

/// What only a lab has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// The people in the directory.
    pub users: Vec<User>,
    /// Networks that somebody else has made on the engine: the relay joins them under
    /// its host name, so that programs in containers reach it.
    pub networks: Vec<String>,
    /// The port on the host where the directory answers `ldaps://`; `0` lets the kernel pick.
    pub ldaps: u16,
}

/// A person in the lab's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `uid`.
    pub name: String,
    /// Clear text; hashed before it reaches the directory.
    pub password: Secret,
}
