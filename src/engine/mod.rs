//! The container engine, as this house needs it. `docker.rs` is the only user
//! of bollard; everybody else holds an `Arc<dyn Engine>` from [`connect`], which puts
//! a span around each request (`traced.rs`).

mod body;
mod conversation;
mod docker;
mod endpoint;
mod error;
mod inside;
pub mod labels;
mod last_words;
mod shell;
mod ssh;
mod terms;
mod thing;
mod traced;
mod tunnel;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

pub use body::{ByteStream, StreamWriter, whole, written};
pub use conversation::{Conversation, Reading, Said};
pub use endpoint::Environment;
pub use error::Error;
pub use last_words::{gives_up, is_throttling, last_words};
pub use shell::Shells;
pub use terms::Terms;
pub use thing::Thing;
pub use traced::connect;

use crate::progress::Task;

/// Labels: name to value.
pub type Labels = BTreeMap<String, String>;

/// An engine that speaks the Docker Engine API.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What it is and where its published ports are.
    async fn about(&self) -> Result<About, Error>;
    /// What it can hold of what is asked of it.
    async fn capacity(&self) -> Result<Capacity, Error> {
        Ok(Capacity {
            memory: true,
            processes: true,
            closed_networks: true,
        })
    }
    /// The image with this reference, or `None`.
    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, Error>;
    /// Pulls `reference` from its registry; notes on `task` what arrives.
    async fn pull(&self, reference: &str, task: &Task) -> Result<(), Error>;
    /// Makes an image of one layer from a tar of a root file system.
    async fn import(&self, image: ImportRequest) -> Result<(), Error>;
    /// Makes an image of a container: the image that the container was made from, and
    /// one layer with what has changed in it.
    async fn commit(&self, image: CommitRequest) -> Result<(), Error>;
    /// The references of the images that carry all of these labels (an empty value
    /// matches any); at the end the ids of those that have lost their name to a newer one.
    async fn images(&self, _labels: &Labels) -> Result<Vec<String>, Error> {
        Err(Error::cannot("listing images".to_owned()))
    }
    /// What each layer of an image was made by, the newest first: instructions of
    /// a Dockerfile, as the engine keeps them for everybody who has the image.
    async fn history(&self, reference: &str) -> Result<Vec<String>, Error> {
        Err(Error::cannot(format!(
            "asking for the layers of {reference}"
        )))
    }
    /// All that the engine tells of a thing to everybody who asks, as JSON (`docker inspect`).
    async fn described(&self, thing: Thing<'_>) -> Result<String, Error> {
        Err(Error::cannot(format!("describing {}", thing.name())))
    }
    /// Removes an image reference. Nothing there is not an error.
    async fn remove_image(&self, reference: &str) -> Result<(), Error>;
    /// Creates a network. A network of that name is an error, whatever its labels.
    async fn create_network(&self, network: NetworkRequest) -> Result<(), Error>;
    /// The gateway of a network.
    async fn gateway(&self, network: &str) -> Result<IpAddr, Error>;
    /// The addresses that connections to published ports may come from, in a container that
    /// is made with these networks: the gateway of the first, where an engine says no more.
    async fn publishers(&self, networks: &[&str]) -> Result<Vec<IpAddr>, Error> {
        let first = networks.first().copied().unwrap_or_default();
        Ok(vec![self.gateway(first).await?])
    }
    /// Whether there is a network of this name.
    async fn has_network(&self, name: &str) -> Result<bool, Error> {
        Err(Error::cannot(format!("looking for the network {name}")))
    }
    /// Lets a container join a network, which routes nothing but itself for it. One that
    /// has joined already is not an error.
    async fn join(&self, network: &str, container: &str) -> Result<(), Error> {
        Err(Error::cannot(format!(
            "letting the container {container} join the network {network}"
        )))
    }
    /// Takes a container off a network. One that is not on it, and a network that is
    /// not there, are no errors.
    async fn leave(&self, network: &str, container: &str) -> Result<(), Error> {
        Err(Error::cannot(format!(
            "taking the container {container} off the network {network}"
        )))
    }
    /// The container of this engine in which this program itself runs.
    async fn own_container(&self) -> Result<Option<ContainerFacts>, Error> {
        Ok(None)
    }
    /// Creates a volume. One of that name with these labels is taken as it is;
    /// with others it is an error.
    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), Error>;
    /// Creates a container and joins all its networks, without starting it.
    async fn create_container(&self, container: ContainerRequest) -> Result<(), Error>;
    /// Unpacks a tar below `folder` in a container, running or not.
    async fn upload(&self, container: &str, folder: &str, tar: Bytes) -> Result<(), Error>;
    /// A tar of `path` in a container; `None` where there is no such path.
    async fn download(&self, container: &str, path: &str) -> Result<Option<Bytes>, Error>;
    /// The whole file system of a container as a tar, without its volumes; for [`Self::import`].
    async fn export(&self, container: &str) -> Result<ByteStream, Error> {
        Err(Error::cannot(format!(
            "exporting the container {container}"
        )))
    }
    /// An image with its layers and its name as a tar, for `docker load`.
    async fn save(&self, reference: &str) -> Result<ByteStream, Error> {
        Err(Error::cannot(format!("saving the image {reference}")))
    }
    /// Starts a container.
    async fn start(&self, container: &str) -> Result<(), Error>;
    /// Lets a container go on that was paused.
    async fn unpause(&self, container: &str) -> Result<(), Error> {
        Err(Error::cannot(format!(
            "letting the container {container} go on"
        )))
    }
    /// Ends a container: asks, waits for `grace`, kills; and waits for its end.
    /// A container that has ended or is gone is not an error.
    async fn stop(&self, container: &str, grace: Duration) -> Result<(), Error>;
    /// Sends a signal (`KILL`, `TERM`) to a container's first process, and does
    /// not wait for what comes of it.
    async fn kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        Err(Error::cannot(format!("sending {signal} to {container}")))
    }
    /// What a container is now, or `None` where there is none.
    async fn inspect(&self, container: &str) -> Result<Option<ContainerFacts>, Error>;
    /// Waits until a container has ended; its exit code.
    async fn wait(&self, container: &str) -> Result<i64, Error>;
    /// What a container wrote, stdout and stderr, oldest first.
    fn logs(&self, container: &str, logs: LogRequest) -> BoxStream<'static, Result<String, Error>>;
    /// Runs a program in a running container, as root where `user` is `None`.
    async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error>;
    /// Starts a program in a running container, as `user`, to talk to: it ends when
    /// its input does, and that is when the conversation is dropped.
    async fn converse(
        &self,
        container: &str,
        _argv: &[&str],
        _user: &str,
    ) -> Result<Conversation, Error> {
        Err(Error::cannot(format!(
            "talking to a program in {container}"
        )))
    }
    /// Everything that carries all of these labels (an empty value matches any).
    async fn list(&self, labels: &Labels) -> Result<Vec<Object>, Error>;
    /// Removes an object by force, by name or by [`Object::id`]; a container with
    /// its anonymous volumes. Waits for a removal that is under way already.
    /// Nothing there is not an error.
    async fn remove(&self, kind: Kind, name: &str) -> Result<(), Error>;
}

/// What an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// For example `Docker Engine 20.10.24`.
    pub name: String,
    /// The API version agreed on.
    pub api: String,
    /// Debian's word for the architecture: `amd64`, `arm64`.
    pub architecture: String,
    /// `None`: published ports are on this machine; otherwise the host to connect to.
    pub remote_host: Option<String>,
}

/// What an engine can hold. Limits take control groups which it may write to
/// (cgroups(7)), and not every machine and every rootless engine has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Whether the memory of a container can be limited.
    pub memory: bool,
    /// Whether its processes can.
    pub processes: bool,
    /// Whether a network that publishes ports can be without a way out
    /// ([`NetworkRequest::masquerade`]).
    pub closed_networks: bool,
}

/// An image that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// `sha256:...`; of the same image another one on an engine with another kind of store.
    pub id: String,
    /// A digest of what its layers hold: the same in every store.
    pub content: String,
    /// Bytes.
    pub size: u64,
    /// Its labels.
    pub labels: Labels,
    /// Its ENTRYPOINT, empty where it has none.
    pub entrypoint: Vec<String>,
    /// Its CMD.
    pub command: Vec<String>,
    /// What its processes begin with, `NAME=value`.
    pub environment: Vec<String>,
    /// Its USER: who its processes are; empty for root.
    pub user: String,
}

/// See [`Engine::import`].
pub struct ImportRequest {
    /// `repository:tag`.
    pub reference: String,
    /// The root file system as a tar, uncompressed: [`whole`] for one that is
    /// in memory, [`written`] for one that is being made.
    pub tar: ByteStream,
    /// Dockerfile instructions applied to the image's configuration, such as `CMD ["bash"]`.
    pub changes: Vec<String>,
}

/// See [`Engine::commit`].
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Its name. Its labels and environment become the image's; `changes` have the last word.
    pub container: String,
    /// `repository:tag`.
    pub reference: String,
    /// As for [`ImportRequest`], one line each.
    pub changes: Vec<String>,
    /// The signal that stops a container; `None`: as the container has it.
    pub stop_signal: Option<String>,
}

/// See [`Engine::create_network`].
#[derive(Debug, Clone)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// No gateway to anywhere: only members reach each other.
    pub internal: bool,
    /// Whether packets to the outside are translated; `false` leaves them without a way back.
    pub masquerade: bool,
    /// Its labels.
    pub labels: Labels,
}

/// See [`Engine::create_container`]. The root is read-only, all capabilities
/// but the named ones are dropped and new privileges are off, unless
/// `unconfined` says that this is a build step.
#[derive(Debug, Clone, Default)]
pub struct ContainerRequest {
    /// Its name.
    pub name: String,
    /// The image reference.
    pub image: String,
    /// Its own host name; empty: the engine's choice.
    pub hostname: String,
    /// The program that `command` is handed to; empty: the image's.
    pub entrypoint: Vec<String>,
    /// The program and its arguments; empty: the image's.
    pub command: Vec<String>,
    /// `uid:gid`; `None`: the image's.
    pub user: Option<String>,
    /// Network name and aliases; empty: the engine's default network. The first
    /// is meant to carry the default route and the published ports. Engines
    /// before API 1.48 give both to the first *by name* of the networks that
    /// are not internal, so that one must sort first.
    pub networks: Vec<(String, Vec<String>)>,
    /// Published ports: in the container, address, port on the host (0: the kernel picks).
    pub ports: Vec<(u16, IpAddr, u16)>,
    /// Volume name, folder, read-only.
    pub mounts: Vec<(String, String, bool)>,
    /// The labels of the volumes in `mounts`: an engine makes anew what is not
    /// there, and what has no label is never found again.
    pub volume_labels: BTreeMap<String, Labels>,
    /// Folder and mount options.
    pub tmpfs: Vec<(String, String)>,
    /// Capabilities to keep, without `CAP_`.
    pub capabilities: Vec<String>,
    /// Bytes of memory for all of its processes; `None`: as many as there are. An
    /// engine that cannot limit it does without ([`Engine::capacity`]).
    pub memory: Option<u64>,
    /// Processes and threads, as `memory`.
    pub processes: Option<u32>,
    /// The engine's ordinary confinement instead of ours: writable root, default capabilities.
    pub unconfined: bool,
    /// Every system call (seccomp(2) off) and cores of any size, where `unconfined`
    /// is set too.
    pub unfiltered: bool,
    /// Environment, `NAME=value`; never a secret.
    pub environment: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// Seconds that `docker stop` waits before it kills.
    pub stop_grace: Duration,
}

/// A container that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// The engine's id.
    pub id: String,
    /// Whether its process runs.
    pub running: bool,
    /// The engine's word: `created`, `running`, `exited`, ...
    pub status: String,
    /// The exit code of an ended container.
    pub exit_code: Option<i64>,
    /// The bytes of memory that it may take; `None`: without a limit.
    pub memory: Option<u64>,
    /// The processes that it may have, as `memory`.
    pub processes: Option<u32>,
    /// Its labels.
    pub labels: Labels,
    /// The image reference that it was made from.
    pub image: String,
    /// What its processes begin with, `NAME=value`.
    pub environment: Vec<String>,
    /// Under which terms it runs.
    pub terms: Terms,
    /// Port in the container to address and port on the host.
    pub ports: BTreeMap<u16, (IpAddr, u16)>,
    /// How it is on networks: a network's name, `host`, `none`, `container:ID`.
    pub network_mode: String,
    /// Network name to the container's address there.
    pub addresses: BTreeMap<String, IpAddr>,
}

/// See [`Engine::logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// Whether to go on until the container ends.
    pub follow: bool,
    /// Only the last lines; `None`: all.
    pub tail: Option<usize>,
    /// Only what was written from this instant of the engine's clock on.
    pub since: Option<Timestamp>,
}

/// What a program in a container did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit code.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A kind of object that labels are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container; ordered first because it holds the others.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

/// A labelled object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// The engine's id; a volume's is its name. Network names need not be unique.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// A container's state word; empty otherwise.
    pub state: String,
}
