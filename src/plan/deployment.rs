//! [`Spec`] → [`Plan`]: which networks, volumes and containers there are, and
//! under which names. File contents come from `render`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::{Listener, Spec};

use super::stand_ins::stood_in;
use super::{Plan, Purpose};
use crate::container::{Attachment, Container, Image, Limits, Mount, Names, Port, Reach, Role};

/// User and group of slapd in the directory's image: injected files belong to it.
pub const DIRECTORY_OWNER: (u32, u32) = (204, 204);

/// The port in the container where the directory answers `ldaps://`.
pub const LDAPS_PORT: u16 = 636;

/// What Postfix's master and its children need: to give files to their owners
/// (`CHOWN`, `FOWNER`, `DAC_OVERRIDE`), to become their users (`SETUID`,
/// `SETGID`), to end children (`KILL`) and to listen below 1024. Nothing is
/// chrooted, so there is no `SYS_CHROOT`.
const RELAY_CAPABILITIES: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
];

/// What the relay may take. Postfix's own limits end first: 500 smtpd at once (300 of
/// them for port 465) of 2.3 MB each while they shake hands, 100 processes of each other
/// kind, and a cleanup for each message that is coming in: 1.5 GB and 1,400 processes if
/// all come together. What is in /run and /tmp (32 MB at most) counts too. Beyond the limit the kernel ends the
/// largest process, and Postfix's master or the supervisor starts it again: the machine
/// and its other containers notice nothing.
const RELAY_LIMITS: Limits = Limits {
    memory: 2 << 30,
    processes: 2048,
};

/// slapd with a few people in it takes 20 MB, and at most 32 threads.
const DIRECTORY_LIMITS: Limits = Limits {
    memory: 256 << 20,
    processes: 256,
};

/// Postfix ends within a second; a delivery under way may take longer.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The network where clients come from. An engine gives a container its default
/// route, and the address that published connections come from, by the first of
/// its networks' names in alphabetical order: this has to sort before the others.
const CLIENTS: &str = "clients";

impl Plan {
    /// A lab: relay, directory and sink on networks of their own. `name` is the
    /// lab's name; with [`Purpose::Proof`] the kernel picks all ports. What is the
    /// operator's own is stood in for ([`Plan::stood_in`]).
    #[must_use]
    pub fn lab(spec: Spec, name: &str, purpose: Purpose) -> Self {
        let names = Names(name);
        let (spec, stood_in) = stood_in(spec);
        Self {
            name: name.to_owned(),
            purpose,
            networks: vec![
                names.network(CLIENTS, Reach::Host),
                names.network("directory", Reach::Host),
                names.network("sink", Reach::Members),
            ],
            volumes: vec![
                names.volume("relay-config", false),
                names.volume("relay-spool", true),
                names.volume("relay-state", false),
                names.volume("directory-config", false),
                names.volume("sink-config", false),
                names.volume("sink-spool", false),
                names.volume("sink-state", false),
                names.volume("sink-inbox", true),
            ],
            containers: vec![
                relay(&spec, names, purpose),
                directory(&spec, names, purpose),
                sink(names),
            ],
            spec,
            stood_in,
        }
    }

    /// What an operator runs: the relay alone, on a network that reaches its
    /// next hop and its directory. `name` is the project's name.
    #[must_use]
    pub fn production(spec: Spec, name: &str) -> Self {
        let names = Names(name);
        Self {
            name: name.to_owned(),
            purpose: Purpose::Production,
            networks: vec![names.network(CLIENTS, Reach::World)],
            volumes: vec![
                names.volume("relay-config", false),
                names.volume("relay-spool", true),
                names.volume("relay-state", false),
            ],
            containers: vec![relay(&spec, names, Purpose::Production)],
            spec,
            stood_in: Vec::new(),
        }
    }
}

fn relay(spec: &Spec, names: Names<'_>, purpose: Purpose) -> Container {
    let networks = match purpose {
        Purpose::Production => vec![names.attach(CLIENTS, &["relay"])],
        Purpose::Lab | Purpose::Proof => {
            let mut networks = vec![
                names.attach(CLIENTS, &["relay"]),
                names.attach("directory", &["relay"]),
                names.attach("sink", &["relay"]),
            ];
            // A proof is of the relay, and leaves other people's networks alone.
            if purpose == Purpose::Lab {
                networks.extend(spec.lab.networks.iter().map(|network| Attachment {
                    network: network.clone(),
                    aliases: vec![spec.hostname.clone()],
                }));
            }
            networks
        }
    };
    Container {
        role: Role::Relay,
        name: names.of("relay"),
        image: Image::Relay,
        command: Vec::new(),
        hostname: spec.hostname.clone(),
        user: None,
        networks,
        ports: relay_ports(spec, purpose),
        mounts: postfix_mounts(names, "relay"),
        tmpfs: postfix_tmpfs(),
        capabilities: RELAY_CAPABILITIES.to_vec(),
        confined: true,
        limits: RELAY_LIMITS,
        stop_grace: STOP_GRACE,
        files: Vec::new(),
    }
}

fn relay_ports(spec: &Spec, purpose: Purpose) -> Vec<Port> {
    let listeners = &spec.listeners;
    [
        (Listener::Smtp, listeners.smtp),
        (Listener::Submission, listeners.submission),
        (Listener::Submissions, listeners.submissions),
    ]
    .into_iter()
    .filter_map(|(listener, port)| {
        Some(Port {
            name: listener.name(),
            container: listener.port(),
            host: host_port(port?, purpose),
            bind: listeners.bind,
        })
    })
    .collect()
}

/// Test runs go side by side, so that the kernel picks their ports.
fn host_port(wanted: u16, purpose: Purpose) -> u16 {
    match purpose {
        Purpose::Proof => 0,
        Purpose::Lab | Purpose::Production => wanted,
    }
}

fn postfix_mounts(names: Names<'_>, role: &str) -> Vec<Mount> {
    vec![
        names.mount(&format!("{role}-config"), "/etc/relaykit", true),
        names.mount(&format!("{role}-spool"), "/var/spool/postfix", false),
        names.mount(&format!("{role}-state"), "/var/lib/postfix", false),
    ]
}

/// `/run` holds the supervisor's service folders, whose scripts are executed.
fn postfix_tmpfs() -> Vec<(String, String)> {
    vec![
        (
            "/run".to_owned(),
            "exec,nosuid,nodev,mode=0755,size=16m".to_owned(),
        ),
        (
            "/tmp".to_owned(),
            "noexec,nosuid,nodev,mode=1777,size=16m".to_owned(),
        ),
    ]
}

/// slapd under its own user, without any capability. It shares a network with
/// the relay alone; that network publishes `ldaps` for people who look into it.
fn directory(spec: &Spec, names: Names<'_>, purpose: Purpose) -> Container {
    let (uid, gid) = DIRECTORY_OWNER;
    Container {
        role: Role::Directory,
        name: names.of("directory"),
        image: Image::Directory,
        command: directory_urls(spec),
        hostname: "directory".to_owned(),
        user: Some(format!("{uid}:{gid}")),
        networks: vec![names.attach("directory", &["directory"])],
        ports: vec![Port {
            name: "ldaps",
            container: LDAPS_PORT,
            host: host_port(spec.lab.ldaps, purpose),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }],
        mounts: vec![names.mount("directory-config", "/etc/relaykit", true)],
        tmpfs: vec![
            (
                "/run".to_owned(),
                format!("noexec,nosuid,nodev,uid={uid},gid={gid},mode=0700,size=64m"),
            ),
            (
                "/tmp".to_owned(),
                "noexec,nosuid,nodev,mode=1777,size=16m".to_owned(),
            ),
        ],
        capabilities: Vec::new(),
        confined: true,
        limits: DIRECTORY_LIMITS,
        stop_grace: STOP_GRACE,
        files: Vec::new(),
    }
}

/// Where slapd listens: no port for what nobody asks for in the clear.
fn directory_urls(spec: &Spec) -> Vec<String> {
    let start_tls = spec.auth.ldap.start_tls.then_some("ldap:///");
    let urls = start_tls.into_iter().chain(["ldaps:///"]);
    urls.map(str::to_owned).collect()
}

/// The relay's image with another configuration, and a volume for what arrives.
fn sink(names: Names<'_>) -> Container {
    let mut mounts = postfix_mounts(names, "sink");
    mounts.push(names.mount("sink-inbox", "/var/mail/inbox", false));
    Container {
        role: Role::Sink,
        name: names.of("sink"),
        image: Image::Relay,
        command: Vec::new(),
        hostname: "sink".to_owned(),
        user: None,
        networks: vec![names.attach("sink", &["sink"])],
        ports: Vec::new(),
        mounts,
        tmpfs: postfix_tmpfs(),
        capabilities: RELAY_CAPABILITIES.to_vec(),
        confined: true,
        limits: RELAY_LIMITS,
        stop_grace: STOP_GRACE,
        files: Vec::new(),
    }
}
