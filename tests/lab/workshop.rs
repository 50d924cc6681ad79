//! What the library needs to carry out a plan, with this run's images.

use std::time::Duration;

use relaykit::image::{self, Settings};
use relaykit::lab::{Readiness, Workshop};
use relaykit::plan::Image;
use relaykit::progress::Progress;
use tokio_util::sync::CancellationToken;

use super::{block_on, engine};

/// A workshop on the tests' engine, with the images of relay and directory.
pub(crate) fn workshop(readiness: Readiness) -> Workshop {
    let engine = engine();
    let settings = namespace().map_or_else(Settings::default, |namespace| Settings {
        namespace,
        ..Settings::default()
    });
    let progress = Progress::silent();
    let wanted = [Image::Relay, Image::Directory];
    let images = block_on(image::ensure(
        engine.as_ref(),
        &wanted,
        &settings,
        &progress,
    ));
    Workshop {
        readiness,
        engine,
        images: images.unwrap(),
        progress,
        cancel: CancellationToken::new(),
        ready_within: Duration::from_secs(60),
        owner: "tests".to_owned(),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the name that this run's images have"
)]
fn namespace() -> Option<String> {
    let namespace = std::env::var("RELAYKIT_NAMESPACE").ok();
    namespace.filter(|namespace| !namespace.is_empty())
}
