//! Whether the engine's host has the addresses that ports are to be published on: said
//! before anything is made, with the addresses that it has.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use super::{Error, Workshop, inside};
use crate::plan::Plan;

/// # Errors
/// [`Error::Impossible`] for an address that this machine does not have. Of another
/// machine nothing is known here.
pub(super) async fn check(plan: &Plan, workshop: &Workshop) -> Result<(), Error> {
    let engine = workshop.engine.as_ref();
    let ports = plan.containers.iter().flat_map(|c| &c.ports);
    let binds: BTreeSet<IpAddr> = ports.map(|port| port.bind).collect();
    let here = engine.about().await?.remote_host.is_none() && inside::own(engine).await?.is_none();
    let lacking = binds.into_iter().find(|bind| here && !has(*bind));
    let Some(bind) = lacking else { return Ok(()) };
    let addresses: Vec<String> = addresses().iter().map(IpAddr::to_string).collect();
    let has = match &addresses[..] {
        [] => String::new(),
        some => format!(", which has {}", some.join(", ")),
    };
    Err(Error::Impossible(format!(
        "ports cannot be published on {bind}: it is no address of this machine{has}\n  set \
         listeners.bind to one that it has, to 127.0.0.1 for this machine alone, or to 0.0.0.0 \
         for all"
    )))
}

/// Whether something can listen there. What else may be wrong is for the engine to say.
fn has(bind: IpAddr) -> bool {
    let tried = TcpListener::bind((bind, 0));
    !matches!(tried, Err(error) if error.kind() == ErrorKind::AddrNotAvailable)
}

/// The addresses of this machine's interfaces (proc(5)); none where there is no /proc.
fn addresses() -> BTreeSet<IpAddr> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let four = of_fib_trie(&read("/proc/net/fib_trie"));
    let six = of_if_inet6(&read("/proc/net/if_inet6"));
    let four = four.into_iter().map(IpAddr::V4);
    four.chain(six.into_iter().map(IpAddr::V6)).collect()
}

/// `|-- ADDRESS`, and in the next line `/32 host LOCAL` where it is an interface's.
fn of_fib_trie(text: &str) -> Vec<Ipv4Addr> {
    let mut last: Option<Ipv4Addr> = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("|-- ") {
            Some(address) => last = address.parse().ok(),
            None if line == "/32 host LOCAL" => found.extend(last),
            None => {}
        }
    }
    found
}

/// The address as 32 digits, and four fields later its interface. Those of a link alone
/// need its name, and nobody publishes a port there.
fn of_if_inet6(text: &str) -> Vec<Ipv6Addr> {
    let first = text.lines().filter_map(|line| line.split(' ').next());
    let numbers = first.filter_map(|digits| u128::from_str_radix(digits, 16).ok());
    let addresses = numbers.map(Ipv6Addr::from);
    addresses.filter(|a| a.segments()[0] != 0xfe80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_this_machines_or_is_not() {
        assert!(has(Ipv4Addr::LOCALHOST.into()) && has(Ipv4Addr::UNSPECIFIED.into()));
        // RFC 5737: nobody's.
        assert!(!has(Ipv4Addr::new(192, 0, 2, 7).into()));
        assert!(addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn the_kernels_tables_are_read() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                    |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.1.2.255\n        /32 link BROADCAST\n";
        assert_eq!(of_fib_trie(trie), [Ipv4Addr::new(10, 1, 2, 3)]);
        let six = "00000000000000000000000000000001 01 80 10 80       lo\n\
                   fe800000000000000042fffffe000001 02 40 20 80   eth0\n";
        assert_eq!(of_if_inet6(six), [Ipv6Addr::LOCALHOST]);
    }
}
