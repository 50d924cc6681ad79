//! Downloads: blocking, for threads that may wait.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use ureq::http::Uri;

use super::BootstrapSettings;
use super::forward::{ForwardProxy, ProxiedResolver, Proxies};
use crate::image::Error;

/// How often a download is tried when it fails in a way that may pass.
const TRIES: u32 = 3;
/// Before the second try; doubled before the third.
const PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// Why there is no file.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server has no such file.
    Missing(Error),
    /// Anything else, after all tries.
    Other(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing(error) | Failure::Other(error) => error,
        }
    }
}

/// Fetches files; cheap to clone.
#[derive(Clone)]
pub(super) struct Fetcher {
    agent: ureq::Agent,
    cancel: CancellationToken,
    runtime: Handle,
    warn: std::sync::Arc<dyn Fn(String) + Send + Sync>,
}

impl Fetcher {
    /// Uses the proxies in `settings`; `warn` is told of every repeated try.
    pub(super) fn new(
        settings: &BootstrapSettings,
        cancel: CancellationToken,
        warn: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        use ureq::unversioned::transport::DefaultConnector;
        let no_proxy = settings.no_proxy.as_deref().unwrap_or_default();
        let https = settings
            .https_proxy
            .as_deref()
            .map(|p| proxy(p, no_proxy))
            .transpose()?;
        let http = settings
            .http_proxy
            .as_deref()
            .map(|p| proxy(p, no_proxy))
            .transpose()?;
        let config = ureq::Agent::config_builder()
            .proxy(https.clone())
            .max_idle_connections_per_host(super::DOWNLOADS)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("relaykit/", env!("CARGO_PKG_VERSION")))
            .build();
        // Plain http goes through its proxy as a forwarded request; ureq itself
        // would ask for a tunnel, which proxies for packages refuse.
        let proxies = Proxies {
            http,
            tunnel: https,
        };
        let resolver = ProxiedResolver::new(proxies.clone());
        let connector = ForwardProxy(proxies, DefaultConnector::default());
        Ok(Self {
            agent: ureq::Agent::with_parts(config, connector, resolver),
            cancel,
            runtime: Handle::current(),
            warn: std::sync::Arc::new(warn),
        })
    }

    /// The bytes at `url`, at most `limit`.
    pub(super) fn get(&self, url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let failure = match self.try_get(url, limit) {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            };
            let interrupted = Error::Interrupted {
                action: "downloading from the Debian archive",
            };
            if self.cancel.is_cancelled() {
                return Err(Failure::Other(interrupted));
            }
            let error = Error::Fetch {
                url: url.to_owned(),
                reason: reason(&failure),
            };
            if matches!(failure, ureq::Error::StatusCode(404 | 410)) {
                return Err(Failure::Missing(error));
            }
            if tries == TRIES || !may_pass(&failure) {
                return Err(Failure::Other(error));
            }
            (self.warn)(format!(
                "downloading {url} failed: {}; trying again",
                reason(&failure)
            ));
            let wait = tokio::time::timeout(pause, self.cancel.cancelled());
            if self.runtime.block_on(wait).is_ok() {
                return Err(Failure::Other(interrupted));
            }
            pause *= 2;
            tries += 1;
            tracing::info!(url, tries, "trying again");
        }
    }

    fn try_get(&self, url: &str, limit: u64) -> Result<Vec<u8>, ureq::Error> {
        self.agent
            .get(url)
            .call()?
            .into_body()
            .into_with_config()
            .limit(limit)
            .read_to_vec()
    }

    /// Ends the downloads that are under way.
    pub(super) fn shutdown(&self) {
        self.agent.clone().shutdown();
    }
}

fn may_pass(failure: &ureq::Error) -> bool {
    match failure {
        ureq::Error::StatusCode(status) => *status >= 500 || *status == 429,
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed => true,
        _ => false,
    }
}

fn reason(failure: &ureq::Error) -> String {
    match failure {
        ureq::Error::StatusCode(status) => format!("the server answered {status}"),
        other => other.to_string(),
    }
}

/// A proxy's address; a bare `HOST:PORT` means http.
fn proxy(address: &str, no_proxy: &str) -> Result<ureq::Proxy, Error> {
    let failed = |reason: String| Error::Setting {
        setting: "the proxy",
        value: without_password(address),
        reason,
    };
    let parsed = ureq::Proxy::new(address).map_err(|e| failed(e.to_string()))?;
    let mut builder = ureq::Proxy::builder(parsed.protocol())
        .host(parsed.host())
        .port(parsed.port());
    if let Some(user) = parsed.username() {
        builder = builder.username(user);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    for expression in no_proxy.split(',').map(str::trim).filter(|e| !e.is_empty()) {
        builder = builder.no_proxy(expression);
    }
    builder.build().map_err(|e| failed(e.to_string()))
}

fn without_password(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("...@{host}"),
        None => address.to_owned(),
    }
}

/// A mirror's address without a final slash. A password in it would stay in the
/// image's sources, so it is refused.
pub(super) fn mirror(address: &str) -> Result<String, Error> {
    let failed = |reason: &str| Error::Setting {
        setting: "the mirror",
        value: without_password(address),
        reason: reason.to_owned(),
    };
    let uri: Uri = address.parse().map_err(|_| failed("it is no address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(failed("it is neither http nor https"));
    }
    if uri
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'))
    {
        return Err(failed("a name and password in it would stay in the image"));
    }
    Ok(address.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
