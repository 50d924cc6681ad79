//! What an engine is to make of a [`Spec`]: pure data. `up --dry-run`, the
//! snapshot tests and the exporters read the same value that a lab carries out.

mod deployment;
mod stand_ins;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Spec;
use crate::secret::Secret;

pub use deployment::{DIRECTORY_OWNER, LDAPS_PORT};
pub use stand_ins::next_hop_login;

/// A whole deployment: topology here, file contents in [`Container::files`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The lab's name, or the project's name in an export.
    pub name: String,
    /// What the plan is for.
    pub purpose: Purpose,
    /// What it was made from.
    pub spec: Spec,
    /// The keys of relay.yaml for whose values a lab has something of its own.
    pub stood_in: Vec<&'static str>,
    /// In the order in which they are created.
    pub networks: Vec<Network>,
    /// In the order in which they are created.
    pub volumes: Vec<Volume>,
    /// relay, directory, sink; an export has the relay only.
    pub containers: Vec<Container>,
}

/// What a plan is for. It decides which of the lab's conveniences exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A lab that a person asked for with `relaykit up`.
    Lab,
    /// A lab of `relaykit test`: ports that the kernel picks, and XCLIENT
    /// (<https://www.postfix.org/XCLIENT_README.html>) for the host's own gateway alone.
    Proof,
    /// A bundle for an operator: the relay only, nothing of the lab.
    Production,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Postfix and saslauthd.
    Relay,
    /// slapd.
    Directory,
    /// The next hop of a lab.
    Sink,
}

impl Role {
    /// The value of the label `dev.relaykit.role`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Directory => "directory",
            Self::Sink => "sink",
        }
    }
}

/// Which of relaykit's images a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Image {
    /// Debian 13 slim.
    Base,
    /// Postfix and saslauthd; the sink runs it too.
    Relay,
    /// slapd.
    Directory,
}

impl Image {
    /// The last part of the repository name and the folder below `images/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Relay => "relay",
            Self::Directory => "directory",
        }
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name on the engine.
    pub name: String,
    /// What can be reached from it.
    pub reach: Reach,
}

/// What can be reached from a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Publishes ports on the host and has no way out (a bridge without masquerading).
    Host,
    /// Only its own members (an internal network).
    Members,
    /// Everything: an export's ordinary network.
    World,
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name on the engine.
    pub name: String,
    /// Whether `down` leaves it unless `--volumes` is given (queue and inbox), or
    /// always removes it (injected configuration).
    pub keep: bool,
}

/// A container before it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// What it does.
    pub role: Role,
    /// Its name on the engine.
    pub name: String,
    /// What it runs.
    pub image: Image,
    /// The program and its arguments; empty: the image's own.
    pub command: Vec<String>,
    /// Its own host name.
    pub hostname: String,
    /// `uid:gid`; `None`: root, for a supervisor that drops privileges itself.
    pub user: Option<String>,
    /// The networks it joins; the first gives the default route.
    pub networks: Vec<Attachment>,
    /// Ports on the host.
    pub ports: Vec<Port>,
    /// Volumes. The root is always read-only.
    pub mounts: Vec<Mount>,
    /// Memory-backed folders: path and mount options.
    pub tmpfs: Vec<(String, String)>,
    /// The Linux capabilities left, without `CAP_`; all others are dropped.
    pub capabilities: Vec<&'static str>,
    /// Whether it is confined as this house confines containers: a read-only root,
    /// no new privileges, no capability but the named ones, and the engine's filter
    /// of system calls. Always so, but where a proof shows what is seen without.
    pub confined: bool,
    /// What it may take of the machine.
    pub limits: Limits,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
    /// Injected before the start; every path lies on one of the mounts.
    pub files: Vec<File>,
}

/// What the engine lets all processes of a container take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory, with what it has written into tmpfs.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u32,
}

/// A container's place on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The names by which others on that network find the container.
    pub aliases: Vec<String>,
}

/// A published TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The key in `endpoints`: `smtp`, `submission`, `submissions`, `ldaps`.
    pub name: &'static str,
    /// In the container.
    pub container: u16,
    /// On the host; 0 lets the kernel pick.
    pub host: u16,
    /// The host's address.
    pub bind: IpAddr,
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name.
    pub volume: String,
    /// The folder in the container.
    pub target: String,
    /// Whether the container may write to it.
    pub read_only: bool,
}

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Absolute path in the container.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner and group.
    pub owner: (u32, u32),
    /// What is in it.
    pub content: Content,
}

/// What is in a file. What is not known before a lab runs is named, not made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text as it stands.
    Text(String),
    /// Text with a password in it.
    Secret(Secret),
    /// The lab CA's certificate, PEM.
    CaCertificate,
    /// The certificate chain that the lab CA issued for this role, PEM.
    Certificate(Role),
    /// Its private key, PEM.
    CertificateKey(Role),
    /// A file of the operator's: read and injected in a lab, mounted in an export.
    OperatorFile(PathBuf),
    /// The gateway address of the network with this name, with a newline: how
    /// connections from the host look in the container.
    Gateway(String),
}

impl Plan {
    /// The networks that its containers join and somebody else has made.
    pub fn foreign_networks(&self) -> impl Iterator<Item = &str> {
        let joined = self.containers.iter().flat_map(|c| &c.networks);
        let own = |name: &str| self.networks.iter().any(|network| network.name == name);
        joined
            .map(|attachment| attachment.network.as_str())
            .filter(move |name| !own(name))
    }

    /// The container with this role.
    #[must_use]
    pub fn container(&self, role: Role) -> Option<&Container> {
        self.containers.iter().find(|c| c.role == role)
    }
}
