//! `relaykit up`.

mod dry_run;
mod human;

use std::time::Instant;

use jiff::Timestamp;
use tracing::{Instrument as _, info_span};

use super::exit::{Exit, Unsuitable};
use super::labs::{
    can_be_logged_in_to, configured, image_settings, images, spec_of_lab, tell_stand_ins, workshop,
};
use super::watch::Watcher;
use super::{Session, status};
use crate::certs;
use crate::cli::Up;
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::engine::labels;
use crate::lab;
use crate::plan::Plan;

/// A lab that nobody could log in to could not be proved ready.
fn check(spec: &Spec) -> Result<(), Unsuitable> {
    can_be_logged_in_to(spec)?;
    if spec.lab.users.is_empty() {
        let text = "lab.users is empty: nobody could log in, so the lab could not be proved ready\n  add `lab: {users: [{name: alice, password: wonderland}]}`";
        return Err(Unsuitable(text.to_owned()));
    }
    Ok(())
}

pub(super) async fn run(session: &Session, arguments: Up) -> anyhow::Result<Exit> {
    let started = Instant::now();
    // What is wrong with it is told without an engine.
    let configured = configured(session, &arguments.which)?;
    configured.as_ref().map_or(Ok(()), check)?;
    let engine = session.engine().await?;
    let store = session.store()?;
    let folder = store.folder(&arguments.lab);
    let remember = !arguments.dry_run;
    let spec = spec_of_lab(
        session,
        configured,
        &arguments.lab,
        engine.as_ref(),
        remember,
    )
    .await?;
    let plan = || Plan::new(Resolved::new(spec, Purpose::Lab), &arguments.lab);
    let plan = info_span!("plan").in_scope(plan);
    tell_stand_ins(session, &plan.resolved);
    let names = lab::certificate_names(&plan);
    let settings = image_settings(session, &arguments.images, false);
    if arguments.dry_run {
        let certificates = certs::foresee(&folder, &plan.name, &names, Timestamp::now())?;
        return dry_run::run(session, &plan, &certificates, engine, &settings).await;
    }
    let lock = store.lock(&plan.name, &session.progress).await?;
    let images = images(session, &engine, &plan.images(), &settings).await?;
    let workshop = workshop(session, engine.clone(), images, store.id()?);
    let certificates = || certs::keep(&folder, &plan.name, &names, Timestamp::now());
    let certificates = info_span!("certificates").in_scope(certificates)?;
    store.remember(&plan.name, &plan.resolved.spec.lab.users)?;
    let fresh = engine.list(&labels::of_lab(&plan.name)).await?.is_empty();
    let watcher = if fresh {
        Watcher::start(&plan.name)
    } else {
        None
    };
    let outcome = lab::up(plan, certificates, &workshop).await;
    if let Some(watcher) = watcher {
        let released = watcher.release();
        released.instrument(info_span!("end of the watcher")).await;
    }
    let lab::Outcome {
        running, findings, ..
    } = outcome?;
    drop(lock);
    let report = status::Report::of_running(&running, &store, started.elapsed());
    let report = report.with_findings(&findings);
    let mut human = human::human(&running, &report.ca_certificate, started.elapsed())?;
    human.push_str(&human::findings(&running.plan.name, &findings)?);
    session.print(&report, &human)?;
    // The lab stays, to be looked at: what its relay does is a finding, not a fault of it.
    if findings.is_empty() {
        Ok(Exit::Done)
    } else {
        Ok(Exit::CheckFailed)
    }
}
