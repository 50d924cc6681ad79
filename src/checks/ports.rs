//! Ports that are down, and what a port did that is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Listener;
use crate::report::Down;
use crate::smtp::{Error, Failure, Reply};

/// Which ports of a target are down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ports(Arc<Mutex<BTreeMap<Listener, Down>>>);

impl Ports {
    /// Why nothing can be judged at `listener`, if so.
    #[must_use]
    pub fn why(&self, listener: Listener) -> Option<String> {
        let down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.get(&listener).map(Down::cause)
    }

    /// Nothing is to be judged there any more: what it did, and what daemons said.
    pub fn give_up(&self, listener: Listener, why: String, said: Vec<String>) -> Down {
        let found = Down {
            listener: listener.name(),
            port: listener.port(),
            why,
            said,
        };
        let mut down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.insert(listener, found.clone());
        found
    }

    /// All that are down.
    #[must_use]
    pub fn all(&self) -> Vec<Down> {
        let down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.values().cloned().collect()
    }
}

/// What a port did that does not greet a client as one that may stay.
pub(super) fn turned_away(greeting: &Result<Reply, Error>) -> Option<String> {
    match greeting {
        Ok(greeting) if greeting.code != 220 => Some(format!("it greets with {greeting}")),
        Ok(_) => None,
        Err(error) => silence(error, "a greeting"),
    }
}

/// What a port did that gave no answer at all; `None` where it gave one, however odd.
pub(super) fn silence(error: &Error, awaited: &str) -> Option<String> {
    match &error.failure {
        Failure::Connect(why) | Failure::Io(why) => Some(format!("no connection: {why}")),
        Failure::Timeout { waited, .. } => {
            let seconds = waited.as_secs_f64();
            Some(format!(
                "nothing came within {seconds} s, where {awaited} was due"
            ))
        }
        Failure::Closed { .. } => Some(format!("it closes the connection before {awaited}")),
        Failure::Malformed { .. }
        | Failure::Tls(_)
        | Failure::Settings(_)
        | Failure::Refused(_)
        | Failure::NotOffered(_)
        | Failure::Declined(_) => None,
    }
}
