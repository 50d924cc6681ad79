//! Mutants, tried one after the other in each slot: relays that are wrong, or not, in one
//! respect that no check was written for.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{self, UnboundedSender};
use tracing::{Instrument as _, info_span};

use super::slot::Slot;
use super::trial::Suite;
use crate::checks::{self, Check, Offered, Options};
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::lab::{self, Workshop};
use crate::mutation::{self, Mutant};
use crate::plan::Plan;
use crate::report::{Fate, Tried};

/// What mutants of a relay there are.
pub struct Candidates {
    /// Each with the name of the lab that it is tried in, and what relay.yaml says there.
    all: Vec<(Mutant, Place)>,
    /// How many changes change nothing that can be seen.
    pub dropped: usize,
}

#[derive(Clone, Copy)]
struct Place {
    laboratory: &'static str,
    number: usize,
}

impl Candidates {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The mutants, in their order.
    pub fn mutants(&self) -> impl Iterator<Item = &Mutant> {
        self.all.iter().map(|(mutant, _)| mutant)
    }

    /// `count` of them, as `seed` decides.
    #[must_use]
    pub fn drawn(mut self, count: NonZero<usize>, seed: u64) -> Self {
        mutation::Random::new(seed).shuffle(&mut self.all);
        self.all.truncate(count.get());
        self
    }

    /// Those with these ids, in their order.
    ///
    /// # Errors
    /// The first id that no mutant of this relay has.
    pub fn named(self, ids: &[String]) -> Result<Self, String> {
        let find = |id: &String| {
            let found = self.all.iter().find(|(mutant, _)| mutant.id == *id);
            found.cloned().ok_or_else(|| id.clone())
        };
        let all = ids.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self {
            all,
            dropped: self.dropped,
        })
    }
}

/// The mutants of the relay that `spec` describes.
#[must_use]
pub fn candidates(spec: &Spec) -> Candidates {
    let mut all: Vec<(Mutant, Place)> = Vec::new();
    let mut dropped = 0;
    for (number, (laboratory, spec)) in checks::own(spec).into_iter().enumerate() {
        let plan = |purpose| Plan::new(Resolved::new(spec.clone(), purpose), "mutants");
        let (mutants, without_effect) =
            mutation::mutants(&plan(Purpose::Proof), &plan(Purpose::Lab));
        if number == 0 {
            dropped = without_effect;
        }
        for mutant in mutants {
            if !all.iter().any(|(known, _)| known.id == mutant.id) {
                all.push((mutant, Place { laboratory, number }));
            }
        }
    }
    Candidates { all, dropped }
}

/// What is to be tried.
pub struct Mutating<'a> {
    /// What relay.yaml says.
    pub spec: &'a Spec,
    /// The checks that pass without a mutant, and how long each took.
    pub checks: &'a [(&'static Check, Duration)],
    /// Names for labs. As many mutants are tried side by side as there are names.
    pub labs: &'a [String],
    /// What carrying out a plan needs.
    pub workshop: &'a Workshop,
    /// How checks are run in each lab.
    pub options: Options,
    /// Whether those are tried, too, that somebody has judged to be harmless.
    pub again: bool,
}

/// What happens to a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// A lab with it is being made: its number, and what it is.
    Planted(usize, String),
    /// Checks were run on it, until one saw it.
    Judged(Tried),
}

/// Tries every mutant and tells of each step as it is taken. The labs are left to the
/// caller to take down, whatever comes of it.
///
/// # Errors
/// [`lab::Error::Interrupted`] on Ctrl-C.
pub async fn mutate(
    request: &Mutating<'_>,
    candidates: Candidates,
    mut on_stage: impl FnMut(Stage),
) -> Result<(), lab::Error> {
    let numbered = candidates.all.into_iter().enumerate();
    let waiting: VecDeque<_> = numbered
        .map(|(at, (m, place))| (at + 1, m, place))
        .collect();
    let waiting = Mutex::new(waiting);
    let suites = suites(request);
    let (told, mut stages) = mpsc::unbounded_channel();
    let options = Options {
        first_fault: true,
        ..request.options
    };
    let slots = request.labs.iter().map(|lab| {
        let slot = Slot::new(request.workshop, lab, options, &[]);
        work(slot, &waiting, &suites, request.again, told.clone())
    });
    let mut slots: FuturesUnordered<_> = slots.collect();
    drop(told);
    let mut failed = None;
    loop {
        tokio::select! {
            Some(stage) = stages.recv() => on_stage(stage),
            Some(ended) = slots.next() => failed = failed.or(ended.err()),
            else => break,
        }
    }
    failed.map_or(Ok(()), Err)
}

/// The checks of each lab that is relay.yaml's own, by its number.
fn suites(request: &Mutating<'_>) -> BTreeMap<usize, Suite> {
    let offered = Offered::to(request.spec);
    let own = checks::own(request.spec).into_iter().enumerate();
    own.map(|(number, (name, spec))| {
        let runs_there = |check: &Check| {
            let laboratory = offered.laboratory(check);
            laboratory.is_some_and(|laboratory| laboratory.name == name)
        };
        let checks = request.checks.iter();
        let checks = checks.filter(|(check, _)| runs_there(check));
        (number, Suite::new(spec, checks.copied().collect()))
    })
    .collect()
}

/// Tries mutants in one slot until none waits.
async fn work(
    mut slot: Slot<'_>,
    waiting: &Mutex<VecDeque<(usize, Mutant, Place)>>,
    suites: &BTreeMap<usize, Suite>,
    again: bool,
    told: UnboundedSender<Stage>,
) -> Result<(), lab::Error> {
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    };
    while let Some((number, mutant, place)) = next() {
        let Some(suite) = suites.get(&place.number) else {
            continue;
        };
        // It was tried when somebody judged it; who names it has it tried again.
        if let (Some(harmless), false) = (mutant.harmless(), again) {
            let why = harmless.why;
            let judged = tried(
                number,
                &mutant,
                place,
                Fate::Harmless { why },
                Duration::ZERO,
            );
            let _ = told.send(Stage::Judged(judged));
            continue;
        }
        // Nobody hears it only when all of it was dropped.
        let _ = told.send(Stage::Planted(number, mutant.title()));
        let began = std::time::Instant::now();
        let id = &mutant.id;
        let span = info_span!("mutant", id, number);
        let fate = Box::pin(slot.try_mutant(&mutant, suite).instrument(span)).await?;
        let judged = tried(number, &mutant, place, fate, began.elapsed());
        let _ = told.send(Stage::Judged(judged));
    }
    Ok(())
}

fn tried(number: usize, mutant: &Mutant, place: Place, fate: Fate, took: Duration) -> Tried {
    Tried {
        number,
        id: mutant.id.clone(),
        operator: mutant.operator.name(),
        title: mutant.title(),
        diff: mutant.diff(),
        laboratory: place.laboratory,
        fate,
        took,
    }
}
