//! What an engine is to make of a [`Resolved`] relay: pure data. `up --dry-run`, the
//! snapshot tests and the exporters read the same value that a lab carries out.

mod counter;
mod deployment;
mod reference;

use std::collections::BTreeSet;

use crate::counterparts::Resolved;

pub use crate::container::{
    Attachment, Container, Content, File, Image, Limits, Mount, Network, Port, Reach, Role, Volume,
};
pub use crate::counterparts::Purpose;
pub use counter::COUNTS;
pub use reference::Reference;

/// A whole deployment, files and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The lab's name, or the project's name in an export.
    pub name: String,
    /// What it was made from.
    pub resolved: Resolved,
    /// In the order in which they are created.
    pub networks: Vec<Network>,
    /// In the order in which they are created.
    pub volumes: Vec<Volume>,
    /// The relay, then those who stand beside it in a lab: an export has the relay only.
    pub containers: Vec<Container>,
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

    /// The images that its containers run, each once.
    #[must_use]
    pub fn images(&self) -> Vec<Image> {
        let images: BTreeSet<Image> = self.containers.iter().map(|c| c.image).collect();
        images.into_iter().collect()
    }

    /// The container with this role.
    #[must_use]
    pub fn container(&self, role: Role) -> Option<&Container> {
        self.containers.iter().find(|c| c.role == role)
    }
}
