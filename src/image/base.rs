//! Which image the others are built on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use tokio::sync::Notify;
use tracing::{Instrument as _, info, info_span};

use super::bootstrap::Bootstrap;
use super::{Error, Settings, labels, own_base};
use crate::engine::{self, Engine};
use crate::plan::Image;
use crate::progress::{Event, Progress};

/// Debian's own image, by the names that people pull it by.
const UPSTREAM: [&str; 2] = ["debian:13-slim", "debian:trixie-slim"];

/// A registry that has not answered by then counts as absent.
const FIRST_SIGN: Duration = Duration::from_secs(5);

/// The image that the others are built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its reference on the engine.
    pub reference: String,
    /// `sha256:...`, as its engine calls it.
    pub id: String,
    /// What it is known by on every engine: [`crate::engine::ImageFacts::content`].
    pub content: String,
}

/// The base that is asked for, or one on the engine, or one from the registry,
/// or at last one made from the Debian archive.
pub(super) async fn find(
    engine: &dyn Engine,
    settings: &Settings,
    progress: &Progress,
) -> Result<Base, Error> {
    if let Some(reference) = &settings.base {
        return given(engine, reference, settings, progress).await;
    }
    let own = own_base(&settings.namespace);
    if let Some(base) = present(engine, &own, settings.no_cache).await? {
        info!(base = base.reference, "the base is on the engine");
        return Ok(base);
    }
    match pull(engine, UPSTREAM[0], settings, progress, FIRST_SIGN).await {
        Ok(base) => {
            info!(base = base.reference, "the base came from its registry");
            return Ok(base);
        }
        Err(Error::Interrupted { action }) => return Err(Error::Interrupted { action }),
        Err(error) => {
            let task = progress.start("base image");
            let reason = match &error {
                Error::Base { reason, .. } => reason.clone(),
                other => other.to_string(),
            };
            info!(
                reason,
                "no base from a registry: it is made from the Debian archive"
            );
            task.note(format!(
                "not from a registry ({reason}); making it from the Debian archive"
            ));
            task.finish();
        }
    }
    bootstrap(engine, settings, progress).await
}

/// Makes the base from the Debian archive, whatever is on the engine.
///
/// # Errors
/// When there is no mirror, a signature or checksum is wrong, dpkg or the engine
/// fails, or [`Settings::cancel`] is cancelled; nothing unfinished stays then.
pub async fn bootstrap(
    engine: &dyn Engine,
    settings: &Settings,
    progress: &Progress,
) -> Result<Base, Error> {
    let reference = own_base(&settings.namespace);
    let bootstrap = Bootstrap {
        engine,
        settings: &settings.bootstrap,
        namespace: &settings.namespace,
        reference: &reference,
        labels: labels(&settings.namespace, Image::Base, None),
        cancel: &settings.cancel,
    };
    let made = bootstrap.run(progress);
    made.instrument(info_span!("bootstrap", base = reference))
        .await?;
    lookup(engine, &reference)
        .await?
        .ok_or_else(|| Error::Internal {
            action: "making the base image",
            reason: format!("{reference} is not on the engine"),
        })
}

/// The base as far as it is on the engine already; nothing is pulled or made.
pub(super) async fn on_engine(
    engine: &dyn Engine,
    settings: &Settings,
) -> Result<Option<Base>, Error> {
    match &settings.base {
        Some(reference) => lookup(engine, reference).await,
        None => present(engine, &own_base(&settings.namespace), settings.no_cache).await,
    }
}

/// What is on the engine already, best first, all asked for at once.
async fn present(engine: &dyn Engine, own: &str, not_own: bool) -> Result<Option<Base>, Error> {
    let ours = async {
        if not_own {
            Ok(None)
        } else {
            lookup(engine, own).await
        }
    };
    let theirs = try_join(lookup(engine, UPSTREAM[0]), lookup(engine, UPSTREAM[1]));
    let (ours, (slim, alias)) = try_join(ours, theirs).await?;
    Ok(ours.or(slim).or(alias))
}

async fn lookup(engine: &dyn Engine, reference: &str) -> Result<Option<Base>, Error> {
    let facts = engine.image(reference).await?;
    Ok(facts.map(|facts| Base {
        reference: reference.to_owned(),
        id: facts.id,
        content: facts.content,
    }))
}

async fn given(
    engine: &dyn Engine,
    reference: &str,
    settings: &Settings,
    progress: &Progress,
) -> Result<Base, Error> {
    match lookup(engine, reference).await? {
        Some(base) => Ok(base),
        None => pull(engine, reference, settings, progress, FIRST_SIGN).await,
    }
}

/// Pulls an image, unless its registry keeps silent for as long as `patience`.
pub(super) async fn pull(
    engine: &dyn Engine,
    reference: &str,
    settings: &Settings,
    progress: &Progress,
    patience: Duration,
) -> Result<Base, Error> {
    let failed = |reason: String| Error::Base {
        reference: reference.to_owned(),
        reason,
    };
    let span = info_span!("pull", base = reference);
    let sign = Arc::new(Notify::new());
    let task = watched(progress, &sign).start(&format!("pull {reference}"));
    let silence = async {
        match tokio::time::timeout(patience, sign.notified()).await {
            Ok(()) => std::future::pending().await,
            Err(_) => format!("no answer within {} s", patience.as_secs()),
        }
    };
    tokio::select! {
        result = engine.pull(reference, &task).instrument(span) => match result {
            Ok(()) => {}
            Err(error @ (engine::Error::Unreachable { .. } | engine::Error::Lost { .. })) => {
                return Err(error.into());
            }
            Err(engine::Error::Refused { reason, .. }) => return Err(failed(reason)),
            Err(error) => return Err(failed(error.to_string())),
        },
        reason = silence => return Err(failed(reason)),
        () = settings.cancel.cancelled() => {
            return Err(Error::Interrupted { action: "pulling the base image" });
        }
    }
    task.finish();
    let found = lookup(engine, reference).await?;
    found.ok_or_else(|| failed("it is not on the engine after the pull".to_owned()))
}

/// Hands events on and tells of the first one that came from the registry.
fn watched(progress: &Progress, sign: &Arc<Notify>) -> Progress {
    let (progress, sign) = (progress.clone(), Arc::clone(sign));
    Progress::new(move |event| {
        if matches!(event, Event::Note { .. }) {
            sign.notify_one();
        }
        progress.report(event);
    })
}
