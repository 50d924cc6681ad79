//! Runs checks side by side, each with a deadline, and turns whatever happens
//! to one of them into an outcome.

mod down;
mod options;
mod outcomes;
mod sites;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use super::{Check, Context, Judged, Target, evidence, subject};
use crate::diagnostics::{Open, within};
use crate::report::{CheckRecord, CutShort, Down, Event, Fact, Outcome, RunReport, Subject};
use crate::smtp::Manners;
pub use options::Options;
use outcomes::{Evidence, excused, masked, note, panicked, spoken, with_open};
pub use sites::Site;
use sites::Sites;

/// Runs `checks` against targets that are there: see [`run_at`].
pub async fn run(
    checks: &[&'static Check],
    targets: &[Arc<Target>],
    options: Options,
    cancel: &CancellationToken,
    on_event: impl FnMut(&Event) + Send,
) -> RunReport {
    let sites = targets.iter().cloned().map(Site::there).collect();
    run_at(checks, sites, options, cancel, on_event).await
}

/// Runs `checks` and reports every fact to `on_event`. A check runs at the first of
/// `sites` that has all it needs, as soon as that can be used, and is skipped where
/// none has. Checks that disturb others run one at a time at sites that may be
/// disturbed. When `cancel` is triggered, or a site cannot be had, running checks are
/// dropped and the report names what was not run.
pub async fn run_at(
    checks: &[&'static Check],
    sites: Vec<Site>,
    options: Options,
    cancel: &CancellationToken,
    on_event: impl FnMut(&Event) + Send,
) -> RunReport {
    let jobs = options.jobs.max(1);
    let mut run = Run {
        checks,
        sites: Sites::new(sites, jobs, options.shared.max(1)),
        options,
        on_event,
        started_at: Timestamp::now(),
        started: Instant::now(),
        records: HashMap::new(),
        subject: None,
        down: Vec::new(),
    };
    run.tell(Fact::RunStarted {
        selected: checks.len(),
        able: run.able(),
        registered: super::all().count(),
        jobs,
    });
    let able = run.skip_unable();
    let cut_short = run.side_by_side(able, cancel).await;
    let report = run.report(cut_short);
    run.tell(Fact::RunFinished {
        report: Arc::new(report.clone()),
    });
    report
}

struct Run<'a, F> {
    checks: &'a [&'static Check],
    sites: Sites,
    options: Options,
    on_event: F,
    started_at: Timestamp,
    started: Instant,
    records: HashMap<&'static str, CheckRecord>,
    subject: Option<Subject>,
    down: Vec<Down>,
}

/// A check and where it can be run: any of the sites will do.
struct Able {
    check: &'static Check,
    sites: Vec<usize>,
}

/// A check under way. The context stays here, so that a check that panics or
/// hangs leaves its transcript as evidence.
struct Running {
    check: &'static Check,
    site: usize,
    context: Context,
    span: Span,
    started: Instant,
    started_at: Timestamp,
}

/// What came of a check; what was open where its time was up.
type Ended = Result<Judged, Open>;

impl<F: FnMut(&Event) + Send> Run<'_, F> {
    fn tell(&mut self, fact: Fact) {
        (self.on_event)(&Event::now(fact));
    }

    /// How many checks some site suits.
    fn able(&self) -> usize {
        let able = |check: &&&'static Check| !self.sites.able(check).is_empty();
        self.checks.iter().filter(able).count()
    }

    /// Whether more checks have failed than anybody wants to see.
    fn is_enough(&self) -> bool {
        let failed = |record: &&CheckRecord| matches!(record.outcome, Outcome::Fail { .. });
        let broken = |record: &CheckRecord| matches!(record.outcome, Outcome::Broken { .. });
        if self.options.first_fault && self.records.values().any(|r| failed(&r) || broken(r)) {
            return true;
        }
        let failures = self.records.values().filter(failed).count();
        self.options
            .max_fail
            .is_some_and(|most| failures >= most.get())
    }

    /// Records the checks whose needs are not met; gives the others, each with
    /// its sites, those that disturb first: they cannot share. Then those at the sites
    /// that few need, so that these are free for something else soon.
    fn skip_unable(&mut self) -> Vec<Able> {
        let mut able = Vec::new();
        for &check in self.checks {
            let sites = self.sites.able(check);
            if sites.is_empty() {
                let mut why = format!("needs {}", self.sites.unmet(check).join(", and "));
                if let Some(keys) = self.sites.hindered(check) {
                    why = format!("{why}, for which {keys} in relay.yaml leave no room");
                }
                self.skip(check, why);
            } else {
                able.push(Able { check, sites });
            }
        }
        let mut needed = HashMap::new();
        for able in &able {
            *needed.entry(able.sites[0]).or_insert(0_usize) += 1;
        }
        able.sort_by_key(|able| (!able.check.exclusive, needed[&able.sites[0]]));
        able
    }

    fn skip(&mut self, check: &'static Check, why: String) {
        let skipped = Outcome::Skipped { why };
        self.record(check, skipped, Evidence::default(), Duration::ZERO);
    }

    fn tell_ready(&mut self, site: usize) {
        if let Some((lab, laboratory)) = self.sites.lab(site) {
            let after = self.started.elapsed();
            self.tell(Fact::LabReady {
                lab,
                laboratory,
                after,
            });
        }
    }

    /// Skips the checks that a site promised to suit and does not, now that it is there.
    fn settle(&mut self, site: usize, waiting: &mut Vec<Able>) {
        let Some(target) = self.sites.target(site).cloned() else {
            return;
        };
        let (mut able, unable): (Vec<_>, Vec<_>) = std::mem::take(waiting)
            .into_iter()
            .partition(|able| !able.sites.contains(&site) || able.check.suits(&target));
        waiting.append(&mut able);
        for able in unable {
            let unmet = able.check.needs.iter().filter(|n| !n.is_met(&target));
            let unmet: Vec<String> = unmet.map(|need| need.text()).collect();
            self.skip(able.check, format!("needs {}", unmet.join(", and ")));
        }
    }

    /// Runs `waiting` as there is room. Says why it did not run them all, if so.
    async fn side_by_side(
        &mut self,
        mut waiting: Vec<Able>,
        cancel: &CancellationToken,
    ) -> Option<CutShort> {
        let mut tasks = JoinSet::new();
        let mut running = HashMap::new();
        let mut describing: Option<JoinHandle<Subject>> = None;
        let mut to_describe = self.options.describe && !self.sites.is_empty();
        let cut_short = loop {
            self.start_all(&mut waiting, &mut tasks, &mut running);
            let first = to_describe || describing.is_some();
            let wanted = |site| waiting.iter().any(|able| able.sites.contains(&site));
            self.sites.depart(|site| site == 0 && first || wanted(site));
            if waiting.is_empty() && tasks.is_empty() && !first {
                return None;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => break CutShort::Interrupted,
                arrived = self.sites.arrive() => {
                    let Ok((site, down)) = arrived else { break CutShort::NoLab };
                    self.tell_ready(site);
                    self.tell_down(down);
                    self.settle(site, &mut waiting);
                    if let (0, true, Some(target)) = (site, to_describe, self.sites.target(0)) {
                        to_describe = false;
                        let describe = subject::describe(target.clone());
                        let span = info_span!("description of the relay");
                        describing = Some(tokio::spawn(describe.instrument(span)));
                    }
                }
                Some(ended) = tasks.join_next_with_id() => {
                    if let Some(site) = self.end(ended, &mut running).await {
                        self.sites.leave(site);
                    }
                    if self.is_enough() {
                        break CutShort::MaxFail;
                    }
                }
                Some(subject) = described(&mut describing) => {
                    self.subject = subject;
                    describing = None;
                }
            }
        };
        if let Some(describing) = describing {
            describing.abort();
        }
        tasks.shutdown().await;
        Some(cut_short)
    }

    /// Starts those of `waiting` that there is room for.
    fn start_all(
        &mut self,
        waiting: &mut Vec<Able>,
        tasks: &mut JoinSet<Ended>,
        running: &mut HashMap<Id, Running>,
    ) {
        let mut at = 0;
        while at < waiting.len() {
            let Some((site, target)) = self.sites.found(&waiting[at].sites) else {
                at += 1;
                continue;
            };
            let able = waiting.remove(at);
            // Nothing more is asked of a relay of somebody else's that has set a limit.
            if let Some(why) = target.manners.as_ref().and_then(Manners::stopped) {
                self.skip(able.check, format!("not tried: {why}"));
                continue;
            }
            self.sites.enter(site);
            let (id, task) = self.start(able.check, site, target, tasks);
            running.insert(id, task);
        }
    }

    fn start(
        &mut self,
        check: &'static Check,
        site: usize,
        target: Arc<Target>,
        tasks: &mut JoinSet<Ended>,
    ) -> (Id, Running) {
        let lab = target.lab.as_ref().map(|lab| lab.plan.name.as_str());
        let span = info_span!("check", check = check.id, lab, outcome = Empty);
        let context = Context::new(target);
        self.tell(Fact::CheckStarted { id: check.id });
        let deadline = tokio::time::Instant::now() + self.options.within();
        let said = context.said().clone();
        let judging = within(deadline, said.around(check.run.run(context.clone())));
        let handle = tasks.spawn(judging.instrument(span.clone()));
        let task = Running {
            check,
            site,
            context,
            span,
            started: Instant::now(),
            started_at: Timestamp::now(),
        };
        (handle.id(), task)
    }

    /// Records what came of a check; gives the site that it leaves.
    async fn end(
        &mut self,
        ended: Result<(Id, Ended), JoinError>,
        running: &mut HashMap<Id, Running>,
    ) -> Option<usize> {
        let (id, outcome, open) = match ended {
            Ok((id, Ok(ControlFlow::Continue(())))) => (id, Outcome::Pass, None),
            Ok((id, Ok(ControlFlow::Break(outcome)))) => (id, outcome, None),
            Ok((id, Err(open))) => (id, self.options.overdue(), Some(open)),
            Err(error) => (error.id(), panicked(error), None),
        };
        let task = running.remove(&id)?;
        let took = task.started.elapsed();
        let outcome = excused(masked(outcome, &task.context), task.context.target());
        let outcome = with_open(spoken(outcome, &task.context), open);
        note(&outcome, &task.span);
        let evidence = Evidence {
            log: match outcome {
                Outcome::Fail { .. } | Outcome::Broken { .. } if self.options.logs => {
                    let log = evidence::log(&task.context, task.started_at);
                    log.instrument(info_span!(parent: &task.span, "log of the failure"))
                        .await
                }
                _ => Vec::new(),
            },
            transcript: match outcome {
                Outcome::Pass => task.context.whole_evidence(),
                _ => task.context.evidence(),
            },
            rows: task.context.seen(),
            exhibits: task.context.exhibits(),
        };
        let looked = self.look_again(&task.context);
        looked.instrument(task.span.clone()).await;
        self.record(task.check, outcome, evidence, took);
        Some(task.site)
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
            rows: evidence.rows,
            transcript: evidence.transcript,
            log: evidence.log,
            exhibits: evidence.exhibits,
            duration,
            sabotages: Vec::new(),
        }
        .bounded();
        self.records.insert(check.id, record.clone());
        let so_far = Arc::new(self.report(None));
        self.tell(Fact::CheckFinished { record, so_far });
    }

    fn report(&self, cut_short: Option<CutShort>) -> RunReport {
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
            proving: Duration::ZERO,
            profile: self.options.profile,
            subject: self.subject.clone(),
            checks,
            not_run,
            cut_short,
            down: self.down.clone(),
            unclaimed: Vec::new(),
            unplanted: Vec::new(),
            mutation: None,
        }
    }
}

/// What a description came to; never where none is under way.
async fn described(describing: &mut Option<JoinHandle<Subject>>) -> Option<Option<Subject>> {
    Some(describing.as_mut()?.await.ok())
}

#[cfg(test)]
mod tests;
