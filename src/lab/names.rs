//! What a lab may be called, and what its certificates must say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::certs::Names;
use crate::plan::{Container, Plan, Role};

/// The longest lab name: it is part of container names, which are host names
/// of up to 63 characters (RFC 1123 2.1).
const LONGEST: usize = 40;

/// Refuses a name that cannot be part of a container's name, or that would be
/// another folder than a lab's own.
///
/// # Errors
/// What a name must be.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.len() <= LONGEST
        && name.chars().all(allowed)
        && name.starts_with(edges)
        && name.ends_with(edges);
    if good {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no lab name: it has lower-case letters and digits, hyphens between them, and at most {LONGEST} characters"
    ))
}

/// The names that each server's certificate must hold: the names by which
/// others find it, and the ways a client on this machine can address it.
#[must_use]
pub fn certificate_names(plan: &Plan) -> BTreeMap<Role, Names> {
    let names = |container: &Container| {
        let mut names = Names::default();
        if container.role == Role::Relay {
            names.dns.push(plan.resolved.spec.hostname.clone());
        }
        let aliases = container.networks.iter().flat_map(|n| &n.aliases);
        let known = names.dns.iter().cloned().collect::<BTreeSet<_>>();
        let aliases: BTreeSet<String> = aliases.cloned().collect();
        names.dns.extend(aliases.difference(&known).cloned());
        if !container.ports.is_empty() {
            names.dns.push("localhost".to_owned());
            // What containers call the machine that publishes the ports, with Docker
            // Desktop and with `--add-host host.docker.internal:host-gateway`.
            names.dns.push("host.docker.internal".to_owned());
            names.addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let binds = container.ports.iter().map(|p| p.bind);
            let binds: BTreeSet<IpAddr> = binds.filter(|a| !a.is_unspecified()).collect();
            names
                .addresses
                .extend(binds.into_iter().filter(|a| !a.is_loopback()));
        }
        (container.role, names)
    };
    let mut all: BTreeMap<Role, Names> = plan.containers.iter().map(names).collect();
    // The sink shows it where it plays a server of another name.
    if plan.container(Role::Sink).is_some() {
        all.entry(Role::Directory).or_insert_with(|| Names {
            dns: vec![Role::Directory.name().to_owned()],
            ..Names::default()
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_name_is_a_part_of_a_host_name() {
        for good in ["default", "a", "test-1f-2", "0"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in [
            "", "../../x", "a/b", ".", "Upper", "-x", "x-", "ä", "a b", &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
