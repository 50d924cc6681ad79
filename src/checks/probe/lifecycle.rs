//! Ending the relay's container and having it back.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail};
use super::appliance;
use super::session::{is_up, logged_in, login_listener};
use crate::engine::Error;
use crate::lab;
use crate::plan::Role;
use crate::report::Outcome;

/// How long a relay may take until people can log in again.
const READY: Duration = Duration::from_secs(15);

/// Between two tries of a login: nothing tells when the last daemon has its socket.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// The value of what an engine did; the check cannot tell where it did not.
pub(in super::super) fn done<T>(result: Result<T, Error>) -> Judged<T> {
    match result {
        Ok(value) => ControlFlow::Continue(value),
        Err(error) => broken(error.to_string()),
    }
}

/// Starts the relay's container, if it does not run, and waits until a login
/// succeeds. Its published ports may be others than before.
pub(in super::super) async fn start(context: &Context) -> Judged {
    let lab = appliance::lab(context)?;
    let name = &appliance::container(context, Role::Relay)?.name;
    done(lab.engine.start(name).await)?;
    context.transcript().note("the relay is started again");
    match lab::endpoints_now(&lab.plan, lab.engine.as_ref()).await {
        Ok(endpoints) => lab.moved.to(endpoints),
        Err(error) => return broken(error.to_string()),
    }
    ready(context).await
}

/// Waits until a login succeeds.
pub(in super::super) async fn ready(context: &Context) -> Judged {
    let deadline = Instant::now() + READY;
    let listener = login_listener(context)?;
    is_up(context, listener)?;
    loop {
        // What is said until then is no evidence.
        let (row, own) = context.open_row("waiting for a login");
        let tried = logged_in(&own, listener).await;
        context.forget_row(row);
        match tried {
            ControlFlow::Continue(_) => return ControlFlow::Continue(()),
            ControlFlow::Break(outcome) if Instant::now() > deadline => {
                let last = match outcome {
                    // It was waited for: that it has not come back is what was seen.
                    Outcome::Fail { observed, .. } | Outcome::Broken { why: observed } => observed,
                    other => return ControlFlow::Break(other),
                };
                let within = format!("a login within {} s", READY.as_secs());
                return fail(within, format!("nobody can log in again: {last}"));
            }
            ControlFlow::Break(_) => sleep(TRY_AGAIN).await,
        }
    }
}
