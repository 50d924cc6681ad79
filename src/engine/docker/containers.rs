//! Containers: making, filling, starting, stopping, asking.

use std::time::Duration;

use bollard::errors::Error as Fault;
use bollard::models::{
    EndpointIpamConfig, EndpointSettings, NetworkConnectRequest, SystemInfo,
    SystemInfoCgroupDriverEnum, SystemInfoCgroupVersionEnum,
};
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, StopContainerOptions,
};
use futures_util::StreamExt;

use super::facts::facts;
use super::request::{body, whole_seconds};
use super::states::understood;
use super::{DockerEngine, Make, fault};
use crate::engine::{Capacity, ContainerFacts, ContainerRequest, Error, inside};

/// From this version on a container can join several networks as it is made.
const SEVERAL_NETWORKS: (u32, u32) = (1, 44);
/// From this version on an endpoint says whether it carries the default route.
pub(super) const GATEWAY_PRIORITY: (u32, u32) = (1, 48);

impl DockerEngine {
    pub(super) async fn make_container(&self, container: ContainerRequest) -> Result<(), Error> {
        let name = container.name.clone();
        let action = format!("creating the container {name}");
        let failed = |fault| fault::classify(&action, &name, &fault);
        let mut endpoints = self.endpoints(&container.networks);
        if !container.ports.is_empty() && self.publishes_from_within().await? {
            for (position, (network, place)) in endpoints.iter_mut().enumerate() {
                let address = self.fixed_address(network, position).await?;
                place.ipam_config = address.map(|address| EndpointIpamConfig {
                    ipv4_address: Some(address.to_string()),
                    ..EndpointIpamConfig::default()
                });
            }
        }
        let later = if self.api >= SEVERAL_NETWORKS {
            Vec::new()
        } else {
            endpoints.split_off(endpoints.len().min(1))
        };
        let options = CreateContainerOptions {
            name: Some(name.clone()),
            ..CreateContainerOptions::default()
        };
        let container = self.limited(container).await?;
        let body = body(container, endpoints, self.make);
        let made = self.docker.create_container(Some(options), body).await;
        made.map_err(failed)?;
        for (network, endpoint) in later {
            let request = NetworkConnectRequest {
                container: name.clone(),
                endpoint_config: Some(endpoint),
            };
            let joined = self.docker.connect_network(&network, request).await;
            joined.map_err(failed)?;
        }
        Ok(())
    }

    /// The request without limits that this engine cannot hold: some refuse them.
    async fn limited(&self, mut container: ContainerRequest) -> Result<ContainerRequest, Error> {
        if container.memory.is_some() || container.processes.is_some() {
            let capacity = self.limits().await?;
            container.memory = container.memory.filter(|_| capacity.memory);
            container.processes = container.processes.filter(|_| capacity.processes);
        }
        Ok(container)
    }

    /// Asked once.
    pub(super) async fn limits(&self) -> Result<Capacity, Error> {
        let asked = self.capacity.get_or_try_init(|| async {
            let info = self.info().await?;
            let of_root = self.publishes_from_within().await? && !hands_over_groups(&info);
            Ok(Capacity {
                memory: info.memory_limit.unwrap_or(true) && !of_root,
                processes: info.pids_limit.unwrap_or(true) && !of_root,
                closed_networks: self.make == Make::Docker,
            })
        });
        asked.await.copied()
    }

    /// Whether published ports reach a container from one of its own addresses: a user's
    /// Podman has a helper within each container that connects to them. Asked once.
    pub(super) async fn publishes_from_within(&self) -> Result<bool, Error> {
        if self.make == Make::Docker {
            return Ok(false);
        }
        let asked = self.from_within.get_or_try_init(|| async {
            let options = self.info().await?.security_options.unwrap_or_default();
            Ok(options.iter().any(|option| option == "name=rootless"))
        });
        asked.await.copied()
    }

    async fn info(&self) -> Result<SystemInfo, Error> {
        let info = self.docker.info().await;
        info.map_err(|fault| {
            fault::classify("asking the engine about itself", "the engine", &fault)
        })
    }

    /// The container's place on each network, in order.
    fn endpoints(&self, networks: &[(String, Vec<String>)]) -> Vec<(String, EndpointSettings)> {
        let place = |(position, (network, aliases)): (usize, &(String, Vec<String>))| {
            let first = position == 0 && self.api >= GATEWAY_PRIORITY;
            let settings = EndpointSettings {
                aliases: Some(aliases.clone()),
                gw_priority: first.then_some(1),
                ..EndpointSettings::default()
            };
            (network.clone(), settings)
        };
        networks.iter().enumerate().map(place).collect()
    }

    pub(super) async fn start_container(&self, name: &str) -> Result<(), Error> {
        let Err(fault) = self.docker.start_container(name, None).await else {
            return Ok(());
        };
        let action = format!("starting the container {name}");
        match fault::classify(&action, name, &fault) {
            Error::PortInUse { action, port, .. } => {
                let holder = self.port_holder(&port).await;
                Err(Error::PortInUse {
                    action,
                    port,
                    holder,
                })
            }
            other => Err(other),
        }
    }

    pub(super) async fn unpause_container(&self, name: &str) -> Result<(), Error> {
        let done = self.docker.unpause_container(name).await;
        done.map_err(|fault| {
            let action = format!("letting the paused container {name} go on");
            fault::classify(&action, name, &fault)
        })
    }

    /// The container in which this program runs, if this engine knows one by the name
    /// that the system here gives away.
    pub(super) async fn own_container_facts(&self) -> Result<Option<ContainerFacts>, Error> {
        if let Some(known) = self.own.get() {
            return match known {
                Some(id) => self.container_facts(id).await,
                None => Ok(None),
            };
        }
        let mut own = None;
        for id in inside::candidates() {
            own = self.container_facts(&id).await?.filter(|f| f.running);
            if own.is_some() {
                break;
            }
        }
        drop(self.own.set(own.as_ref().map(|facts| facts.id.clone())));
        Ok(own)
    }

    pub(super) async fn stop_container(&self, name: &str, grace: Duration) -> Result<(), Error> {
        let options = StopContainerOptions {
            t: Some(i32::try_from(whole_seconds(grace)).unwrap_or(i32::MAX)),
            ..StopContainerOptions::default()
        };
        match self.patient().stop_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            Err(fault) if fault::is_missing(&fault) => Ok(()),
            Err(fault) => {
                let action = format!("stopping the container {name}");
                Err(fault::classify(&action, name, &fault))
            }
        }
    }

    pub(super) async fn signal_container(&self, name: &str, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptions {
            signal: format!("SIG{signal}"),
        };
        let sent = self.docker.kill_container(name, Some(options)).await;
        sent.map_err(|fault| {
            let action = format!("sending SIG{signal} to the container {name}");
            fault::classify(&action, name, &fault)
        })
    }

    pub(super) async fn container_facts(
        &self,
        name: &str,
    ) -> Result<Option<ContainerFacts>, Error> {
        match understood(self.docker.inspect_container(name, None).await) {
            Ok(response) => Ok(Some(facts(response))),
            Err(fault) if fault::is_missing(&fault) => Ok(None),
            Err(fault) => {
                let action = format!("asking about the container {name}");
                Err(fault::classify(&action, name, &fault))
            }
        }
    }

    pub(super) async fn wait_container(&self, name: &str) -> Result<i64, Error> {
        let action = format!("waiting for the container {name}");
        match self.patient().wait_container(name, None).next().await {
            Some(Ok(end)) => Ok(end.status_code),
            // bollard makes an error of every exit code but 0.
            Some(Err(Fault::DockerContainerWaitError { error, code })) if error.is_empty() => {
                Ok(code)
            }
            Some(Err(fault)) => Err(fault::classify(&action, name, &fault)),
            None => Err(Error::Lost {
                action,
                reason: "the answer was empty".to_owned(),
            }),
        }
    }
}

/// Whether a user's Podman has control groups to limit containers by. It tells of the
/// machine's: those of the first version are root's alone, and of the second a user has
/// what systemd hands over. Podman itself goes by the same (`PidsLimit` in
/// <https://github.com/containers/common/blob/main/pkg/config/default.go>).
fn hands_over_groups(info: &SystemInfo) -> bool {
    info.cgroup_version != Some(SystemInfoCgroupVersionEnum::_1)
        && info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::SYSTEMD)
}

#[cfg(test)]
mod tests {
    use super::SystemInfoCgroupDriverEnum::{CGROUPFS, SYSTEMD};
    use super::SystemInfoCgroupVersionEnum::{_1, _2};
    use super::*;

    #[test]
    fn a_users_podman_limits_by_what_systemd_hands_over() {
        let groups = |version, driver| {
            hands_over_groups(&SystemInfo {
                cgroup_version: Some(version),
                cgroup_driver: Some(driver),
                ..SystemInfo::default()
            })
        };
        assert!(groups(_2, SYSTEMD));
        assert!(!groups(_2, CGROUPFS) && !groups(_1, SYSTEMD) && !groups(_1, CGROUPFS));
    }
}
