//! Containers: making, filling, starting, stopping, asking.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bollard::errors::Error as Fault;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, Mount, MountType, MountVolumeOptions,
    NetworkConnectRequest, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptions, KillContainerOptions,
    StopContainerOptions, UploadToContainerOptions,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};

use super::facts::facts;
use super::{DockerEngine, fault};
use crate::engine::{Capacity, ContainerFacts, ContainerRequest, Error, Labels, inside};

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
        let body = body(container, endpoints);
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
            let info = self.docker.info().await.map_err(|fault| {
                fault::classify("asking the engine about itself", "the engine", &fault)
            })?;
            Ok(Capacity {
                memory: info.memory_limit.unwrap_or(true),
                processes: info.pids_limit.unwrap_or(true),
            })
        });
        asked.await.copied()
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

    pub(super) async fn put_archive(
        &self,
        container: &str,
        folder: &str,
        tar: Bytes,
    ) -> Result<(), Error> {
        let options = UploadToContainerOptions {
            path: folder.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let body = bollard::body_full(tar);
        let sent = self
            .docker
            .upload_to_container(container, Some(options), body);
        sent.await.map_err(|fault| {
            let action = format!("copying files to {folder} in the container {container}");
            fault::classify(&action, container, &fault)
        })
    }

    pub(super) async fn get_archive(
        &self,
        container: &str,
        path: &str,
    ) -> Result<Option<Bytes>, Error> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let pieces = self
            .docker
            .download_from_container(container, Some(options));
        let tar = pieces.try_fold(BytesMut::new(), |mut tar, piece| async move {
            tar.extend_from_slice(&piece);
            Ok(tar)
        });
        match tar.await {
            Ok(tar) => Ok(Some(tar.freeze())),
            Err(fault) if is_missing_path(&fault) => Ok(None),
            Err(fault) => {
                let action = format!("copying {path} from the container {container}");
                Err(fault::classify(&action, container, &fault))
            }
        }
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
        match self.docker.inspect_container(name, None).await {
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

/// A missing path and a missing container have the same status.
fn is_missing_path(fault: &Fault) -> bool {
    matches!(fault, Fault::DockerResponseServerError { status_code: 404, message }
        if !message.to_lowercase().starts_with("no such container"))
}

fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}

fn filled<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

fn body(
    container: ContainerRequest,
    endpoints: Vec<(String, EndpointSettings)>,
) -> ContainerCreateBody {
    let exposed = container.ports.iter().map(|(port, ..)| tcp(*port));
    ContainerCreateBody {
        hostname: Some(container.hostname.clone()).filter(|name| !name.is_empty()),
        user: container.user.clone(),
        exposed_ports: filled(exposed.collect()),
        env: filled(container.environment.clone()),
        entrypoint: filled(container.entrypoint.clone()),
        cmd: filled(container.command.clone()),
        image: Some(container.image.clone()),
        labels: Some(container.labels.clone().into_iter().collect()),
        stop_timeout: i64::try_from(whole_seconds(container.stop_grace)).ok(),
        host_config: Some(host_config(container)),
        networking_config: (!endpoints.is_empty()).then(|| NetworkingConfig {
            endpoints_config: Some(endpoints.into_iter().collect()),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_config(container: ContainerRequest) -> HostConfig {
    let labels = &container.volume_labels;
    let mounts = container
        .mounts
        .iter()
        .map(|place| mount(place, labels))
        .collect();
    let confined = HostConfig {
        // The first network is the one that a new container belongs to.
        network_mode: container.networks.into_iter().next().map(|(n, _)| n),
        port_bindings: Some(port_bindings(&container.ports)),
        mounts: filled(mounts),
        tmpfs: Some(container.tmpfs.into_iter().collect()),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        memory: container.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        pids_limit: container.processes.map(i64::from),
        init: Some(false),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: filled(container.capabilities.clone()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..HostConfig::default()
    };
    if container.unconfined {
        HostConfig {
            readonly_rootfs: None,
            cap_drop: None,
            security_opt: container
                .unfiltered
                .then(|| vec!["seccomp=unconfined".to_owned()]),
            ulimits: container.unfiltered.then(|| vec![any_core()]),
            ..confined
        }
    } else {
        confined
    }
}

/// No limit on the size of cores (setrlimit(2)).
fn any_core() -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some("core".to_owned()),
        soft: Some(-1),
        hard: Some(-1),
    }
}

fn tcp(port: u16) -> String {
    format!("{port}/tcp")
}

fn port_bindings(ports: &[(u16, IpAddr, u16)]) -> PortMap {
    let mut bindings = PortMap::new();
    for (container, address, host) in ports {
        let entry = bindings.entry(tcp(*container)).or_default();
        entry.get_or_insert_default().push(PortBinding {
            host_ip: Some(address.to_string()),
            host_port: Some(host.to_string()),
        });
    }
    bindings
}

fn mount(
    (volume, folder, read_only): &(String, String, bool),
    labels: &BTreeMap<String, Labels>,
) -> Mount {
    let labels = labels.get(volume).map(|labels| MountVolumeOptions {
        labels: Some(labels.clone().into_iter().collect()),
        ..MountVolumeOptions::default()
    });
    Mount {
        target: Some(folder.clone()),
        source: Some(volume.clone()),
        typ: Some(MountType::VOLUME),
        read_only: Some(*read_only),
        volume_options: labels,
        ..Mount::default()
    }
}
