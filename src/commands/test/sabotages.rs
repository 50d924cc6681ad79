//! `relaykit test --prove`: the sabotages that the checks claim to see, planted
//! in labs of their own.

use std::time::Instant;

use super::super::Session;
use super::Told;
use super::slots::Slots;
use crate::checks::Check;
use crate::config::Spec;
use crate::lab::{self, Workshop};
use crate::proof::{self, Request, Step};
use crate::report::{CutShort, Event, Fact, Outcome, RunReport};

/// Tries the claims of those of `selected` that passed, and adds to `report`
/// what came of it.
pub(super) async fn prove(
    session: &Session,
    spec: &Spec,
    workshop: &Workshop,
    selected: &[&'static Check],
    report: &mut RunReport,
    told: &mut Told<'_>,
) -> anyhow::Result<()> {
    let passed: Vec<&'static Check> = selected
        .iter()
        .copied()
        .filter(|check| {
            let mut records = report.checks.iter();
            records.any(|r| r.id == check.id && r.outcome == Outcome::Pass)
        })
        .collect();
    let sabotages = proof::planted(spec, &passed);
    let slots = Slots::begin(session, workshop, 's', sabotages);
    let request = Request {
        spec,
        checks: &passed,
        labs: &slots.labs,
        workshop: &slots.workshop,
        options: Slots::options(),
    };
    report.unplanted = proof::left_out(spec, &passed);
    told.tell(&Event::now(Fact::ProofStarted { sabotages }));
    let began = Instant::now();
    let proved = proof::prove(&request, |step| told.tell(&Event::now(fact(step)))).await;
    report.proving = began.elapsed();
    slots.take_down().await?;
    match proved {
        Ok(judgements) => proof::add(report, &judgements),
        Err(lab::Error::Interrupted) => report.cut_short = Some(CutShort::Interrupted),
        Err(other) => return Err(other.into()),
    }
    told.finish(report);
    told.result()
}

fn fact(step: &Step) -> Fact {
    match step {
        Step::Planted(name, laboratory) => Fact::SabotagePlanted { name, laboratory },
        Step::Judged(judgement) => Fact::SabotageJudged {
            name: judgement.name,
            laboratory: judgement.laboratory,
            claims: judgement.claims.clone(),
            unclaimed: judgement.unclaimed.clone(),
        },
    }
}
