//! `listeners`: where the relay listens.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::setting::{Need, Setting};
use crate::config::syntax;
use crate::config::value::{NumberOrNone, Text};

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

impl Default for Listeners {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            smtp: Some(2525),
            submission: Some(2587),
            submissions: Some(2465),
        }
    }
}

/// The highest port that TCP has.
pub(super) const HIGHEST_PORT: u64 = 65535;

pub(in crate::config) static KEYS: &[Setting<Listeners>] = &[
    Setting {
        name: "smtp",
        value: &NumberOrNone {
            at: |listeners: &mut Listeners| &mut listeners.smtp,
            least: 0,
            most: HIGHEST_PORT,
        },
        need: Need::Nullable,
        about: "port 25 of the relay; null: off",
        doc: "The port on the host for mail from other servers and from trusted_networks, with \
              STARTTLS offered. It has no logins unless auth.listeners names it. `0` lets the \
              kernel pick a port, and `null` turns the listener off.",
        example: "25",
        source: "RFC 5321; RFC 3207",
        ..Setting::USUAL
    },
    Setting {
        name: "submission",
        value: &NumberOrNone {
            at: |listeners: &mut Listeners| &mut listeners.submission,
            least: 0,
            most: HIGHEST_PORT,
        },
        need: Need::Nullable,
        about: "port 587, STARTTLS required; null: off",
        doc: "The port on the host for mail programs that begin in clear: they must use STARTTLS, \
              then log in, then send. `0` lets the kernel pick a port, and `null` turns the \
              listener off.",
        example: "587",
        source: "RFC 6409; RFC 3207",
        ..Setting::USUAL
    },
    Setting {
        name: "submissions",
        value: &NumberOrNone {
            at: |listeners: &mut Listeners| &mut listeners.submissions,
            least: 0,
            most: HIGHEST_PORT,
        },
        need: Need::Nullable,
        about: "port 465, TLS from the first byte; null: off",
        doc: "The port on the host for mail programs that begin with TLS, which is what RFC 8314 \
              recommends. They log in, then send. `0` lets the kernel pick a port, and `null` \
              turns the listener off.",
        example: "465",
        source: "RFC 8314 section 3.3",
        ..Setting::USUAL
    },
    Setting {
        name: "bind",
        value: &Text {
            what: "an IP address",
            at: |listeners: &mut Listeners| &mut listeners.bind,
            read: syntax::address,
            show: |address| Some(address.to_string()),
            null: None,
            wary: None,
        },
        about: "the host's address that the ports are opened on",
        doc: "The address of the host on which all the ports above are opened. The default is \
              reached from this machine alone; a relay in production has `0.0.0.0`, or the one \
              address that its clients know.",
        example: "'::1'",
        ..Setting::USUAL
    },
];
