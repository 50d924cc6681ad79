//! `relaykit doctor`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Session;
use super::exit::Exit;
use super::labs::{configured, image_settings, spec_of_lab, workshop};
use super::watch::Watcher;
use crate::cli::Doctor;
use crate::counterparts::{Purpose, Resolved};
use crate::image;
use crate::lab::{self, State};
use crate::plan::{Image, Plan};

pub(super) async fn run(session: &Session, arguments: Doctor) -> anyhow::Result<Exit> {
    let configured = configured(session, &arguments.which)?;
    let engine = session.engine().await?;
    let store = session.store()?;
    let lab = &arguments.lab;
    let spec = spec_of_lab(session, configured, lab, engine.as_ref(), false).await?;
    let name = format!("doctor-{:x}", std::process::id());
    let plan = Plan::new(Resolved::new(spec, Purpose::Lab), &name);
    let settings = image_settings(session, &arguments.images, false);
    let relay = image::reference(Image::Relay, &settings);
    let images = BTreeMap::from([(Image::Relay, relay)]);
    let workshop = workshop(session, engine, images, store.known_id());
    let image = lab::relays_image(&workshop).await?;
    let watcher = Watcher::start(&name);
    let examined = lab::examine(lab, &plan, &workshop, &store, image).await;
    if let Some(watcher) = watcher {
        watcher.release().await;
    }
    let examined = examined?;
    let mut human = String::new();
    for one in &examined {
        let word = match one.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Fault => "fault",
        };
        writeln!(human, "{word:<8} {:<16} {}", one.what, one.found)?;
        if let Some(repair) = &one.repair {
            writeln!(human, "{:<8} {:<16} -> {repair}", "", "")?;
        }
    }
    session.print(&examined, &human)?;
    if examined.iter().any(|one| one.state == State::Fault) {
        return Ok(Exit::Engine);
    }
    Ok(Exit::Done)
}
