//! The base image, made from nothing on a real engine from the mirror that this
//! host's apt uses. Without an engine or a mirror this fails with a clear word.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

use std::sync::Arc;
use std::time::Duration;

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
        command: vec!["sleep".to_owned(), "infinity".to_owned()],
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
