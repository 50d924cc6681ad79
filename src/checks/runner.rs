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
use super::{Check, Context, Judged, Need, Target, evidence, subject};
use crate::report::{CheckRecord, Event, Exhibit, Fact, Outcome, RunReport, Subject};

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many checks may run at once; at least one does, and on one relay no more
    /// than its limit on the connections of one client allows.
    pub jobs: usize,
    /// How long one check may take before it counts as broken.
    pub deadline: Duration,
    /// Whether the report is to have facts about the first target.
    pub describe: bool,
}

impl Default for Options {
    /// Eight at once: checks wait for the relay most of the time. Half a minute
    /// each, more than any needs on a loaded machine.
    fn default() -> Self {
        Self {
            jobs: 8,
            deadline: Duration::from_secs(30),
            describe: false,
        }
    }
}

/// Runs `checks` and reports every fact to `on_event`. A check runs against the
/// first of `targets` that has all it needs, and is skipped where none has. Checks
/// that disturb others run one at a time on targets that may be disturbed. When
/// `cancel` is triggered, running checks are dropped and the report names what was
/// not run.
pub async fn run(
    checks: &[&'static Check],
    targets: &[Arc<Target>],
    options: Options,
    cancel: &CancellationToken,
    on_event: impl FnMut(&Event) + Send,
) -> RunReport {
    let jobs = options.jobs.max(1);
    let mut run = Run {
        checks,
        targets,
        options,
        on_event,
        started_at: Timestamp::now(),
        started: Instant::now(),
        records: HashMap::new(),
        subject: None,
    };
    if let (true, Some(target)) = (options.describe, targets.first()) {
        run.subject = Some(subject::describe(target.clone()).await);
    }
    run.tell(Fact::RunStarted {
        selected: checks.len(),
        registered: super::all().count(),
        jobs,
    });
    let able = run.skip_unable();
    let interrupted = run.side_by_side(able, jobs, cancel).await;
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
    subject: Option<Subject>,
}

/// A check and what it can be run against: any of the targets will do.
struct Able {
    check: &'static Check,
    targets: Vec<usize>,
}

/// A check under way. The context stays here, so that a check that panics or
/// hangs leaves its transcript as evidence.
struct Running {
    check: &'static Check,
    target: usize,
    context: Context,
    started: Instant,
    started_at: Timestamp,
}

/// What is shown of a check beside its outcome.
#[derive(Default)]
struct Evidence {
    transcript: Vec<String>,
    log: Vec<String>,
    exhibits: Vec<Exhibit>,
}

/// How many checks run on each target, and how many may.
struct Room {
    running: Vec<usize>,
    most: Vec<usize>,
    jobs: usize,
}

impl Room {
    fn new(targets: &[Arc<Target>], jobs: usize) -> Self {
        let most = |target: &Arc<Target>| {
            if target.disposable || target.manners.is_some() {
                1
            } else {
                rows::tables_at_once(target)
            }
        };
        Self {
            running: vec![0; targets.len()],
            most: targets.iter().map(most).collect(),
            jobs,
        }
    }

    /// The target of `able` with room for one more.
    fn found(&self, able: &Able) -> Option<usize> {
        let all: usize = self.running.iter().sum();
        let room = |target: &&usize| self.running[**target] < self.most[**target];
        able.targets
            .iter()
            .find(room)
            .copied()
            .filter(|_| all < self.jobs)
    }
}

impl<F: FnMut(&Event) + Send> Run<'_, F> {
    fn tell(&mut self, fact: Fact) {
        (self.on_event)(&Event::now(fact));
    }

    /// Records the checks whose needs are not met; gives the others, each with
    /// its targets, those that disturb first: they cannot share.
    fn skip_unable(&mut self) -> Vec<Able> {
        let mut able = Vec::new();
        for &check in self.checks {
            let targets = self.able(check);
            if targets.is_empty() {
                let why = format!("needs {}", self.unmet(check).join(", and "));
                self.record(
                    check,
                    Outcome::Skipped { why },
                    Evidence::default(),
                    Duration::ZERO,
                );
            } else {
                able.push(Able { check, targets });
            }
        }
        able.sort_by_key(|able| !able.check.exclusive);
        able
    }

    /// The targets that have all that `check` needs and are alike: the first, and
    /// further ones that are made from the same settings.
    fn able(&self, check: &Check) -> Vec<usize> {
        let has_all = |target: &Target| {
            target.disposable == check.exclusive && check.needs.iter().all(|n| n.is_met(target))
        };
        let mut able = (0..self.targets.len()).filter(|i| has_all(&self.targets[*i]));
        let Some(first) = able.next() else {
            return Vec::new();
        };
        let alike = |index: &usize| self.targets[*index].spec == self.targets[first].spec;
        std::iter::once(first).chain(able.filter(alike)).collect()
    }

    /// What the first target lacks: the one that a person has described.
    fn unmet(&self, check: &Check) -> Vec<String> {
        let lacks = |need: &&Need| self.targets.first().is_none_or(|t| !need.is_met(t));
        let lacking = check.needs.iter().filter(lacks).map(|need| need.text());
        let disturbs = check.exclusive && !self.targets.iter().any(|t| t.disposable);
        let alone = disturbs.then(|| "a lab of its own to disturb (not with --lab)".to_owned());
        lacking.chain(alone).collect()
    }

    /// Runs `checks`, at most `jobs` at once. Says whether it was interrupted.
    async fn side_by_side(
        &mut self,
        mut waiting: Vec<Able>,
        jobs: usize,
        cancel: &CancellationToken,
    ) -> bool {
        let mut room = Room::new(self.targets, jobs);
        let mut tasks = JoinSet::new();
        let mut running = HashMap::new();
        loop {
            let mut at = 0;
            while at < waiting.len() && !cancel.is_cancelled() {
                let Some(target) = room.found(&waiting[at]) else {
                    at += 1;
                    continue;
                };
                let able = waiting.remove(at);
                if let Some(why) = self.stopped(target) {
                    let why = format!("not tried: {why}");
                    let skipped = Outcome::Skipped { why };
                    self.record(able.check, skipped, Evidence::default(), Duration::ZERO);
                    continue;
                }
                room.running[target] += 1;
                let (id, task) = self.start(able.check, target, &mut tasks);
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
            if let Some(target) = self.end(ended, &mut running).await {
                room.running[target] -= 1;
            }
        }
    }

    fn start(
        &mut self,
        check: &'static Check,
        target: usize,
        tasks: &mut JoinSet<Option<Judged>>,
    ) -> (Id, Running) {
        let context = Context::new(self.targets[target].clone());
        self.tell(Fact::CheckStarted { id: check.id });
        let judging = tokio::time::timeout(self.options.deadline, (check.run)(context.clone()));
        let handle = tasks.spawn(async move { judging.await.ok() });
        let task = Running {
            check,
            target,
            context,
            started: Instant::now(),
            started_at: Timestamp::now(),
        };
        (handle.id(), task)
    }

    /// Records what came of a check; gives the target that it leaves.
    async fn end(
        &mut self,
        ended: Result<(Id, Option<Judged>), JoinError>,
        running: &mut HashMap<Id, Running>,
    ) -> Option<usize> {
        let (id, outcome) = match ended {
            Ok((id, Some(ControlFlow::Continue(())))) => (id, Outcome::Pass),
            Ok((id, Some(ControlFlow::Break(outcome)))) => (id, outcome),
            Ok((id, None)) => (id, self.overdue()),
            Err(error) => (error.id(), panicked(error)),
        };
        let task = running.remove(&id)?;
        let took = task.started.elapsed();
        let outcome = self.excused(masked(outcome, &task.context), task.target);
        let evidence = Evidence {
            log: match outcome {
                Outcome::Fail { .. } | Outcome::Broken { .. } => {
                    evidence::log(&task.context, task.started_at).await
                }
                Outcome::Pass | Outcome::Skipped { .. } => Vec::new(),
            },
            transcript: task.context.evidence(),
            exhibits: task.context.exhibits(),
        };
        self.record(task.check, outcome, evidence, took);
        Some(task.target)
    }

    /// Why nothing more is asked of a relay of somebody else's.
    fn stopped(&self, target: usize) -> Option<String> {
        self.targets[target].manners.as_ref()?.stopped()
    }

    /// A relay is not at fault where it has set a limit to us, nor where a check
    /// could not go on without offending it. Checks run one at a time there.
    fn excused(&self, outcome: Outcome, target: usize) -> Outcome {
        let Some(manners) = &self.targets[target].manners else {
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
        evidence: Evidence,
        duration: Duration,
    ) {
        let record = CheckRecord {
            id: check.id,
            title: check.title,
            citation: check.citation,
            severity: check.severity,
            about: check.about,
            repair: check.repair,
            outcome,
            transcript: evidence.transcript,
            log: evidence.log,
            exhibits: evidence.exhibits,
            duration,
            sabotages: Vec::new(),
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
            subject: self.subject.clone(),
            checks,
            not_run,
            interrupted,
            unclaimed: Vec::new(),
            unplanted: Vec::new(),
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
