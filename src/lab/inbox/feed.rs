//! Messages as they come: the sink tells its log of each, so nobody polls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, debug_span, trace_span};

use super::reader::Reader;
use super::{FOLDER, Sink, StoredMessage};
use crate::diagnostics::FOLLOW;
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

/// Reads the log from its beginning: it names every message there ever was,
/// so nothing that arrives while the feed starts can be missed. What is no
/// longer there has been cleared.
async fn follow(sink: &Sink, tell: &watch::Sender<Arrived>) -> Result<(), Error> {
    let (mut reader, there) = Reader::open(sink).await?;
    let mut known: HashSet<String> = there.iter().map(StoredMessage::file).collect();
    add(tell, there);
    let request = LogRequest {
        follow: true,
        tail: None,
        since: None,
    };
    let mut lines = sink.engine.logs(&sink.container, request);
    while let Some(line) = lines.next().await {
        let line = line?;
        let stored = line
            .split_once(STORED)
            .and_then(|(_, rest)| rest.split_once(')'));
        // Once for each name: a message that was cleared does not come back.
        if let Some((name, _)) = stored
            && known.insert(name.to_owned())
        {
            add(tell, reader.read(name).await?);
        }
    }
    Ok(())
}

fn add(tell: &watch::Sender<Arrived>, messages: impl IntoIterator<Item = StoredMessage>) {
    let messages = messages.into_iter().map(Arc::new);
    tell.send_modify(|arrived| arrived.messages.extend(messages));
}
