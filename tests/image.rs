//! The base image, made from nothing on a real engine from the mirror that this
//! host's apt uses. Without an engine or a mirror this fails with a clear word.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use relaykit::engine::{
    self, ContainerRequest, Engine, Environment, ExecOutput, Kind, Labels, labels,
};
use relaykit::image::{self, Settings};
use relaykit::plan::Image;
use relaykit::progress::{Event, Progress};

#[allow(
    clippy::disallowed_methods,
    reason = "a test has no main that reads the environment for it"
)]
fn environment() -> Environment {
    Environment::read(|name| std::env::var(name).ok())
}

/// Prints what happens and when, for `--nocapture`.
fn printed() -> Progress {
    let started = std::time::Instant::now();
    Progress::new(move |event| println!("{:6.2} s  {event:?}", started.elapsed().as_secs_f32()))
}

/// Collects the names of the tasks that were begun.
fn collected() -> (Progress, Arc<std::sync::Mutex<Vec<String>>>) {
    let tasks = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&tasks);
    let progress = Progress::new(move |event| {
        if let Event::Started { task } = event {
            sink.lock().unwrap().push(task);
        }
    });
    (progress, tasks)
}

/// Runs a shell script in a container of `image`, which is removed whatever happens.
async fn run(engine: &dyn Engine, name: &str, image: &str, script: &str) -> ExecOutput {
    let container = ContainerRequest {
        name: name.to_owned(),
        image: image.to_owned(),
        entrypoint: vec!["sleep".to_owned()],
        command: vec!["infinity".to_owned()],
        unconfined: true,
        labels: labels::of_object(name, "sink"),
        stop_grace: Duration::ZERO,
        ..ContainerRequest::default()
    };
    engine.create_container(container).await.unwrap();
    let output = async {
        engine.start(name).await?;
        engine.exec(name, &["sh", "-c", script], None).await
    };
    let output = output.await;
    engine.remove(Kind::Container, name).await.unwrap();
    output.unwrap()
}

async fn leftovers(engine: &dyn Engine, namespace: &str) -> Vec<String> {
    let labels = Labels::from([(labels::ROLE.to_owned(), "bootstrap".to_owned())]);
    let objects = engine
        .list(&labels)
        .await
        .unwrap()
        .into_iter()
        .map(|object| object.name);
    objects
        .filter(|name| name.contains(&namespace.replace('/', "-")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_made_from_nothing_and_works() {
    let namespace = format!("relaykit-test-{}", std::process::id());
    let engine = engine::connect(&environment()).await.unwrap();
    let settings = Settings {
        namespace: namespace.clone(),
        ..Settings::default()
    };

    let made = image::bootstrap(engine.as_ref(), &settings, &printed()).await;
    let findings = match &made {
        Ok(made) => {
            let name = format!("{namespace}-look");
            let base = &made.reference;
            let script = "set -e; dpkg --audit; find / -xdev -perm /6000; \
                apt-get update 2>&1; ls -d /bootstrap 2>/dev/null || true; . /etc/os-release; \
                echo \"$VERSION_CODENAME\"; test -s /etc/ssl/certs/ca-certificates.crt && echo certificates";
            let found = run(engine.as_ref(), &name, base, script).await;
            let facts = engine.image(base).await.unwrap().unwrap();
            let (progress, tasks) = collected();
            let again = image::ensure(engine.as_ref(), &[Image::Base], &settings, &progress).await;
            let tasks = tasks.lock().unwrap().clone();
            Some((found, facts, again.unwrap()[&Image::Base] == *base, tasks))
        }
        Err(_) => None,
    };
    let removed = image::remove(engine.as_ref(), &namespace).await.unwrap();
    made.unwrap();

    let (found, facts, same, tasks) = findings.unwrap();
    println!("{} MB\n{}", facts.size / 1_000_000, found.stdout);
    assert_eq!(found.exit_code, 0, "{found:?}");
    let mut lines = found.stdout.lines();
    assert!(
        lines.clone().all(|line| !line.starts_with(['W', 'E', '/'])),
        "{found:?}"
    );
    assert!(lines.any(|line| line == "trixie"), "{found:?}");
    assert_eq!(lines.next(), Some("certificates"), "{found:?}");
    assert!(
        same && tasks.is_empty(),
        "a second time makes nothing: {tasks:?}"
    );
    assert!(
        !facts.labels.contains_key(labels::LAB),
        "{:?}",
        facts.labels
    );
    assert_eq!(removed.len(), 1);
    assert_eq!(
        leftovers(engine.as_ref(), &namespace).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_is_cancelled_leaves_nothing_behind() {
    let namespace = format!("relaykit-test-cancel-{}", std::process::id());
    let engine = engine::connect(&environment()).await.unwrap();
    let settings = Settings {
        namespace: namespace.clone(),
        ..Settings::default()
    };
    let cancel = settings.cancel.clone();
    // By then the container exists and packages are on their way.
    let progress = Progress::new(move |event| {
        if let Event::Note { line, .. } = event
            && line.contains("downloaded and verified")
        {
            cancel.cancel();
        }
    });
    let result = image::bootstrap(engine.as_ref(), &settings, &progress).await;
    let error = result.unwrap_err();
    assert!(matches!(error, image::Error::Interrupted { .. }), "{error}");
    let left = leftovers(engine.as_ref(), &namespace).await;
    assert_eq!(left, Vec::<String>::new());
    let any = Labels::from([("dev.relaykit.image".to_owned(), namespace)]);
    assert_eq!(engine.images(&any).await.unwrap(), Vec::<String>::new());
}

/// A socket in front of the engine that hangs up on who asks for its builder, and counts
/// how often it had to.
struct WithoutBuilder {
    folder: tempfile::TempDir,
    refused: Arc<AtomicUsize>,
}

impl WithoutBuilder {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let refused = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refused);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, Arc::clone(&count)));
            }
        });
        Self { folder, refused }
    }

    fn environment(&self) -> Environment {
        let socket = self.folder.path().join("engine.sock");
        Environment {
            docker_host: Some(format!("unix://{}", socket.display())),
            ..environment()
        }
    }
}

/// Passes a connection on until a request for the builder comes.
async fn pass(client: UnixStream, refused: Arc<AtomicUsize>) {
    let engine = UnixStream::connect(real_socket()).await.unwrap();
    let (mut from, mut to) = client.into_split();
    let (mut answers, mut requests) = engine.into_split();
    let answering = tokio::spawn(async move {
        drop(tokio::io::copy(&mut answers, &mut to).await);
        // The end of an answer that has no length is the end of its connection.
        drop(to.shutdown().await);
    });
    let mut piece = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        let head = String::from_utf8_lossy(&piece[..n.min(200)]).into_owned();
        let line = head.lines().next().unwrap_or_default();
        if line.starts_with("POST ") && line.contains("/build?") {
            refused.fetch_add(1, Ordering::SeqCst);
            answering.abort();
            return;
        }
        if requests.write_all(&piece[..n]).await.is_err() {
            break;
        }
    }
    drop(requests);
    drop(answering.await);
}

fn real_socket() -> String {
    let host = environment().docker_host.unwrap_or_default();
    match host.strip_prefix("unix://") {
        Some(path) => path.to_owned(),
        None if host.is_empty() => "/var/run/docker.sock".to_owned(),
        None => panic!("an engine can lose its builder only behind a socket, not at {host}"),
    }
}

/// What `docker build` makes of `images/NAME`, as an operator would run it.
fn by_docker(name: &str, base: &str, reference: &str) {
    let context = format!("{}/images/{name}", env!("CARGO_MANIFEST_DIR"));
    let argument = format!("BASE={base}");
    let built = std::process::Command::new("docker")
        .args([
            "build",
            "-q",
            "--no-cache",
            "--build-arg",
            &argument,
            "-t",
            reference,
            &context,
        ])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

/// What is in an image, without what an engine puts into each container: modes, owners
/// and links, and the contents (debconf's answers have a container's name in them). Two, since what a program says is kept up to a megabyte.
const LOOKS: [&str; 2] = [
    "cd /; find . -xdev ! -path './proc*' ! -path './sys*' ! -path './dev*' ! -path './etc/hosts' \
     ! -path './etc/hostname' ! -path './etc/resolv.conf' ! -path './.dockerenv' ! -path './var/cache/debconf/config.dat' \
     -printf '%p %M %U %G %l\\n' | sort",
    "cd /; find . -xdev -type f ! -path './proc*' ! -path './sys*' ! -path './dev*' ! -path './etc/hosts' \
     ! -path './etc/hostname' ! -path './etc/resolv.conf' ! -path './.dockerenv' ! -path './var/cache/debconf/config.dat' \
     -print0 | sort -z | xargs -0 sha256sum | cut -c1-8,65-",
];

/// The configuration of an image, without its labels and its parents.
fn configuration(reference: &str) -> String {
    let what = "{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} \
                {{json .Config.User}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} \
                {{json .Config.WorkingDir}} {{json .Config.StopSignal}} {{json .Config.Healthcheck}}";
    let said = std::process::Command::new("docker")
        .args(["image", "inspect", "--format", what, reference])
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_without_a_builder_makes_the_images_that_the_dockerfiles_say() {
    let namespace = format!("relaykit-test-build-{}", std::process::id());
    let proxy = WithoutBuilder::start();
    let engine = engine::connect(&proxy.environment()).await.unwrap();
    let silent = Progress::silent();
    let found = Settings::default();
    let bases = image::ensure(engine.as_ref(), &[Image::Base], &found, &silent).await;
    let base = bases.unwrap()[&Image::Base].clone();
    let settings = Settings {
        namespace: namespace.clone(),
        base: Some(base.clone()),
        ..Settings::default()
    };
    let all = [Image::Relay, Image::Directory];
    let made = image::ensure(engine.as_ref(), &all, &settings, &printed()).await;
    let mut compared = Vec::new();
    if let Ok(made) = &made {
        for image in all {
            let theirs = format!("{namespace}/{}:docker", image.name());
            by_docker(image.name(), &base, &theirs);
            let mut files = Vec::new();
            for reference in [&theirs, &made[&image]] {
                let name = format!("{namespace}-look");
                let mut all = String::new();
                for look in LOOKS {
                    let found = run(engine.as_ref(), &name, reference, look).await;
                    assert_eq!(found.exit_code, 0, "{found:?}");
                    all.push_str(&found.stdout);
                }
                files.push(all);
            }
            compared.push((files, configuration(&theirs), configuration(&made[&image])));
            let labels = engine.image(&made[&image]).await.unwrap().unwrap().labels;
            assert_eq!(labels.get(labels::BUILD).map(String::as_str), Some(""));
            engine.remove_image(&theirs).await.unwrap();
        }
    }
    let removed = image::remove(engine.as_ref(), &namespace).await.unwrap();
    made.unwrap();
    assert_eq!(removed.len(), 2);
    for (files, theirs, ours) in compared {
        assert_eq!(theirs, ours);
        let [docker, ours] = &files[..] else {
            unreachable!()
        };
        let only = |one: &str, other: &str| {
            let other: BTreeSet<&str> = other.lines().collect();
            let lines = one.lines().filter(|line| !other.contains(line));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(docker.lines().count() > 1000, "{docker}");
        assert_eq!(only(docker, ours), only(ours, docker));
    }
    assert_eq!(proxy.refused.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_build_left_goes_with_its_images_and_nothing_else_does() {
    let engine = engine::connect(&environment()).await.unwrap();
    let found = Settings::default();
    let silent = Progress::silent();
    let bases = image::ensure(engine.as_ref(), &[Image::Base], &found, &silent).await;
    let base = bases.unwrap()[&Image::Base].clone();
    let namespace = format!("relaykit-test-killed-{}", std::process::id());
    let container = async |name: &str, label: &str| {
        let request = ContainerRequest {
            name: name.to_owned(),
            image: base.clone(),
            labels: Labels::from([(labels::BUILD.to_owned(), label.to_owned())]),
            ..ContainerRequest::default()
        };
        engine.create_container(request).await.unwrap();
    };
    let left = format!("{namespace}-build-relay-1");
    let user = format!("{namespace}-build-user");
    container(&left, &left).await;
    // Made from an image of ours, whose label it has.
    container(&user, "").await;
    let removed = image::remove(engine.as_ref(), &namespace).await;
    let there = engine.inspect(&user).await.unwrap().is_some();
    engine.remove(Kind::Container, &user).await.unwrap();
    let gone = engine.inspect(&left).await.unwrap().is_none();
    engine.remove(Kind::Container, &left).await.unwrap();
    assert_eq!(removed.unwrap(), Vec::<String>::new());
    assert!(there && gone, "{there} {gone}");
}
