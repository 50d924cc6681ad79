//! How a run is to go.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::report::Outcome;
use crate::requirements::Profile;

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many checks may run at once; at least one does, and on one relay no more
    /// than its limit on the connections of one client allows.
    pub jobs: usize,
    /// How many of them on relays that they share.
    pub shared: usize,
    /// How long one check may take before it counts as broken.
    pub deadline: Duration,
    /// Whether the report is to have facts about the first target.
    pub describe: bool,
    /// Whether a failure is to have the relay's log lines.
    pub logs: bool,
    /// When all of them have to be done, whatever one may take.
    pub until: Option<Instant>,
    /// After how many failures no further check is run.
    pub max_fail: Option<NonZero<usize>>,
    /// Whether the first check that fails or cannot be judged is the last: nobody asks
    /// for more.
    pub first_fault: bool,
    /// Whose requirements the report is to be about.
    pub profile: Option<&'static Profile>,
}

impl Default for Options {
    /// Six at once on relays that are shared: checks wait for the relay most of the time,
    /// and with more than are needed to keep two cores busy Postfix starts more processes.
    /// Beside them four that disturb: these wait for seconds and do little else. Half a
    /// minute each, more than any needs on a loaded machine.
    fn default() -> Self {
        Self {
            jobs: 10,
            shared: 6,
            deadline: Duration::from_secs(30),
            describe: false,
            logs: true,
            until: None,
            max_fail: None,
            first_fault: false,
            profile: None,
        }
    }
}

impl Options {
    /// How long a check that begins now may take.
    pub(super) fn within(self) -> Duration {
        let one = self.deadline;
        let all = self.until;
        all.map_or(one, |until| {
            one.min(until.saturating_duration_since(Instant::now()))
        })
    }

    pub(super) fn overdue(self) -> Outcome {
        if self.until.is_some_and(|until| until <= Instant::now()) {
            let why = "the time for all checks was over; the transcript ends where it waited";
            return Outcome::Broken {
                why: why.to_owned(),
            };
        }
        let seconds = self.deadline.as_secs_f64();
        Outcome::Broken {
            why: format!(
                "the check was not done after {seconds} s; the transcript ends where it waited"
            ),
        }
    }
}
