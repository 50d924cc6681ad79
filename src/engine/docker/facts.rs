//! What an engine knows of a container, as far as relaykit asks.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use bollard::models::{ContainerInspectResponse, PortBinding};

use crate::engine::ContainerFacts;

/// The facts in an engine's answer.
pub(super) fn facts(container: ContainerInspectResponse) -> ContainerFacts {
    let state = container.state.unwrap_or_default();
    let config = container.config.unwrap_or_default();
    let network = container.network_settings.unwrap_or_default();
    let host = container.host_config.unwrap_or_default();
    let running = state.running.unwrap_or_default();
    let status = state.status.map(|s| s.to_string()).unwrap_or_default();
    let limit = |limit: Option<i64>| limit.filter(|limit| *limit > 0);
    let ended = matches!(status.as_str(), "exited" | "dead");
    ContainerFacts {
        id: container.id.unwrap_or_default(),
        running,
        exit_code: state.exit_code.filter(|_| ended),
        status,
        memory: limit(host.memory).and_then(|bytes| u64::try_from(bytes).ok()),
        processes: limit(host.pids_limit).and_then(|most| u32::try_from(most).ok()),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        image: config.image.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        network_mode: host.network_mode.unwrap_or_default(),
        ports: network.ports.map(published).unwrap_or_default(),
        addresses: network
            .networks
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, place)| Some((name, place.ip_address?.parse().ok()?)))
            .collect(),
    }
}

/// Published TCP ports; of several bindings the IPv4 one.
fn published(ports: HashMap<String, Option<Vec<PortBinding>>>) -> BTreeMap<u16, (IpAddr, u16)> {
    let parsed = |binding: PortBinding| {
        let address: IpAddr = match binding.host_ip.as_deref() {
            // As the API has it for all addresses.
            None | Some("") => Ipv4Addr::UNSPECIFIED.into(),
            Some(address) => address.parse().ok()?,
        };
        Some((address, binding.host_port?.parse().ok()?))
    };
    ports
        .into_iter()
        .filter_map(|(port, bindings)| {
            let port = port.strip_suffix("/tcp")?.parse().ok()?;
            let bindings = bindings?.into_iter().filter_map(parsed);
            Some((port, bindings.min_by_key(|(address, _)| address.is_ipv6())?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_on_no_address_is_on_all_of_them_and_an_ipv4_one_comes_first() {
        let binding = |address: Option<&str>| PortBinding {
            host_ip: address.map(str::to_owned),
            host_port: Some("2525".to_owned()),
        };
        let seen = |bindings: Vec<PortBinding>| {
            let ports = HashMap::from([("25/tcp".to_owned(), Some(bindings))]);
            published(ports)[&25].0.to_string()
        };
        assert_eq!(seen(vec![binding(None)]), "0.0.0.0");
        assert_eq!(seen(vec![binding(Some(""))]), "0.0.0.0");
        assert_eq!(
            seen(vec![binding(Some("::")), binding(Some("127.0.0.1"))]),
            "127.0.0.1"
        );
    }
}
