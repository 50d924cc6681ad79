//! Taking labs down. Everything is found by label; nothing else is touched.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::{Instrument as _, debug, info_span};

use super::{Error, inside};
use crate::engine::{self, Engine, Kind, Labels, Object, labels};
use crate::image;

/// How long a container may take to end. The relay's Postfix needs far less.
const GRACE: Duration = Duration::from_secs(10);

/// How often, and after how long, is looked again when a removal was refused.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Removed {
    /// By name.
    pub containers: Vec<String>,
    /// By name.
    pub networks: Vec<String>,
    /// By name.
    pub volumes: Vec<String>,
}

impl Removed {
    /// Adds what a further look found; what was there before is not told twice.
    fn add(&mut self, more: Self) {
        let pairs = [
            (&mut self.containers, more.containers),
            (&mut self.networks, more.networks),
            (&mut self.volumes, more.volumes),
        ];
        for (names, more) in pairs {
            for name in more {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }

    /// Whether there was nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Takes down the lab `name`. Its queue and inbox stay for the next `up`
/// unless `volumes` says otherwise; its injected configuration, with the keys
/// in it, never stays.
///
/// # Errors
/// When the engine cannot remove something; everything else is removed all the same.
pub async fn down(engine: &dyn Engine, name: &str, volumes: bool) -> Result<Removed, Error> {
    let removed = async { remove_labelled(engine, &labels::of_lab(name), volumes).await };
    removed.instrument(info_span!("down", lab = name)).await
}

/// Removes everything on the engine that any lab made, test labs and
/// leftovers of killed runs included.
///
/// # Errors
/// As [`down`].
pub async fn remove_all(engine: &dyn Engine) -> Result<Removed, Error> {
    let removed = async {
        let mut removed = remove_labelled(engine, &labels::of_any_lab(), true).await?;
        let builds = image::remove_builds(engine, "").await?;
        removed.containers.extend(builds);
        Ok(removed)
    };
    removed.instrument(info_span!("down", lab = "all")).await
}

pub(super) async fn remove_labelled(
    engine: &dyn Engine,
    which: &Labels,
    volumes: bool,
) -> Result<Removed, Error> {
    let mut removed = Removed::default();
    // An engine whose client was lost finishes what it was asked for: what was
    // not there at the first look can hold what was. So a removal that fails is
    // followed by another look.
    for _ in 0..LOOKS {
        let (some, result) = look_and_remove(engine, which, volumes).await?;
        removed.add(some);
        match result {
            Ok(()) => return Ok(removed),
            Err(error @ engine::Error::Refused { .. }) => {
                debug!(%error, "a removal was refused: looking again");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (some, result) = look_and_remove(engine, which, volumes).await?;
    removed.add(some);
    result?;
    Ok(removed)
}

/// Removes all that is there now, whatever becomes of each.
async fn look_and_remove(
    engine: &dyn Engine,
    which: &Labels,
    volumes: bool,
) -> Result<(Removed, Result<(), engine::Error>), Error> {
    let mut objects = engine.list(which).await?;
    objects.retain(|o| volumes || o.kind != Kind::Volume || !labels::is_kept(&o.labels));
    let names = |kind: Kind| {
        let these = objects.iter().filter(|o| o.kind == kind);
        these.map(|o| o.name.clone()).collect::<Vec<_>>()
    };
    let removed = Removed {
        containers: names(Kind::Container),
        networks: names(Kind::Network),
        volumes: names(Kind::Volume),
    };
    // Where what is in their volumes goes with them, nothing is put in order first.
    let ended = join_all(removed.containers.iter().map(async |name| {
        if !volumes {
            engine.stop(name, GRACE).await?;
        }
        engine.remove(Kind::Container, name).await
    }));
    let mut results: Vec<Result<(), engine::Error>> = ended.await;
    inside::leave(engine, &removed.networks).await?;
    let networks = objects.iter().filter(|o| o.kind == Kind::Network);
    let networks = networks.map(|network| engine.remove(Kind::Network, handle(network, &objects)));
    let volumes = removed
        .volumes
        .iter()
        .map(|name| engine.remove(Kind::Volume, name));
    let (networks, volumes) = futures_util::join!(join_all(networks), join_all(volumes));
    results.extend(networks);
    results.extend(volumes);
    for image in engine.images(which).await? {
        results.push(engine.remove_image(&image).await);
    }
    Ok((removed, results.into_iter().collect()))
}

/// A network's name, by which a person knows it, or its id where an engine that
/// died while it made one has another of that name.
fn handle<'a>(network: &'a Object, objects: &[Object]) -> &'a str {
    let same = |o: &&Object| o.kind == Kind::Network && o.name == network.name;
    if objects.iter().filter(same).count() > 1 {
        &network.id
    } else {
        &network.name
    }
}
