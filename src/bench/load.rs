//! What is asked of a relay: to whom, how, how much, and until when.

use std::net::SocketAddr;
use std::time::Duration;

use crate::smtp::{Login, Security};

/// A relay and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it is called in results.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How TLS begins.
    pub security: Security,
    /// Who logs in; `None`: nobody.
    pub login: Option<Login>,
    /// The envelope sender.
    pub sender: String,
    /// The envelope recipients; each message goes to the first so many.
    pub recipients: Vec<String>,
}

/// What a client does over and over.
#[derive(Debug, Clone)]
pub struct Load {
    /// Whether it only logs in and quits.
    pub logins_only: bool,
    /// Messages on one connection; 1: a new one for each.
    pub per_connection: u64,
    /// Bytes of a message, header and body; at least so many as its header has.
    pub size: usize,
    /// Whether small writes wait for an acknowledgement (RFC 896).
    pub nagle: bool,
    /// How long each reply may take.
    pub timeout: Duration,
    /// A word that is in each message, and in no message of another run.
    pub token: String,
}

/// Who decides when the next message is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The relay: each of so many clients sends its next message when the last one is
    /// done. It says what a relay carries, not how long people wait: while the relay
    /// stalls, nobody asks.
    Closed {
        /// Clients at once.
        clients: usize,
    },
    /// The clock: so many messages a second, whatever the relay does. A message's time
    /// counts from when it was to be sent, so that a stall counts for all whom it hits.
    Open {
        /// Messages a second.
        rate: f64,
        /// The most at once.
        clients: usize,
    },
}

impl Pace {
    /// Clients at once, at the most.
    #[must_use]
    pub fn clients(self) -> usize {
        match self {
            Self::Closed { clients } | Self::Open { clients, .. } => clients,
        }
    }
}

/// When it is enough: at whichever comes first. There is always an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Messages, or logins where nothing is sent.
    pub messages: Option<u64>,
    /// Time in which messages are begun.
    pub time: Duration,
}
