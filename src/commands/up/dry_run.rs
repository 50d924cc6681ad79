//! `relaykit up --dry-run`: the plan, and what would be done for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use super::super::Session;
use super::super::exit::Exit;
use super::super::labs::workshop;
use crate::certs::Certificates;
use crate::engine::Engine;
use crate::image;
use crate::lab::{self, Change};
use crate::plan::Plan;

pub(super) async fn run(
    session: &Session,
    plan: &Plan,
    certificates: &Certificates,
    engine: Arc<dyn Engine>,
    settings: &image::Settings,
) -> anyhow::Result<Exit> {
    let mut images = BTreeMap::new();
    let mut there = BTreeMap::new();
    for kind in plan.images() {
        let reference = image::reference(kind, settings);
        there.insert(kind.name(), engine.image(&reference).await?.is_some());
        images.insert(kind, reference);
    }
    let owner = session.store()?.known_id();
    let workshop = workshop(session, engine, images.clone(), owner);
    let changes = lab::changes(plan, certificates, &workshop).await?;
    let mut human = String::new();
    for (kind, reference) in &images {
        let what = if there[kind.name()] {
            "is there"
        } else {
            "would be built"
        };
        writeln!(human, "image      {reference:<44} {what}")?;
    }
    for network in &plan.networks {
        writeln!(human, "network    {}", network.name)?;
    }
    for container in &plan.containers {
        let what = match changes[&container.role] {
            Change::Keep => "runs and would be kept",
            Change::Start => "would be started",
            Change::Create => "would be created",
            Change::Replace => "would be replaced",
        };
        writeln!(human, "container  {:<44} {what}", container.name)?;
        for port in &container.ports {
            writeln!(
                human,
                "  port     {} {}:{}",
                port.name, port.bind, port.host
            )?;
        }
    }
    let changes: BTreeMap<&str, Change> = changes
        .into_iter()
        .map(|(role, change)| (role.name(), change))
        .collect();
    session.print(
        &json!({ "lab": plan.name, "containers": changes, "images": there }),
        &human,
    )?;
    Ok(Exit::Done)
}
