//! What an engine knows of a container, as far as relaykit asks.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use bollard::models::{ContainerInspectResponse, MountPoint, PortBinding};

use crate::engine::{ContainerFacts, Terms};

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
    let shared = [
        ("pid", host.pid_mode.as_deref()),
        ("ipc", host.ipc_mode.as_deref()),
        ("uts", host.uts_mode.as_deref()),
        ("network", host.network_mode.as_deref()),
    ];
    let shared = shared.into_iter().filter(|(_, mode)| *mode == Some("host"));
    let security = host.security_opt.unwrap_or_default();
    // Docker and Podman, with and without a value.
    let (no_new, security): (Vec<_>, Vec<_>) = security
        .into_iter()
        .partition(|word| word.starts_with("no-new-privileges") && !word.ends_with("false"));
    let program = config.entrypoint.clone().unwrap_or_default().into_iter();
    let terms = Terms {
        privileged: host.privileged.unwrap_or_default(),
        read_only: host.readonly_rootfs.unwrap_or_default(),
        no_new_privileges: !no_new.is_empty(),
        security,
        capabilities: named(host.cap_add),
        dropped: named(host.cap_drop),
        mounts: container
            .mounts
            .unwrap_or_default()
            .into_iter()
            .filter_map(mount)
            .collect(),
        tmpfs: host.tmpfs.unwrap_or_default().into_keys().collect(),
        devices: host
            .devices
            .unwrap_or_default()
            .into_iter()
            .filter_map(|device| device.path_on_host)
            .collect(),
        shared: shared.map(|(name, _)| name.to_owned()).collect(),
        user: config.user.clone().unwrap_or_default(),
        command: program
            .chain(config.cmd.clone().unwrap_or_default())
            .collect(),
    };
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
        terms,
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

/// Capabilities without `CAP_`, which engines have or leave out.
fn named(capabilities: Option<Vec<String>>) -> Vec<String> {
    let all = capabilities.unwrap_or_default().into_iter();
    all.map(|name| name.trim_start_matches("CAP_").to_uppercase())
        .collect()
}

/// A volume by its name, and what is the host's by its path; not a folder in memory.
fn mount(mount: MountPoint) -> Option<(String, String, bool)> {
    let kind = mount.typ.unwrap_or_default();
    let from = match mount.name.filter(|_| kind == "volume") {
        Some(name) => name,
        None => mount.source?,
    };
    let target = mount.destination?;
    (kind != "tmpfs").then(|| (from, target, mount.rw.unwrap_or(true)))
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
