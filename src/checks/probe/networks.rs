//! Networks in CIDR notation, and the addresses at their edges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Network {
    first: u128,
    /// Addresses in it, less one.
    rest: u128,
    six: bool,
}

impl FromStr for Network {
    type Err = ();

    /// As relay.yaml has it: `192.0.2.0/24`, `2001:db8::/32`, `[2001:db8::]/32`,
    /// or one address.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.replace(['[', ']'], "");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| ())?)),
            None => (text.as_str(), None),
        };
        let (number, six) = match address.parse().map_err(|_| ())? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), false),
            IpAddr::V6(address) => (u128::from(address), true),
        };
        let width = if six { 128 } else { 32 };
        let host = width - bits.unwrap_or(width).min(width);
        let rest = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
        Ok(Self {
            first: number & !rest,
            rest,
            six,
        })
    }
}

impl Network {
    /// Its lowest address.
    pub(in super::super) fn first(&self) -> IpAddr {
        self.address(self.first)
    }

    /// Its highest address.
    pub(in super::super) fn last(&self) -> IpAddr {
        self.address(self.first + self.rest)
    }

    /// The addresses just before and behind it, as far as there are any.
    pub(in super::super) fn neighbours(&self) -> Vec<IpAddr> {
        let top = if self.six { u128::MAX } else { u32::MAX.into() };
        let before = self.first.checked_sub(1);
        let behind = (self.first + self.rest)
            .checked_add(1)
            .filter(|n| *n <= top);
        before
            .into_iter()
            .chain(behind)
            .map(|n| self.address(n))
            .collect()
    }

    /// Whether `address` is in it.
    pub(in super::super) fn contains(&self, address: IpAddr) -> bool {
        let (number, six) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), false),
            IpAddr::V6(address) => (u128::from(address), true),
        };
        six == self.six && number & !self.rest == self.first
    }

    fn address(&self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(number) if !self.six => Ipv4Addr::from(number).into(),
            _ => Ipv6Addr::from(number).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_network_ends_where_its_prefix_says() {
        let network: Network = "198.18.5.0/24".parse().unwrap();
        assert_eq!(network.last().to_string(), "198.18.5.255");
        let around: Vec<_> = network
            .neighbours()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(around, ["198.18.4.255", "198.18.6.0"]);
        assert!(network.contains("198.18.5.7".parse().unwrap()));
        assert!(!network.contains("198.18.6.0".parse().unwrap()));
        let six: Network = "[2001:db8:5::]/48".parse().unwrap();
        assert_eq!(six.neighbours()[1].to_string(), "2001:db8:6::");
        assert!(!six.contains("198.18.5.7".parse().unwrap()));
        let one: Network = "192.0.2.1".parse().unwrap();
        assert_eq!(one.first(), one.last());
    }
}
