//! One lab after the other under the same name: the relay of each begins with
//! nothing of the one before, and is wrong in one respect; what is not wrong is kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{Instrument as _, info, info_span};

use super::Judgement;
use super::apply::{Sabotaged, sabotaged};
use super::plants::{Claim, Kind, Plant};
use crate::certs::{self, Certificates, Names};
use crate::checks::{self, Check, Options};
use crate::config::Spec;
use crate::counterparts::Resolved;
use crate::engine::labels;
use crate::image;
use crate::lab::{self, Readiness, Running, Standing, Workshop};
use crate::plan::{Image, Role};
use crate::report::{CheckRecord, CutShort, Outcome, Planted, Unclaimed};

/// Seconds in which what a script waits for has to come.
const SCRIPT_WITHIN: u32 = 10;

/// What timeout(1) ends with when it had to end a program.
const OVERDUE: i64 = 124;

/// Why there is no lab with a sabotage in it.
pub(super) struct Unplanted {
    pub(super) why: String,
    /// Whether the relay itself did not start, or not in time.
    pub(super) does_not_start: bool,
}

fn unplanted(why: String) -> ControlFlow<lab::Error, Unplanted> {
    ControlFlow::Continue(Unplanted {
        why,
        does_not_start: false,
    })
}

/// A name on the engine that sabotaged labs come and go under.
pub(super) struct Slot<'a> {
    pub(super) workshop: Workshop,
    /// All relays that the lab is one after the other.
    relays: &'a [Resolved],
    pub(super) lab: String,
    options: Options,
    /// Kept from one lab to the next that has the same names, so that the directory and
    /// the sink can be.
    certificates: Option<(BTreeMap<Role, Names>, Certificates)>,
    /// How many images were made for it.
    images: usize,
    /// The lab as the last plant left it.
    pub(super) standing: Option<Standing>,
    /// The kind of the last plant.
    pub(super) kind: Option<Kind>,
}

impl<'a> Slot<'a> {
    pub(super) fn new(
        workshop: &Workshop,
        lab: &str,
        options: Options,
        relays: &'a [Resolved],
    ) -> Self {
        Self {
            relays,
            workshop: Workshop {
                readiness: Readiness::Started,
                ..workshop.clone()
            },
            lab: lab.to_owned(),
            options,
            certificates: None,
            images: 0,
            standing: None,
            kind: None,
        }
    }

    /// Plants one sabotage, runs the checks that claim to see it and those that
    /// stand by, and judges. A lab that cannot be had is no detection.
    ///
    /// # Errors
    /// [`lab::Error::Interrupted`] on Ctrl-C.
    pub(super) async fn judge(
        &mut self,
        plant: &Plant,
        bystanders: &[&'static Check],
    ) -> Result<Judgement, lab::Error> {
        self.kind = Some(plant.kind());
        let records = match self.with_plant(plant).await {
            Ok((mut standing, spec)) => {
                let claimed: Vec<_> = plant.claims.iter().map(|claim| claim.check).collect();
                let all = [&claimed, bystanders].concat();
                let records = self.run(&standing, &spec, &all).await?;
                if plant.leaves_traces() {
                    standing.disturb();
                }
                self.standing = Some(standing);
                records
            }
            Err(ControlFlow::Break(error)) => return Err(error),
            Err(ControlFlow::Continue(Unplanted { why, .. })) => {
                info!(why, "could not be planted");
                return Ok(judgement(plant, &[], &why));
            }
        };
        let judgement = judgement(plant, &records, "it was not run");
        let detected = judgement.claims.iter().all(|(_, planted)| planted.detected);
        info!(detected, "judged");
        Ok(judgement)
    }

    async fn with_plant(
        &mut self,
        plant: &Plant,
    ) -> Result<(Standing, Spec), ControlFlow<lab::Error, Unplanted>> {
        let sabotaged = sabotaged(plant, &self.lab, self.relays)
            .map_err(|why| unplanted(format!("the sabotage cannot be planted: {why}")))?;
        self.bring_up(sabotaged, plant.needs_new_container()).await
    }

    /// The lab with the sabotage, and what checks are to believe of it. `anew`: its relay
    /// is to be in a container that nobody has used.
    pub(super) async fn bring_up(
        &mut self,
        sabotaged: Sabotaged,
        anew: bool,
    ) -> Result<(Standing, Spec), ControlFlow<lab::Error, Unplanted>> {
        let failed = |error: lab::Error| match error {
            lab::Error::Interrupted => ControlFlow::Break(error),
            other => ControlFlow::Continue(Unplanted {
                why: format!("the lab did not come up: {other}"),
                does_not_start: true,
            }),
        };
        let certificates = self.certificates(&sabotaged).map_err(failed)?;
        let workshop = self.with_images(&sabotaged).await?;
        let plan = sabotaged.plan;
        let standing = match self.standing.take() {
            Some(mut last) => {
                if anew {
                    last.disturb();
                }
                last.become_plan(plan, certificates, &workshop).await
            }
            None => Standing::up(plan, certificates, &workshop).await,
        };
        let standing = standing.map_err(failed)?;
        for (role, script) in &sabotaged.scripts {
            let span = info_span!("script", role = role.name());
            let script = self.run_script(standing.running(), *role, script);
            script.instrument(span).await?;
        }
        Ok((standing, sabotaged.spec))
    }

    async fn run_script(
        &self,
        running: &Running,
        role: Role,
        script: &str,
    ) -> Result<(), ControlFlow<lab::Error, Unplanted>> {
        let container = running.plan.container(role);
        let name = container.map(|c| c.name.as_str()).unwrap_or_default();
        let within = SCRIPT_WITHIN.to_string();
        // What is dropped here goes on in the container, and ends there all the same.
        let argv = ["timeout", &within, "sh", "-c", script];
        let output = tokio::select! {
            output = running.engine.exec(name, &argv, None) => output,
            () = self.workshop.cancel.cancelled() => {
                return Err(ControlFlow::Break(lab::Error::Interrupted));
            }
        };
        let why = match output {
            Ok(output) if output.exit_code == 0 => return Ok(()),
            Ok(output) if output.exit_code == OVERDUE => {
                format!("did not end within {within} s")
            }
            Ok(output) => {
                let said = output.stderr.trim();
                format!("ended with code {}: {said}", output.exit_code)
            }
            Err(error) => error.to_string(),
        };
        Err(unplanted(format!(
            "the sabotage cannot be planted: `{script}` {why}"
        )))
    }

    /// The workshop with a worse image for the relay, where the sabotage has one.
    /// The image goes with the lab.
    async fn with_images(
        &mut self,
        sabotaged: &Sabotaged,
    ) -> Result<Workshop, ControlFlow<lab::Error, Unplanted>> {
        let mut workshop = self.workshop.clone();
        let base = workshop.images.get(&Image::Relay).cloned();
        let Some(base) = base.filter(|_| !sabotaged.instructions.is_empty()) else {
            return Ok(workshop);
        };
        // An image that loses its name to the next one would stay on the engine.
        self.images += 1;
        let reference = format!("{base}-{}-{}", self.lab, self.images);
        let labels = labels::of_object(&self.lab, labels::IMAGE);
        let task = workshop.progress.start("a worse image");
        let engine = workshop.engine.as_ref();
        let instructions = &sabotaged.instructions;
        image::derived(engine, &reference, &base, instructions, &labels, &task)
            .await
            .map_err(|error| unplanted(format!("no image: {error}")))?;
        workshop.images.insert(Image::Relay, reference);
        Ok(workshop)
    }

    fn certificates(&mut self, sabotaged: &Sabotaged) -> Result<Certificates, lab::Error> {
        let names = lab::certificate_names(&sabotaged.plan);
        let now = Timestamp::now();
        let kept = self.certificates.take_if(|(known, _)| *known == names);
        let of_names = match kept {
            Some(kept) => kept,
            None => (names.clone(), certs::issue(&self.lab, &names, now)?),
        };
        let (_, mut certificates) = self.certificates.insert(of_names).clone();
        if let (Some(flaw), Some(names)) = (sabotaged.flaw, names.get(&Role::Relay)) {
            let flawed = certs::flawed(&certificates.authority, names, flaw, now)?;
            certificates.servers.insert(Role::Relay, flawed);
        }
        Ok(certificates)
    }

    /// Those that disturb come last.
    pub(super) async fn run(
        &self,
        standing: &Standing,
        spec: &Spec,
        checks: &[&'static Check],
    ) -> Result<Vec<CheckRecord>, lab::Error> {
        let (disturbing, others): (Vec<_>, Vec<_>) =
            checks.iter().copied().partition(|check| check.exclusive);
        let mut records = Vec::new();
        for (disposable, checks) in [(false, others), (true, disturbing)] {
            if checks.is_empty() {
                continue;
            }
            let mut target = checks::target(standing.running(), disposable, standing.shells())?;
            target.spec = spec.clone();
            let targets = [Arc::new(target)];
            let cancel = &self.workshop.cancel;
            let report = checks::run(&checks, &targets, self.options, cancel, |_| ()).await;
            match report.cut_short {
                None => records.extend(report.checks),
                // The first fault, of which nothing more is asked.
                Some(CutShort::MaxFail) => {
                    records.extend(report.checks);
                    break;
                }
                Some(CutShort::Interrupted | CutShort::NoLab) => {
                    return Err(lab::Error::Interrupted);
                }
            }
        }
        Ok(records)
    }
}

fn judgement(plant: &Plant, records: &[CheckRecord], absent: &str) -> Judgement {
    let record = |check: &Check| records.iter().find(|record| record.id == check.id);
    let claims = plant.claims.iter().map(|claim| {
        let planted = match record(claim.check) {
            Some(record) => planted(plant.name, plant.laboratory, claim, &record.outcome),
            None => Planted {
                name: plant.name,
                laboratory: plant.laboratory,
                detected: false,
                observed: absent.to_owned(),
            },
        };
        (claim.check.id, planted)
    });
    let claimed = |id: &str| plant.claims.iter().any(|claim| claim.check.id == id);
    let unclaimed = records.iter().filter(|record| !claimed(record.id));
    let unclaimed = unclaimed.filter_map(|record| match &record.outcome {
        Outcome::Fail { observed, .. } => Some(Unclaimed {
            sabotage: plant.name,
            check: record.id,
            observed: observed.clone(),
        }),
        _ => None,
    });
    Judgement {
        name: plant.name,
        laboratory: plant.laboratory,
        claims: claims.collect(),
        unclaimed: unclaimed.collect(),
    }
}

/// A sabotage is detected when the check fails and says so in its own words.
fn planted(
    name: &'static str,
    laboratory: &'static str,
    claim: &Claim,
    outcome: &Outcome,
) -> Planted {
    let (detected, observed) = match outcome {
        Outcome::Fail { observed, .. } if claim.sees.is_empty() => (
            false,
            format!("it failed, and does not say in which words it would: {observed}"),
        ),
        Outcome::Fail { observed, .. } if observed.contains(claim.sees) => (true, observed.clone()),
        Outcome::Fail { observed, .. } => (
            false,
            format!(
                "it failed for another reason: not a word of {:?} in: {observed}",
                claim.sees
            ),
        ),
        Outcome::Pass => (false, "it passed".to_owned()),
        Outcome::Skipped { why } => (false, format!("it was skipped: {why}")),
        Outcome::Broken { why } => (false, format!("it could not tell: {why}")),
    };
    Planted {
        name,
        laboratory,
        detected,
        observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    fn judged(sees: &'static str, outcome: &Outcome) -> Planted {
        let check = checks::all().next().unwrap();
        planted(
            "a mistake",
            "as configured",
            &Claim { check, sees },
            outcome,
        )
    }

    fn fail() -> Outcome {
        Outcome::Fail {
            expected: "no AUTH".into(),
            observed: "port 25: AUTH PLAIN".into(),
        }
    }

    #[test]
    fn only_a_failure_in_its_own_words_detects() {
        assert!(judged("AUTH PLAIN", &fail()).detected);
        let other = judged("no greeting", &fail());
        assert!(!other.detected);
        assert!(other.observed.contains("for another reason"), "{other:?}");
        assert!(!judged("", &fail()).detected);
    }

    #[test]
    fn whatever_is_no_failure_does_not_detect() {
        let why = || "AUTH PLAIN".to_owned();
        for outcome in [
            Outcome::Pass,
            Outcome::Skipped { why: why() },
            Outcome::Broken { why: why() },
        ] {
            assert!(!judged("AUTH PLAIN", &outcome).detected, "{outcome:?}");
        }
    }
}
