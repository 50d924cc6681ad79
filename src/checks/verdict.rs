//! How a check ends early.

use std::ops::ControlFlow;

use crate::report::Outcome;

/// What a check or a step of one gives: `Continue` with a value while all is as
/// it should be, `Break` with an outcome as soon as the verdict is known. It is
/// no `Result`: a relay that does the wrong thing is not an error of the check.
pub type Judged<T = ()> = ControlFlow<Outcome, T>;

/// The end of a check that found nothing wrong.
pub(super) const PASS: Judged = ControlFlow::Continue(());

/// Ends the check: the relay does not do what it must.
pub(super) fn fail<T>(expected: impl Into<String>, observed: impl Into<String>) -> Judged<T> {
    ControlFlow::Break(Outcome::Fail {
        expected: expected.into(),
        observed: observed.into(),
    })
}

/// Ends the check: it does not apply here.
pub(super) fn skip<T>(why: impl Into<String>) -> Judged<T> {
    ControlFlow::Break(Outcome::Skipped { why: why.into() })
}

/// Ends the check: it could not tell.
pub(super) fn broken<T>(why: impl Into<String>) -> Judged<T> {
    ControlFlow::Break(Outcome::Broken { why: why.into() })
}

/// Fails unless `holds`; the words are made only when they are needed.
pub(super) fn require<O: Into<String>>(
    holds: bool,
    expected: &str,
    observed: impl FnOnce() -> O,
) -> Judged {
    if holds {
        PASS
    } else {
        fail(expected, observed())
    }
}

/// Fails with every row of a table that is not as it must be, so that one run
/// shows all of them.
pub(super) fn require_none(wrong: &[String], expected: &str) -> Judged {
    require(wrong.is_empty(), expected, || wrong.join("\n"))
}
