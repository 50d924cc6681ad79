//! One test's corner of a real engine.

use relaykit::image::{self, Settings};
use relaykit::plan::Image;
use relaykit::progress::Progress;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, future};
use relaykit::engine::{
    self, ContainerRequest, Engine, Environment, Kind, Labels, LogRequest, NetworkRequest, labels,
};

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One test's corner of the engine.
pub(crate) struct Bench {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) name: String,
    /// The base image: a shell, coreutils, perl and bash's /dev/tcp.
    pub(crate) image: String,
}

impl Bench {
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    pub(crate) fn labels(&self) -> Labels {
        labels::of_object(&self.name, "sink")
    }

    pub(crate) fn container(&self, part: &str, script: &str) -> ContainerRequest {
        ContainerRequest {
            name: self.name(part),
            image: self.image.clone(),
            command: ["bash", "-c", script].map(str::to_owned).to_vec(),
            labels: self.labels(),
            stop_grace: Duration::from_secs(1),
            ..ContainerRequest::default()
        }
    }

    pub(crate) async fn network(&self, part: &str, internal: bool) -> String {
        let request = NetworkRequest {
            name: self.name(part),
            internal,
            masquerade: false,
            labels: labels::of_object(&self.name, labels::NETWORK),
        };
        self.engine.create_network(request).await.unwrap();
        self.name(part)
    }

    pub(crate) async fn run(&self, container: ContainerRequest) -> String {
        let name = container.name.clone();
        self.engine.create_container(container).await.unwrap();
        self.engine.start(&name).await.unwrap();
        name
    }

    async fn clear(&self) {
        let objects = self.engine.list(&labels::of_lab(&self.name)).await.unwrap();
        for kind in [Kind::Container, Kind::Network, Kind::Volume] {
            let these = objects.iter().filter(|object| object.kind == kind);
            let removals = these.map(|object| self.engine.remove(kind, &object.id));
            future::try_join_all(removals).await.unwrap();
        }
    }
}

/// Runs `test` and clears up after it, whatever happens to it.
pub(crate) fn on_engine<T, F>(test: T)
where
    T: FnOnce(Arc<Bench>) -> F,
    F: Future<Output = ()>,
{
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = match engine::connect(&environment()).await {
            Ok(engine) => engine,
            Err(error) => panic!("this test needs a container engine: {error}"),
        };
        let image = base(engine.as_ref()).await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let bench = Arc::new(Bench {
            engine,
            image,
            name: format!("relaykit-test-{}-{number}", std::process::id()),
        });
        let outcome = AssertUnwindSafe(test(Arc::clone(&bench)))
            .catch_unwind()
            .await;
        bench.clear().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The base image, found or made once for all tests of this program.
async fn base(engine: &dyn Engine) -> String {
    static BASE: tokio::sync::Mutex<Option<String>> = tokio::sync::Mutex::const_new(None);
    let mut base = BASE.lock().await;
    if let Some(reference) = base.as_ref() {
        return reference.clone();
    }
    let settings = Settings {
        namespace: namespace(),
        ..Settings::default()
    };
    let progress = Progress::silent();
    let ensured = image::ensure(engine, &[Image::Base], &settings, &progress).await;
    let reference = ensured.unwrap().remove(&Image::Base).unwrap();
    base.insert(reference).clone()
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn namespace() -> String {
    std::env::var("RELAYKIT_NAMESPACE").unwrap_or_else(|_| "relaykit".to_owned())
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
pub(crate) fn environment() -> Environment {
    Environment::read(|name| std::env::var(name).ok())
}

pub(crate) fn tar_with(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o640);
    header.set_uid(7);
    header.set_gid(8);
    tar.append_data(&mut header, path, content).unwrap();
    tar.into_inner().unwrap()
}

/// Says every line of `logs` until one is `wanted`.
pub(crate) async fn wait_for_line(bench: &Bench, container: &str, wanted: &str) {
    let follow = LogRequest {
        follow: true,
        tail: None,
        since: None,
    };
    let mut lines = bench.engine.logs(container, follow);
    let mut seen = Vec::new();
    while let Some(line) = lines.next().await {
        let line = line.unwrap();
        if line == wanted {
            return;
        }
        seen.push(line);
    }
    panic!("{container} ended without saying {wanted:?}: {seen:?}");
}
