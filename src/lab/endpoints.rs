//! Where the published ports of a lab answer, seen from this machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::{Error, Workshop, inside, missing};
use crate::engine::{ContainerFacts, Engine};
use crate::plan::{Container, Plan, Port, Role};

/// How this machine reaches ports that the engine publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// The engine runs here.
    Local,
    /// We run in a container of it, with these addresses: ports are reached where their
    /// containers have them, on networks that both are on.
    Member(BTreeMap<String, IpAddr>),
    /// The engine runs on another host, with this address.
    Remote(IpAddr),
}

impl Way {
    /// # Errors
    /// When the name of a remote engine's host is not known here.
    pub(super) async fn to(engine: &dyn Engine) -> Result<Self, Error> {
        let Some(host) = engine.about().await?.remote_host else {
            let own = inside::own(engine).await?;
            return Ok(own.map_or(Self::Local, |own| Self::Member(own.addresses)));
        };
        let unknown = |reason: String| {
            Error::Impossible(format!(
                "the engine's host {host} has no address here ({reason}), so its ports cannot be reached"
            ))
        };
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        let mut addresses = found.map_err(|e| unknown(e.to_string()))?;
        let first = addresses
            .next()
            .ok_or_else(|| unknown("no address".to_owned()))?;
        // A tunnel, or an engine that only speaks TCP, on this machine.
        Ok(if first.ip().is_loopback() {
            Self::Local
        } else {
            Self::Remote(first.ip())
        })
    }

    /// Where `port` of a container is reached, which is published on `bind` and `host`;
    /// `None`: nowhere.
    pub(super) fn endpoint(
        &self,
        facts: &ContainerFacts,
        port: u16,
        (bind, host): (IpAddr, u16),
    ) -> Option<SocketAddr> {
        match self {
            Self::Member(own) => inside::beside(own, facts, port),
            _ => Some(SocketAddr::new(self.address(bind)?, host)),
        }
    }

    /// Where a port published on `bind` is reached; `None`: nowhere, it is on
    /// the loopback of another machine.
    fn address(&self, bind: IpAddr) -> Option<IpAddr> {
        match (self, bind) {
            (Self::Local, IpAddr::V4(a)) if a.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
            (Self::Local, IpAddr::V6(a)) if a.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
            (Self::Remote(host), bind) if bind.is_unspecified() => Some(*host),
            (Self::Remote(_), bind) if bind.is_loopback() => None,
            (Self::Member(_), _) => None,
            (_, bind) => Some(bind),
        }
    }
}

/// Where each published port answers. The directory's is a convenience: on a
/// remote engine it may be out of reach.
///
/// # Errors
/// When a container does not run, or the relay's ports cannot be reached.
pub(super) async fn endpoints(
    plan: &Plan,
    workshop: &Workshop,
) -> Result<BTreeMap<&'static str, SocketAddr>, Error> {
    let way = Way::to(workshop.engine.as_ref()).await?;
    let mut endpoints = BTreeMap::new();
    for container in plan.containers.iter().filter(|c| !c.ports.is_empty()) {
        let facts = workshop.engine.inspect(&container.name).await?;
        let facts = match facts {
            Some(facts) if facts.running => facts,
            facts => return Err(missing::ended(container, facts.as_ref(), workshop).await),
        };
        let answering = answering(container, &facts, &way);
        if container.role == Role::Relay && answering.is_empty() {
            if let Way::Member(_) = way {
                return Err(Error::Impossible(
                    "relaykit runs in a container of this engine and is on no network of the lab: its ports cannot be reached from here".to_owned(),
                ));
            }
            return Err(Error::Impossible(
                "listeners.bind is a loopback address, and the engine runs on another machine: its ports cannot be reached from here\n  set listeners.bind to an address of the engine's host, or run relaykit there".to_owned(),
            ));
        }
        endpoints.extend(answering);
    }
    Ok(endpoints)
}

/// Where the published ports of the containers that run answer now. An engine
/// picks ports that the kernel picks anew whenever a container is started.
///
/// # Errors
/// When the engine cannot be asked.
pub async fn endpoints_now(
    plan: &Plan,
    engine: &dyn Engine,
) -> Result<BTreeMap<&'static str, SocketAddr>, Error> {
    let way = Way::to(engine).await?;
    let mut endpoints = BTreeMap::new();
    for container in plan.containers.iter().filter(|c| !c.ports.is_empty()) {
        if let Some(facts) = engine.inspect(&container.name).await? {
            endpoints.extend(answering(container, &facts, &way));
        }
    }
    Ok(endpoints)
}

/// Where the relay's own ports answer on its first network, if this machine stands
/// on that network as its gateway. Nothing between changes a client's port then, so
/// that the relay's log tells one session from another; so it is where relaykit runs in a
/// container beside it. Empty elsewhere: a remote engine, an engine in a virtual machine.
///
/// # Errors
/// When the engine cannot be asked.
pub(super) async fn direct(
    plan: &Plan,
    workshop: &Workshop,
) -> Result<BTreeMap<&'static str, SocketAddr>, Error> {
    let engine = workshop.engine.as_ref();
    let relay = plan.container(Role::Relay);
    let Some((relay, network)) = relay.and_then(|r| Some((r, &r.networks.first()?.network))) else {
        return Ok(BTreeMap::new());
    };
    let facts = engine.inspect(&relay.name).await?;
    if let (way @ Way::Member(_), Some(facts)) = (Way::to(engine).await?, &facts) {
        return Ok(answering(relay, facts, &way));
    }
    let address = facts.and_then(|facts| facts.addresses.get(network).copied());
    let Some(address) = address else {
        return Ok(BTreeMap::new());
    };
    if own_address_towards(address) != Some(engine.gateway(network).await?) {
        return Ok(BTreeMap::new());
    }
    let endpoint = |port: &Port| (port.name, SocketAddr::new(address, port.container));
    Ok(relay.ports.iter().map(endpoint).collect())
}

/// The address that this machine would speak to `peer` from. Asks the routing
/// table: nothing is sent.
fn own_address_towards(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((peer, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Published ports by name.
fn answering(
    container: &Container,
    facts: &ContainerFacts,
    way: &Way,
) -> BTreeMap<&'static str, SocketAddr> {
    let endpoint = |port: &Port| {
        let published = facts.ports.get(&port.container)?;
        let address = way.endpoint(facts, port.container, *published)?;
        Some((port.name, address))
    };
    container.ports.iter().filter_map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(way: &Way, bind: &str) -> Option<String> {
        way.address(bind.parse().unwrap())
            .map(|address| address.to_string())
    }

    #[test]
    fn all_addresses_mean_the_nearest_one() {
        assert_eq!(seen(&Way::Local, "0.0.0.0").unwrap(), "127.0.0.1");
        assert_eq!(seen(&Way::Local, "::").unwrap(), "::1");
        assert_eq!(seen(&Way::Local, "192.0.2.1").unwrap(), "192.0.2.1");
    }

    #[test]
    fn the_way_to_this_machine_begins_at_the_same_address() {
        let loopback = Ipv4Addr::LOCALHOST.into();
        assert_eq!(own_address_towards(loopback), Some(loopback));
    }

    #[test]
    fn another_machines_loopback_is_out_of_reach() {
        let way = Way::Remote("192.0.2.7".parse().unwrap());
        assert_eq!(seen(&way, "0.0.0.0").unwrap(), "192.0.2.7");
        assert_eq!(seen(&way, "192.0.2.8").unwrap(), "192.0.2.8");
        assert_eq!(seen(&way, "127.0.0.1"), None);
    }
}
