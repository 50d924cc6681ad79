//! What a check came to, where it is not the check that says it, and what is shown of it.

use tokio::task::JoinError;
use tracing::{Span, info};

use super::super::said::SILENT;
use super::super::target::{Context, Target};
use crate::counterparts::Purpose;
use crate::diagnostics::Open;
use crate::report::{Exhibit, Outcome, Seen};

/// What is shown of a check beside its outcome.
#[derive(Default)]
pub(super) struct Evidence {
    pub(super) transcript: Vec<String>,
    pub(super) rows: Vec<Seen>,
    pub(super) log: Vec<String>,
    pub(super) exhibits: Vec<Exhibit>,
}

/// A relay is not at fault where it has set a limit to us, nor where a check
/// could not go on without offending it. Checks run one at a time there.
pub(super) fn excused(outcome: Outcome, target: &Target) -> Outcome {
    let Some(manners) = &target.manners else {
        // Labs of a run's own have no limit but for the checks of it.
        return match &target.lab {
            Some(lab) if lab.plan.resolved.purpose == Purpose::Lab => unlimited(outcome),
            _ => outcome,
        };
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

/// What a relay of relaykit's says when a limit of relay.yaml is reached, and which.
const LIMITS: [(&str, &str); 2] = [
    (
        " messages an hour have been sent, try again in ",
        "limits.messages_per_login_per_hour",
    ),
    (
        " Error: too many connections from ",
        "limits.connections_per_client",
    ),
];

/// What is left of a failure where limits of relay.yaml are all that was met: the checks
/// together use them up.
fn unlimited(outcome: Outcome) -> Outcome {
    let Outcome::Fail { observed, .. } = &outcome else {
        return outcome;
    };
    let limit = |line: &str| LIMITS.iter().find(|(said, _)| line.contains(said));
    let met: Vec<_> = observed.lines().map(limit).collect();
    match met.first() {
        Some(Some((_, key))) if met.iter().all(Option::is_some) => Outcome::Skipped {
            why: format!("{key} is reached in this lab; `relaykit test` without --lab has room"),
        },
        _ => outcome,
    }
}

/// A pass says what was expected and seen; a check that passes without a word has judged
/// nothing that anybody could look at.
pub(super) fn spoken(outcome: Outcome, context: &Context) -> Outcome {
    if outcome == Outcome::Pass && context.said().rows().is_empty() {
        return Outcome::Broken {
            why: SILENT.to_owned(),
        };
    }
    outcome
}

/// Adds what a check that took too long waited for.
pub(super) fn with_open(outcome: Outcome, open: Option<Open>) -> Outcome {
    match (outcome, open) {
        (Outcome::Broken { why }, Some(open)) => Outcome::Broken {
            why: format!("{why}{open}"),
        },
        (outcome, _) => outcome,
    }
}

/// Puts an outcome on the span of its check, which then ends; `outcome` is masked.
pub(super) fn note(outcome: &Outcome, span: &Span) {
    span.record("outcome", outcome.word());
    let (Outcome::Fail { observed: why, .. } | Outcome::Broken { why }) = outcome else {
        return;
    };
    // What else there is to say is in the report.
    let why: Vec<&str> = why.lines().take(2).map(str::trim).collect();
    info!(parent: span, why = why.join(" "), "not passed");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn left_of(observed: &str) -> Outcome {
        unlimited(Outcome::Fail {
            expected: "250".into(),
            observed: observed.into(),
        })
    }

    #[test]
    fn limits_of_relay_yaml_are_no_fault() {
        let messages = "port 465: 450 4.7.1 <DATA>: Data command rejected: 5 messages an hour have \
                        been sent, try again in 61 minutes";
        let connections =
            "a form: 421 4.7.0 relay.relaykit.test Error: too many connections from 192.0.2.1";
        for (observed, key) in [
            (messages.to_owned(), "limits.messages_per_login_per_hour"),
            (connections.to_owned(), "limits.connections_per_client"),
            (
                format!("{connections}\n{messages}"),
                "limits.connections_per_client",
            ),
        ] {
            let left = left_of(&observed);
            let skipped = matches!(&left, Outcome::Skipped { why } if why.starts_with(key));
            assert!(skipped, "{left:?}");
        }
    }

    #[test]
    fn a_fault_beside_a_limit_is_one() {
        for observed in [
            "",
            "250 2.1.5 Ok",
            "450 5 messages an hour have been sent, try again in 61 minutes\nport 25: 250 2.1.5 Ok",
        ] {
            assert!(
                matches!(left_of(observed), Outcome::Fail { .. }),
                "{observed}"
            );
        }
    }
}
