//! What is seen of a relay's faults while its lab becomes ready.

use super::listening::CLIENT_NAME;
use super::{Running, StoredMessage};
use crate::config::Received;

/// A promise that a relay which is ready was seen to break.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was seen, a sentence.
    pub what: String,
    /// The lines that show it.
    pub seen: Vec<String>,
}

pub(super) fn contains(raw: &[u8], what: &str) -> bool {
    raw.windows(what.len()).any(|w| w == what.as_bytes())
}

/// What the message that proves a lab ready tells against its relay.
pub(super) fn findings(running: &Running, message: &StoredMessage) -> Vec<Finding> {
    let hides = running.plan.resolved.spec.privacy.received != Received::Keep;
    if !hides || !contains(&message.raw, CLIENT_NAME) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&message.raw);
    let lines = text.lines().filter(|line| line.contains(CLIENT_NAME));
    vec![Finding {
        what: "the relay is not anonymous: the name of a client that had logged in reached the \
               next hop"
            .to_owned(),
        seen: lines.map(|line| line.trim().to_owned()).collect(),
    }]
}
