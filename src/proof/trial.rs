//! One mutant in one lab, until the first check sees it.

use std::ops::ControlFlow;
use std::time::Duration;

use tracing::info;

use super::apply::{Sabotaged, mark};
use super::slot::{Slot, Unplanted};
use crate::checks::{Change, Check, Compares};
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::lab;
use crate::mutation::Mutant;
use crate::plan::{Plan, Role};
use crate::report::{CheckRecord, Fate, Outcome, Severity};

/// How much sooner a check is run that has a sabotage of the same parameter, service or
/// file, or that is critical. What is seen is the same in any order.
const SAME_SETTING: f64 = 12.0;
const SAME_FILE: f64 = 2.0;
const CRITICAL: f64 = 1.5;

/// The checks of one lab.
pub(super) struct Suite {
    spec: Spec,
    /// Each with how long it took on a right relay.
    checks: Vec<(&'static Check, Duration)>,
}

impl Suite {
    pub(super) fn new(spec: Spec, checks: Vec<(&'static Check, Duration)>) -> Self {
        Self { spec, checks }
    }

    /// The checks, those first that will likely see `mutant` and are soon done.
    fn for_mutant(&self, mutant: &Mutant) -> Vec<&'static Check> {
        let mut weighed: Vec<(f64, &'static Check)> = self
            .checks
            .iter()
            .filter(|(check, _)| match check.compares {
                Compares::Nothing => true,
                Compares::Rules => !mutant.is_of_rules(),
                Compares::Files => false,
            })
            .map(|(check, took)| (took.as_secs_f64() / weight(check, mutant), *check))
            .collect();
        weighed.sort_by(|one, other| one.0.total_cmp(&other.0));
        weighed.into_iter().map(|(_, check)| check).collect()
    }
}

/// How likely a check is to see a mutant, compared with others.
fn weight(check: &Check, mutant: &Mutant) -> f64 {
    let about: Vec<&str> = check
        .sabotages
        .iter()
        .flat_map(|sabotage| sabotage.changes)
        .flat_map(subjects)
        .collect();
    let (file, settings) = match mutant.touches.split_last() {
        Some((file, settings)) => (file.as_str(), settings),
        None => ("", [].as_slice()),
    };
    let same = |name: &String| about.contains(&name.as_str());
    let mut weight = 1.0;
    if settings.iter().any(same) {
        weight *= SAME_SETTING;
    }
    if about
        .iter()
        .any(|name| name.rsplit('/').next() == Some(file))
    {
        weight *= SAME_FILE;
    }
    if check.severity == Severity::Critical {
        weight *= CRITICAL;
    }
    weight
}

/// Parameters, services and files that a sabotage is about.
fn subjects(change: &Change) -> Vec<&'static str> {
    match change {
        Change::Main(parameter, _) => vec![parameter, "main.cf"],
        Change::Service(service, parameter, _) => vec![service, parameter, "master.cf"],
        Change::File(Role::Relay, name, line) => {
            vec![name, line.split([' ', '=', ':']).next().unwrap_or_default()]
        }
        Change::Replace(Role::Relay, name, old, _) => {
            let words = old.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            std::iter::once(*name).chain(words).collect()
        }
        _ => Vec::new(),
    }
}

impl Slot<'_> {
    /// Runs the checks of `suite` on a relay with `mutant` until one fails or cannot be
    /// judged. Those that read what was logged before, and those that disturb, come last, in
    /// a container that nobody has used.
    ///
    /// # Errors
    /// [`lab::Error::Interrupted`] on Ctrl-C.
    pub(super) async fn try_mutant(
        &mut self,
        mutant: &Mutant,
        suite: &Suite,
    ) -> Result<Fate, lab::Error> {
        let last = |check: &&Check| check.exclusive || check.reads_old_lines;
        let (last, first): (Vec<_>, Vec<_>) = suite.for_mutant(mutant).into_iter().partition(last);
        let mut fate = Fate::Survived;
        for (anew, checks) in [(false, first), (true, last)] {
            if fate == Fate::Survived && !checks.is_empty() {
                fate = self.run_on(mutant, suite, anew, &checks).await?;
            }
        }
        if let (Fate::Survived, Some(harmless)) = (&fate, mutant.harmless()) {
            fate = Fate::Harmless { why: harmless.why };
        }
        info!(fate = fate.word(), "judged");
        Ok(fate)
    }

    async fn run_on(
        &mut self,
        mutant: &Mutant,
        suite: &Suite,
        anew: bool,
        checks: &[&'static Check],
    ) -> Result<Fate, lab::Error> {
        let sabotaged = planted(mutant, &suite.spec, &self.lab);
        let (mut standing, spec) = match self.bring_up(sabotaged, anew).await {
            Ok(up) => up,
            Err(ControlFlow::Break(error)) => return Err(error),
            Err(ControlFlow::Continue(Unplanted {
                why,
                does_not_start,
            })) => {
                return Ok(if does_not_start {
                    Fate::NoLab { why }
                } else {
                    Fate::Unplanted { why }
                });
            }
        };
        let records = self.run(&standing, &spec, checks).await?;
        if anew || mutant.script().is_some() {
            standing.disturb();
        }
        self.standing = Some(standing);
        Ok(seen(&records))
    }
}

fn planted(mutant: &Mutant, spec: &Spec, lab: &str) -> Sabotaged {
    let mut plan = Plan::new(Resolved::new(spec.clone(), Purpose::Proof), lab);
    mutant.apply(&mut plan);
    mark(&mut plan, &mutant.id);
    let script = mutant
        .script()
        .map(|script| (Role::Relay, script.to_owned()));
    Sabotaged {
        plan,
        spec: spec.clone(),
        scripts: script.into_iter().collect(),
        instructions: Vec::new(),
        flaw: None,
    }
}

/// A failure says more than a check that could not be judged.
fn seen(records: &[CheckRecord]) -> Fate {
    let failed = records.iter().find_map(|record| match &record.outcome {
        Outcome::Fail { observed, .. } => Some(Fate::Seen {
            by: record.id,
            observed: observed.clone(),
        }),
        _ => None,
    });
    let hindered = || {
        records.iter().find_map(|record| match &record.outcome {
            Outcome::Broken { why } => Some(Fate::Hindered {
                by: record.id,
                why: why.clone(),
            }),
            _ => None,
        })
    };
    failed.or_else(hindered).unwrap_or(Fate::Survived)
}
