//! [`Resolved`] → [`Plan`]: which networks, volumes and containers there are, and
//! under which names, with the files of each.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Plan;
use crate::config::Listener;
use crate::container::{
    Attachment, Container, Image, Limits, Mount, Names, Neighbour, Network, Port, Reach, Role,
};
use crate::counterparts::{Destination, Purpose, Resolved};
use crate::render;

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

/// Postfix ends within a second; a delivery under way may take longer.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The network where clients come from. An engine gives a container its default
/// route, and the address that published connections come from, by the first of
/// its networks' names in alphabetical order: this has to sort before the others.
const CLIENTS: &str = "clients";

impl Plan {
    /// The relay, and in a lab those who stand beside it. `name` is the lab's name, or
    /// that of the deployment.
    #[must_use]
    pub fn new(resolved: Resolved, name: &str) -> Self {
        let names = Names(name);
        let sink = resolved.next_hop.destination == Destination::Sink;
        let neighbours = [
            resolved.backend.neighbour(names),
            sink.then(|| self::sink(&resolved, names)),
        ];
        let neighbours: Vec<Neighbour> = neighbours.into_iter().flatten().collect();
        let reach = match resolved.purpose {
            Purpose::Production => Reach::World,
            Purpose::Lab | Purpose::Proof => Reach::Host,
        };
        let clients = Network {
            ipv6: ipv6(&resolved, name),
            ..names.network(CLIENTS, reach)
        };
        let mut networks = vec![clients];
        let mut volumes = vec![
            names.volume("relay-config", false),
            names.volume("relay-spool", true),
            names.volume("relay-state", false),
        ];
        let mut relay = relay(&resolved, names, &neighbours);
        if let Some((volume, mount)) = resolved.backend.storage(names) {
            volumes.push(volume);
            relay.mounts.push(mount);
        }
        let mut containers = vec![relay];
        for neighbour in neighbours {
            networks.push(neighbour.network);
            volumes.extend(neighbour.volumes);
            containers.push(neighbour.container);
        }
        Self {
            name: name.to_owned(),
            networks,
            volumes,
            containers,
            resolved,
        }
    }
}

fn relay(resolved: &Resolved, names: Names<'_>, neighbours: &[Neighbour]) -> Container {
    let spec = &resolved.spec;
    let clients = names.attach(CLIENTS, &["relay"]);
    let network = clients.network.clone();
    let beside = neighbours.iter().map(|neighbour| Attachment {
        network: neighbour.network.name.clone(),
        aliases: vec!["relay".to_owned()],
    });
    let mut networks: Vec<Attachment> = std::iter::once(clients).chain(beside).collect();
    // A proof is of the relay, and leaves other people's networks alone.
    if resolved.purpose == Purpose::Lab {
        networks.extend(spec.lab.networks.iter().map(|network| Attachment {
            network: network.clone(),
            aliases: vec![spec.hostname.clone()],
        }));
    }
    Container {
        role: Role::Relay,
        name: names.of("relay"),
        image: Image::Relay,
        entrypoint: Vec::new(),
        command: Vec::new(),
        hostname: spec.hostname.clone(),
        user: None,
        networks,
        ports: relay_ports(resolved),
        mounts: postfix_mounts(names, "relay"),
        tmpfs: postfix_tmpfs(),
        capabilities: RELAY_CAPABILITIES.to_vec(),
        confined: true,
        limits: RELAY_LIMITS,
        stop_grace: STOP_GRACE,
        files: render::relay(resolved, &network),
    }
}

fn relay_ports(resolved: &Resolved) -> Vec<Port> {
    let listeners = &resolved.spec.listeners;
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
            host: resolved.purpose.host_port(port?),
            bind: listeners.bind,
        })
    })
    .collect()
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

/// The IPv6 prefix of a deployment that needs one: unique local addresses (RFC 4193 section
/// 3), which the deployment's name decides. A lab's next hops have IPv4.
fn ipv6(resolved: &Resolved, name: &str) -> Option<String> {
    let needed = resolved.purpose == Purpose::Production && resolved.spec.outbound.needs_ipv6();
    needed.then(|| {
        let digest = Sha256::digest(name);
        let global = digest[..5].iter().map(|byte| format!("{byte:02x}"));
        let global = global.collect::<String>();
        format!("fd{}:{}:{}::/64", &global[..2], &global[2..6], &global[6..])
    })
}

/// The relay's image with another configuration, and a volume for what arrives.
fn sink(resolved: &Resolved, names: Names<'_>) -> Neighbour {
    let stand_ins = resolved.next_hop.played.iter();
    let stand_ins: BTreeSet<&str> = stand_ins.map(|(_, s)| s.host.as_str()).collect();
    let aliases: Vec<&str> = std::iter::once("sink").chain(stand_ins).collect();
    let mut mounts = postfix_mounts(names, "sink");
    mounts.push(names.mount("sink-inbox", "/var/mail/inbox", false));
    let container = Container {
        role: Role::Sink,
        name: names.of("sink"),
        image: Image::Relay,
        entrypoint: Vec::new(),
        command: Vec::new(),
        hostname: "sink".to_owned(),
        user: None,
        networks: vec![names.attach("sink", &aliases)],
        ports: Vec::new(),
        mounts,
        tmpfs: postfix_tmpfs(),
        capabilities: RELAY_CAPABILITIES.to_vec(),
        confined: true,
        limits: RELAY_LIMITS,
        stop_grace: STOP_GRACE,
        files: render::sink(resolved),
    };
    Neighbour {
        network: names.network("sink", Reach::Members),
        volumes: vec![
            names.volume("sink-config", false),
            names.volume("sink-spool", false),
            names.volume("sink-state", false),
            names.volume("sink-inbox", true),
        ],
        container,
    }
}
