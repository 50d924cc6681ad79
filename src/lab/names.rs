//! What the certificates of a lab must say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::certs::Names;
use crate::plan::{Container, Plan, Role};

/// The names that each server's certificate must hold: the names by which
/// others find it, and the ways a client on this machine can address it.
#[must_use]
pub fn certificate_names(plan: &Plan) -> BTreeMap<Role, Names> {
    let names = |container: &Container| {
        let mut names = Names::default();
        if container.role == Role::Relay {
            names.dns.push(plan.spec.hostname.clone());
        }
        let aliases = container.networks.iter().flat_map(|n| &n.aliases);
        let known = names.dns.iter().cloned().collect::<BTreeSet<_>>();
        let aliases: BTreeSet<String> = aliases.cloned().collect();
        names.dns.extend(aliases.difference(&known).cloned());
        if !container.ports.is_empty() {
            names.dns.push("localhost".to_owned());
            names.addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let binds = container.ports.iter().map(|p| p.bind);
            let binds: BTreeSet<IpAddr> = binds.filter(|a| !a.is_unspecified()).collect();
            names
                .addresses
                .extend(binds.into_iter().filter(|a| !a.is_loopback()));
        }
        (container.role, names)
    };
    plan.containers.iter().map(names).collect()
}
