//! The proof of the proof: each sabotage that checks claim to see is planted in
//! a lab, and they must fail under it, in their own words.

mod apply;
mod edit;
mod mutants;
mod plants;
mod slot;
mod trial;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{self, UnboundedSender};
use tracing::{Instrument as _, info_span};

use crate::checks::{self, Check, Options};
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::lab::{self, Workshop};
use crate::report::{Planted, RunReport, Unclaimed, Unplanted};
use plants::{Kind, Plant};
use slot::Slot;

pub use mutants::{Candidates, Mutating, Stage, candidates, mutate};

/// What is to be proved.
pub struct Request<'a> {
    /// What relay.yaml says.
    pub spec: &'a Spec,
    /// The checks whose claims are tried: those that pass without a sabotage.
    pub checks: &'a [&'static Check],
    /// Names for labs. As many sabotages are planted side by side as there are names.
    pub labs: &'a [String],
    /// What carrying out a plan needs.
    pub workshop: &'a Workshop,
    /// How checks are run in each lab.
    pub options: Options,
}

/// What came of one sabotage in one lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The sabotage.
    pub name: &'static str,
    /// The lab that it was planted in: `as configured`, or a variant.
    pub laboratory: &'static str,
    /// Each check that claims to see it, by id, and whether it did.
    pub claims: Vec<(&'static str, Planted)>,
    /// The checks that failed and do not claim to see it.
    pub unclaimed: Vec<Unclaimed>,
}

/// What happens to a sabotage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A lab with it is being made: the sabotage, and the lab.
    Planted(&'static str, &'static str),
    /// Its checks were run.
    Judged(Judgement),
}

/// How many sabotages there are to plant for `checks`, each counted once for
/// each lab that its checks need.
#[must_use]
pub fn planted(spec: &Spec, checks: &[&'static Check]) -> usize {
    plants::plants(spec, checks).len()
}

/// The sabotages of `checks` that are left out: a relay of `spec` cannot have them.
#[must_use]
pub fn left_out(spec: &Spec, checks: &[&'static Check]) -> Vec<Unplanted> {
    plants::left_out(spec, checks)
}

/// Plants every sabotage and tells of each step as it is taken. The labs are
/// left to the caller to take down, whatever comes of it.
///
/// # Errors
/// [`lab::Error::Interrupted`] on Ctrl-C. A sabotage that cannot be planted is
/// no error; it is not detected.
pub async fn prove(
    request: &Request<'_>,
    mut on_step: impl FnMut(&Step),
) -> Result<Vec<Judgement>, lab::Error> {
    let waiting = plants::plants(request.spec, request.checks);
    let all = relays(&waiting);
    let waiting = Mutex::new(VecDeque::from(waiting));
    let (told, mut steps) = mpsc::unbounded_channel();
    let slots = request.labs.iter().map(|lab| {
        let slot = Slot::new(request.workshop, lab, request.options, &all);
        work(slot, &waiting, request.checks, told.clone())
    });
    let mut slots: FuturesUnordered<_> = slots.collect();
    drop(told);
    let mut judged = Vec::new();
    let mut take = |step: Step| {
        on_step(&step);
        if let Step::Judged(judgement) = step {
            judged.push(judgement);
        }
    };
    let mut failed = None;
    loop {
        tokio::select! {
            Some(step) = steps.recv() => take(step),
            Some(ended) = slots.next() => failed = failed.or(ended.err()),
            else => break,
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(judged),
    }
}

/// The relays that sabotages are planted in, each once.
fn relays(plants: &[Plant]) -> Vec<Resolved> {
    let mut seen = BTreeSet::new();
    let firsts = plants.iter().filter(|plant| seen.insert(plant.laboratory));
    let resolve = |plant: &Plant| Resolved::new(plant.spec.clone(), Purpose::Proof);
    firsts.map(resolve).collect()
}

/// Plants in one slot until nothing waits.
async fn work(
    mut slot: Slot<'_>,
    waiting: &Mutex<VecDeque<Plant>>,
    checks: &[&'static Check],
    told: UnboundedSender<Step>,
) -> Result<(), lab::Error> {
    while let Some(plant) = next(waiting, slot.kind) {
        // Nobody hears it only when the whole proof was dropped.
        let _ = told.send(Step::Planted(plant.name, plant.laboratory));
        let bystanders = bystanders(&plant, checks);
        let (sabotage, laboratory) = (plant.name, plant.laboratory);
        let span = info_span!("planting", sabotage, laboratory);
        let judgement = Box::pin(slot.judge(&plant, &bystanders).instrument(span)).await?;
        let _ = told.send(Step::Judged(judgement));
    }
    Ok(())
}

/// The next plant, one of the same kind as the last if there is any.
fn next(waiting: &Mutex<VecDeque<Plant>>, last: Option<Kind>) -> Option<Plant> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let same = waiting.iter().position(|p| Some(p.kind()) == last);
    waiting.remove(same.unwrap_or(0))
}

/// The checks that are run beside those that claim to see a sabotage, to learn
/// what else it breaks: those that stand in the same files of the catalogue, but
/// none that disturbs or is long. All others would take longer than the rest of
/// the proof.
fn bystanders(plant: &Plant, checks: &[&'static Check]) -> Vec<&'static Check> {
    let claims = &plant.claims;
    let claimed = |check: &Check| claims.iter().any(|claim| claim.check.id == check.id);
    let near = |check: &Check| claims.iter().any(|c| checks::are_near(c.check, check));
    let may_stand_by = |check: &Check| !check.exclusive && !check.long;
    let stands_by = |check: &&&Check| may_stand_by(check) && near(check) && !claimed(check);
    checks.iter().filter(stands_by).copied().collect()
}

/// Adds what was proved to the report of the run without sabotages.
pub fn add(report: &mut RunReport, judgements: &[Judgement]) {
    for (id, planted) in judgements.iter().flat_map(|judgement| &judgement.claims) {
        if let Some(record) = report.checks.iter_mut().find(|record| record.id == *id) {
            record.sabotages.push(planted.clone());
        }
    }
    let unclaimed = judgements.iter().flat_map(|j| j.unclaimed.clone());
    report.unclaimed.extend(unclaimed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn those_who_stand_by_are_near_and_neither_disturb_nor_take_long() {
        let all: Vec<_> = checks::all().collect();
        for plant in plants::plants(&config::built_in(), &all) {
            let claimed: Vec<_> = plant.claims.iter().map(|c| c.check).collect();
            for check in bystanders(&plant, &all) {
                let id = check.id;
                assert!(!check.exclusive && !check.long, "{id}");
                assert!(claimed.iter().all(|c| c.id != id), "{id} is no bystander");
                assert!(claimed.iter().any(|c| c.area() == check.area()), "{id}");
            }
        }
    }

    #[test]
    fn most_sabotages_have_somebody_who_stands_by() {
        let all: Vec<_> = checks::all().collect();
        let plants = plants::plants(&config::built_in(), &all);
        let watched = plants.iter().filter(|p| bystanders(p, &all).len() > 1);
        let watched = watched.count();
        assert!(watched > plants.len() / 2, "{watched} of {}", plants.len());
    }
}
