//! Carrying out a plan: only what is missing or has changed, in parallel where
//! it can be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tracing::{Instrument as _, info, info_span};

use super::certificate;
use super::change::{Change, change};
use super::definition::Definition;
use super::endpoints::{direct, endpoints};
use super::fill::fill;
use super::places::{check_networks, create_places};
use super::{
    Error, Finding, Inbox, Readiness, Running, Workshop, bind, capacity, down, inside, ready,
};
use crate::certs::Certificates;
use crate::engine::{Kind, Object, labels};
use crate::plan::{Container, Plan, Role};
use crate::progress::Event;

/// A lab that is ready, and what had to be done for it.
pub struct Outcome {
    /// The lab.
    pub running: Running,
    /// What was done about each container.
    pub changes: BTreeMap<Role, Change>,
    /// What its relay was seen to do wrong while it became ready.
    pub findings: Vec<Finding>,
}

/// What [`up`] would do about each container, without doing it.
///
/// # Errors
/// When the engine cannot be asked or a file of the operator's cannot be read.
pub async fn changes(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<BTreeMap<Role, Change>, Error> {
    let definitions = definitions(plan, certificates, workshop)?;
    let existing = workshop.engine.list(&labels::of_lab(&plan.name)).await?;
    refuse_anothers(plan, &existing, workshop)?;
    Ok(definitions
        .iter()
        .map(|d| (d.role, change(d, &existing)))
        .collect())
}

/// Brings the lab to what `plan` says and waits until it is ready: see [`Readiness`].
///
/// A lab that did not exist before is removed again when this fails or is
/// interrupted; one that existed is left as it is, to be looked at.
///
/// # Errors
/// When the engine refuses, a container ends, the deadline passes, or on
/// Ctrl-C ([`Error::Interrupted`]).
pub async fn up(
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
) -> Result<Outcome, Error> {
    bring_up(plan, certificates, workshop, |_| ()).await
}

/// As [`up`], and the relay is made anew whatever its label says: other files than
/// those it was made with may have been given to it.
pub(super) async fn up_with_new_relay(
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
) -> Result<Outcome, Error> {
    let relay = name_of_relay(&plan);
    bring_up(plan, certificates, workshop, |existing| {
        for object in existing.iter_mut().filter(|o| o.name == relay) {
            object.labels.remove(labels::DIGEST);
        }
    })
    .await
}

/// As [`up`] for all but the relay, which stays as it is, and what writes its files.
pub(super) async fn up_beside_relay(
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
) -> Result<Outcome, Error> {
    let definitions = definitions(&plan, &certificates, workshop)?;
    let digest = definitions.iter().find(|d| d.role == Role::Relay);
    let digest = digest.map_or("", Definition::digest).to_owned();
    let relay = name_of_relay(&plan);
    bring_up(plan, certificates, workshop, |existing| {
        existing.retain(|o| o.labels.get(labels::ROLE).map(String::as_str) != Some(labels::WRITER));
        for object in existing.iter_mut().filter(|o| o.name == relay) {
            object.labels = labels::with_digest(object.labels.clone(), &digest);
        }
    })
    .await
}

fn name_of_relay(plan: &Plan) -> String {
    let relay = plan.container(Role::Relay);
    relay.map(|relay| relay.name.clone()).unwrap_or_default()
}

/// Brings the lab to what `plan` says, where `see` may make something else of what
/// is there.
async fn bring_up(
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
    see: impl FnOnce(&mut Vec<Object>),
) -> Result<Outcome, Error> {
    let name = plan.name.clone();
    let span = info_span!("lab", lab = name);
    let brought = async {
        let mut existing = workshop.engine.list(&labels::of_lab(&plan.name)).await?;
        refuse_anothers(&plan, &existing, workshop)?;
        see(&mut existing);
        // It is large, and whoever calls this would be as large.
        let result = Box::pin(carry_out(plan, certificates, &existing, workshop)).await;
        if result.is_err() && existing.is_empty() {
            remove_again(&name, workshop)
                .instrument(info_span!("removal"))
                .await;
        }
        result
    };
    brought.instrument(span).await
}

/// Leaves nothing of a lab that did not come up.
async fn remove_again(name: &str, workshop: &Workshop) {
    let engine = workshop.engine.as_ref();
    if let Err(e) = down::remove_labelled(engine, &labels::of_lab(name), true).await {
        let line = format!("cleaning up failed, `relaykit down --all` removes what is left: {e}");
        workshop.progress.report(Event::Failure { line });
    }
}

/// Refuses to touch a lab that was brought up from another state folder: it has another
/// CA, which its clients trust, and somebody else who counts on it.
fn refuse_anothers(plan: &Plan, existing: &[Object], workshop: &Workshop) -> Result<(), Error> {
    let another = |object: &Object| {
        let owner = object.labels.get(labels::OWNER);
        owner.is_some_and(|owner| *owner != workshop.owner)
    };
    if existing.iter().any(another) {
        return Err(Error::NotOurs(plan.name.clone()));
    }
    Ok(())
}

/// The lab that `plan` describes, if it is up and exactly that.
///
/// # Errors
/// [`Error::Impossible`] when it is not.
pub async fn attach(
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
) -> Result<Running, Error> {
    let changes = changes(&plan, &certificates, workshop).await?;
    if let Some((role, change)) = changes.iter().find(|(_, change)| **change != Change::Keep) {
        let name = &plan.name;
        let what = match change {
            Change::Create => "has no",
            Change::Start => "does not run its",
            Change::Replace | Change::Keep => "runs, from another configuration or version, its",
        };
        let text = format!(
            "the lab {name} {what} {}\n  `relaykit up --lab {name}` with the same -f brings it to what the configuration says",
            role.name()
        );
        return Err(Error::Impossible(text));
    }
    inside::join(&plan, workshop.engine.as_ref()).await?;
    Ok(Running {
        endpoints: endpoints(&plan, workshop).await?,
        direct: direct(&plan, workshop).await?,
        inbox: Inbox::new(workshop.engine.clone(), &plan)?,
        engine: workshop.engine.clone(),
        plan,
        certificates,
    })
}

async fn carry_out(
    plan: Plan,
    certificates: Certificates,
    existing: &[Object],
    workshop: &Workshop,
) -> Result<Outcome, Error> {
    let definitions = definitions(&plan, &certificates, workshop)?;
    let changes: BTreeMap<Role, Change> = definitions
        .iter()
        .map(|d| (d.role, change(d, existing)))
        .collect();
    for (role, change) in &changes {
        info!(
            role = role.name(),
            ?change,
            why = change.why(),
            "decided on a container"
        );
    }
    check_networks(&plan, workshop).await?;
    bind::check(&plan, workshop).await?;
    let outdated = remove_outdated(&plan, &changes, existing, workshop);
    outdated
        .instrument(info_span!("end of what is outdated"))
        .await?;
    let places = create_places(&plan, existing, workshop);
    places
        .instrument(info_span!("networks and volumes"))
        .await?;
    inside::join(&plan, workshop.engine.as_ref()).await?;

    let wanted = |d: &&Definition| matches!(changes[&d.role], Change::Create | Change::Replace);
    let made: Vec<&Definition> = definitions.iter().filter(wanted).collect();
    if !made.is_empty() {
        capacity::tell(workshop).await?;
    }
    let gateways = gateways(&made, workshop).await?;
    interrupted(workshop)?;
    let created = made.iter().map(|d| {
        let created = workshop.engine.create_container(d.request.clone());
        created.instrument(info_span!("creation", role = d.role.name()))
    });
    let (created, filled) = futures_util::join!(
        join_all(created),
        fill(&plan, &made, &gateways, workshop).instrument(info_span!("files")),
    );
    filled?;
    created.into_iter().collect::<Result<Vec<()>, _>>()?;
    interrupted(workshop)?;
    // What is made anew has it already.
    let renewed = match changes.get(&Role::Relay) {
        Some(Change::Keep | Change::Start) => {
            certificate::bring(&plan, &certificates, workshop).await?
        }
        _ => false,
    };
    let to_start = definitions
        .iter()
        .filter(|d| changes[&d.role] != Change::Keep);
    let started = join_all(to_start.map(|d| {
        let span = info_span!("start", role = d.role.name());
        start(d, workshop).instrument(span)
    }));
    // Every call that is under way is awaited before an error is returned:
    // the engine would finish it behind our back, and something would be left.
    started
        .await
        .into_iter()
        .collect::<Result<Vec<()>, Error>>()?;
    interrupted(workshop)?;
    let running = Running {
        endpoints: endpoints(&plan, workshop).await?,
        direct: direct(&plan, workshop).await?,
        inbox: Inbox::new(workshop.engine.clone(), &plan)?,
        engine: workshop.engine.clone(),
        plan,
        certificates,
    };
    let findings = ready::wait(&running, workshop).await?;
    if renewed {
        certificate::shown(&running, workshop).await?;
    }
    Ok(Outcome {
        running,
        changes,
        findings,
    })
}

pub(super) fn definitions(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<Vec<Definition>, Error> {
    let definition = |container: &Container| {
        let image = workshop.images.get(&container.image).ok_or_else(|| {
            Error::Impossible(format!(
                "no image was built for the {}",
                container.role.name()
            ))
        })?;
        Definition::new(plan, container, image, certificates, &workshop.owner)
    };
    plan.containers.iter().map(definition).collect()
}

/// Ends containers that will be replaced or that the plan does not name, with
/// the configuration that was injected into them; queue and inbox stay.
async fn remove_outdated(
    plan: &Plan,
    changes: &BTreeMap<Role, Change>,
    existing: &[Object],
    workshop: &Workshop,
) -> Result<(), Error> {
    let wanted = |object: &Object| {
        plan.containers
            .iter()
            .any(|c| c.name == object.name && changes[&c.role] != Change::Replace)
    };
    let outdated = existing
        .iter()
        .filter(|o| o.kind == Kind::Container && !wanted(o));
    let removed = join_all(outdated.map(async |object| {
        let planned = plan.containers.iter().find(|c| c.name == object.name);
        let task = workshop.progress.start(&format!("end {}", object.name));
        // Nobody's mail is in a lab that was broken on purpose: it need not end well.
        let grace = match workshop.readiness {
            Readiness::Proved => planned.map(|c| c.stop_grace).unwrap_or_default(),
            Readiness::Started => Duration::ZERO,
        };
        workshop.engine.stop(&object.name, grace).await?;
        workshop
            .engine
            .remove(Kind::Container, &object.name)
            .await?;
        task.finish();
        Ok::<_, Error>(planned)
    }));
    let removed: Result<Vec<_>, Error> = removed.await.into_iter().collect();
    // A container that the plan does not name may have held a volume of one that it does.
    let outdated: BTreeSet<&str> = removed?
        .into_iter()
        .flatten()
        .flat_map(|container| &container.mounts)
        .map(|mount| mount.volume.as_str())
        .collect();
    let volumes = plan.volumes.iter().filter(|v| !v.keep);
    let volumes = volumes.filter(|v| outdated.contains(v.name.as_str()));
    let removed = join_all(volumes.map(|v| workshop.engine.remove(Kind::Volume, &v.name)));
    Ok(removed.await.into_iter().collect::<Result<(), _>>()?)
}

/// What files say of where clients come from, by the network that they name: an address
/// on each line.
pub(super) async fn gateways(
    definitions: &[&Definition],
    workshop: &Workshop,
) -> Result<BTreeMap<String, String>, Error> {
    let mut gateways = BTreeMap::new();
    for definition in definitions {
        for name in definition.gateways().collect::<BTreeSet<&str>>() {
            let engine = workshop.engine.as_ref();
            let others = definition.request.networks.iter().map(|(n, _)| n.as_str());
            let others = others.filter(|other| *other != name);
            let networks: Vec<&str> = std::iter::once(name).chain(others).collect();
            let addresses = inside::clients_addresses(engine, &networks).await?;
            let lines = addresses.iter().map(|address| format!("{address}\n"));
            gateways.insert(name.to_owned(), lines.collect());
        }
    }
    Ok(gateways)
}

async fn start(definition: &Definition, workshop: &Workshop) -> Result<(), Error> {
    let task = workshop.progress.start(definition.role.name());
    let name = &definition.request.name;
    let facts = workshop.engine.inspect(name).await?;
    if facts.is_some_and(|facts| facts.status == "paused") {
        workshop.engine.unpause(name).await?;
    } else {
        workshop.engine.start(name).await?;
    }
    task.finish();
    Ok(())
}

pub(super) fn interrupted(workshop: &Workshop) -> Result<(), Error> {
    if workshop.cancel.is_cancelled() {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
