//! The log of a container, as far as a check waits for what is said in it.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument as _, trace_span};

use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require};
use super::appliance;
use crate::engine::{Error, LogRequest};
use crate::plan::Role;

/// How long a line may take to come, behind the work of all other checks.
const PATIENCE: Duration = Duration::from_secs(20);

/// How far an engine's clock may be from ours before lines are missed.
pub(in super::super) const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// A log, each line of which is read once.
pub(in super::super) struct Log {
    lines: BoxStream<'static, Result<String, Error>>,
}

impl Log {
    /// The log of the container with `role`, from when the check began, and a little before:
    /// a container of a proof has written down what many relays before this one said, and
    /// takes long to read. A check that uses it has `Need::Lab`.
    pub(in super::super) fn of(context: &Context, role: Role) -> Judged<Self> {
        let since = context.began().saturating_sub(CLOCKS).ok();
        Self::since(context, role, since)
    }

    /// The same from the container's beginning, for a check that reads old lines.
    pub(in super::super) fn whole(context: &Context, role: Role) -> Judged<Self> {
        Self::since(context, role, None)
    }

    /// The same from now on, and from a little before.
    pub(in super::super) fn from_now(context: &Context, role: Role) -> Judged<Self> {
        let since = Timestamp::now().saturating_sub(CLOCKS).ok();
        Self::since(context, role, since)
    }

    fn since(context: &Context, role: Role, since: Option<Timestamp>) -> Judged<Self> {
        let container = &appliance::container(context, role)?.name;
        let request = LogRequest {
            follow: true,
            tail: None,
            since,
        };
        let lines = appliance::lab(context)?.engine.logs(container, request);
        ControlFlow::Continue(Self { lines })
    }

    /// Reads on to the line that `wanted` takes something from, and writes that
    /// line down. Where none comes, the relay does not do what it must.
    pub(in super::super) async fn find<T>(
        &mut self,
        context: &Context,
        expected: &str,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Judged<T> {
        let found = async {
            while let Some(line) = self.lines.next().await {
                match line {
                    Ok(line) => {
                        if let Some(value) = wanted(&line) {
                            context.transcript().note(format!("log: {line}"));
                            return ControlFlow::Continue(value);
                        }
                    }
                    Err(error) => return broken(format!("the log cannot be read: {error}")),
                }
            }
            broken("the log has ended")
        };
        let found = found.instrument(trace_span!("a line of the log", expected));
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(judged) => judged,
            Err(_) => fail(
                expected,
                format!("no such line in the log after {} s", PATIENCE.as_secs()),
            ),
        }
    }

    /// All lines up to and with the first that `last` accepts.
    pub(in super::super) async fn until(
        &mut self,
        context: &Context,
        expected: &str,
        mut last: impl FnMut(&str) -> bool,
    ) -> Judged<Vec<String>> {
        let mut lines = Vec::new();
        self.find(context, expected, |line| {
            lines.push(line.to_owned());
            last(line).then_some(())
        })
        .await?;
        ControlFlow::Continue(lines)
    }

    /// What became of the message `queue_id` next: the line of the first of its
    /// recipients, or of the whole message, with a status in it.
    pub(in super::super) async fn fate(
        &mut self,
        context: &Context,
        queue_id: &str,
    ) -> Judged<Fate> {
        let mark = format!("]: {queue_id}: ");
        let expected = format!("what becomes of the message {queue_id}");
        self.find(context, &expected, |line| {
            let (_, rest) = line.split_once(&mark)?;
            let (_, status) = rest.split_once("status=")?;
            let word = status.split([',', ' ']).next().unwrap_or_default();
            Some(Fate {
                status: word.to_owned(),
                line: rest.to_owned(),
            })
        })
        .await
    }
}

/// What the relay did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Fate {
    /// `sent`, `deferred`, `bounced` or `expired`.
    pub(in super::super) status: String,
    /// The log line from after the queue id.
    pub(in super::super) line: String,
}

impl Fate {
    /// Demands that the status is `status`.
    pub(in super::super) fn must_be(&self, status: &str) -> Judged {
        require(self.status == status, &format!("status={status}"), || {
            self.line.clone()
        })
    }
}
