//! Where the containers of a lab live: networks and volumes.

use futures_util::future::join_all;

use super::definition::volume_labels;
use super::up::interrupted;
use super::{Error, Workshop};
use crate::engine::{self, Engine, Kind, NetworkRequest, Object, labels};
use crate::plan::{Plan, Reach};

/// Refuses networks of the user's own that are not there, all of them at once.
pub(super) async fn check_networks(plan: &Plan, workshop: &Workshop) -> Result<(), Error> {
    let mut missing = Vec::new();
    for network in plan.foreign_networks() {
        if !workshop.engine.has_network(network).await? {
            missing.push(network);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Impossible(format!(
        "lab.networks: the engine has no network {}\n  `docker network ls` shows those that it has; docker compose makes PROJECT_default when it starts the project, which has to be first",
        missing.join(" and no network ")
    )))
}

/// Creates a network that was not there. One of this lab's own that has come since
/// is the engine's answer to an `up` that was killed: nobody else knows it.
async fn create_network(engine: &dyn Engine, network: NetworkRequest) -> Result<(), engine::Error> {
    match engine.create_network(network.clone()).await {
        Err(error @ engine::Error::NameInUse { .. }) => {
            let own = engine.list(&network.labels).await?;
            let late = |o: &&Object| o.kind == Kind::Network && o.name == network.name;
            let Some(late) = own.iter().find(late) else {
                return Err(error);
            };
            engine.remove(Kind::Network, &late.id).await?;
            engine.create_network(network).await
        }
        made => made,
    }
}

/// Networks and volumes that are not there. Volumes are asked for even where
/// they were: creating one that exists changes nothing.
pub(super) async fn create_places(
    plan: &Plan,
    existing: &[Object],
    workshop: &Workshop,
) -> Result<(), Error> {
    interrupted(workshop)?;
    let engine = workshop.engine.as_ref();
    let there = |kind: Kind, name: &str| existing.iter().any(|o| o.kind == kind && o.name == name);
    let networks = plan
        .networks
        .iter()
        .filter(|n| !there(Kind::Network, &n.name));
    let networks = join_all(networks.map(|network| {
        create_network(
            engine,
            NetworkRequest {
                name: network.name.clone(),
                internal: network.reach == Reach::Members,
                masquerade: network.reach == Reach::World,
                labels: labels::of_object(&plan.name, labels::NETWORK),
            },
        )
    }));
    // A configuration volume was removed with its container; a kept one with
    // the same labels is taken as it is.
    let volumes = volume_labels(plan);
    let volumes = join_all(
        volumes
            .iter()
            .map(|(volume, labels)| engine.create_volume(volume, labels)),
    );
    let (networks, volumes) = futures_util::join!(networks, volumes);
    networks
        .into_iter()
        .chain(volumes)
        .collect::<Result<(), _>>()
        .map_err(Error::from)
}
