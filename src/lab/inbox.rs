//! What the sink got. It keeps one file a message on its inbox volume, in a
//! format that `images/relay/rootfs/usr/libexec/relaykit/store` explains.

mod content;
mod feed;
mod reader;
mod stored;

use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Error;
use crate::engine::Engine;
use crate::plan::{Plan, Role};

pub use content::{Attachment, Content, Field};
pub use feed::Feed;
pub use stored::StoredMessage;

/// Where the sink keeps its messages, whole ones only.
pub(super) const FOLDER: &str = "/var/mail/inbox/new";

/// The recipient of the message that proves a lab ready. The inbox does not show it.
pub(super) const READINESS: &str = "readiness@relaykit.invalid";

/// The inbox of a lab. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    sink: Sink,
    /// What follows the inbox, once somebody has asked for it: one for all.
    feed: Arc<OnceLock<Arc<Feed>>>,
}

/// The container of an inbox.
#[derive(Clone)]
struct Sink {
    engine: Arc<dyn Engine>,
    container: String,
}

impl Inbox {
    /// The inbox of the lab that `plan` describes.
    ///
    /// # Errors
    /// When the plan has no sink.
    pub fn new(engine: Arc<dyn Engine>, plan: &Plan) -> Result<Self, Error> {
        let sink = plan.container(Role::Sink);
        let sink = sink.ok_or_else(|| Error::Impossible("this plan has no sink".to_owned()))?;
        Ok(Self::of_container(engine, &sink.name))
    }

    /// The inbox of the sink that runs in `container`.
    #[must_use]
    pub fn of_container(engine: Arc<dyn Engine>, container: &str) -> Self {
        Self {
            sink: Sink {
                engine,
                container: container.to_owned(),
            },
            feed: Arc::default(),
        }
    }

    /// All messages, oldest first.
    ///
    /// # Errors
    /// When the sink is not there or a file cannot be understood.
    pub async fn list(&self) -> Result<Vec<StoredMessage>, Error> {
        let mut messages = self.read().await?;
        messages.retain(|message| !message.proves_readiness());
        messages.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(messages)
    }

    /// Removes all messages; how many there were.
    ///
    /// # Errors
    /// When the sink is not running.
    pub async fn clear(&self) -> Result<usize, Error> {
        let messages = self.read().await?;
        let shown = messages.iter().filter(|m| !m.proves_readiness()).count();
        let files: Vec<String> = messages.iter().map(StoredMessage::path).collect();
        // A command line has its limits; a message that comes meanwhile stays.
        for some in files.chunks(500) {
            let argv: Vec<&str> = ["rm", "-f", "--"]
                .into_iter()
                .chain(some.iter().map(String::as_str))
                .collect();
            self.sink
                .engine
                .exec(&self.sink.container, &argv, None)
                .await?;
        }
        Ok(shown)
    }

    /// Everything that is there and everything that comes. All clones of an inbox
    /// share one, which ends with the last of them.
    #[must_use]
    pub fn feed(&self) -> Arc<Feed> {
        let start = || Arc::new(Feed::start(self.sink.clone()));
        self.feed.get_or_init(start).clone()
    }

    /// Waits for a message that `wanted` accepts; `None` when `within` has passed.
    ///
    /// # Errors
    /// As [`Inbox::list`].
    pub async fn wait(
        &self,
        within: Duration,
        wanted: impl Fn(&StoredMessage) -> bool,
    ) -> Result<Option<Arc<StoredMessage>>, Error> {
        self.feed().wait(within, wanted).await
    }

    /// The messages that are there, whether the sink runs or not.
    async fn read(&self) -> Result<Vec<StoredMessage>, Error> {
        let Some(tar) = self
            .sink
            .engine
            .download(&self.sink.container, FOLDER)
            .await?
        else {
            return Ok(Vec::new());
        };
        let unreadable = |reason: std::io::Error| Error::Inbox {
            id: FOLDER.to_owned(),
            reason: reason.to_string(),
        };
        let mut messages = Vec::new();
        let mut archive = tar::Archive::new(tar.as_ref());
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let name = entry.path().map_err(unreadable)?;
            let name = name
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable)?;
            messages.push(StoredMessage::parse(&name, &bytes)?);
        }
        Ok(messages)
    }
}
