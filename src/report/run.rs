//! The result of a run.

use std::time::Duration;

use super::{Down, Exhibit, Mutation, Planted, Seen, Subject, Unclaimed, Unplanted, seen};
use crate::audit::Severity;
use crate::engine::last_words;
use crate::requirements::Profile;
use jiff::Timestamp;

/// Exit codes of a run, as the contract fixes them.
pub mod exit {
    /// Every check that could run passed.
    pub const DONE: u8 = 0;
    /// At least one check failed.
    pub const FAILED: u8 = 10;
    /// The filters select no check.
    pub const NONE_SELECTED: u8 = 11;
    /// No check failed, and at least one could not be judged.
    pub const BROKEN: u8 = 12;
    /// The run was interrupted.
    pub const INTERRUPTED: u8 = 130;
}

/// What became of a check. A relay that does the wrong thing is a
/// [`Outcome::Fail`], never an error of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What the check holds was seen to hold.
    Pass,
    /// What the check holds was seen not to hold.
    Fail {
        /// What a right relay does, one or more lines.
        expected: String,
        /// What this relay did, one or more lines.
        observed: String,
    },
    /// The check does not apply, or the target lacks what it needs.
    Skipped {
        /// What is missing.
        why: String,
    },
    /// The check itself could not tell.
    Broken {
        /// What stood in its way.
        why: String,
    },
}

impl Outcome {
    /// The word in reports: `pass`, `fail`, `skipped`, `broken`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Skipped { .. } => "skipped",
            Self::Broken { .. } => "broken",
        }
    }
}

/// One check's line in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRecord {
    /// `area.what_holds`.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Where the claim comes from.
    pub citation: &'static str,
    /// What it costs when it fails.
    pub severity: Severity,
    /// What it does and why.
    pub about: &'static str,
    /// What to change when it fails.
    pub repair: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What it held the relay to and saw to be so, in that order, secrets masked.
    pub rows: Vec<Seen>,
    /// What was said on the wire and read from the relay, oldest first, secrets masked.
    pub transcript: Vec<String>,
    /// The lines of the relay's log that belong to the sessions of a check that
    /// failed or broke, oldest first, secrets masked.
    pub log: Vec<String>,
    /// Texts before and after that it put down, in the order of their titles,
    /// secrets masked.
    pub exhibits: Vec<Exhibit>,
    /// How long it ran; zero for a skipped one.
    pub duration: Duration,
    /// With `--prove`: the sabotages it claims to see.
    pub sabotages: Vec<Planted>,
}

/// The whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, or has taken until now.
    pub elapsed: Duration,
    /// With `--prove`: how long that took after the checks.
    pub proving: Duration,
    /// Whose requirements the run is about; `None`: it is about the checks.
    pub profile: Option<&'static Profile>,
    /// What was tested; `None` where nobody has looked.
    pub subject: Option<Subject>,
    /// Finished checks, in the order of the registry.
    pub checks: Vec<CheckRecord>,
    /// Selected checks without an outcome, in the order of the registry. Empty
    /// at the end of a run that was not cut short.
    pub not_run: Vec<&'static str>,
    /// Why it ended before all checks had, if it did.
    pub cut_short: Option<CutShort>,
    /// Ports where nothing could be judged, each once.
    pub down: Vec<Down>,
    /// With `--prove`: failures under a sabotage that nobody claimed.
    pub unclaimed: Vec<Unclaimed>,
    /// With `--prove`: the sabotages of checks that passed which were not planted.
    pub unplanted: Vec<Unplanted>,
    /// With `--mutate`: what came of the mutants.
    pub mutation: Option<Mutation>,
}

/// Why a run ended before its checks had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutShort {
    /// Somebody wished so.
    Interrupted,
    /// As many checks had failed as were asked for.
    MaxFail,
    /// A lab that checks needed did not come up, or not as it was to be. The error
    /// of the command says why.
    NoLab,
}

/// How many checks had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
    /// Broken.
    pub broken: usize,
}

impl Summary {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Pass => &mut self.passed,
            Outcome::Fail { .. } => &mut self.failed,
            Outcome::Skipped { .. } => &mut self.skipped,
            Outcome::Broken { .. } => &mut self.broken,
        };
        *count += 1;
    }
}

impl CheckRecord {
    /// The part of the id before the dot.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split('.').next().unwrap_or_default()
    }

    /// What a right relay does, one or more lines; of a check that passed, in one line.
    /// Empty where nothing was judged.
    #[must_use]
    pub fn expected(&self) -> String {
        match &self.outcome {
            Outcome::Pass => seen::expected(&self.rows),
            Outcome::Fail { expected, .. } => expected.clone(),
            Outcome::Skipped { .. } | Outcome::Broken { .. } => String::new(),
        }
    }

    /// Whether its rows tell more than its summary does.
    #[must_use]
    pub fn shows_rows(&self) -> bool {
        self.rows.len() > 1 || self.severity == Severity::Critical && !self.rows.is_empty()
    }

    /// What this relay did, one or more lines; of a check that passed, in one line. Why
    /// nothing was judged, where that is so.
    #[must_use]
    pub fn observed(&self) -> String {
        match &self.outcome {
            Outcome::Pass => seen::observed(&self.rows),
            Outcome::Fail { observed, .. } => observed.clone(),
            Outcome::Skipped { why } | Outcome::Broken { why } => why.clone(),
        }
    }
}

impl RunReport {
    /// Counts the outcomes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for check in &self.checks {
            summary.add(&check.outcome);
        }
        summary
    }

    /// Whether nobody saw a mutant, and nobody has said why that is right.
    fn survived(&self) -> bool {
        let mutation = self.mutation.as_ref();
        mutation.is_some_and(|mutation| mutation.survivors().next().is_some())
    }

    /// The port that is down and what it did, of a check that could not be judged for
    /// that reason alone.
    #[must_use]
    pub fn down_for(&self, outcome: &Outcome) -> Option<&Down> {
        let Outcome::Broken { why } = outcome else {
            return None;
        };
        self.down.iter().find(|down| down.cause() == *why)
    }

    /// What daemons of the relay said when they gave up, while a check failed or could
    /// not be judged: each once.
    #[must_use]
    pub fn gave_up(&self) -> Vec<String> {
        let down = self.down.iter().flat_map(|down| down.said.iter().cloned());
        let log = self.checks.iter().flat_map(|check| &check.log);
        let mut said: Vec<String> = Vec::new();
        for words in down.chain(last_words(log.map(String::as_str))) {
            if !said.contains(&words) {
                said.push(words);
            }
        }
        said
    }

    /// The exit code of a command whose result this is: one of [`exit`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let summary = self.summary();
        if self.cut_short == Some(CutShort::Interrupted) {
            exit::INTERRUPTED
        } else if summary.failed > 0 || self.undetected().next().is_some() || self.survived() {
            exit::FAILED
        } else if summary.broken > 0 || self.cut_short.is_some() {
            exit::BROKEN
        } else if self.checks.is_empty() {
            exit::NONE_SELECTED
        } else {
            exit::DONE
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report) fn record(id: &'static str, outcome: Outcome) -> CheckRecord {
        CheckRecord {
            id,
            title: "AUTH waits for TLS",
            citation: "row 16",
            severity: Severity::High,
            about: "Says EHLO.",
            repair: "Set smtpd_tls_auth_only.",
            rows: match outcome {
                Outcome::Pass => vec![Seen {
                    row: "port 25".into(),
                    expected: "no AUTH".into(),
                    observed: "250 DSN".into(),
                }],
                _ => Vec::new(),
            },
            outcome,
            transcript: vec!["C: EHLO me".into(), "S: 250-AUTH PLAIN".into()],
            log: Vec::new(),
            exhibits: Vec::new(),
            duration: Duration::from_millis(12),
            sabotages: Vec::new(),
        }
    }

    pub(in crate::report) fn fail() -> Outcome {
        Outcome::Fail {
            expected: "no AUTH".into(),
            observed: "AUTH PLAIN".into(),
        }
    }

    pub(in crate::report) fn report(checks: Vec<CheckRecord>) -> RunReport {
        RunReport {
            started_at: Timestamp::UNIX_EPOCH,
            elapsed: Duration::from_millis(1234),
            proving: Duration::ZERO,
            profile: None,
            subject: None,
            checks,
            not_run: Vec::new(),
            cut_short: None,
            down: Vec::new(),
            unclaimed: Vec::new(),
            unplanted: Vec::new(),
            mutation: None,
        }
    }

    fn skipped() -> Outcome {
        Outcome::Skipped {
            why: "no login".into(),
        }
    }

    fn broken() -> Outcome {
        Outcome::Broken {
            why: "panic".into(),
        }
    }

    #[test]
    fn the_exit_code_tells_the_worst_outcome() {
        let code = |outcomes: Vec<Outcome>| {
            report(outcomes.into_iter().map(|o| record("a.b", o)).collect()).exit_code()
        };
        assert_eq!(code(vec![Outcome::Pass, skipped()]), exit::DONE);
        assert_eq!(code(vec![Outcome::Pass, broken()]), exit::BROKEN);
        assert_eq!(code(vec![broken(), fail(), Outcome::Pass]), exit::FAILED);
        assert_eq!(code(vec![]), exit::NONE_SELECTED);
    }

    #[test]
    fn an_interruption_outranks_every_outcome() {
        let mut run = report(vec![record("a.b", fail())]);
        run.cut_short = Some(CutShort::Interrupted);
        assert_eq!(run.exit_code(), exit::INTERRUPTED);
    }

    #[test]
    fn a_run_without_its_labs_is_not_done() {
        let mut run = report(vec![record("a.b", Outcome::Pass)]);
        run.cut_short = Some(CutShort::NoLab);
        assert_eq!(run.exit_code(), exit::BROKEN);
    }

    #[test]
    fn each_outcome_has_its_own_count() {
        let run = report(vec![
            record("a.a", Outcome::Pass),
            record("a.b", fail()),
            record("a.c", skipped()),
            record("a.d", broken()),
            record("a.e", Outcome::Pass),
        ]);
        let expected = Summary {
            passed: 2,
            failed: 1,
            skipped: 1,
            broken: 1,
        };
        assert_eq!(run.summary(), expected);
    }
}
