//! relaykit in a container of the engine that it was given, as on GitLab's and Jenkins'
//! runners: ports that the engine publishes are out of reach there, and networks of labs
//! are not, once the container has joined them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use futures_util::future::try_join_all;

use super::Error;
use crate::engine::{ContainerFacts, Engine};
use crate::plan::Plan;

/// The container that this program runs in, where it has to join networks to reach
/// others: not in one that has the host's own network.
pub(super) async fn own(engine: &dyn Engine) -> Result<Option<ContainerFacts>, Error> {
    let own = engine.own_container().await?;
    Ok(own.filter(|own| own.network_mode != "host"))
}

/// Joins the networks whose containers publish ports, if this program runs in a
/// container. What is removed lets go of it again.
///
/// # Errors
/// When the engine refuses, with what to do.
pub(super) async fn join(plan: &Plan, engine: &dyn Engine) -> Result<(), Error> {
    let Some(own) = own(engine).await? else {
        return Ok(());
    };
    let published = plan.containers.iter().filter(|c| !c.ports.is_empty());
    let networks = published.filter_map(|c| Some(c.networks.first()?.network.as_str()));
    let missing = networks.filter(|network| !own.addresses.contains_key(*network));
    let joined = missing.map(async |network| {
        engine.join(network, &own.id).await.map_err(|error| {
            let name = own.id.get(..12).unwrap_or(&own.id);
            Error::Impossible(format!(
                "relaykit runs in the container {name} of this engine and reaches a lab by joining its networks: {error}\n  start that container with a network of its own (not `--network container:...` or none) or with `--network host`, or run relaykit beside the engine"
            ))
        })
    });
    try_join_all(joined).await.map(drop)
}

/// Leaves `networks`, if this program runs in a container: a network with a member cannot
/// be removed.
///
/// # Errors
/// When the engine refuses.
pub(super) async fn leave(engine: &dyn Engine, networks: &[String]) -> Result<(), Error> {
    let Some(own) = own(engine).await? else {
        return Ok(());
    };
    let joined = networks
        .iter()
        .filter(|name| own.addresses.contains_key(*name));
    let left = joined.map(|network| engine.leave(network, &own.id));
    Ok(try_join_all(left).await.map(drop)?)
}

/// The addresses that connections from here may have, in a container that publishes ports
/// and is made with these networks: our own on the first, or what the engine publishes from.
///
/// # Errors
/// When the engine cannot be asked.
pub async fn clients_addresses(
    engine: &dyn Engine,
    networks: &[&str],
) -> Result<Vec<IpAddr>, Error> {
    let own = own(engine).await?;
    let first = networks.first().copied().unwrap_or_default();
    match own.and_then(|own| own.addresses.get(first).copied()) {
        Some(address) => Ok(vec![address]),
        None => Ok(engine.publishers(networks).await?),
    }
}

/// Where `port` of a container answers on a network that both are on.
pub(super) fn beside(
    own: &BTreeMap<String, IpAddr>,
    facts: &ContainerFacts,
    port: u16,
) -> Option<SocketAddr> {
    let common = facts
        .addresses
        .iter()
        .find(|(name, _)| own.contains_key(*name));
    common.map(|(_, address)| SocketAddr::new(*address, port))
}
