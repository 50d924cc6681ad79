//! A next hop.

use std::fmt;

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
