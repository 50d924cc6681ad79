//! Networks as Postfix's `mynetworks` takes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::problem::{Refusal, quoted};

/// A network in CIDR notation, in Postfix's spelling: `192.0.2.0/24`, `192.0.2.1/32`,
/// `[2001:db8::]/32`. Host bits must be zero, as Postfix demands.
pub(in crate::config) fn network(text: &str) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected a network",
            quoted(text)
        ))
    };
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = match bare {
        Some(inside) => inside.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => address.parse::<IpAddr>(),
    }
    .map_err(|_| {
        let what = if text.starts_with(['!', '/']) || text.contains(":/") {
            "an exclusion, file or table"
        } else {
            "no IP address"
        };
        wrong(what).hint("list the networks themselves: 192.0.2.0/24, '[2001:db8::]/32'")
    })?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(digits) => digits
            .parse::<u8>()
            .ok()
            .filter(|n| *n <= bits && digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| wrong(&format!("the part after `/` is no number up to {bits}")))?,
    };
    let network = masked(address, length);
    let spelled = match network {
        IpAddr::V4(v4) => format!("{v4}/{length}"),
        IpAddr::V6(v6) => format!("[{v6}]/{length}"),
    };
    if too_wide(network, length) {
        return Err(
            wrong("wider than any network of one owner, so strangers could relay")
                .hint("name the networks of your own clients, or let them log in"),
        );
    }
    if matches!(network, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(wrong("an IPv4-mapped address, which Postfix never sees")
            .hint("write it in the IPv4 form"));
    }
    if network != address {
        return Err(wrong("host bits are set, which Postfix refuses")
            .hint(format!("write '{spelled}', or /{bits} for the one host")));
    }
    Ok(spelled)
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

/// The name of a network on an engine, where containers have names for each other.
pub(in crate::config) fn network_name(text: &str) -> Result<String, Refusal> {
    let wrong = |what: &str| Refusal::new(format!("found {}: {what}", quoted(text)));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(allowed) {
        return Err(wrong(
            "no name of a network: letters, digits and _ . - are in one",
        ));
    }
    if ["bridge", "host", "none", "default"].contains(&text) {
        return Err(
            wrong("one of the engine's own, where containers have no names")
                .hint("make one with `docker network create`, or name that of a compose project: PROJECT_default"),
        );
    }
    Ok(text.to_owned())
}

/// Ranges that engines take their own networks from: Docker's default pools, Swarm's,
/// local IPv6 addresses, and what relaykit picks for labs.
const ENGINE_POOLS: [(IpAddr, u8); 5] = [
    (IpAddr::V4(Ipv4Addr::new(198, 19, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

/// Whether a network that [`network`] spelled overlaps one of the [`ENGINE_POOLS`].
pub(in crate::config) fn can_be_an_engines(spelled: &str) -> bool {
    let Some((address, length)) = spelled.split_once('/') else {
        return false;
    };
    let address = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let (Ok(address), Ok(length)) = (address, length.parse::<u8>()) else {
        return false;
    };
    ENGINE_POOLS.iter().any(|(pool, pool_length)| {
        let shorter = length.min(*pool_length);
        address.is_ipv4() == pool.is_ipv4() && masked(address, shorter) == masked(*pool, shorter)
    })
}

/// Shorter prefixes than any that is given to one network: two halves of the
/// Internet would be an open relay as well as the whole. Local IPv6 addresses
/// (RFC 4193, RFC 4291 2.5.6) are nobody else's.
fn too_wide(network: IpAddr, length: u8) -> bool {
    match network {
        IpAddr::V4(_) => length < 8,
        IpAddr::V6(v6) => {
            let local = v6.is_unique_local() || v6.is_unicast_link_local();
            length < if local { 7 } else { 16 }
        }
    }
}
