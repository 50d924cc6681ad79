//! Facts about a run, in the order in which they happen.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{CheckRecord, Down, Planted, RunReport, Tried, Unclaimed};

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
/// `RunFinished`. An interrupted run has checks without their end. With `--prove`
/// the sabotages come between the last check and the end: one `ProofStarted`, and
/// for each sabotage a `SabotagePlanted` and a `SabotageJudged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The first event.
    RunStarted {
        /// How many checks the filters select.
        selected: usize,
        /// How many of them some relay suits: the others are skipped.
        able: usize,
        /// How many checks there are.
        registered: usize,
        /// How many may run at once.
        jobs: usize,
    },
    /// A lab for checks has come up, and its checks begin.
    LabReady {
        /// Its name on the engine.
        lab: String,
        /// What it is: `as configured`, or a variant.
        laboratory: &'static str,
        /// Since the run began.
        after: Duration,
    },
    /// Nothing can be judged at a port of it; told once for the whole run.
    PortDown {
        /// Which, and why.
        down: Down,
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
    /// The sabotages begin.
    ProofStarted {
        /// How many sabotages the selected checks claim to see, each counted once
        /// for each lab that its checks need.
        sabotages: usize,
    },
    /// A relay was changed so that checks must fail.
    SabotagePlanted {
        /// [`Planted::name`].
        name: &'static str,
        /// The lab that it is planted in: `as configured`, or a variant.
        laboratory: &'static str,
    },
    /// The checks were run against a changed relay.
    SabotageJudged {
        /// [`Planted::name`].
        name: &'static str,
        /// As it was planted.
        laboratory: &'static str,
        /// The ids of the checks that claim to see it, and whether they did.
        claims: Vec<(&'static str, Planted)>,
        /// Further checks that failed under it.
        unclaimed: Vec<Unclaimed>,
    },
    /// The mutants begin.
    MutationStarted {
        /// How many are tried.
        mutants: usize,
        /// Of how many that there are.
        possible: usize,
        /// How many changes were dropped because they change nothing that can be seen.
        dropped: usize,
        /// What decided which.
        seed: u64,
    },
    /// A relay was made with a mutant.
    MutantPlanted {
        /// Its number in this run.
        number: usize,
        /// What it is.
        title: String,
    },
    /// The checks were run on a mutant, until one saw it.
    MutantJudged {
        /// What came of it.
        tried: Tried,
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
