//! What the engine tells of a thing, whole: `docker inspect`.

use bollard::errors::Error as Fault;
use serde::Serialize;

use super::{DockerEngine, fault};
use crate::engine::{Error, Thing};

impl DockerEngine {
    pub(super) async fn description(&self, thing: Thing<'_>) -> Result<String, Error> {
        let docker = &self.docker;
        let told = match thing {
            Thing::Container(name) => json(docker.inspect_container(name, None).await),
            Thing::Image(reference) => json(docker.inspect_image(reference).await),
            Thing::Network(name) => json(docker.inspect_network(name, None).await),
            Thing::Volume(name) => json(docker.inspect_volume(name).await),
        };
        told.map_err(|fault| {
            let name = thing.name();
            fault::classify(&format!("asking about {name}"), name, &fault)
        })
    }
}

fn json(told: Result<impl Serialize, Fault>) -> Result<String, Fault> {
    Ok(serde_json::to_string(&told?)?)
}
