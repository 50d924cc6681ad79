//! The images: the base, found or made, and what is built on it. Each has a tag
//! that is a digest of all that it is made from, so that a change builds it
//! anew and nothing else does.

mod assembly;
mod base;
mod bootstrap;
mod context;
mod derived;
mod dockerfile;
mod error;

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join, try_join_all};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span};

use self::assembly::Assembly;
pub use self::base::{Base, bootstrap};
pub use self::bootstrap::BootstrapSettings;
pub use self::derived::derived;
pub use self::error::Error;
use crate::engine::{self, Engine, ImageFacts, Labels, labels};
use crate::plan::Image;
use crate::progress::Progress;

/// Counts up when a base is made in another way from the same files.
const RECIPE: &str = "1";

/// The same for the images on a base.
const BUILD_RECIPE: &str = "2";

/// On every image made here; its value is the namespace.
const IMAGE_LABEL: &str = "dev.relaykit.image";

/// The content of the base that an image was built on. Its id, which has a label too,
/// is another one where both were saved and loaded.
const BASE_LABEL: &str = "dev.relaykit.base";

/// How images are had.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What repository names begin with: `relaykit`, or a name of their own for
    /// tests that build everything from nothing.
    pub namespace: String,
    /// The base to use; `None`: see [`ensure`].
    pub base: Option<String>,
    /// Whether images made before are left out of account.
    pub no_cache: bool,
    /// Where packages come from when the base is made here.
    pub bootstrap: BootstrapSettings,
    /// Ends everything early.
    pub cancel: CancellationToken,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: "relaykit".to_owned(),
            base: None,
            no_cache: false,
            bootstrap: BootstrapSettings::default(),
            cancel: CancellationToken::new(),
        }
    }
}

/// The reference that `image` has with these settings: a digest of all that it
/// is made from but the base's own content, so that it is the same on every
/// machine; which base it was built on is on its label.
#[must_use]
pub fn reference(image: Image, settings: &Settings) -> String {
    if image == Image::Base {
        return settings
            .base
            .clone()
            .unwrap_or_else(|| own_base(&settings.namespace));
    }
    let base = settings.base.as_deref().unwrap_or_default();
    let digest = context::digest(BUILD_RECIPE, context::files(image), &[("base", base)]);
    format!("{}/{}:{digest}", settings.namespace, image.name())
}

/// The reference of a base that is made here.
fn own_base(namespace: &str) -> String {
    let digest = context::digest(RECIPE, context::files(Image::Base), &[]);
    format!("{namespace}/{}:{digest}", Image::Base.name())
}

/// Has all of `images` on the engine, and says by which references. What is
/// missing, or was built on another base than there is now, is built. The base
/// is the one in `settings`, one on the engine, one from the registry or one
/// made from the Debian archive, in this order. With everything there this asks
/// the engine about each image once.
///
/// # Errors
/// When the base cannot be had, a build fails, the engine fails, or
/// [`Settings::cancel`] is cancelled; nothing unfinished stays on the engine then.
pub async fn ensure(
    engine: &dyn Engine,
    images: &[Image],
    settings: &Settings,
    progress: &Progress,
) -> Result<BTreeMap<Image, String>, Error> {
    let ensured = ensure_all(engine, images, settings, progress);
    ensured.instrument(info_span!("images")).await
}

async fn ensure_all(
    engine: &dyn Engine,
    images: &[Image],
    settings: &Settings,
    progress: &Progress,
) -> Result<BTreeMap<Image, String>, Error> {
    let mut references: BTreeMap<Image, String> = images
        .iter()
        .map(|image| (*image, reference(*image, settings)))
        .collect();
    let missing = missing(engine, &references, settings).await?;
    if missing.is_empty() {
        return Ok(references);
    }
    let base = base::find(engine, settings, progress).await?;
    // Which base it is, is known only now.
    if let Some(reference) = references.get_mut(&Image::Base) {
        reference.clone_from(&base.reference);
    }
    // One that fails ends the others, each of which removes what it has begun.
    let stop = settings.cancel.child_token();
    let builds = missing.iter().filter(|image| **image != Image::Base);
    let builds = builds.map(|image| {
        let (base, stop) = (&base, &stop);
        let request = (*image, references[image].as_str());
        let built = async move {
            let built = build(engine, request, base, settings, stop, progress).await;
            if built.is_err() {
                stop.cancel();
            }
            built
        };
        built.instrument(info_span!("image", image = image.name()))
    });
    let mut results = join_all(builds).await;
    // What was ended for another's sake says nothing of why.
    results.sort_by_key(|result| matches!(result, Err(Error::Interrupted { .. })));
    let all: Result<Vec<()>, Error> = results.into_iter().collect();
    all.map(|_| references)
}

/// Which of the images are not there, or not built on the base that is there.
async fn missing(
    engine: &dyn Engine,
    references: &BTreeMap<Image, String>,
    settings: &Settings,
) -> Result<Vec<Image>, Error> {
    let lookups = references
        .iter()
        .map(async |(image, reference)| Ok::<_, Error>((*image, engine.image(reference).await?)));
    let (found, base) = try_join(try_join_all(lookups), base::on_engine(engine, settings)).await?;
    let mut missing = Vec::new();
    for (image, facts) in found {
        let why = match &facts {
            _ if image == Image::Base => None,
            None => Some("it is not on the engine"),
            Some(_) if settings.no_cache => Some("it was asked for anew"),
            Some(facts) if !is_current(facts, base.as_ref()) => {
                Some("it was built on another base than there is now")
            }
            Some(_) => None,
        };
        let name = image.name();
        let reference = &references[&image];
        if let Some(why) = why {
            info!(image = name, reference, why, "to be built");
        } else {
            info!(image = name, reference, "found");
        }
        if why.is_some() || image == Image::Base {
            missing.push(image);
        }
    }
    Ok(missing)
}

/// Whether an image was built on `base`. One that is there needs no base any more.
fn is_current(image: &ImageFacts, base: Option<&Base>) -> bool {
    let built_on = image.labels.get(BASE_LABEL);
    base.is_none_or(|base| built_on.is_some_and(|content| *content == base.content))
}

async fn build(
    engine: &dyn Engine,
    (image, reference): (Image, &str),
    base: &Base,
    settings: &Settings,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<(), Error> {
    let task = progress.start(&format!("image {}", image.name()));
    let internal = |reason: String| Error::Internal {
        action: "reading an image's Dockerfile",
        reason,
    };
    let files = context::files(image);
    let recipe = dockerfile::read(context::dockerfile(files)).map_err(internal)?;
    let root = context::root(files).map_err(|e| internal(e.to_string()))?;
    let container = build_container(&settings.namespace, image);
    let mut labels = labels(&settings.namespace, image, Some(base));
    labels.insert(labels::BUILD.to_owned(), String::new());
    let assembly = Assembly {
        engine,
        reference,
        base: &base.reference,
        as_root: true,
        root: recipe.copies_root.then_some(root),
        recipe,
        proxies: proxies(&settings.bootstrap),
        labels,
        container_labels: Labels::from([(labels::BUILD.to_owned(), container.clone())]),
        container,
        cancel: cancel.clone(),
    };
    assembly.run(&task).await?;
    task.finish();
    Ok(())
}

/// A name of its own, so that two runs side by side do not meet.
fn build_container(namespace: &str, image: Image) -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    let (prefix, image, process) = (build_prefix(namespace), image.name(), std::process::id());
    format!("{prefix}{image}-{process:x}-{now:x}")
}

fn build_prefix(namespace: &str) -> String {
    format!("{}-build-", namespace.replace('/', "-"))
}

/// The variables that name proxies, as programs read them.
fn proxies(settings: &BootstrapSettings) -> Vec<(&'static str, String)> {
    let optional = [
        ("http_proxy", &settings.http_proxy),
        ("https_proxy", &settings.https_proxy),
        ("no_proxy", &settings.no_proxy),
    ];
    let set = optional.into_iter();
    set.filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}

/// What an image says of itself: the OCI annotations
/// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>) and ours.
fn labels(namespace: &str, image: Image, base: Option<&Base>) -> Labels {
    let (title, description, licenses) = match image {
        Image::Base => ("relaykit base", "Debian 13 slim", "LicenseRef-Debian"),
        Image::Relay => (
            "relaykit relay",
            "An authenticated, anonymising mail relay: Postfix and saslauthd",
            "EPL-2.0 OR IPL-1.0",
        ),
        Image::Directory => (
            "relaykit directory",
            "An OpenLDAP directory for tests of the relay",
            "OLDAP-2.8",
        ),
        Image::ByHand => (
            "relaykit reference",
            "Debian's Postfix with saslauthd, set up by hand, to compare with",
            "EPL-2.0 OR IPL-1.0",
        ),
    };
    let mut labels = vec![
        ("title", title),
        ("description", description),
        ("licenses", licenses),
        ("version", env!("CARGO_PKG_VERSION")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
    ];
    if let Some(base) = base {
        labels.push(("base.name", &base.reference));
        labels.push(("base.digest", &base.id));
    }
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
    let ours = base.map(|base| (BASE_LABEL.to_owned(), base.content.clone()));
    labels
        .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.to_owned()))
        .chain([(IMAGE_LABEL.to_owned(), namespace.to_owned())])
        .chain(ours)
        .collect()
}

/// Removes every image that was made under `namespace`, and what builds of it left that
/// were killed; the images' references.
///
/// # Errors
/// When the engine refuses, for example because a container uses one.
pub async fn remove(engine: &dyn Engine, namespace: &str) -> Result<Vec<String>, Error> {
    remove_builds(engine, &build_prefix(namespace)).await?;
    let labels = Labels::from([(IMAGE_LABEL.to_owned(), namespace.to_owned())]);
    let references = engine.images(&labels).await?;
    for reference in &references {
        engine.remove_image(reference).await?;
    }
    Ok(references)
}

/// Removes containers in which an image was being made, whose names begin with `prefix`;
/// their names.
///
/// # Errors
/// When the engine refuses.
pub async fn remove_builds(
    engine: &dyn Engine,
    prefix: &str,
) -> Result<Vec<String>, engine::Error> {
    let builds = Labels::from([(labels::BUILD.to_owned(), String::new())]);
    let mut removed = Vec::new();
    for object in engine.list(&builds).await? {
        // What was made from such an image has the label as well, and not its own name.
        let own = object.labels.get(labels::BUILD) == Some(&object.name);
        if own && object.name.starts_with(prefix) {
            engine.remove(object.kind, &object.id).await?;
            removed.push(object.name);
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
