//! How a check ends early.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::said::say;
use crate::report::Outcome;

/// What a check or a step of one gives: `Continue` with a value while all is as
/// it should be, `Break` with an outcome as soon as the verdict is known. It is
/// no `Result`: a relay that does the wrong thing is not an error of the check.
pub type Judged<T = ()> = ControlFlow<Outcome, T>;

/// Goes on, and says nothing: there was nothing to judge yet. A check that ends with it,
/// and has said nothing before, is broken; see [`held`] and [`nothing_wrong`].
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

/// What a check has to tell of what it saw.
pub(super) trait Observed {
    /// In words.
    fn words(self) -> String;

    /// What was really seen, where all is as it must be; `None`: these are words for a
    /// failure, which the relay has not said.
    fn seen(self) -> Option<String>;
}

impl Observed for String {
    fn words(self) -> String {
        self
    }

    fn seen(self) -> Option<String> {
        Some(self)
    }
}

impl Observed for Cow<'_, str> {
    fn words(self) -> String {
        self.into_owned()
    }

    fn seen(self) -> Option<String> {
        Some(self.into_owned())
    }
}

/// Most of these stand in the source: they say what is wrong, and nothing of a relay that
/// is right.
impl Observed for &str {
    fn words(self) -> String {
        self.to_owned()
    }

    fn seen(self) -> Option<String> {
        None
    }
}

/// Goes on: what was `observed` is as it must be.
pub(super) fn held(expected: impl AsRef<str>, observed: impl Into<String>) -> Judged {
    say(expected.as_ref(), Some(observed.into()));
    PASS
}

/// Goes on: in all that was read and heard until now, nothing is but as it must be.
pub(super) fn nothing_wrong(expected: impl AsRef<str>) -> Judged {
    say(expected.as_ref(), None);
    PASS
}

/// Fails unless `holds`. `observed` is what was seen, whatever comes of it: a passing check
/// shows it too.
pub(super) fn require<O: Observed>(
    holds: bool,
    expected: &str,
    observed: impl FnOnce() -> O,
) -> Judged {
    if holds {
        say(expected, observed().seen());
        PASS
    } else {
        fail(expected, observed().words())
    }
}

/// Fails with everything that is wrong, of a check that has said of each part what is right.
pub(super) fn unless_wrong(wrong: &[String], expected: &str) -> Judged {
    if wrong.is_empty() {
        return PASS;
    }
    fail(expected, wrong.join("\n"))
}

/// Fails with every row of a table that is not as it must be, so that one run
/// shows all of them. A check that passes shows what it has read and heard.
pub(super) fn require_none(wrong: &[String], expected: &str) -> Judged {
    if wrong.is_empty() {
        nothing_wrong(expected)
    } else {
        fail(expected, wrong.join("\n"))
    }
}
