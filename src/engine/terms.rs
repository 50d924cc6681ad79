//! The terms under which an engine runs a container.

/// What an engine lets a container do, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether it may do everything.
    pub privileged: bool,
    /// Whether its root cannot be written to.
    pub read_only: bool,
    /// Whether its processes cannot gain privileges.
    pub no_new_privileges: bool,
    /// What else is said of its confinement, such as `seccomp=unconfined`.
    pub security: Vec<String>,
    /// The capabilities it may have beside none or the engine's own, without `CAP_`.
    pub capabilities: Vec<String>,
    /// Those it may not have; `ALL` among them leaves the ones above.
    pub dropped: Vec<String>,
    /// Volume name or path of the host, folder, whether it can be written to.
    pub mounts: Vec<(String, String, bool)>,
    /// Folders in memory.
    pub tmpfs: Vec<String>,
    /// Devices of the host.
    pub devices: Vec<String>,
    /// Whose namespaces it shares with the host: `pid`, `ipc`, `uts`, `network`.
    pub shared: Vec<String>,
    /// Who its processes are: `uid:gid`; empty: as the image has it.
    pub user: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}
