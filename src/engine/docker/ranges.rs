//! Address ranges for networks: sixteen addresses each, out of 198.19.0.0/16. RFC 2544
//! (appendix C.2.2) keeps 198.18.0.0/15 for benchmarks of networks, so that no site has
//! its machines there; its lower half is left to checks, whose clients come from it, and
//! to programs that invent addresses in it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

/// A range of IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u32,
    bits: u32,
}

impl Range {
    /// The range that the network of this name is tried in, another with each attempt.
    pub(super) fn of(network: &str, attempt: u32) -> Self {
        let mut hasher = DefaultHasher::new();
        (network, attempt).hash(&mut hasher);
        let [.., middle, low] = hasher.finish().to_be_bytes();
        Self {
            first: u32::from_be_bytes([198, 19, middle, low & 0xf0]),
            bits: 28,
        }
    }

    /// Its first address for a machine.
    pub(super) fn gateway(self) -> Ipv4Addr {
        (self.first + 1).into()
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        let mask = mask(self.bits.min(other.bits));
        self.first & mask == other.first & mask
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.bits)
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

/// The last address for a machine in a range written as `198.19.3.16/28`: an engine that
/// gives addresses in turn comes to it last.
pub(super) fn last_address(range: &str) -> Option<Ipv4Addr> {
    let (first, bits) = range.split_once('/')?;
    let first = u32::from(first.parse::<Ipv4Addr>().ok()?);
    let bits = bits.parse().ok().filter(|bits| *bits < 31)?;
    Some(((first | !mask(bits)) - 1).into())
}

/// What this machine has routes to, but for the way to everywhere and the halves of it
/// that a VPN routes instead. None where the system does not tell.
pub(super) fn routes() -> Vec<Range> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    parsed(&table)
}

/// /proc/net/route: the second and the eighth field are destination and mask, in
/// hexadecimal and in the byte order of the network, read as a number of this machine.
fn parsed(table: &str) -> Vec<Range> {
    let number = |field: Option<&str>| {
        let field = u32::from_str_radix(field?, 16).ok()?;
        Some(u32::from_be_bytes(field.to_ne_bytes()))
    };
    let route = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let first = number(fields.next())?;
        let bits = number(fields.nth(5))?.count_ones();
        (bits > 1).then_some(Range { first, bits })
    };
    table.lines().filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_the_benchmarks_and_change_with_each_attempt() {
        let first = Range::of("relaykit-a-clients", 0);
        let text = first.to_string();
        assert!(
            text.starts_with("198.19.") && text.ends_with("/28"),
            "{text}"
        );
        assert_eq!(u32::from(first.gateway()) & 0xf, 1);
        assert_ne!(first, Range::of("relaykit-a-clients", 1));
    }

    #[test]
    fn the_last_address_of_a_range_is_the_one_before_its_broadcast() {
        let last = |range: &str| last_address(range).map(|address| address.to_string());
        assert_eq!(last("198.19.3.16/28").as_deref(), Some("198.19.3.30"));
        assert_eq!(last("10.89.0.0/24").as_deref(), Some("10.89.0.254"));
        assert_eq!(last("10.89.0.0/32"), None);
        assert_eq!(last("fd00::/64"), None);
    }

    #[test]
    fn what_the_machine_has_a_route_to_is_no_range_of_ours() {
        // A default route, a VPN's half of everything, a bridge and 198.19.0.0/17.
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            tun0\t00000000\t010011AC\t0003\t0\t0\t0\t00000080\t0\t0\t0\n\
            br0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            tun1\t000013C6\t00000000\t0001\t0\t0\t0\t0080FFFF\t0\t0\t0\n";
        let routes = parsed(table);
        let shown: Vec<String> = routes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["172.17.0.0/16", "198.19.0.0/17"]);
        let free = (0..64).map(|n| Range::of("x", n));
        let free: Vec<Range> = free
            .filter(|range| !routes.iter().any(|route| route.overlaps(*range)))
            .collect();
        assert!(!free.is_empty() && free.len() < 64);
        assert!(free.iter().all(|range| range.gateway().octets()[2] >= 128));
    }
}
