//! What several commands need of a lab: its configuration, its name, its
//! images, its workshop.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::cli::{Images, Which};
use crate::config::{self, Spec};
use crate::engine::Engine;
use crate::image;
use crate::lab::{Readiness, Workshop};
use crate::plan::{Image, Plan};
use crate::progress::Event;

/// How long a lab may take until a login has succeeded and a message arrived.
/// It takes about a second; a slow, busy machine gets far more.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The configuration: of `-f`, else of ./relay.yaml, else the built-in lab.
/// Warnings go to the person.
pub(super) fn spec(session: &Session, which: &Which) -> anyhow::Result<Spec> {
    let (path, needed) = match &which.file {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from("relay.yaml"), false),
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound && !needed => return Ok(config::built_in()),
        Err(e) => {
            let text = format!("reading {} failed: {e}", path.display());
            return Err(super::exit::Unsuitable(text).into());
        }
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = std::path::absolute(folder)?;
    let loaded = config::load_bytes(&bytes, &path.display().to_string(), &folder)?;
    for warning in &loaded.warnings {
        let line = config::Warning(warning).to_string();
        session.progress.report(Event::Warning { line });
    }
    Ok(loaded.spec)
}

/// Where images come from, as the command line and the environment say.
pub(super) fn image_settings(
    session: &Session,
    images: &Images,
    no_cache: bool,
) -> image::Settings {
    let environment = &session.environment;
    image::Settings {
        namespace: environment
            .namespace
            .clone()
            .unwrap_or_else(|| "relaykit".to_owned()),
        base: images.base.clone(),
        no_cache,
        bootstrap: image::BootstrapSettings {
            mirror: images.mirror.clone().or_else(|| environment.mirror.clone()),
            http_proxy: images
                .proxy
                .clone()
                .or_else(|| environment.http_proxy.clone()),
            https_proxy: images
                .proxy
                .clone()
                .or_else(|| environment.https_proxy.clone()),
            no_proxy: environment.no_proxy.clone(),
            ..image::BootstrapSettings::default()
        },
        cancel: session.cancel.clone(),
    }
}

/// Makes sure that the images of a lab are there.
pub(super) async fn images(
    session: &Session,
    engine: &Arc<dyn Engine>,
    settings: &image::Settings,
) -> anyhow::Result<BTreeMap<Image, String>> {
    let wanted = [Image::Relay, Image::Directory];
    Ok(image::ensure(engine.as_ref(), &wanted, settings, &session.progress).await?)
}

/// Tells what a lab has of its own where relay.yaml names the operator's.
pub(super) fn tell_stand_ins(session: &Session, plan: &Plan) {
    if !plan.stood_in.is_empty() {
        let line = format!(
            "a lab has its own directory, next hop and certificates; not used here: {}",
            plan.stood_in.join(", ")
        );
        session.progress.report(Event::Warning { line });
    }
}

/// What `lab::up` works with.
pub(super) fn workshop(
    session: &Session,
    engine: Arc<dyn Engine>,
    images: BTreeMap<Image, String>,
) -> Workshop {
    Workshop {
        engine,
        images,
        progress: session.progress.clone(),
        cancel: session.cancel.clone(),
        ready_within: READY_WITHIN,
        readiness: Readiness::Proved,
    }
}
