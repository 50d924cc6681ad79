//! Removing, also what is being removed at the same moment by somebody else.

use std::time::{Duration, Instant};

use bollard::errors::Error as Fault;
use bollard::models::NetworkDisconnectRequest;
use bollard::query_parameters::{RemoveContainerOptions, RemoveVolumeOptions};
use futures_util::future::join_all;

use super::states::understood;
use super::{DockerEngine, fault};
use crate::engine::{Error, Kind};

/// How long an engine may take to let go of what is being removed.
const LET_GO: Duration = Duration::from_secs(30);
/// How long a network may wait for its last containers before they are disconnected.
const LAST_MEMBERS: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(50);

impl DockerEngine {
    pub(super) async fn remove_object(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let (word, removed) = match kind {
            Kind::Container => ("container", self.remove_container(name).await),
            Kind::Network => ("network", self.remove_network(name).await),
            Kind::Volume => ("volume", self.remove_volume(name).await),
        };
        match removed {
            Ok(()) => Ok(()),
            Err(fault) if fault::is_missing(&fault) => Ok(()),
            Err(fault) => {
                let action = format!("removing the {word} {name}");
                Err(fault::classify(&action, name, &fault))
            }
        }
    }

    async fn remove_container(&self, name: &str) -> Result<(), Fault> {
        let options = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        self.leave_all_but_one_network(name).await?;
        let deadline = Instant::now() + LET_GO;
        loop {
            // 409: `removal of container X is already in progress`
            match self
                .docker
                .remove_container(name, Some(options.clone()))
                .await
            {
                Err(fault) if fault::status(&fault) == Some(409) && Instant::now() < deadline => {
                    tracing::debug!(%fault, "trying again");
                    tokio::time::sleep(POLL).await;
                }
                other => return other,
            }
        }
    }

    /// Takes a running container off its networks but for the first, which has its
    /// published ports. An engine lets go of that one first as the container ends, and
    /// publishes the ports on each of the others in turn, for nobody.
    async fn leave_all_but_one_network(&self, name: &str) -> Result<(), Fault> {
        let container = understood(self.docker.inspect_container(name, None).await)?;
        let running = container.state.and_then(|state| state.running);
        let networks = container.network_settings.and_then(|s| s.networks);
        let mut networks: Vec<String> = networks.unwrap_or_default().into_keys().collect();
        if running != Some(true) {
            return Ok(());
        }
        networks.sort();
        let left = networks.iter().skip(1).map(async |network| {
            let request = NetworkDisconnectRequest {
                container: name.to_owned(),
                force: Some(true),
            };
            self.docker.disconnect_network(network, request).await
        });
        for left in join_all(left).await {
            // It may have ended, or been taken off by somebody else: it is removed anyhow.
            match left {
                Err(fault) if fault::status(&fault).is_none() => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<(), Fault> {
        let begun = Instant::now();
        loop {
            let Err(fault) = self.docker.remove_network(name).await else {
                return Ok(());
            };
            if !has_members(&fault) || begun.elapsed() > LET_GO {
                return Err(fault);
            }
            tracing::debug!(%fault, "trying again");
            if begun.elapsed() > LAST_MEMBERS {
                self.disconnect_all(name).await?;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes the last members off a network by force: endpoints of containers
    /// that are gone, or containers that are not ours.
    async fn disconnect_all(&self, name: &str) -> Result<(), Fault> {
        let network = self.docker.inspect_network(name, None).await?;
        for (container, endpoint) in network.containers.unwrap_or_default() {
            // An endpoint whose container is gone answers to its name alone.
            let orphan = container.strip_prefix("ep-").is_some();
            let request = NetworkDisconnectRequest {
                container: endpoint.name.filter(|_| orphan).unwrap_or(container),
                force: Some(true),
            };
            match self.docker.disconnect_network(name, request).await {
                Err(fault) if !fault::is_missing(&fault) => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), Fault> {
        let options = RemoveVolumeOptions { force: true };
        let deadline = Instant::now() + LET_GO;
        loop {
            // 409: `volume is in use`, also by a container that is just being removed
            match self.docker.remove_volume(name, Some(options.clone())).await {
                Err(fault)
                    if fault::status(&fault) == Some(409)
                        && Instant::now() < deadline
                        && self.is_held_by_a_leaver(&fault).await =>
                {
                    tracing::debug!(%fault, "trying again");
                    tokio::time::sleep(POLL).await;
                }
                other => return other,
            }
        }
    }

    /// Whether what holds a volume is on its way out: waiting helps then, and
    /// only then. The refusal ends with `[ID, ID]`.
    async fn is_held_by_a_leaver(&self, fault: &Fault) -> bool {
        let said = fault.to_string();
        let Some((_, holders)) = said.rsplit_once('[') else {
            return false;
        };
        for holder in holders.trim_end_matches(']').split(", ") {
            match understood(self.docker.inspect_container(holder, None).await) {
                Ok(container) => {
                    let state = container.state.unwrap_or_default();
                    let status = state.status.map(|s| s.to_string()).unwrap_or_default();
                    if !matches!(status.as_str(), "removing" | "dead") {
                        return false;
                    }
                }
                Err(fault) => {
                    if !fault::is_missing(&fault) {
                        return false;
                    }
                }
            }
        }
        true
    }
}

fn has_members(fault: &Fault) -> bool {
    matches!(fault, Fault::DockerResponseServerError { message, .. }
        if ["has active endpoints", "network is being used"].iter().any(|words| message.contains(words)))
}
