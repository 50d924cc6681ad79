//! Readiness of a lab whose relay is to be judged: every daemon has said in the
//! log that it has started. Whether anybody can log in is for checks to find out.

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use super::missing::{Missing, not_ready};
use super::{Error, Running, Workshop};
use crate::diagnostics::within;
use crate::engine::LogRequest;
use crate::plan::{Container, Image, Plan, Role};

/// What Postfix's master(8), the guard of logins, who waits for saslauthd(8), and slapd(8)
/// log when they have started.
const POSTFIX: &str = "daemon started -- version";
const GUARD: &str = ": logins are served";
const SLAPD: &str = "slapd starting";

/// Waits until the daemons of every container have started.
///
/// # Errors
/// [`Error::NotReady`] at the deadline. That a container ends is seen by the caller.
pub(super) async fn wait(running: &Running, workshop: &Workshop) -> Result<(), Error> {
    let began = Instant::now();
    let containers = running.plan.containers.iter();
    let waits = containers.map(|container| {
        let span = info_span!("daemons", container = container.name);
        started(container, None, &running.plan, workshop, began).instrument(span)
    });
    try_join_all(waits).await.map(|_| ())
}

/// Waits until the relay's daemons have started after `began` by the engine's clock.
///
/// # Errors
/// As [`wait`].
pub(super) async fn again(
    running: &Running,
    workshop: &Workshop,
    began: Timestamp,
) -> Result<(), Error> {
    let now = Instant::now();
    match running.plan.container(Role::Relay) {
        Some(relay) => {
            let span = info_span!("daemons", container = relay.name);
            let started = started(relay, Some(began), &running.plan, workshop, now);
            started.instrument(span).await
        }
        None => Ok(()),
    }
}

async fn started(
    container: &Container,
    since: Option<Timestamp>,
    plan: &Plan,
    workshop: &Workshop,
    began: Instant,
) -> Result<(), Error> {
    let mut waited_for = daemons(container);
    if waited_for.is_empty() {
        return Ok(());
    }
    let request = LogRequest {
        follow: true,
        tail: None,
        since,
    };
    let mut lines = workshop.engine.logs(&container.name, request);
    let read = async {
        while let Some(line) = lines.next().await {
            let line = line?;
            waited_for.retain(|words| !line.contains(words));
            if waited_for.is_empty() {
                return Ok(());
            }
        }
        // The log ends with its container, which somebody else waits for.
        std::future::pending::<Result<(), Error>>().await
    };
    let open = match within(began + workshop.ready_within, read).await {
        Ok(read) => return read,
        Err(open) => open,
    };
    let missing = Missing {
        what: format!("the log does not say {:?}", waited_for.join(" and ")),
        role: container.role,
    };
    Err(not_ready(&missing, open, began, workshop, plan).await)
}

/// What the log of a container says once its daemons have started; nothing, where it runs
/// a single program in the place of its image's.
fn daemons(container: &Container) -> Vec<&'static str> {
    match (container.role, container.image) {
        _ if !container.entrypoint.is_empty() => Vec::new(),
        (Role::Relay, Image::Relay) => vec![POSTFIX, GUARD],
        (Role::Relay | Role::Sink, _) => vec![POSTFIX],
        (Role::Directory, _) => vec![SLAPD],
    }
}
