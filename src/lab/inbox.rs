//! What the sink got. It keeps one file a message on its inbox volume, in a
//! format that `images/relay/rootfs/usr/share/relaykit/inbox/Store.pm` explains.

mod content;
mod feed;
mod reader;
mod stopped;
mod stored;
mod walk;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Error;
use crate::engine::Engine;
use crate::plan::{Plan, Role};

pub use content::{Attachment, Content, Field};
pub use feed::Feed;
use reader::Reader;
pub use reader::{Part, Want};
pub use stored::{Head, StoredMessage};
pub use walk::Walk;

/// Where the sink keeps its messages, whole ones only.
pub(super) const FOLDER: &str = "/var/mail/inbox/new";

const CLEAR: &str = include_str!("inbox/clear.pl");

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

    /// Goes through the messages, oldest first, or only through the `last` of them: of
    /// each as much as `want` says of its id. The sink need not run.
    ///
    /// # Errors
    /// When the sink is not there, a file cannot be understood, or `take` fails.
    pub async fn each(
        &self,
        last: Option<usize>,
        want: impl Fn(&str) -> Want,
        mut take: impl FnMut(Part) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let shown = |head: &Head| !head.proves_readiness();
        if !self.sink.runs().await? {
            let mut messages = stopped::messages(&self.sink).await?;
            messages.retain(|message| shown(message));
            let skipped = last.map_or(0, |last| messages.len().saturating_sub(last));
            return messages
                .into_iter()
                .skip(skipped)
                .map(Part::Whole)
                .try_for_each(take);
        }
        let (mut reader, names) = Reader::open(&self.sink, false).await?;
        let mut end = names.len();
        let Some(last) = last else {
            let wanted: Vec<_> = names
                .iter()
                .map(|n| (n.as_str(), want(stored::id(n))))
                .collect();
            return reader
                .read(&wanted, |found| {
                    if shown(found.head()) {
                        take(found)
                    } else {
                        Ok(())
                    }
                })
                .await;
        };
        // From the end, until there are enough: not all of them are shown.
        let mut found = VecDeque::new();
        while found.len() < last && end > 0 {
            let begin = end.saturating_sub(last - found.len());
            let wanted: Vec<_> = names[begin..end]
                .iter()
                .map(|n| (n.as_str(), want(stored::id(n))))
                .collect();
            let mut some = Vec::new();
            let keep = |one: Part| {
                if shown(one.head()) {
                    some.push(one);
                }
                Ok(())
            };
            reader.read(&wanted, keep).await?;
            for one in some.into_iter().rev() {
                found.push_front(one);
            }
            end = begin;
        }
        found.into_iter().try_for_each(take)
    }

    /// The messages whose digits begin with `id`, as [`Head::handle`] has the first of
    /// them. With all of its digits each.
    ///
    /// # Errors
    /// As [`Inbox::each`].
    pub async fn named(&self, id: &str) -> Result<Vec<(String, StoredMessage)>, Error> {
        let digits = |message: StoredMessage| (stored::digits(&message.id), message);
        if !self.sink.runs().await? {
            let messages = stopped::messages(&self.sink).await?.into_iter();
            let shown = messages.filter(|message| !message.proves_readiness());
            return Ok(shown
                .map(digits)
                .filter(|(all, _)| all.starts_with(id))
                .collect());
        }
        let (mut reader, mut names) = Reader::open(&self.sink, false).await?;
        names.retain(|name| stored::digits(stored::id(name)).starts_with(id));
        let mut found = Vec::new();
        for name in names {
            let message = reader.whole(&name).await?;
            found.extend(
                message
                    .filter(|message| !message.proves_readiness())
                    .map(digits),
            );
        }
        Ok(found)
    }

    /// Removes all messages; how many there were.
    ///
    /// # Errors
    /// When the sink is not running.
    pub async fn clear(&self) -> Result<usize, Error> {
        let argv = ["perl", "-e", CLEAR, FOLDER, READINESS];
        let engine = &self.sink.engine;
        let cleared = engine
            .exec(&self.sink.container, &argv, Some(reader::USER))
            .await?;
        cleared.stdout.trim().parse().map_err(|_| Error::Inbox {
            id: FOLDER.to_owned(),
            reason: cleared.stderr,
        })
    }

    /// The newest that are there, and everything that comes. All clones of an inbox
    /// share one, which ends with the last of them.
    #[must_use]
    pub fn feed(&self) -> Arc<Feed> {
        let start = || Arc::new(Feed::start(self.sink.clone()));
        self.feed.get_or_init(start).clone()
    }

    /// Waits for a message that `wanted` accepts, among the newest and those that come;
    /// `None` when `within` has passed.
    ///
    /// # Errors
    /// When the sink cannot be read.
    pub async fn wait(
        &self,
        within: Duration,
        wanted: impl Fn(&StoredMessage) -> bool,
    ) -> Result<Option<Arc<StoredMessage>>, Error> {
        self.feed().wait(within, wanted).await
    }
}

impl Sink {
    /// Whether a program can be started in it.
    async fn runs(&self) -> Result<bool, Error> {
        let facts = self.engine.inspect(&self.container).await?;
        Ok(facts.is_some_and(|facts| facts.running && facts.status == "running"))
    }
}
