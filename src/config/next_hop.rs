//! A next hop.

use std::fmt;
use std::net::IpAddr;

/// Where TLS begins with the first byte (RFC 8314 section 7.3), which no client finds
/// out by itself.
const SUBMISSIONS: u16 = 465;

/// A host that takes mail: `[host]:port` without MX lookup, or `host`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHop {
    /// Name or address; an IPv6 address stands without brackets and prefix.
    pub host: String,
    /// `None`: 25.
    pub port: Option<u16>,
    /// Whether MX records are looked up (no brackets in `relay.yaml`).
    pub mx_lookup: bool,
}

impl NextHop {
    /// Whether TLS begins with the first byte there: on port 465 nobody says STARTTLS.
    #[must_use]
    pub fn wraps(&self) -> bool {
        self.port == Some(SUBMISSIONS)
    }

    /// Whether it is an address, which no certificate of a public authority names.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// Whether it is an IPv6 address, which nobody reaches by IPv4.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        matches!(self.host.parse(), Ok(IpAddr::V6(_)))
    }
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
