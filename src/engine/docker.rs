//! The engine behind bollard: the Docker Engine API
//! (<https://docs.docker.com/reference/api/engine/>), also as Podman speaks it.
#![allow(
    clippy::disallowed_types,
    reason = "this is the one place that talks to an engine"
)]

mod containers;
mod description;
mod facts;
mod fault;
mod files;
mod holder;
mod images;
mod lines;
mod log;
mod networks;
mod output;
mod ranges;
mod removal;
mod request;
mod states;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::{SystemVersion, SystemVersionComponents};
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::OnceCell;

use super::endpoint::{Certificates, Endpoint, resolve};
use super::tunnel::{self, Tunnel};
use super::{
    About, ByteStream, Capacity, CommitRequest, ContainerFacts, ContainerRequest, Conversation,
    Engine, Environment, Error, ExecOutput, ImageFacts, ImportRequest, Kind, Labels, LogRequest,
    NetworkRequest, Object, Thing,
};
use crate::progress::Task;

/// An engine that was asked something answers within this many seconds.
const ANSWER: u64 = 120;
/// The first answer comes sooner.
const GREETING: Duration = Duration::from_secs(30);
/// Requests that last as long as their work: builds, imports, waiting.
const WORK: Duration = Duration::from_secs(24 * 60 * 60);

/// Finds the engine as the Docker CLI would, and says hello: one round trip.
///
/// # Errors
/// [`Error::Endpoint`], [`Error::Unreachable`], [`Error::Forbidden`], [`Error::Ssh`].
pub(super) async fn connect(environment: &Environment) -> Result<Arc<dyn Engine>, Error> {
    let endpoint = resolve(environment)?;
    let address = endpoint.address();
    let tunnel = match &endpoint {
        Endpoint::Ssh(destination) => Some(Tunnel::open(destination).await?),
        _ => None,
    };
    let docker = open(&endpoint, tunnel.as_ref());
    let docker = docker.map_err(|error| fault::unreachable(&address, &error))?;
    let greeting = tokio::time::timeout(GREETING, docker.version()).await;
    let Ok(version) = greeting else {
        let reason = format!("no answer within {} s", GREETING.as_secs());
        return Err(Error::Unreachable { address, reason });
    };
    let version = version.map_err(|error| match (&endpoint, &tunnel) {
        (Endpoint::Ssh(destination), Some(tunnel)) => destination.refused(&tunnel.words()),
        _ => fault::unreachable(&address, &error),
    })?;
    let pinned = environment.docker_api_version.as_deref();
    let api = agreed_version(pinned.filter(|v| !v.is_empty()), &version);
    let host = match &endpoint {
        Endpoint::Ssh(destination) => Some(tunnel::host_name(destination).await),
        other => other.remote_host(),
    };
    let make = make(&version);
    Ok(Arc::new(DockerEngine {
        about: about(&version, &api, host),
        make,
        capacity: OnceCell::new(),
        from_within: OnceCell::new(),
        api: number(&api),
        docker: docker.with_request_modifier(move |request| at_version(request, &api)),
        own: OnceLock::new(),
        _tunnel: tunnel,
    }))
}

fn open(endpoint: &Endpoint, tunnel: Option<&Tunnel>) -> Result<Docker, bollard::errors::Error> {
    let address = match tunnel {
        Some(tunnel) => format!("unix://{}", tunnel.socket().display()),
        None => endpoint.address(),
    };
    match endpoint {
        Endpoint::Unix(_) | Endpoint::Ssh(_) => {
            Docker::connect_with_unix(&address, ANSWER, API_DEFAULT_VERSION)
        }
        Endpoint::Tcp { tls: None, .. } => {
            Docker::connect_with_http(&address, ANSWER, API_DEFAULT_VERSION)
        }
        Endpoint::Tcp {
            tls: Some(Certificates { ca, cert, key }),
            ..
        } => Docker::connect_with_ssl(&address, key, cert, ca, ANSWER, API_DEFAULT_VERSION),
    }
}

/// The newest version that both sides know, as the Docker CLI agrees on one.
fn agreed_version(pinned: Option<&str>, version: &SystemVersion) -> String {
    let ours = API_DEFAULT_VERSION.to_string();
    match (pinned, version.api_version.as_deref()) {
        (Some(pinned), _) => pinned.trim_start_matches('v').to_owned(),
        (None, Some(theirs)) if number(theirs) < number(&ours) => theirs.to_owned(),
        (None, _) => ours,
    }
}

/// `1.41` as a number pair that compares.
fn number(version: &str) -> (u32, u32) {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// Puts the agreed version into the path: bollard leaves it out, and an engine
/// then answers in its own newest, which this bollard may not know.
fn at_version(mut request: BollardRequest, api: &str) -> BollardRequest {
    let uri = request.uri();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = images::one_change_each(path);
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
        && let Ok(versioned) = format!("{scheme}://{authority}/v{api}{path}").parse()
    {
        *request.uri_mut() = versioned;
    }
    request
}

/// Whose engine it is, where it matters for more than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    Docker,
    Podman,
}

fn make(version: &SystemVersion) -> Make {
    match podman(version) {
        Some(_) => Make::Podman,
        None => Make::Docker,
    }
}

/// What Podman says of itself; nothing in what others say.
fn podman(version: &SystemVersion) -> Option<&SystemVersionComponents> {
    let mut components = version.components.iter().flatten();
    components.find(|component| component.name.contains("Podman"))
}

fn about(version: &SystemVersion, api: &str, remote_host: Option<String>) -> About {
    let name = podman(version).map_or("Docker Engine", |component| component.name.as_str());
    let number = version.version.as_deref().unwrap_or("of unknown version");
    About {
        name: format!("{name} {number}"),
        api: api.to_owned(),
        architecture: match version.arch.as_deref().unwrap_or_default() {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        },
        remote_host,
    }
}

/// An engine and what it said of itself.
struct DockerEngine {
    docker: Docker,
    about: About,
    make: Make,
    capacity: OnceCell<Capacity>,
    from_within: OnceCell<bool>,
    api: (u32, u32),
    /// The container that this program runs in, once somebody has asked.
    own: OnceLock<Option<String>>,
    /// The way to an engine behind ssh, open as long as this is held.
    _tunnel: Option<Tunnel>,
}

impl DockerEngine {
    /// The same engine, for requests that last as long as their work.
    fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(WORK)
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn about(&self) -> Result<About, Error> {
        Ok(self.about.clone())
    }

    async fn capacity(&self) -> Result<Capacity, Error> {
        self.limits().await
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, Error> {
        self.image_facts(reference).await
    }

    async fn pull(&self, reference: &str, task: &Task) -> Result<(), Error> {
        self.pull_image(reference, task).await
    }

    async fn import(&self, image: ImportRequest) -> Result<(), Error> {
        self.import_image(image).await
    }

    async fn commit(&self, image: CommitRequest) -> Result<(), Error> {
        self.commit_container(image).await
    }

    async fn images(&self, labels: &Labels) -> Result<Vec<String>, Error> {
        self.labelled_images(labels).await
    }

    async fn history(&self, reference: &str) -> Result<Vec<String>, Error> {
        self.image_history(reference).await
    }

    async fn described(&self, thing: Thing<'_>) -> Result<String, Error> {
        self.description(thing).await
    }

    async fn remove_image(&self, reference: &str) -> Result<(), Error> {
        self.remove_image_reference(reference).await
    }

    async fn create_network(&self, network: NetworkRequest) -> Result<(), Error> {
        self.make_network(network).await
    }

    async fn gateway(&self, network: &str) -> Result<IpAddr, Error> {
        self.network_gateway(network).await
    }

    async fn publishers(&self, networks: &[&str]) -> Result<Vec<IpAddr>, Error> {
        self.publishing_addresses(networks).await
    }

    async fn has_network(&self, name: &str) -> Result<bool, Error> {
        self.network_is_there(name).await
    }

    async fn join(&self, network: &str, container: &str) -> Result<(), Error> {
        self.join_network(network, container).await
    }

    async fn leave(&self, network: &str, container: &str) -> Result<(), Error> {
        self.leave_network(network, container).await
    }

    async fn own_container(&self) -> Result<Option<ContainerFacts>, Error> {
        // Elsewhere an engine knows nothing of this machine's processes.
        if self.about.remote_host.is_some() {
            return Ok(None);
        }
        self.own_container_facts().await
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), Error> {
        self.make_volume(name, labels).await
    }

    async fn create_container(&self, container: ContainerRequest) -> Result<(), Error> {
        self.make_container(container).await
    }

    async fn upload(&self, container: &str, folder: &str, tar: Bytes) -> Result<(), Error> {
        self.put_archive(container, folder, tar).await
    }

    async fn download(&self, container: &str, path: &str) -> Result<Option<Bytes>, Error> {
        self.get_archive(container, path).await
    }

    async fn export(&self, container: &str) -> Result<ByteStream, Error> {
        Ok(self.export_container(container))
    }

    async fn save(&self, reference: &str) -> Result<ByteStream, Error> {
        Ok(self.image_archive(reference))
    }

    async fn start(&self, container: &str) -> Result<(), Error> {
        self.start_container(container).await
    }

    async fn unpause(&self, container: &str) -> Result<(), Error> {
        self.unpause_container(container).await
    }

    async fn stop(&self, container: &str, grace: Duration) -> Result<(), Error> {
        self.stop_container(container, grace).await
    }

    async fn kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        self.signal_container(container, signal).await
    }

    async fn inspect(&self, container: &str) -> Result<Option<ContainerFacts>, Error> {
        self.container_facts(container).await
    }

    async fn wait(&self, container: &str) -> Result<i64, Error> {
        self.wait_container(container).await
    }

    fn logs(&self, container: &str, logs: LogRequest) -> BoxStream<'static, Result<String, Error>> {
        self.container_logs(container, logs)
    }

    async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error> {
        self.exec_program(container, argv, user).await
    }

    async fn converse(
        &self,
        container: &str,
        argv: &[&str],
        user: &str,
    ) -> Result<Conversation, Error> {
        self.talk_to_program(container, argv, user).await
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<Object>, Error> {
        self.labelled_objects(labels).await
    }

    async fn remove(&self, kind: Kind, name: &str) -> Result<(), Error> {
        self.remove_object(kind, name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(theirs: &str) -> SystemVersion {
        SystemVersion {
            api_version: Some(theirs.to_owned()),
            ..SystemVersion::default()
        }
    }

    #[test]
    fn the_version_agreed_on_is_the_older_one_unless_it_is_pinned() {
        let ours = API_DEFAULT_VERSION.to_string();
        assert_eq!(agreed_version(None, &of("1.41")), "1.41");
        assert_eq!(agreed_version(None, &of("1.9")), "1.9");
        assert_eq!(agreed_version(None, &of("1.999")), ours);
        assert_eq!(agreed_version(Some("1.40"), &of("1.41")), "1.40");
    }
}
