//! What arrives behind a relay under test.

use std::time::Duration;

use async_trait::async_trait;

/// The inbox of the lab's sink.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Waits until a message that contains `token` is there.
    ///
    /// # Errors
    /// See [`Undelivered`].
    async fn wait_for(&self, token: &str, deadline: Duration) -> Result<Delivered, Undelivered>;
}

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// None came in time: the relay's failure. With the last lines of the log of
    /// the container at fault.
    #[error("no message came: {0}")]
    Absent(String),
    /// The inbox cannot be read, so nobody can tell.
    #[error("the inbox cannot be read: {0}")]
    Unreadable(String),
}

/// A message as the next hop got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Envelope sender; empty for the null sender.
    pub envelope_from: String,
    /// Envelope recipients.
    pub envelope_to: Vec<String>,
    /// The sink's own trace header, which tells how the relay spoke to it.
    pub trace: String,
    /// The message byte for byte, without that trace header.
    pub raw: Vec<u8>,
}
