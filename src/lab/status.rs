//! The labs on an engine, found by label.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::Error;
use super::endpoints::Way;
use crate::config::Listener;
use crate::counterparts::LDAPS_PORT;
use crate::engine::{ContainerFacts, Engine, Kind, Object, labels};
use crate::plan::Role;

/// A lab as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub lab: String,
    /// The relay's host name; empty where the relay is missing.
    pub hostname: String,
    /// Published ports by name, where they answer here.
    pub endpoints: BTreeMap<String, SocketAddr>,
    /// The address of the engine's host that the relay's ports are published on.
    pub bind: Option<IpAddr>,
    /// The containers' names.
    pub containers: BTreeMap<Role, String>,
    /// `running`, or the engine's word with the exit code: `exited (1)`. Where the engine does
    /// not answer about a container, its last word and that it does not.
    pub health: BTreeMap<Role, String>,
}

/// How long the engine is waited for when it is asked about one container. Docker 20.10 never
/// answers about one that something holds, and lists it all the same.
const ABOUT_ONE: Duration = Duration::from_secs(10);

/// All labs with at least one container, by name.
///
/// # Errors
/// When the engine cannot be asked.
pub async fn find(engine: &Arc<dyn Engine>) -> Result<Vec<Found>, Error> {
    let objects = engine.list(&labels::of_any_lab()).await?;
    let containers: Vec<&Object> = objects
        .iter()
        .filter(|o| o.kind == Kind::Container)
        .collect();
    let facts = try_join_all(containers.iter().map(|o| about(engine, o))).await?;
    let way = Way::to(engine.as_ref()).await?;
    let mut labs: BTreeMap<String, Found> = BTreeMap::new();
    for (object, facts) in containers.into_iter().zip(facts) {
        let label = |name: &str| object.labels.get(name).cloned().unwrap_or_default();
        let role = [Role::Relay, Role::Directory, Role::Sink]
            .into_iter()
            .find(|r| r.name() == label(labels::ROLE));
        let Some(role) = role else { continue };
        let facts = match facts {
            Answer::Facts(facts) => Some(facts),
            Answer::Gone => continue,
            Answer::Silence => None,
        };
        let lab = label(labels::LAB);
        let found = labs.entry(lab.clone()).or_insert_with(|| Found {
            lab,
            hostname: String::new(),
            endpoints: BTreeMap::new(),
            bind: None,
            containers: BTreeMap::new(),
            health: BTreeMap::new(),
        });
        if role == Role::Relay {
            found.hostname = label(labels::HOSTNAME);
            let ports = facts.iter().flat_map(|facts| facts.ports.values());
            found.bind = ports.map(|(bind, _)| *bind).next();
        }
        if let Some(facts) = &facts {
            found.endpoints.extend(endpoints(facts, &way));
        }
        let silence = || format!("{} (the engine does not answer about it)", object.state);
        found
            .health
            .insert(role, facts.as_deref().map_or_else(silence, health));
        found.containers.insert(role, object.name.clone());
    }
    Ok(labs.into_values().collect())
}

/// What the engine says about one container.
enum Answer {
    Facts(Box<ContainerFacts>),
    /// It is there no more.
    Gone,
    /// Nothing, for [`ABOUT_ONE`].
    Silence,
}

async fn about(engine: &Arc<dyn Engine>, container: &Object) -> Result<Answer, Error> {
    let facts = tokio::time::timeout(ABOUT_ONE, engine.inspect(&container.name)).await;
    Ok(match facts {
        Ok(facts) => facts?.map_or(Answer::Gone, |facts| Answer::Facts(Box::new(facts))),
        Err(_) => Answer::Silence,
    })
}

fn health(facts: &ContainerFacts) -> String {
    match facts.exit_code {
        _ if facts.running => "running".to_owned(),
        Some(code) => format!("{} ({code})", facts.status),
        None => facts.status.clone(),
    }
}

fn endpoints(facts: &ContainerFacts, way: &Way) -> BTreeMap<String, SocketAddr> {
    let names = Listener::ALL
        .iter()
        .map(|l| (l.port(), l.name()))
        .chain([(LDAPS_PORT, "ldaps")]);
    let names: BTreeMap<u16, &str> = names.collect();
    let endpoint = |(port, published): (&u16, &(IpAddr, u16))| {
        let name = names.get(port)?;
        Some(((*name).to_owned(), way.endpoint(facts, *port, *published)?))
    };
    facts.ports.iter().filter_map(endpoint).collect()
}
