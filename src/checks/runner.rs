//! Runs checks side by side, each with a deadline, and turns whatever happens
//! to one of them into an outcome.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::probe::rows;
use super::{Check, Context, Judged, Need, Target};
use crate::report::{CheckRecord, Event, Fact, Outcome, RunReport};

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many checks may run at once; at least one does, and no more than the
    /// relay's limit on the connections of one client allows.
    pub jobs: usize,
    /// How long one check may take before it counts as broken.
    pub deadline: Duration,
}

impl Default for Options {
    /// Eight at once: checks wait for the relay most of the time. Half a minute
    /// each, more than any needs on a loaded machine.
    fn default() -> Self {
        Self {
            jobs: 8,
            deadline: Duration::from_secs(30),
        }
    }
}

/// Runs `checks` and reports every fact to `on_event`. A check runs against the
/// first of `targets` that has all it needs, and is skipped where none has. Checks
/// that disturb others run alone, after the rest. When `cancel` is triggered,
/// running checks are dropped and the report names what was not run.
pub async fn run(
    checks: &[&'static Check],
    targets: &[Arc<Target>],
    options: Options,
    cancel: &CancellationToken,
    on_event: impl FnMut(&Event) + Send,
) -> RunReport {
    let most = targets.iter().map(|t| rows::tables_at_once(t)).min();
    let jobs = options.jobs.min(most.unwrap_or(usize::MAX)).max(1);
    let mut run = Run {
        checks,
        targets,
        options,
        on_event,
        started_at: Timestamp::now(),
        started: Instant::now(),
        records: HashMap::new(),
    };
    run.tell(Fact::RunStarted {
        selected: checks.len(),
        registered: super::all().count(),
        jobs,
    });
    let able = run.skip_unable();
    let (alone, together): (Vec<_>, Vec<_>) =
        able.into_iter().partition(|able| able.check.exclusive);
    let mut interrupted = run.side_by_side(&together, jobs, cancel).await;
    if !interrupted {
        interrupted = run.side_by_side(&alone, 1, cancel).await;
    }
    let report = run.report(interrupted);
    run.tell(Fact::RunFinished {
        report: Arc::new(report.clone()),
    });
    report
}

struct Run<'a, F> {
    checks: &'a [&'static Check],
    targets: &'a [Arc<Target>],
    options: Options,
    on_event: F,
    started_at: Timestamp,
    started: Instant,
    records: HashMap<&'static str, CheckRecord>,
}

/// A check and what it can be run against.
struct Able {
    check: &'static Check,
    target: Arc<Target>,
}

/// A check under way. The context stays here, so that a check that panics or
/// hangs leaves its transcript as evidence.
struct Running {
    check: &'static Check,
    context: Context,
    started: Instant,
}

impl<F: FnMut(&Event) + Send> Run<'_, F> {
    fn tell(&mut self, fact: Fact) {
        (self.on_event)(&Event::now(fact));
    }

    /// Records the checks whose needs are not met; gives the others, each with
    /// its target.
    fn skip_unable(&mut self) -> Vec<Able> {
        let mut able = Vec::new();
        for &check in self.checks {
            let has_all = |target: &&Arc<Target>| check.needs.iter().all(|n| n.is_met(target));
            if let Some(target) = self.targets.iter().find(has_all) {
                able.push(Able {
                    check,
                    target: target.clone(),
                });
            } else {
                let why = format!("needs {}", self.unmet(check).join(", and "));
                self.record(check, Outcome::Skipped { why }, Vec::new(), Duration::ZERO);
            }
        }
        able
    }

    /// What the first target lacks: the one that a person has described.
    fn unmet(&self, check: &Check) -> Vec<String> {
        let lacks = |need: &&Need| self.targets.first().is_none_or(|t| !need.is_met(t));
        check
            .needs
            .iter()
            .filter(lacks)
            .map(|need| need.text())
            .collect()
    }

    /// Runs `checks`, at most `jobs` at once. Says whether it was interrupted.
    async fn side_by_side(
        &mut self,
        checks: &[Able],
        jobs: usize,
        cancel: &CancellationToken,
    ) -> bool {
        let mut waiting = checks.iter();
        let mut tasks = JoinSet::new();
        let mut running = HashMap::new();
        loop {
            while tasks.len() < jobs && !cancel.is_cancelled() {
                let Some(able) = waiting.next() else { break };
                let (id, task) = self.start(able, &mut tasks);
                running.insert(id, task);
            }
            let ended = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    tasks.shutdown().await;
                    return true;
                }
                ended = tasks.join_next_with_id() => ended,
            };
            let Some(ended) = ended else { return false };
            self.end(ended, &mut running);
        }
    }

    fn start(
        &mut self,
        Able { check, target }: &Able,
        tasks: &mut JoinSet<Option<Judged>>,
    ) -> (Id, Running) {
        let context = Context::new(target.clone());
        self.tell(Fact::CheckStarted { id: check.id });
        let judging = tokio::time::timeout(self.options.deadline, (check.run)(context.clone()));
        let handle = tasks.spawn(async move { judging.await.ok() });
        let task = Running {
            check,
            context,
            started: Instant::now(),
        };
        (handle.id(), task)
    }

    fn end(
        &mut self,
        ended: Result<(Id, Option<Judged>), JoinError>,
        running: &mut HashMap<Id, Running>,
    ) {
        let (id, outcome) = match ended {
            Ok((id, Some(ControlFlow::Continue(())))) => (id, Outcome::Pass),
            Ok((id, Some(ControlFlow::Break(outcome)))) => (id, outcome),
            Ok((id, None)) => (id, self.overdue()),
            Err(error) => (error.id(), panicked(error)),
        };
        let Some(task) = running.remove(&id) else {
            return;
        };
        let transcript = task.context.evidence();
        let outcome = masked(outcome, &task.context);
        self.record(task.check, outcome, transcript, task.started.elapsed());
    }

    fn overdue(&self) -> Outcome {
        let seconds = self.options.deadline.as_secs_f64();
        Outcome::Broken {
            why: format!(
                "the check was not done after {seconds} s; the transcript ends where it waited"
            ),
        }
    }

    fn record(
        &mut self,
        check: &'static Check,
        outcome: Outcome,
        transcript: Vec<String>,
        duration: Duration,
    ) {
        let record = CheckRecord {
            id: check.id,
            title: check.title,
            citation: check.citation,
            outcome,
            transcript,
            duration,
        };
        self.records.insert(check.id, record.clone());
        let so_far = Arc::new(self.report(false));
        self.tell(Fact::CheckFinished { record, so_far });
    }

    fn report(&self, interrupted: bool) -> RunReport {
        let mut checks = Vec::new();
        let mut not_run = Vec::new();
        for check in self.checks {
            match self.records.get(check.id) {
                Some(record) => checks.push(record.clone()),
                None => not_run.push(check.id),
            }
        }
        RunReport {
            started_at: self.started_at,
            elapsed: self.started.elapsed(),
            checks,
            not_run,
            interrupted,
        }
    }
}

fn panicked(error: JoinError) -> Outcome {
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

fn masked(outcome: Outcome, context: &Context) -> Outcome {
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
mod tests;
