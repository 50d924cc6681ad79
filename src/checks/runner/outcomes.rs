//! What a check came to, where it is not the check that says it.

use tokio::task::JoinError;

use super::super::{Context, Target};
use crate::report::Outcome;

/// A relay is not at fault where it has set a limit to us, nor where a check
/// could not go on without offending it. Checks run one at a time there.
pub(super) fn excused(outcome: Outcome, target: &Target) -> Outcome {
    let Some(manners) = &target.manners else {
        return outcome;
    };
    let declined = manners.take_declined();
    match (outcome, manners.stopped(), declined) {
        (Outcome::Pass, ..) => Outcome::Pass,
        // It was begun, so that the limit was met while it ran.
        (_, Some(why), _) => Outcome::Broken { why },
        (Outcome::Fail { .. }, None, Some(why)) => Outcome::Skipped { why },
        (outcome, ..) => outcome,
    }
}

pub(super) fn panicked(error: JoinError) -> Outcome {
    let why = match error.try_into_panic() {
        Ok(payload) => {
            let words = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("without a message");
            format!("the check itself panicked: {words}\n  this is a bug in relaykit")
        }
        Err(error) => format!("the check was stopped from outside: {error}"),
    };
    Outcome::Broken { why }
}

pub(super) fn masked(outcome: Outcome, context: &Context) -> Outcome {
    match outcome {
        Outcome::Fail { expected, observed } => Outcome::Fail {
            expected: context.masked(&expected),
            observed: context.masked(&observed),
        },
        Outcome::Broken { why } => Outcome::Broken {
            why: context.masked(&why),
        },
        other => other,
    }
}
