//! Makes Debian 13 slim from the Debian archive, with nothing but an engine:
//! no registry, no tools on the host, no root.
//!
//! The archive's signed index leads to package lists, these to packages, each
//! held against its checksum. Their files are unpacked into a container of a
//! nearly empty image, where dpkg then installs and configures the same packages;
//! the container's file system becomes the base in one layer.

mod apt;
mod archive;
mod deb;
mod fetch;
mod forward;
mod index;
mod install;
mod openpgp;
mod release;
mod resolve;
mod root;
#[cfg(test)]
mod testing;
mod version;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, info, info_span};

use self::archive::{Archives, Reader};
use self::fetch::Fetcher;
use self::install::Installation;
use self::openpgp::Keyring;
use super::Error;
use crate::engine::{Engine, Labels};
use crate::progress::{Event, Progress, Task};

/// Downloads at a time. A mirror's round trips cost more than its bandwidth.
const DOWNLOADS: usize = 4;

/// What a base has besides the essential packages. Debian's own slim image has
/// `passwd` (useradd, groupadd) too: what is built on one builds on the other.
const WANTED: [&str; 3] = ["apt", "ca-certificates", "passwd"];

/// Where packages come from. The environment is read by the caller.
#[derive(Debug, Clone)]
pub struct BootstrapSettings {
    /// The mirror's address, such as `http://HOST/debian`; `None`: the one that
    /// the host's own apt uses.
    pub mirror: Option<String>,
    /// The proxy for http mirrors; `None`: the one that the host's own apt uses.
    pub http_proxy: Option<String>,
    /// The proxy for https mirrors; `None`: as above.
    pub https_proxy: Option<String>,
    /// Hosts that are reached without a proxy, as in the variable `no_proxy`.
    pub no_proxy: Option<String>,
    /// Whether a base may be made where the mirror has no security updates, or none of
    /// the stable release: everybody who builds on it lacks them too.
    pub allow_missing_updates: bool,
    /// The folder of the host's apt configuration, `/etc/apt`.
    pub apt: PathBuf,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self {
            mirror: None,
            http_proxy: None,
            https_proxy: None,
            no_proxy: None,
            allow_missing_updates: false,
            apt: PathBuf::from("/etc/apt"),
        }
    }
}

/// One bootstrap.
pub(super) struct Bootstrap<'a> {
    /// Where the base is made.
    pub(super) engine: &'a dyn Engine,
    /// Where its packages come from.
    pub(super) settings: &'a BootstrapSettings,
    /// What names on the engine begin with.
    pub(super) namespace: &'a str,
    /// Its reference.
    pub(super) reference: &'a str,
    /// Its labels.
    pub(super) labels: Labels,
    /// Ends it early.
    pub(super) cancel: &'a CancellationToken,
}

impl Bootstrap<'_> {
    /// Makes the base. However it ends, nothing else stays on the engine.
    pub(super) async fn run(self, progress: &Progress) -> Result<(), Error> {
        let task = Arc::new(progress.start("image base"));
        let warnings = progress.clone();
        let settings = with_host_proxies(self.settings);
        let fetcher = Fetcher::new(&settings, self.cancel.clone(), move |line| {
            warnings.report(Event::Warning { line });
        })?;
        let installation = Installation::new(self.engine, self.namespace);
        let result = self
            .steps(&installation, &settings, &fetcher, progress, &task)
            .await;
        // Threads that still download end now instead of at their time-outs.
        fetcher.shutdown();
        let cleaned = installation.remove().await;
        result.and(cleaned)?;
        if let Some(task) = Arc::into_inner(task) {
            task.finish();
        }
        Ok(())
    }

    async fn steps(
        &self,
        installation: &Installation<'_>,
        settings: &BootstrapSettings,
        fetcher: &Fetcher,
        progress: &Progress,
        task: &Arc<Task>,
    ) -> Result<(), Error> {
        let architecture = self.engine.about().await?.architecture;
        task.note("reading the Debian archive's signed index");
        let reading = read_archives(settings.clone(), fetcher.clone(), architecture.clone());
        let Archives {
            places,
            index,
            warnings,
        } = self
            .unless_cancelled(reading.instrument(info_span!("index")))
            .await?;
        for line in warnings {
            progress.report(Event::Warning { line });
        }
        let mut packages: Vec<_> = resolve::closure(&index, &WANTED)?
            .into_iter()
            .cloned()
            .collect();
        // dpkg runs when these are there; the others it unpacks itself.
        let essential = resolve::closure(&index, &[])?;
        let essential = essential
            .iter()
            .map(|package| package.name.clone())
            .collect();
        drop(index);
        // The largest first, so that none of them is waited for at the end.
        packages.sort_by_key(|package| std::cmp::Reverse(package.file.size));
        let bytes: u64 = packages.iter().map(|package| package.file.size).sum();
        task.note(format!(
            "{} packages, {} MB, verified against the archive's signature, from {}",
            packages.len(),
            bytes / 1_000_000,
            places[0].uri
        ));
        info!(
            packages = packages.len(),
            bytes,
            mirror = places[0].uri,
            "verified the index"
        );
        let skeleton = root::skeleton(&architecture, &places).map_err(|e| Error::Internal {
            action: "packing the base's first files",
            reason: e.to_string(),
        })?;
        let begun = installation.begin(skeleton);
        begun.instrument(info_span!("first files")).await?;
        let uris = places.iter().map(|archive| archive.uri.clone()).collect();
        let unpacking = installation.unpack(packages, essential, uris, fetcher, task);
        self.unless_cancelled(unpacking.instrument(info_span!("packages")))
            .await?;
        task.note("configuring the packages");
        let configured = installation.configure().instrument(info_span!("dpkg"));
        self.unless_cancelled(configured).await?;
        task.note("making one layer of it");
        let finishing = installation.finish(self.reference, &self.labels);
        self.unless_cancelled(finishing.instrument(info_span!("layer")))
            .await
    }

    /// Long steps end when the caller cancels. Requests that make something do
    /// not: one that is dropped half-way may still be carried out, after the cleaning up.
    async fn unless_cancelled<T>(
        &self,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            result = step => result,
            () = self.cancel.cancelled() => {
                Err(Error::Interrupted { action: "making the base image" })
            }
        }
    }
}

/// On a thread of its own: it waits for the network and computes.
async fn read_archives(
    settings: BootstrapSettings,
    fetcher: Fetcher,
    architecture: String,
) -> Result<Archives, Error> {
    let span = Span::current();
    let reading = tokio::task::spawn_blocking(move || {
        let _inside = span.entered();
        let keyring = Keyring::pinned().map_err(|reason| Error::Internal {
            action: "reading the archive keys",
            reason,
        })?;
        let reader = Reader {
            fetcher: &fetcher,
            keyring: &keyring,
            now: Timestamp::now(),
            architecture: &architecture,
        };
        reader.read(&settings)
    });
    reading.await.map_err(|e| Error::Internal {
        action: "reading the Debian archive's index",
        reason: e.to_string(),
    })?
}

/// What is not set is taken from the host's apt, as long as that is where the
/// mirror comes from too.
fn with_host_proxies(settings: &BootstrapSettings) -> BootstrapSettings {
    let mut settings = settings.clone();
    if settings.http_proxy.is_none() {
        settings.http_proxy = apt::proxy(&settings.apt, "http");
    }
    if settings.https_proxy.is_none() {
        // apt.conf(5): what is set for http counts for https too.
        settings.https_proxy =
            apt::proxy(&settings.apt, "https").or_else(|| apt::proxy(&settings.apt, "http"));
    }
    settings
}
