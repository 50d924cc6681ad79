//! What a lab and a deployment are made of, before any of it exists: containers,
//! their networks, volumes, ports and files. Pure data.

mod files;
mod names;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

pub use files::{CONFIG, authorities, file, public};
pub use names::Names;

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
    /// What relaykit is compared with: Debian's Postfix, set up by hand.
    ByHand,
}

impl Image {
    /// The last part of the repository name and the folder below `images/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Relay => "relay",
            Self::Directory => "directory",
            Self::ByHand => "by-hand",
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
    /// Its IPv6 addresses, beside IPv4: a prefix of 64 bits. `None`: it has IPv4 alone.
    pub ipv6: Option<String>,
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
    /// The program that `command` is handed to; empty: the image's own.
    pub entrypoint: Vec<String>,
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

/// A container that stands beside the relay for somebody outside, and what it alone
/// needs. The relay joins its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// What it shares with the relay.
    pub network: Network,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// The container itself, files and all.
    pub container: Container,
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

/// Stands in a text for the SHA-256 of a certificate, which nobody knows before there is
/// one.
pub const FINGERPRINT: &str = "FINGERPRINT-OF-THE-CERTIFICATE";

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
    /// Text in which [`FINGERPRINT`] stands for the SHA-256 of this role's certificate.
    WithFingerprint(Role, String),
    /// A file of the operator's: read and injected in a lab, mounted in an export.
    OperatorFile(PathBuf),
    /// A file of the operator's with the certificates of authorities, or a folder of such
    /// files ([`read_authorities`](crate::config::read_authorities)), which anybody may see: read and injected in a lab, taken along in an export.
    OperatorAuthority(PathBuf),
    /// A file of the operator's that others replace while the relay runs: its folder is
    /// mounted in an export, since a mounted file would stay the one that it was.
    OperatorFolder(PathBuf),
    /// The same of certbot's: a link in `live/NAME` that leads to `archive/NAME`. Both
    /// folders are mounted.
    OperatorLineage(PathBuf),
    /// The gateway address of the network with this name, with a newline: how
    /// connections from the host look in the container.
    Gateway(String),
}

impl Content {
    /// Whether nothing of it may be told, not even a digest: of a short password that is as
    /// good as the password. A file of the operator's may be one.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::Secret(_)
                | Self::CertificateKey(_)
                | Self::OperatorFile(_)
                | Self::OperatorFolder(_)
                | Self::OperatorLineage(_)
        )
    }
}
