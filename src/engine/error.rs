//! What can go wrong between relaykit and an engine.

/// What went wrong between relaykit and the engine: what was being done, to
/// what, what came back, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No engine answers.
    #[error(
        "no container engine answers at {address}: {reason}\n  start Docker, or set DOCKER_HOST or a Docker context to an engine that runs"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// What names the engine to use makes no sense.
    #[error("cannot tell which container engine to use: {reason}\n  {advice}")]
    Endpoint {
        /// What is wrong, and where it was read.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The engine is there and this user may not talk to it.
    #[error(
        "no permission to use the container engine at {address}\n  add your user to the group that owns the socket (usually `docker`) and log in again"
    )]
    Forbidden {
        /// The socket.
        address: String,
    },
    /// ssh does not get through to an engine.
    #[error("ssh does not get through to the container engine at {address}: {reason}\n  {advice}")]
    Ssh {
        /// The engine's address.
        address: String,
        /// What ssh said, or what the far side did.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The connection broke while something was under way.
    #[error(
        "the container engine went away while {action}: {reason}\n  when it is back, `relaykit down --all` removes what is left"
    )]
    Lost {
        /// For example `creating the container relaykit-default-relay`.
        action: String,
        /// What the system said.
        reason: String,
    },
    /// A port on the host is taken.
    #[error(
        "port {port} is in use while {action}{holder}\n  free it, or choose another in relay.yaml (0 lets the kernel pick)"
    )]
    PortInUse {
        /// What was being done.
        action: String,
        /// `address:port`.
        port: String,
        /// ` by container NAME`, ` by process NAME (pid N)` or empty.
        holder: String,
    },
    /// A name is taken by something else.
    #[error(
        "the name {name} is in use by something that is not this lab's while {action}\n  {advice}"
    )]
    NameInUse {
        /// What was being done.
        action: String,
        /// The name.
        name: String,
        /// What to do.
        advice: String,
    },
    /// The engine's disk is full.
    #[error(
        "the container engine's disk is full while {action}: {reason}\n  free space where the engine keeps its data, then try again"
    )]
    DiskFull {
        /// What was being done.
        action: String,
        /// What the engine said.
        reason: String,
    },
    /// A build failed.
    #[error("building the image {image} failed: {reason}\n{log}")]
    Build {
        /// The reference.
        image: String,
        /// What the engine said.
        reason: String,
        /// The last lines, each indented by two blanks.
        log: String,
    },
    /// Anything else that the engine refused.
    #[error("{action} failed: the container engine said: {reason}")]
    Refused {
        /// What was being done.
        action: String,
        /// The HTTP status, 0 where there was none.
        status: u16,
        /// What the engine said.
        reason: String,
    },
}

impl Error {
    /// What an engine without this operation answers.
    pub(super) fn cannot(action: String) -> Self {
        Self::Refused {
            action,
            status: 0,
            reason: "this engine has no such operation".to_owned(),
        }
    }
}
