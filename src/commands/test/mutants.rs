//! `relaykit test --mutate`: mutants of the relay, in labs of their own.

use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use super::super::Session;
use super::super::exit::{Exit, Usage};
use super::Told;
use super::slots::Slots;
use crate::checks::{self, Check, Offered};
use crate::cli::Mutate;
use crate::config::Spec;
use crate::lab::{self, Workshop};
use crate::mutation::Mutant;
use crate::proof::{self, Candidates, Mutating, Stage};
use crate::report::{CutShort, Event, Fact, Mutation, Outcome, RunReport};

/// What is to be tried, decided before anything is brought up.
pub(super) struct Chosen {
    candidates: Candidates,
    possible: usize,
    seed: u64,
    /// Whether they were asked for by their ids.
    named: bool,
}

/// Which mutants of the relay of `spec` the arguments mean; `None`: they ask for none.
pub(super) fn chosen(spec: &Spec, arguments: &Mutate) -> Result<Option<Chosen>, Usage> {
    if !arguments.are_meant() {
        return Ok(None);
    }
    let all = proof::candidates(spec);
    let possible = all.len();
    let seed = arguments.seed.unwrap_or_else(any_seed);
    let candidates = match arguments.mutate {
        Some(count) => all.drawn(count, seed),
        None => all.named(&arguments.mutant).map_err(|id| {
            Usage(format!(
                "the relay of this relay.yaml has no mutant {id}: it is made from the rendered \
                 files, and they have changed\n  --mutate N names others"
            ))
        })?,
    };
    Ok(Some(Chosen {
        candidates,
        possible,
        seed,
        named: arguments.mutate.is_none(),
    }))
}

/// Prints the mutants that the arguments mean, and tries none.
pub(super) fn list(session: &Session, spec: &Spec, arguments: &Mutate) -> anyhow::Result<Exit> {
    let Some(chosen) = chosen(spec, arguments)? else {
        return Ok(Exit::Done);
    };
    let listed: Vec<Listed> = chosen.candidates.mutants().map(Listed::of).collect();
    let text: String = listed.iter().map(Listed::in_words).collect();
    session.print(&listed, &text)?;
    Ok(Exit::Done)
}

/// A mutant that is not tried.
#[derive(Serialize)]
struct Listed {
    id: String,
    operator: &'static str,
    title: String,
    diff: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    harmless: Option<&'static str>,
}

impl Listed {
    fn of(mutant: &Mutant) -> Self {
        Self {
            id: mutant.id.clone(),
            operator: mutant.operator.name(),
            title: mutant.title(),
            diff: mutant.diff(),
            harmless: mutant.harmless().map(|harmless| harmless.why),
        }
    }

    fn in_words(&self) -> String {
        let (id, title) = (&self.id, &self.title);
        let why = self.harmless.map(|why| format!("  harmless: {why}\n"));
        let diff = self.diff.lines().map(|line| format!("  {line}\n"));
        let diff: String = diff.collect();
        format!("{id} {title}\n{diff}{}", why.unwrap_or_default())
    }
}

/// A seed that is short enough to be typed.
fn any_seed() -> u64 {
    let now = Timestamp::now().as_microsecond().unsigned_abs();
    now % 1_000_000_000
}

/// Of `selected` those that are run on the relay that relay.yaml describes: a mutant is one of
/// that, and no variant.
pub(super) fn of_own_relay(spec: &Spec, selected: &[&'static Check]) -> Vec<&'static Check> {
    let offered = Offered::to(spec);
    let own = checks::own(spec);
    let runs_there = |check: &&&Check| {
        let laboratory = offered.laboratory(check);
        laboratory.is_some_and(|lab| own.iter().any(|(name, _)| *name == lab.name))
    };
    selected.iter().filter(runs_there).copied().collect()
}

/// Tries the mutants on those of `selected` that passed, and adds to `report` what came
/// of them.
pub(super) async fn mutate(
    session: &Session,
    spec: &Spec,
    workshop: &Workshop,
    chosen: Chosen,
    report: &mut RunReport,
    told: &mut Told<'_>,
) -> anyhow::Result<()> {
    let passed = report.checks.iter().filter(|r| r.outcome == Outcome::Pass);
    let passed: Vec<_> = passed
        .filter_map(|record| {
            let check = checks::all().find(|check| check.id == record.id)?;
            Some((check, record.duration))
        })
        .collect();
    let mutants = chosen.candidates.len();
    let slots = Slots::begin(session, workshop, 'm', mutants);
    let request = Mutating {
        spec,
        checks: &passed,
        labs: &slots.labs,
        workshop: &slots.workshop,
        options: Slots::options(),
        again: chosen.named,
    };
    let mut mutation = Mutation {
        seed: chosen.seed,
        possible: chosen.possible,
        dropped: chosen.candidates.dropped,
        elapsed: std::time::Duration::ZERO,
        tried: Vec::new(),
    };
    told.tell(&Event::now(Fact::MutationStarted {
        mutants,
        possible: mutation.possible,
        dropped: mutation.dropped,
        seed: mutation.seed,
    }));
    let began = Instant::now();
    let mutated = proof::mutate(&request, chosen.candidates, |stage| {
        told.tell(&Event::now(match stage {
            Stage::Planted(number, title) => Fact::MutantPlanted { number, title },
            Stage::Judged(tried) => {
                mutation.tried.push(tried.clone());
                Fact::MutantJudged { tried }
            }
        }));
    })
    .await;
    mutation.elapsed = began.elapsed();
    mutation.tried.sort_by_key(|tried| tried.number);
    report.mutation = Some(mutation);
    slots.take_down().await?;
    match mutated {
        Ok(()) => {}
        Err(lab::Error::Interrupted) => report.cut_short = Some(CutShort::Interrupted),
        Err(other) => return Err(other.into()),
    }
    told.finish(report);
    told.result()
}
