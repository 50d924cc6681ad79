//! Messages as they come: the sink tells of each, so nobody polls.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, debug_span, trace_span};

use super::reader::{Part, Reader, Want};
use super::{FOLDER, Sink, StoredMessage};
use crate::diagnostics::FOLLOW;
use crate::lab::Error;

/// How many of the messages that are there when a feed begins it has, the newest. What came
/// between the moment that somebody asked for the feed and the one when it looked is
/// among them; whoever wants all of a large inbox walks through it.
const BEFORE: usize = 1000;

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
    pub(super) fn start(sink: Sink) -> Self {
        let (tell, arrived) = watch::channel(Arrived::default());
        // It may last longer than whatever it was begun in.
        let span = debug_span!(parent: None, FOLLOW, inbox = sink.container);
        let follow = async move {
            if let Err(error) = follow(&sink, &tell).await {
                tell.send_modify(|arrived| arrived.failed = Some(error.to_string()));
            }
        };
        let task = tokio::spawn(follow.instrument(span));
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
        let mut seen = 0;
        let look = async {
            loop {
                {
                    let now = arrived.borrow_and_update();
                    if let Some(message) = now.messages[seen..].iter().find(|m| wanted(m)) {
                        return Ok(Some(message.clone()));
                    }
                    if let Some(reason) = &now.failed {
                        return Err(unreadable(reason));
                    }
                    seen = now.messages.len();
                }
                if arrived.changed().await.is_err() {
                    return Err(unreadable("the sink has ended"));
                }
            }
        };
        let look = look.instrument(trace_span!("a message at the next hop"));
        tokio::time::timeout(within, look).await.unwrap_or(Ok(None))
    }
}

fn unreadable(reason: &str) -> Error {
    Error::Inbox {
        id: FOLDER.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Reads what is there, and each message when the sink tells of it.
async fn follow(sink: &Sink, tell: &watch::Sender<Arrived>) -> Result<(), Error> {
    let (mut reader, there) = Reader::open(sink, true).await?;
    let newest = &there[there.len().saturating_sub(BEFORE)..];
    let wanted: Vec<_> = newest.iter().map(|n| (n.as_str(), Want::Whole)).collect();
    let mut messages = Vec::new();
    let take = |found| {
        if let Part::Whole(message) = found {
            messages.push(message);
        }
        Ok(())
    };
    reader.read(&wanted, take).await?;
    drop(there);
    add(tell, messages);
    loop {
        let name = reader.arrival().await?;
        add(tell, reader.whole(&name).await?);
    }
}

fn add(tell: &watch::Sender<Arrived>, messages: impl IntoIterator<Item = StoredMessage>) {
    let messages = messages.into_iter().map(Arc::new);
    tell.send_modify(|arrived| arrived.messages.extend(messages));
}
