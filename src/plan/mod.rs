//! What an engine is to make of a [`Spec`]: pure data. `up --dry-run`, the
//! snapshot tests and the exporters read the same value that a lab carries out.

mod deployment;
mod stand_ins;

use crate::config::Spec;

pub use crate::container::{
    Attachment, Container, Content, File, Image, Limits, Mount, Network, Port, Reach, Role, Volume,
};
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
