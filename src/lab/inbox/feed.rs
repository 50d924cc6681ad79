//! Messages as they come: the sink tells its log of each, so nobody polls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{FOLDER, Inbox, StoredMessage};
use crate::engine::LogRequest;
use crate::lab::Error;

/// What the sink's pipe(8) logs of a message, before the name of its file,
/// which `)` ends; once for each recipient.
const STORED: &str = "status=sent (delivered via inbox service (stored ";

/// What has arrived so far.
#[derive(Default)]
struct Arrived {
    messages: Vec<Arc<StoredMessage>>,
    failed: Option<String>,
}

/// Follows an inbox until it is dropped. One feed serves any number of waiters.
pub struct Feed {
    arrived: watch::Receiver<Arrived>,
    task: JoinHandle<()>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feed {
    pub(super) fn start(inbox: Inbox) -> Self {
        let (tell, arrived) = watch::channel(Arrived::default());
        let task = tokio::spawn(async move {
            if let Err(error) = follow(&inbox, &tell).await {
                tell.send_modify(|arrived| arrived.failed = Some(error.to_string()));
            }
        });
        Self { arrived, task }
    }

    /// Waits for a message that `wanted` accepts; `None` when `within` has passed.
    ///
    /// # Errors
    /// When the inbox cannot be followed any more.
    pub async fn wait(
        &self,
        within: Duration,
        wanted: impl Fn(&StoredMessage) -> bool,
    ) -> Result<Option<Arc<StoredMessage>>, Error> {
        let mut arrived = self.arrived.clone();
        let find = |arrived: &Arrived| arrived.messages.iter().find(|m| wanted(m)).cloned();
        let settled = arrived.wait_for(|a| a.failed.is_some() || find(a).is_some());
        let Ok(settled) = tokio::time::timeout(within, settled).await else {
            return Ok(None);
        };
        let gone = || Error::Inbox {
            id: FOLDER.to_owned(),
            reason: "the sink has ended".to_owned(),
        };
        let settled = settled.map_err(|_| gone())?;
        match (find(&settled), &settled.failed) {
            (Some(message), _) => Ok(Some(message)),
            (None, Some(reason)) => Err(Error::Inbox {
                id: FOLDER.to_owned(),
                reason: reason.clone(),
            }),
            (None, None) => Err(gone()),
        }
    }
}

/// Reads the log from its beginning: it names every message there ever was,
/// so nothing that arrives while the feed starts can be missed. What is no
/// longer there has been cleared.
async fn follow(inbox: &Inbox, tell: &watch::Sender<Arrived>) -> Result<(), Error> {
    add_new(inbox, tell).await?;
    let request = LogRequest {
        follow: true,
        tail: None,
        since: None,
    };
    let mut lines = inbox.engine.logs(&inbox.container, request);
    let mut asked = HashSet::new();
    while let Some(line) = lines.next().await {
        let line = line?;
        let stored = line
            .split_once(STORED)
            .and_then(|(_, rest)| rest.split_once(')'));
        let Some((name, _)) = stored else {
            continue;
        };
        let known = tell.borrow().messages.iter().any(|m| m.is_file(name));
        // Once for each name: a message that was cleared does not come back.
        if !known && asked.insert(name.to_owned()) {
            add_new(inbox, tell).await?;
        }
    }
    Ok(())
}

/// Takes up everything new at once: asking for the folder costs an engine as
/// much as asking for one file, and when one message has come, more have.
async fn add_new(inbox: &Inbox, tell: &watch::Sender<Arrived>) -> Result<(), Error> {
    let mut messages = inbox.read(FOLDER).await?;
    messages.retain(|new| {
        !tell
            .borrow()
            .messages
            .iter()
            .any(|known| known.id == new.id)
    });
    if !messages.is_empty() {
        let messages = messages.into_iter().map(Arc::new);
        tell.send_modify(|arrived| arrived.messages.extend(messages));
    }
    Ok(())
}
