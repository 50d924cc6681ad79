//! Where checks are run: relays that are there, and labs that are on their way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;

use super::super::knocking;
use super::super::probe::rows;
use super::super::variants::Offered;
use super::super::{Check, Laboratory, Need, Target};
use crate::config::{Listener, Spec};
use crate::report::Down;

/// A place for checks: what is promised of it, and when it can be used.
pub struct Site {
    promise: Promise,
    arrival: BoxFuture<'static, Option<Arc<Target>>>,
    departure: Option<oneshot::Sender<()>>,
}

enum Promise {
    There(Arc<Target>),
    Lab(Box<Laboratory>),
}

impl Site {
    /// A target that can be used now.
    #[must_use]
    pub fn there(target: Arc<Target>) -> Self {
        Self {
            promise: Promise::There(target.clone()),
            arrival: std::future::ready(Some(target)).boxed(),
            departure: None,
        }
    }

    /// A lab that comes up meanwhile; `None` when it cannot be had, which ends the
    /// run. It is told through `departure` when no check needs it any more, and
    /// when nobody will.
    #[must_use]
    pub fn coming(
        laboratory: Laboratory,
        arrival: BoxFuture<'static, Option<Arc<Target>>>,
        departure: oneshot::Sender<()>,
    ) -> Self {
        Self {
            promise: Promise::Lab(Box::new(laboratory)),
            arrival,
            departure: Some(departure),
        }
    }

    fn is_disposable(&self) -> bool {
        match &self.promise {
            Promise::There(target) => target.disposable,
            Promise::Lab(lab) => lab.disposable,
        }
    }

    fn meets(&self, need: Need) -> bool {
        match &self.promise {
            Promise::There(target) => need.is_met(target),
            Promise::Lab(lab) => need.is_promised(&lab.spec),
        }
    }

    fn spec(&self) -> &Spec {
        match &self.promise {
            Promise::There(target) => &target.spec,
            Promise::Lab(lab) => &lab.spec,
        }
    }
}

/// Which site, what is there, if it can be had, and which of its ports are down.
type Arrived = (usize, Option<Arc<Target>>, Vec<Down>);

/// The sites of a run, and how many checks are at each.
pub(super) struct Sites {
    all: Vec<Site>,
    arriving: FuturesUnordered<BoxFuture<'static, Arrived>>,
    targets: Vec<Option<Arc<Target>>>,
    running: Vec<usize>,
    jobs: usize,
    shared: usize,
}

impl Sites {
    /// With room for `jobs` checks at once, `shared` of them where others are.
    pub(super) fn new(mut sites: Vec<Site>, jobs: usize, shared: usize) -> Self {
        // What was down once is not waited for as long again, lab after lab.
        let known = Arc::new(Mutex::new(BTreeSet::new()));
        let arriving = sites.iter_mut().enumerate().map(|(at, site)| {
            let never = std::future::ready(None).boxed();
            let arrival = std::mem::replace(&mut site.arrival, never);
            let known = known.clone();
            arrival
                .then(async move |target| match target {
                    Some(target) => {
                        let down = looked_at(&target, &known).await;
                        (at, Some(target), down)
                    }
                    None => (at, None, Vec::new()),
                })
                .boxed()
        });
        Self {
            arriving: arriving.collect(),
            targets: vec![None; sites.len()],
            running: vec![0; sites.len()],
            all: sites,
            jobs,
            shared,
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that have all that `check` needs and are alike: the first, and further
    /// ones that are made from the same settings.
    pub(super) fn able(&self, check: &Check) -> Vec<usize> {
        let has_all = |site: &Site| {
            site.is_disposable() == check.exclusive && check.needs.iter().all(|n| site.meets(*n))
        };
        let mut able = (0..self.all.len()).filter(|at| has_all(&self.all[*at]));
        let Some(first) = able.next() else {
            return Vec::new();
        };
        let alike = |at: &usize| self.all[*at].spec() == self.all[first].spec();
        std::iter::once(first).chain(able.filter(alike)).collect()
    }

    /// What the first lacks: the one that a person has described.
    pub(super) fn unmet(&self, check: &Check) -> Vec<String> {
        let lacks = |need: &&Need| self.all.first().is_none_or(|site| !site.meets(**need));
        let lacking = check.needs.iter().filter(lacks).map(|need| need.text());
        let disturbs = check.exclusive && !self.all.iter().any(Site::is_disposable);
        let alone = disturbs.then(|| "a lab of its own to disturb (not with --lab)".to_owned());
        lacking.chain(alone).collect()
    }

    /// What in relay.yaml forbids the lab that `check` would have been given.
    pub(super) fn hindered(&self, check: &Check) -> Option<String> {
        match &self.all.first()?.promise {
            Promise::Lab(lab) => Offered::to(&lab.spec).hindered(check),
            Promise::There(_) => None,
        }
    }

    /// The next one that can be used, and which of its ports are down; pending when all
    /// can. `Err` when it cannot be had.
    pub(super) async fn arrive(&mut self) -> Result<(usize, Vec<Down>), ()> {
        match self.arriving.next().await {
            Some((at, Some(target), down)) => {
                self.targets[at] = Some(target);
                Ok((at, down))
            }
            Some((_, None, _)) => Err(()),
            None => std::future::pending().await,
        }
    }

    /// The target at a site, from when it has come until it is left.
    pub(super) fn target(&self, at: usize) -> Option<&Arc<Target>> {
        self.targets[at].as_ref()
    }

    /// The lab at a site, once it has come: its name on the engine and what it is.
    pub(super) fn lab(&self, at: usize) -> Option<(String, &'static str)> {
        let Promise::Lab(laboratory) = &self.all[at].promise else {
            return None;
        };
        let lab = self.targets[at].as_ref()?.lab.as_ref()?;
        Some((lab.plan.name.clone(), laboratory.name))
    }

    /// That of `able` with room for one check more.
    pub(super) fn found(&self, able: &[usize]) -> Option<(usize, Arc<Target>)> {
        let all: usize = self.running.iter().sum();
        let shared = self.running.iter().zip(&self.targets);
        let shared = shared.filter(|(_, target)| target.as_ref().is_some_and(is_shared));
        let shared: usize = shared.map(|(running, _)| running).sum();
        let mut able = able.iter().filter(|_| all < self.jobs);
        able.find_map(|at| {
            let target = self.targets[*at].as_ref()?;
            let is_room = shared < self.shared || !is_shared(target);
            (is_room && self.running[*at] < most(target)).then(|| (*at, target.clone()))
        })
    }

    /// A check begins there.
    pub(super) fn enter(&mut self, at: usize) {
        self.running[at] += 1;
    }

    /// A check has ended there.
    pub(super) fn leave(&mut self, at: usize) {
        self.running[at] -= 1;
    }

    /// Gives up the sites that nobody is at and nobody waits for.
    pub(super) fn depart(&mut self, awaited: impl Fn(usize) -> bool) {
        for at in 0..self.all.len() {
            if self.running[at] > 0 || awaited(at) {
                continue;
            }
            // What it holds ends before those who made it are told.
            self.targets[at] = None;
            if let Some(departure) = self.all[at].departure.take() {
                // Nobody hears it where nobody takes the lab down.
                let _ = departure.send(());
            }
        }
    }
}

/// Which ports of a relay are down. At somebody else's, the survey has looked.
async fn looked_at(target: &Arc<Target>, known: &Mutex<BTreeSet<&'static str>>) -> Vec<Down> {
    if target.is_stranger() {
        return target.ports.all();
    }
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let patience = |listener: Listener| {
        if known().contains(listener.name()) {
            knocking::IMPATIENCE
        } else {
            knocking::PATIENCE
        }
    };
    let down = knocking::find_down(target, patience).await;
    known().extend(down.iter().map(|down| down.listener));
    down
}

fn is_shared(target: &Arc<Target>) -> bool {
    !target.disposable
}

/// How many checks may run on a target at once.
fn most(target: &Arc<Target>) -> usize {
    if target.disposable || target.is_stranger() {
        1
    } else {
        rows::tables_at_once(target)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::super::super::testing::{check, target};
    use super::super::{Options, run_at};
    use super::*;
    use crate::report::{CutShort, Fact, Outcome, RunReport};

    use crate::config::Says;

    const DOMAINS: Need = Need::Setting("relay.domains", Says::Something);

    struct Promised {
        site: Site,
        arrive: oneshot::Sender<Arc<Target>>,
        departure: oneshot::Receiver<()>,
        target: Arc<Target>,
    }

    fn promised(domains: &[&str]) -> Promised {
        let mut target = target();
        target.spec.relay.domains = domains.iter().map(|&d| d.to_owned()).collect();
        let (arrive, arrival) = oneshot::channel();
        let (depart, departure) = oneshot::channel();
        let laboratory = Laboratory {
            name: "a lab",
            spec: target.spec.clone(),
            disposable: false,
            checks: 1,
        };
        Promised {
            site: Site::coming(laboratory, async { arrival.await.ok() }.boxed(), depart),
            arrive,
            departure,
            target: Arc::new(target),
        }
    }

    fn needing(id: &'static str, needs: &'static [Need]) -> &'static Check {
        Box::leak(Box::new(Check { needs, ..check(id) }))
    }

    async fn run(checks: &[&'static Check], site: Site, on: impl FnMut(&Fact) + Send) -> RunReport {
        run_all(checks, vec![site], on).await
    }

    async fn run_all(
        checks: &[&'static Check],
        sites: Vec<Site>,
        mut on: impl FnMut(&Fact) + Send,
    ) -> RunReport {
        let cancel = CancellationToken::new();
        let tell = |event: &crate::report::Event| on(&event.fact);
        let run = run_at(checks, sites, Options::default(), &cancel, tell);
        // A run that forgets a lab waits for ever.
        let ended = tokio::time::timeout(Duration::from_secs(60), run).await;
        ended.expect("the run ends")
    }

    #[tokio::test]
    async fn a_check_waits_for_its_own_lab_only_and_a_lab_for_its_own_checks() {
        let (plain, with_domains) = (promised(&[]), promised(&["example.org"]));
        let checks = [needing("a.domains", &[DOMAINS]), needing("a.plain", &[])];
        let mut left = plain.departure;
        // The second lab comes when the check in the first has ended.
        let mut second = Some((with_domains.arrive, with_domains.target));
        let mut left_early = false;
        plain.arrive.send(plain.target).map_err(|_| ()).unwrap();
        let report = run_all(&checks, vec![plain.site, with_domains.site], |fact| {
            if let Fact::CheckFinished { record, .. } = fact {
                if record.id == "a.plain" {
                    let (arrive, target) = second.take().unwrap();
                    arrive.send(target).map_err(|_| ()).unwrap();
                } else {
                    left_early = left.try_recv().is_ok();
                }
            }
        })
        .await;
        assert_eq!(report.summary().passed, 2, "{report:?}");
        assert!(left_early, "a lab is left before the run ends");
    }

    #[tokio::test]
    async fn a_lab_that_cannot_be_had_ends_the_run() {
        let lab = promised(&[]);
        drop(lab.arrive);
        let report = run(&[needing("a.check", &[])], lab.site, |_| ()).await;
        assert_eq!(report.cut_short, Some(CutShort::NoLab));
        assert_eq!(report.not_run, ["a.check"]);
    }

    #[tokio::test]
    async fn a_check_is_skipped_when_the_lab_has_less_than_its_settings_promise() {
        let lab = promised(&[]);
        lab.arrive.send(lab.target).map_err(|_| ()).unwrap();
        let report = run(&[needing("a.check", &[Need::Inbox])], lab.site, |_| ()).await;
        let why = "needs an inbox behind the relay".to_owned();
        assert_eq!(report.checks[0].outcome, Outcome::Skipped { why });
    }
}
