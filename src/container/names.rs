//! What things of a plan are called on an engine.

use super::{Attachment, Mount, Network, Reach, Volume};

/// Names on the engine: `relaykit-LAB-WHAT`.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a>(pub &'a str);

impl Names<'_> {
    /// The name of a thing.
    #[must_use]
    pub fn of(self, what: &str) -> String {
        format!("relaykit-{}-{what}", self.0)
    }

    /// A network.
    #[must_use]
    pub fn network(self, what: &str, reach: Reach) -> Network {
        Network {
            name: self.of(what),
            reach,
            ipv6: None,
        }
    }

    /// A volume, and whether `down` leaves it.
    #[must_use]
    pub fn volume(self, what: &str, keep: bool) -> Volume {
        Volume {
            name: self.of(what),
            keep,
        }
    }

    /// A place on one of these networks, under these names.
    #[must_use]
    pub fn attach(self, network: &str, aliases: &[&str]) -> Attachment {
        Attachment {
            network: self.of(network),
            aliases: aliases.iter().map(ToString::to_string).collect(),
        }
    }

    /// One of these volumes in a container.
    #[must_use]
    pub fn mount(self, volume: &str, target: &str, read_only: bool) -> Mount {
        Mount {
            volume: self.of(volume),
            target: target.to_owned(),
            read_only,
        }
    }
}
