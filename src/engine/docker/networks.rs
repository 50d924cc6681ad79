//! Networks and volumes: making them and finding out about them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bollard::errors::Error as Fault;
use bollard::models::{
    EndpointSettings, Ipam, IpamConfig, Network, NetworkConnectRequest, NetworkCreateRequest,
    NetworkCreateResponse, NetworkDisconnectRequest, VolumeCreateRequest,
};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use futures_util::future;

use super::containers::GATEWAY_PRIORITY;
use super::ranges::{self, Range};
use super::states::understood;
use super::{DockerEngine, Make, fault};
use crate::engine::{Error, Kind, Labels, NetworkRequest, Object, labels};

/// From this version on an engine refuses a second network of the same name.
const UNIQUE_NETWORK_NAMES: (u32, u32) = (1, 44);
/// How long a younger network of the same name may take to be given up.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);
/// How many ranges of ours are tried, of 4096.
const RANGES_TRIED: u32 = 64;
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const GATEWAY_MODE: &str = "com.docker.network.bridge.gateway_mode_ipv4";
/// From this version on a bridge has modes, `nat` among them: the option came with Docker
/// Engine 27.0 (<https://github.com/moby/moby/pull/47871>, in
/// <https://docs.docker.com/engine/release-notes/27/#2700>), whose API is 1.46; 26.1 has
/// 1.45 and not the option. `isolated` came with 28.0, API 1.48.
const GATEWAY_MODES: (u32, u32) = (1, 46);

impl DockerEngine {
    pub(super) async fn make_network(&self, network: NetworkRequest) -> Result<(), Error> {
        let action = format!("creating the network {}", network.name);
        let options = options(&network, self.make, self.api);
        let request = NetworkCreateRequest {
            name: network.name.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(network.internal),
            options: Some(options),
            labels: Some(network.labels.into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let made = self.make_in_a_range(request).await;
        let made = made.map_err(|fault| fault::classify(&action, &network.name, &fault))?;
        let unique = self.make == Make::Podman || self.api >= UNIQUE_NETWORK_NAMES;
        if unique || self.keeps_its_name(&network.name, &made.id).await? {
            return Ok(());
        }
        self.remove_object(Kind::Network, &made.id).await?;
        Err(fault::name_in_use(&action, &network.name))
    }

    /// Creates a network in a small range that we pick: an engine gives each network
    /// thousands of addresses and has some thirty such ranges, and every lab takes three.
    /// Where none of ours can be had, the engine picks one of its own.
    async fn make_in_a_range(
        &self,
        mut request: NetworkCreateRequest,
    ) -> Result<NetworkCreateResponse, Fault> {
        // What this machine has routes for, an engine on it does not look at.
        let routes = match self.about.remote_host {
            None => ranges::routes(),
            Some(_) => Vec::new(),
        };
        let candidates = (0..RANGES_TRIED).map(|attempt| Range::of(&request.name, attempt));
        let free: Vec<Range> = candidates
            .filter(|range| !routes.iter().any(|route| route.overlaps(*range)))
            .collect();
        for range in free {
            request.ipam = Some(Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(range.to_string()),
                    // Not every engine tells of a gateway that it picked in here.
                    gateway: Some(range.gateway().to_string()),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            });
            match self.docker.create_network(request.clone()).await {
                Err(fault) if fault::is_taken_range(&fault) => {
                    tracing::debug!(%range, "another network has this range");
                }
                made => {
                    tracing::info!(%range, network = request.name, "chose an address range");
                    return made;
                }
            }
        }
        tracing::info!(
            network = request.name,
            "no range of ours is free: the engine picks one"
        );
        request.ipam = None;
        self.docker.create_network(request).await
    }

    /// Whether the network `id` may keep its name. Of two that were made at the
    /// same moment the older keeps it, once the younger has been given up; a
    /// younger one that stays was made by somebody who has not seen this one.
    async fn keeps_its_name(&self, name: &str, id: &str) -> Result<bool, Error> {
        let deadline = Instant::now() + GIVEN_UP_WITHIN;
        loop {
            let named = self.networks_named(name).await?;
            let oldest = named.first().and_then(|network| network.id.as_deref());
            if oldest != Some(id) || Instant::now() > deadline {
                return Ok(false);
            }
            if named.len() == 1 {
                return Ok(true);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// All networks of this name, the oldest first.
    async fn networks_named(&self, name: &str) -> Result<Vec<Network>, Error> {
        let options = ListNetworksOptions {
            filters: Some(HashMap::from([("name".to_owned(), vec![name.to_owned()])])),
        };
        let networks = self.docker.list_networks(Some(options)).await;
        let mut networks = networks.map_err(|fault| {
            fault::classify(&format!("looking for the network {name}"), name, &fault)
        })?;
        // The engine's filter matches parts of names too.
        networks.retain(|network| network.name.as_deref() == Some(name));
        networks.sort_by_key(|network| (network.created.clone(), network.id.clone()));
        Ok(networks)
    }

    pub(super) async fn network_is_there(&self, name: &str) -> Result<bool, Error> {
        Ok(!self.networks_named(name).await?.is_empty())
    }

    pub(super) async fn join_network(&self, network: &str, container: &str) -> Result<(), Error> {
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(EndpointSettings {
                // The way out stays what it was.
                gw_priority: (self.api >= GATEWAY_PRIORITY).then_some(-1),
                ..EndpointSettings::default()
            }),
        };
        match self.docker.connect_network(network, request).await {
            Err(fault) if !fault::is_member_already(&fault) => {
                let action =
                    format!("letting the container {container} join the network {network}");
                Err(fault::classify(&action, network, &fault))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn leave_network(&self, network: &str, container: &str) -> Result<(), Error> {
        let request = NetworkDisconnectRequest {
            container: container.to_owned(),
            force: Some(true),
        };
        match self.docker.disconnect_network(network, request).await {
            Err(fault) if !fault::is_missing(&fault) && !fault::is_no_member(&fault) => {
                let action = format!("taking the container {container} off the network {network}");
                Err(fault::classify(&action, network, &fault))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn network_gateway(&self, name: &str) -> Result<IpAddr, Error> {
        let action = format!("looking for the gateway of the network {name}");
        let network = self.docker.inspect_network(name, None).await;
        let network = network.map_err(|fault| fault::classify(&action, name, &fault))?;
        let ranges = network
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default();
        ranges
            .iter()
            .filter_map(|range| range.gateway.as_deref()?.split('/').next()?.parse().ok())
            .min_by_key(IpAddr::is_ipv6)
            .ok_or_else(|| Error::Refused {
                action,
                status: 0,
                reason: "the network has no gateway".to_owned(),
            })
    }

    pub(super) async fn publishing_addresses(
        &self,
        networks: &[&str],
    ) -> Result<Vec<IpAddr>, Error> {
        if !self.publishes_from_within().await? {
            let first = networks.first().copied().unwrap_or_default();
            return Ok(vec![self.network_gateway(first).await?]);
        }
        let mut addresses = Vec::new();
        for (position, network) in networks.iter().enumerate() {
            addresses.extend(self.fixed_address(network, position).await?);
        }
        Ok(addresses)
    }

    /// The address on one of our networks of a container that publishes its ports, where it
    /// has to be known before there is a container, because files name it. `position` is
    /// that of the network among the container's: each network of a lab is the first one of
    /// one container at most, and a further one of one at most.
    pub(super) async fn fixed_address(
        &self,
        network: &str,
        position: usize,
    ) -> Result<Option<IpAddr>, Error> {
        let action = format!("looking for the addresses of the network {network}");
        let facts = self.docker.inspect_network(network, None).await;
        let facts = facts.map_err(|fault| fault::classify(&action, network, &fault))?;
        if !facts.labels.unwrap_or_default().contains_key(labels::LAB) {
            return Ok(None);
        }
        let ranges = facts.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let mut subnets = ranges.iter().filter_map(|range| range.subnet.as_deref());
        let last = subnets.find_map(ranges::last_address).map(u32::from);
        let back = u32::from(position > 0);
        Ok(last.map(|last| IpAddr::V4((last - back).into())))
    }

    pub(super) async fn make_volume(&self, name: &str, labels: &Labels) -> Result<(), Error> {
        let action = format!("creating the volume {name}");
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.docker.create_volume(request).await;
        let made = made.map_err(|fault| fault::classify(&action, name, &fault))?;
        // An engine answers with the volume that is there already, as it is.
        let ours = |(label, value)| made.labels.get(label) == Some(value);
        if labels.iter().all(ours) {
            Ok(())
        } else {
            Err(fault::name_in_use(&action, name))
        }
    }

    pub(super) async fn labelled_objects(&self, labels: &Labels) -> Result<Vec<Object>, Error> {
        let wanted = labels.iter().map(|(name, value)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        });
        let filters = Some(HashMap::from([("label".to_owned(), wanted.collect())]));
        let (containers, networks, volumes) = future::join3(
            self.docker.list_containers(Some(ListContainersOptions {
                all: true,
                filters: filters.clone(),
                ..ListContainersOptions::default()
            })),
            self.docker.list_networks(Some(ListNetworksOptions {
                filters: filters.clone(),
            })),
            self.docker
                .list_volumes(Some(ListVolumesOptions { filters })),
        )
        .await;
        let failed = |fault| fault::classify("listing what relaykit has made", "", &fault);
        let containers = understood(containers)
            .map_err(failed)?
            .into_iter()
            .map(|c| Object {
                kind: Kind::Container,
                id: c.id.unwrap_or_default(),
                name: plain_name(c.names.unwrap_or_default().first()),
                labels: sorted(c.labels),
                state: c.state.map(|state| state.to_string()).unwrap_or_default(),
            });
        let networks = networks.map_err(failed)?.into_iter().map(|n| Object {
            kind: Kind::Network,
            id: n.id.unwrap_or_default(),
            name: n.name.unwrap_or_default(),
            labels: sorted(n.labels),
            state: String::new(),
        });
        let volumes = volumes.map_err(failed)?.volumes.unwrap_or_default();
        let volumes = volumes.into_iter().map(|v| Object {
            kind: Kind::Volume,
            id: v.name.clone(),
            name: v.name,
            labels: sorted(Some(v.labels)),
            state: String::new(),
        });
        Ok(containers.chain(networks).chain(volumes).collect())
    }
}

/// What a bridge is asked for beyond what every network has. Podman knows none of it.
fn options(network: &NetworkRequest, make: Make, api: (u32, u32)) -> HashMap<String, String> {
    if make == Make::Podman {
        return HashMap::new();
    }
    let mut options = HashMap::from([(MASQUERADE.to_owned(), network.masquerade.to_string())]);
    if api >= GATEWAY_MODES && !network.internal {
        // A daemon's own default may be a mode that publishes nothing, or none that is
        // allowed for a network with a gateway.
        options.insert(GATEWAY_MODE.to_owned(), "nat".to_owned());
    }
    options
}

/// A container's name without the slash that engines put before it.
pub(super) fn plain_name(name: Option<&String>) -> String {
    let name = name.map(String::as_str).unwrap_or_default();
    name.trim_start_matches('/').to_owned()
}

fn sorted(labels: Option<HashMap<String, String>>) -> Labels {
    labels.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_that_publishes_translates_whatever_the_daemons_default_is() {
        let network = |internal| NetworkRequest {
            name: "relaykit-a-clients".to_owned(),
            internal,
            masquerade: false,
            labels: Labels::new(),
        };
        let mode = |internal, make, api| {
            let options = options(&network(internal), make, api);
            options.get(GATEWAY_MODE).cloned()
        };
        let nat = Some("nat".to_owned());
        assert_eq!(mode(false, Make::Docker, (1, 46)), nat);
        assert_eq!(mode(false, Make::Docker, (1, 52)), nat);
        assert_eq!(mode(false, Make::Docker, (1, 45)), None);
        assert_eq!(mode(true, Make::Docker, (1, 52)), None);
        let docker = options(&network(false), Make::Docker, (1, 41));
        assert_eq!(docker[MASQUERADE], "false");
        assert!(options(&network(false), Make::Podman, (1, 52)).is_empty());
    }
}
