//! Which spans are open: what a time-out waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::fields::{keep, label_of};
use super::{COMMAND, FOLLOW};

/// How many are named.
const NAMED: usize = 6;

/// The innermost spans that were open, each with those around it. Shown, it is a line to put
/// below a message, and nothing where none was open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open(Vec<String>);

impl Open {
    /// In one line; `None` where none was open.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let (named, rest) = self.0.split_at(self.0.len().min(NAMED));
        if named.is_empty() {
            return None;
        }
        let more = match rest.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(format!("{}{more}", named.join(", ")))
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.in_words() {
            Some(words) => write!(f, "\n  while waiting for: {words}"),
            None => Ok(()),
        }
    }
}

/// What is open below the span that this is called in; that span itself where nothing is.
/// Ask before what is waited for is dropped: [`within`] does.
#[must_use]
pub fn open() -> Open {
    let inside = Span::current().with_subscriber(|(id, dispatch)| {
        let spans = dispatch.downcast_ref::<OpenSpans>();
        spans.map(|spans| spans.below(Some(id.into_u64())))
    });
    Open(inside.flatten().unwrap_or_default())
}

/// What is open in this process.
#[must_use]
pub fn everywhere() -> Open {
    let spans = |dispatch: &Dispatch| {
        let spans = dispatch.downcast_ref::<OpenSpans>();
        spans.map(|spans| spans.below(None))
    };
    Open(tracing::dispatcher::get_default(spans).unwrap_or_default())
}

/// Waits for `work` until `deadline`.
///
/// # Errors
/// What was open below the current span when the time was up.
pub async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Open> {
    within_of(sleep_until(deadline), work).await
}

/// Waits for `work` until `end` comes.
///
/// # Errors
/// As [`within`].
pub async fn within_of<T>(
    end: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Result<T, Open> {
    let late = async {
        end.await;
        // Here, where the work is still there.
        open()
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        open = late => Err(open),
    }
}

/// The layer that knows.
#[derive(Default)]
pub(super) struct OpenSpans(Mutex<Nodes>);

#[derive(Default)]
struct Nodes {
    open: BTreeMap<u64, Node>,
    /// How many there were: ids are used again.
    begun: u64,
}

struct Node {
    parent: Option<u64>,
    name: &'static str,
    label: String,
    /// Its place in the order in which spans began.
    place: u64,
}

impl OpenSpans {
    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The paths of the innermost spans below `top`, or of all, in the order in which what
    /// is outside began.
    fn below(&self, top: Option<u64>) -> Vec<String> {
        let nodes = &self.nodes().open;
        let waited_for = || nodes.iter().filter(|(_, node)| node.name != FOLLOW);
        let parents: BTreeSet<u64> = waited_for().filter_map(|(_, node)| node.parent).collect();
        let innermost = waited_for().filter(|(id, _)| !parents.contains(id));
        let paths = innermost.map(|(id, _)| around(nodes, *id));
        let inside =
            |path: &Vec<(u64, &Node)>| top.is_none_or(|top| path.iter().any(|(id, _)| *id == top));
        let mut paths: Vec<_> = paths.filter(inside).collect();
        paths.sort_by_key(|path| path.iter().map(|(_, node)| node.place).collect::<Vec<_>>());
        let in_words = |path: Vec<(u64, &Node)>| {
            let alone = path.len() == 1;
            let path = path.iter();
            let told = path.filter(|(_, node)| alone || node.name != COMMAND);
            let labels: Vec<&str> = told.map(|(_, node)| node.label.as_str()).collect();
            labels.join(" > ")
        };
        paths.into_iter().map(in_words).collect()
    }
}

/// A span and those around it, itself last.
fn around(nodes: &BTreeMap<u64, Node>, id: u64) -> Vec<(u64, &Node)> {
    let next = |(_, node): &(u64, &Node)| {
        let parent = node.parent?;
        Some((parent, nodes.get(&parent)?))
    };
    let first = nodes.get(&id).map(|node| (id, node));
    let mut path: Vec<_> = std::iter::successors(first, next).collect();
    path.reverse();
    path
}

impl<S> Layer<S> for OpenSpans
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep(attributes, id, &context);
        let Some(span) = context.span(id) else { return };
        let parent = span.parent().map(|parent| parent.id().into_u64());
        let label = label_of(&span);
        let mut nodes = self.nodes();
        nodes.begun += 1;
        let node = Node {
            parent,
            name: span.name(),
            label,
            place: nodes.begun,
        };
        nodes.open.insert(id.into_u64(), node);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.nodes().open.remove(&id.into_u64());
    }
}
