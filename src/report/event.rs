//! Facts about a run, in the order in which they happen.

use std::sync::Arc;

use jiff::Timestamp;

use super::{CheckRecord, RunReport};

/// A fact and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// What can happen. A run gives one `RunStarted`, then for each check that is
/// not skipped a `CheckStarted`, for each check a `CheckFinished`, and one
/// `RunFinished`. An interrupted run has checks without their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The first event.
    RunStarted {
        /// How many checks the filters select.
        selected: usize,
        /// How many checks there are.
        registered: usize,
        /// How many may run at once.
        jobs: usize,
    },
    /// A check begins.
    CheckStarted {
        /// `area.what_holds`.
        id: &'static str,
    },
    /// A check has an outcome. A skipped one was never started.
    CheckFinished {
        /// Its line in the report.
        record: CheckRecord,
        /// The report as it stands now, this check included.
        so_far: Arc<RunReport>,
    },
    /// The last event.
    RunFinished {
        /// The result.
        report: Arc<RunReport>,
    },
}

impl Event {
    /// `fact`, now.
    #[must_use]
    pub fn now(fact: Fact) -> Self {
        Self {
            at: Timestamp::now(),
            fact,
        }
    }
}
