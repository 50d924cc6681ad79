//! `relaykit test --prove`: the sabotages that the checks claim to see, planted
//! in labs of their own.

use std::time::Instant;

use super::super::Session;
use super::super::watch::Watcher;
use super::Told;
use super::labs::{run_name, warnings_only};
use crate::checks::{Check, Options};
use crate::config::Spec;
use crate::lab::{self, Workshop};
use crate::proof::{self, Request, Step};
use crate::report::{CutShort, Event, Fact, Outcome, RunReport};

/// How many sabotages are planted side by side: a lab comes up by the work of
/// both cores, and waits for deadlines of checks without any.
pub(super) const SIDE_BY_SIDE: usize = 5;

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
    let run = run_name();
    let labs: Vec<String> = (1..=SIDE_BY_SIDE)
        .map(|n| format!("test-{run}-s{n}"))
        .collect();
    let watchers: Vec<Watcher> = labs.iter().filter_map(|lab| Watcher::start(lab)).collect();
    let workshop = &Workshop {
        progress: warnings_only(session),
        ..workshop.clone()
    };
    let request = Request {
        spec,
        checks: &passed,
        labs: &labs,
        workshop,
        // Nobody reads of these failures more than their own words.
        options: Options {
            logs: false,
            ..Options::default()
        },
    };
    report.unplanted = proof::left_out(spec, &passed);
    told.tell(&Event::now(Fact::ProofStarted {
        sabotages: proof::planted(spec, &passed),
    }));
    let began = Instant::now();
    let proved = proof::prove(&request, |step| told.tell(&Event::now(fact(step)))).await;
    report.proving = began.elapsed();
    take_down(workshop, &labs, watchers).await?;
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

pub(super) async fn take_down(
    workshop: &Workshop,
    labs: &[String],
    watchers: Vec<Watcher>,
) -> anyhow::Result<()> {
    let engine = workshop.engine.as_ref();
    let downs = labs.iter().map(|lab| lab::down(engine, lab, true));
    let results = futures_util::future::join_all(downs).await;
    results.into_iter().collect::<Result<Vec<_>, _>>()?;
    for watcher in watchers {
        watcher.release().await;
    }
    Ok(())
}
