//! Which engine to talk to: the precedence of the Docker CLI. Knows
//! environment, `config.json` and the context store, and nothing of the wire.
//!
//! `DOCKER_HOST`, else `DOCKER_CONTEXT`, else `currentContext` of `config.json`,
//! else the default socket
//! (<https://docs.docker.com/engine/manage-resources/contexts/>).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Error;
use super::ssh::Destination;

/// Docker's own default.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What the environment says of the engine to use, read once by `main.rs`.
/// An empty value counts as unset, as it does for the Docker CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of `config.json`; by default `.docker` in `home`.
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY`: anything makes `tcp://` of `DOCKER_HOST` use TLS.
    pub docker_tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`: folder of `ca.pem`, `cert.pem` and `key.pem`; by
    /// default the folder of `config.json`.
    pub docker_cert_path: Option<PathBuf>,
    /// `DOCKER_API_VERSION`: no version is agreed on, this one is used.
    pub docker_api_version: Option<String>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where a rootless engine has its socket.
    pub xdg_runtime_dir: Option<PathBuf>,
}

impl Environment {
    /// What `variable` says of each of them: the one list of their names.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            docker_config: variable("DOCKER_CONFIG").map(PathBuf::from),
            docker_tls_verify: variable("DOCKER_TLS_VERIFY"),
            docker_cert_path: variable("DOCKER_CERT_PATH").map(PathBuf::from),
            docker_api_version: variable("DOCKER_API_VERSION"),
            home: variable("HOME").map(PathBuf::from),
            xdg_runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
        }
    }
}

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host:port`, with the certificates where TLS is used.
    Tcp {
        /// `host:port`.
        authority: String,
        /// `None`: in the clear.
        tls: Option<Certificates>,
    },
    /// A socket of a host that ssh(1) reaches.
    Ssh(Destination),
}

/// The files of a TLS client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificates {
    /// The engine's CA.
    pub(super) ca: PathBuf,
    /// The client's certificate.
    pub(super) cert: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
}

impl Endpoint {
    /// As a person would write it into `DOCKER_HOST`.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp { authority, .. } => format!("tcp://{authority}"),
            Self::Ssh(destination) => destination.address(),
        }
    }

    /// The host on which ports are published; `None`: this machine.
    pub(super) fn remote_host(&self) -> Option<String> {
        let authority = match self {
            Self::Unix(_) => return None,
            Self::Ssh(destination) => return Some(destination.host().to_owned()),
            Self::Tcp { authority, .. } => authority,
        };
        let host = authority.rsplit_once('@').map_or(&**authority, |(_, h)| h);
        let host = match host.strip_prefix('[') {
            Some(literal) => literal.split(']').next().unwrap_or(literal),
            None => host.split(':').next().unwrap_or(host),
        };
        Some(host.to_owned())
    }
}

/// Finds the engine that `environment` names.
///
/// # Errors
/// [`Error::Endpoint`]: a context that does not exist, an address of an unknown
/// kind, a missing certificate file.
pub(super) fn resolve(environment: &Environment) -> Result<Endpoint, Error> {
    if let Some(host) = filled(environment.docker_host.as_deref()) {
        let tls = filled(environment.docker_tls_verify.as_deref())
            .map(|_| certificates(&certificate_folder(environment), "DOCKER_TLS_VERIFY"));
        return parse(host, "DOCKER_HOST", tls);
    }
    let (context, origin) = match filled(environment.docker_context.as_deref()) {
        Some(name) => (Some(name.to_owned()), "DOCKER_CONTEXT".to_owned()),
        None => current_context(environment)?,
    };
    match context.as_deref() {
        None | Some("default") => Ok(default_socket(environment)),
        Some(name) => from_context(environment, name, &origin),
    }
}

fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn config_folder(environment: &Environment) -> PathBuf {
    match &environment.docker_config {
        Some(folder) if !folder.as_os_str().is_empty() => folder.clone(),
        _ => environment.home.clone().unwrap_or_default().join(".docker"),
    }
}

fn certificate_folder(environment: &Environment) -> PathBuf {
    match &environment.docker_cert_path {
        Some(folder) if !folder.as_os_str().is_empty() => folder.clone(),
        _ => config_folder(environment),
    }
}

fn default_socket(environment: &Environment) -> Endpoint {
    let system = PathBuf::from(DEFAULT_SOCKET);
    let rootless = environment
        .xdg_runtime_dir
        .as_ref()
        .map(|folder| folder.join("docker.sock"));
    match rootless {
        Some(socket) if !system.exists() && socket.exists() => Endpoint::Unix(socket),
        _ => Endpoint::Unix(system),
    }
}

/// The part of `config.json` that matters here.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

fn current_context(environment: &Environment) -> Result<(Option<String>, String), Error> {
    let path = config_folder(environment).join("config.json");
    let origin = format!("currentContext in {}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((None, origin)),
        Err(error) => return Err(unreadable(&path, &error.to_string())),
    };
    let config: Config =
        serde_json::from_str(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
    Ok((
        Some(config.current_context).filter(|name| !name.is_empty()),
        origin,
    ))
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Endpoint {
        reason: format!("{} cannot be read: {reason}", path.display()),
        advice: "mend it, or set DOCKER_HOST, which goes before it".to_owned(),
    }
}

/// `meta.json` of a context.
#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// Reads a context: the store names its folders by the SHA-256 of the name.
fn from_context(environment: &Environment, name: &str, origin: &str) -> Result<Endpoint, Error> {
    use std::fmt::Write as _;
    let id = Sha256::digest(name)
        .iter()
        .fold(String::new(), |mut id, byte| {
            write!(id, "{byte:02x}").ok();
            id
        });
    let store = config_folder(environment).join("contexts");
    let path = store.join("meta").join(&id).join("meta.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Endpoint {
                reason: format!("the Docker context `{name}` ({origin}) does not exist"),
                advice: "`docker context ls` shows those that do".to_owned(),
            });
        }
        Err(error) => return Err(unreadable(&path, &error.to_string())),
    };
    let context: Context =
        serde_json::from_str(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
    let origin = format!("the Docker context `{name}`");
    let Some(docker) = context.endpoints.docker.filter(|e| !e.host.is_empty()) else {
        return Err(unreadable(&path, "it names no Docker endpoint"));
    };
    if docker.skip_tls_verify {
        return Err(Error::Endpoint {
            reason: format!("{origin} asks for TLS without checking the engine's certificate"),
            advice: "give the context the engine's CA instead (docker context update)".to_owned(),
        });
    }
    let tls = store.join("tls").join(&id).join("docker");
    let tls = tls.is_dir().then(|| certificates(&tls, &origin));
    parse(&docker.host, &origin, tls)
}

fn certificates(folder: &Path, origin: &str) -> Result<Certificates, Error> {
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::metadata(&path).map_err(|error| Error::Endpoint {
            reason: format!(
                "{origin} asks for TLS, and {} cannot be used: {error}",
                path.display()
            ),
            advice: "ca.pem, cert.pem and key.pem are needed there (or in DOCKER_CERT_PATH)"
                .to_owned(),
        })?;
        Ok(path)
    };
    Ok(Certificates {
        ca: file("ca.pem")?,
        cert: file("cert.pem")?,
        key: file("key.pem")?,
    })
}

fn parse(
    host: &str,
    origin: &str,
    tls: Option<Result<Certificates, Error>>,
) -> Result<Endpoint, Error> {
    let refuse = |reason: &str| Error::Endpoint {
        reason: format!("{origin} is `{host}`: {reason}"),
        advice: "addresses are unix:///path, tcp://host:port (or host:port) and \
                 ssh://user@host:port/path/of/the/socket, of which the host is enough"
            .to_owned(),
    };
    // As the Docker CLI reads it: without a scheme it is a host, or a port of this one.
    let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
    if scheme == "unix" {
        let path = if rest.is_empty() {
            DEFAULT_SOCKET
        } else {
            rest
        };
        return Ok(Endpoint::Unix(PathBuf::from(path)));
    }
    if scheme == "ssh" {
        return Destination::parse(rest).map(Endpoint::Ssh).map_err(refuse);
    }
    let authority = rest.trim_end_matches('/');
    if authority.contains('/') || (authority.is_empty() && scheme != "tcp") {
        return Err(refuse("a host and nothing behind it is expected"));
    }
    match scheme {
        "tcp" | "http" | "https" => {
            let tls = tls.transpose()?;
            if scheme == "https" && tls.is_none() {
                return Err(refuse("for TLS, write tcp:// and set DOCKER_TLS_VERIFY=1"));
            }
            Ok(Endpoint::Tcp {
                authority: with_port(authority, if tls.is_some() { 2376 } else { 2375 }),
                tls,
            })
        }
        _ => Err(refuse("this kind of address is not supported")),
    }
}

/// `authority` with a host and a port, each the Docker CLI's default where it is missing.
fn with_port(authority: &str, port: u16) -> String {
    let host = if authority.is_empty() || authority.starts_with(':') {
        "localhost"
    } else {
        ""
    };
    let authority = &format!("{host}{authority}");
    let host_ends = authority.rfind(']').map_or(0, |end| end + 1);
    if authority[host_ends..].contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:{port}")
    }
}

#[cfg(test)]
mod tests;
