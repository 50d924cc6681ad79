//! What several commands need of a lab: its configuration, its name, its
//! images, its workshop.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::Session;
use super::exit::Unsuitable;
use crate::cli::{Images, Which};
use crate::config::{self, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::engine::{Engine, labels};
use crate::image;
use crate::lab::{Ports, Readiness, Workshop};
use crate::plan::{Image, Role};
use crate::progress::Event;

/// How long a lab may take until a login has succeeded and a message arrived.
/// It takes about a second; a slow, busy machine gets far more.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The configuration: of `-f`, else of ./relay.yaml, else the built-in lab.
/// Warnings go to the person.
pub(super) fn spec(session: &Session, which: &Which) -> anyhow::Result<Spec> {
    let configured = configured(session, which)?;
    Ok(configured.unwrap_or_else(config::built_in))
}

/// A filter that nobody of a lab can pass is told before anything is made: a lab with it
/// would wait for a login that never comes.
///
/// # Errors
/// The term of the filter that is to blame.
pub(super) fn can_be_logged_in_to(spec: &Spec) -> Result<(), Unsuitable> {
    match Resolved::new(spec.clone(), Purpose::Lab).impossible() {
        None => Ok(()),
        Some(why) => Err(Unsuitable(format!(
            "{why}\n  For a lab, write a filter without that term; `relaykit export` takes it as it is, \
             for your own directory."
        ))),
    }
}

/// The same, and `None` where there is no file.
pub(super) fn configured(session: &Session, which: &Which) -> anyhow::Result<Option<Spec>> {
    let source = source(which)?;
    source.map(|source| source.load(session)).transpose()
}

/// A relay.yaml as it was read.
pub(super) struct Source {
    /// What messages call it.
    pub(super) name: String,
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// Where the files in it are looked for from.
    folder: PathBuf,
}

/// The file of `-f`, else ./relay.yaml, if that is there. It is read once: `-f -` is
/// standard input.
pub(super) fn source(which: &Which) -> anyhow::Result<Option<Source>> {
    let unreadable =
        |name: &str, e: std::io::Error| Unsuitable(format!("reading {name} failed: {e}"));
    if which.file.as_deref() == Some(Path::new("-")) {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|e| unreadable("standard input", e))?;
        return Ok(Some(Source {
            name: "standard input".to_owned(),
            bytes,
            folder: PathBuf::from("."),
        }));
    }
    let (path, needed) = match &which.file {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from("relay.yaml"), false),
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound && !needed => {
            info!("there is no relay.yaml here: the built-in lab");
            return Ok(None);
        }
        Err(e) => return Err(unreadable(&path.display().to_string(), e).into()),
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Ok(Some(Source {
        name: path.display().to_string(),
        bytes,
        folder: folder.to_owned(),
    }))
}

impl Source {
    /// What it means. Warnings go to the person.
    pub(super) fn load(&self, session: &Session) -> anyhow::Result<Spec> {
        let folder = std::path::absolute(&self.folder)?;
        let (file, bytes) = (self.name.as_str(), &self.bytes);
        info!(file, bytes = bytes.len(), "read the configuration");
        let loaded = config::load_bytes(bytes, file, &folder)?;
        for warning in &loaded.warnings {
            let line = warning.to_string();
            session.progress.report(Event::Warning { line });
        }
        Ok(loaded.spec)
    }
}

/// The configuration of the lab `name`, which is up or is to come up: what is `configured`,
/// and without that the built-in lab on the default ports, or on its own where another lab
/// or program has these.
pub(super) async fn spec_of_lab(
    session: &Session,
    configured: Option<Spec>,
    name: &str,
    engine: &dyn Engine,
    remember: bool,
) -> anyhow::Result<Spec> {
    if let Some(spec) = configured {
        return Ok(spec);
    }
    let spec = config::built_in();
    let store = session.store()?;
    let there = !engine
        .list(&labels::of_object(name, Role::Relay.name()))
        .await?
        .is_empty();
    let (ports, why) = match store.ports(name) {
        Some(ports) if there || ports.are_free() => (ports, "they are this lab's"),
        // Brought up before ports were chosen, or by another state folder.
        None if there => return Ok(spec),
        _ if engine.own_container().await?.is_some() => (Ports::ANY, "relaykit is in a container"),
        _ => {
            let choose = |others: &[Ports]| Ports::choose(others, Ports::is_free);
            let chosen = if remember {
                store.choose_ports(name, choose)?
            } else {
                choose(&[])
            };
            (chosen, "the first that are free")
        }
    };
    let Ports {
        smtp,
        submission,
        submissions,
        ldaps,
    } = ports;
    info!(smtp, submission, submissions, ldaps, why, "chose ports");
    Ok(ports.put_into(spec))
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
            allow_missing_updates: images.allow_missing_updates,
            ..image::BootstrapSettings::default()
        },
        cancel: session.cancel.clone(),
    }
}

/// Makes sure that images are there.
pub(super) async fn images(
    session: &Session,
    engine: &Arc<dyn Engine>,
    wanted: &[Image],
    settings: &image::Settings,
) -> anyhow::Result<BTreeMap<Image, String>> {
    Ok(image::ensure(engine.as_ref(), wanted, settings, &session.progress).await?)
}

/// Tells what a lab has of its own where relay.yaml names the operator's.
pub(super) fn tell_stand_ins(session: &Session, resolved: &Resolved) {
    if let Some(line) = resolved.stood_in_words() {
        session.progress.report(Event::Warning { line });
    }
}

/// What `lab::up` works with.
pub(super) fn workshop(
    session: &Session,
    engine: Arc<dyn Engine>,
    images: BTreeMap<Image, String>,
    owner: String,
) -> Workshop {
    Workshop {
        owner,
        engine,
        images,
        progress: session.progress.clone(),
        cancel: session.cancel.clone(),
        ready_within: READY_WITHIN,
        readiness: Readiness::Proved,
    }
}
