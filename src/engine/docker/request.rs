//! A container's request in the words of the Docker Engine API.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::Make;
use crate::engine::{ContainerRequest, Labels};

/// Seconds, and one more for what is left.
pub(super) fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}

fn filled<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

/// The request in the words of the API.
pub(super) fn body(
    container: ContainerRequest,
    endpoints: Vec<(String, EndpointSettings)>,
    make: Make,
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
        host_config: Some(host_config(container, make)),
        networking_config: (!endpoints.is_empty()).then(|| NetworkingConfig {
            endpoints_config: Some(endpoints.into_iter().collect()),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_config(container: ContainerRequest, make: Make) -> HostConfig {
    let tmpfs = tmpfs(&container, make);
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
        tmpfs: Some(tmpfs),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        memory: container.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        pids_limit: container.processes.map(i64::from),
        // Without one there is no log to be read: of the daemon's own choice, some
        // drivers cannot be read, and others are not there.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: None,
        }),
        // Who is not root listens below 1024 without a capability, as Docker's engines
        // have it by themselves and Podman's have not.
        sysctls: container.user.is_some().then(unprivileged_ports),
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

/// What Podman puts into memory, writable for all, wherever a root is read-only. Docker does not.
const SCRATCH: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

/// The folders in memory that were asked for; no others that could be written to.
fn tmpfs(container: &ContainerRequest, make: Make) -> HashMap<String, String> {
    let mut tmpfs: HashMap<String, String> = container.tmpfs.iter().cloned().collect();
    if make == Make::Podman {
        tmpfs.values_mut().for_each(give_to_all);
    }
    if make == Make::Podman && !container.unconfined {
        let targets = container
            .mounts
            .iter()
            .map(|(_, target, _)| target.as_str());
        let targets: Vec<&str> = targets.collect();
        for place in SCRATCH.iter().filter(|place| !targets.contains(place)) {
            let closed = || "ro,noexec,nosuid,nodev".to_owned();
            tmpfs.entry((*place).to_owned()).or_insert_with(closed);
        }
    }
    tmpfs
}

/// Podman gives a folder in memory to no user; one that was to be a user's is everybody's
/// then. Nobody else is in such a container, and its programs close what they make there.
fn give_to_all(options: &mut String) {
    let is_owner = |option: &&str| option.starts_with("uid=") || option.starts_with("gid=");
    if options.split(',').any(|option| is_owner(&option)) {
        let left = options
            .split(',')
            .filter(|option| !is_owner(option) && !option.starts_with("mode="));
        *options = left.chain(["mode=1777"]).collect::<Vec<_>>().join(",");
    }
}

fn unprivileged_ports() -> HashMap<String, String> {
    let name = "net.ipv4.ip_unprivileged_port_start";
    HashMap::from([(name.to_owned(), "0".to_owned())])
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(container: ContainerRequest, make: Make) -> HostConfig {
        body(container, Vec::new(), make).host_config.unwrap()
    }

    #[test]
    fn no_folder_in_memory_can_be_written_to_but_those_asked_for() {
        let request = ContainerRequest {
            tmpfs: vec![("/run".to_owned(), "exec,mode=0755".to_owned())],
            mounts: vec![("mail".to_owned(), "/tmp".to_owned(), false)],
            ..ContainerRequest::default()
        };
        let tmpfs = |make| asked(request.clone(), make).tmpfs.unwrap();
        let run = ("/run".to_owned(), "exec,mode=0755".to_owned());
        assert_eq!(tmpfs(Make::Docker), HashMap::from([run.clone()]));
        let closed = "ro,noexec,nosuid,nodev".to_owned();
        let podmans = HashMap::from([run, ("/var/tmp".to_owned(), closed)]);
        assert_eq!(tmpfs(Make::Podman), podmans);
    }

    /// Docker's runc leaves the mode of the image's folder, whatever `mode=` says.
    #[test]
    fn a_folder_in_memory_is_its_users_where_the_engine_can_do_that() {
        let options = "noexec,uid=204,gid=204,mode=0700,size=64m";
        let request = ContainerRequest {
            tmpfs: vec![("/run".to_owned(), options.to_owned())],
            ..ContainerRequest::default()
        };
        let run = |make| asked(request.clone(), make).tmpfs.unwrap()["/run"].clone();
        assert_eq!(run(Make::Docker), options);
        assert_eq!(run(Make::Podman), "noexec,size=64m,mode=1777");
    }

    #[test]
    fn every_log_can_be_read_and_every_user_listens_on_any_port() {
        for make in [Make::Docker, Make::Podman] {
            let root = asked(ContainerRequest::default(), make);
            assert_eq!(root.log_config.unwrap().typ.as_deref(), Some("json-file"));
            assert_eq!(root.sysctls, None);
            let request = ContainerRequest {
                user: Some("204:204".to_owned()),
                ..ContainerRequest::default()
            };
            let sysctls = asked(request, make).sysctls.unwrap();
            assert_eq!(sysctls["net.ipv4.ip_unprivileged_port_start"], "0");
        }
    }
}
