use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::*;
use crate::engine::{
    self, About, CommitRequest, ContainerFacts, ContainerRequest, ExecOutput, ImageFacts,
    ImportRequest, Kind, LogRequest, NetworkRequest, Object,
};
use crate::progress::Task;

/// How its registry answers a pull.
enum Registry {
    Gives,
    Refuses,
    KeepsSilent,
}

/// An engine with images and nothing else.
struct Shelf {
    /// Reference to id and labels.
    images: Mutex<BTreeMap<String, (String, Labels)>>,
    registry: Registry,
    /// What was asked of it.
    calls: Mutex<Vec<String>>,
}

impl Shelf {
    fn new(images: &[&str], registry: Registry) -> Self {
        let shelf = Self {
            images: Mutex::default(),
            registry,
            calls: Mutex::default(),
        };
        for name in images {
            shelf.put(name, Labels::new());
        }
        shelf
    }

    fn call(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn put(&self, reference: &str, labels: Labels) {
        let image = (format!("sha256:{reference}"), labels);
        self.images
            .lock()
            .unwrap()
            .insert(reference.to_owned(), image);
    }

    fn put_as(&self, reference: &str, id: &str) {
        let image = (id.to_owned(), Labels::new());
        self.images
            .lock()
            .unwrap()
            .insert(reference.to_owned(), image);
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

fn refused(action: &str) -> engine::Error {
    engine::Error::Refused {
        action: action.to_owned(),
        status: 500,
        reason: "not here".to_owned(),
    }
}

#[async_trait]
impl Engine for Shelf {
    async fn about(&self) -> Result<About, engine::Error> {
        self.call("about".to_owned());
        Err(refused("about"))
    }
    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, engine::Error> {
        self.call(format!("image {reference}"));
        let images = self.images.lock().unwrap();
        Ok(images.get(reference).map(|(id, labels)| ImageFacts {
            id: id.clone(),
            content: id.trim_end_matches(" as loaded").to_owned(),
            size: 0,
            labels: labels.clone(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            environment: Vec::new(),
        }))
    }
    async fn pull(&self, reference: &str, _: &Task) -> Result<(), engine::Error> {
        self.call(format!("pull {reference}"));
        match self.registry {
            Registry::Gives => {
                self.put(reference, Labels::new());
                Ok(())
            }
            Registry::Refuses => Err(refused("pull")),
            Registry::KeepsSilent => std::future::pending().await,
        }
    }
    async fn commit(&self, image: CommitRequest) -> Result<(), engine::Error> {
        self.call(format!("commit {}", image.reference));
        self.put(&image.reference, labels_in(&image.changes));
        Ok(())
    }
    async fn import(&self, _: ImportRequest) -> Result<(), engine::Error> {
        unreachable!()
    }
    async fn remove_image(&self, _: &str) -> Result<(), engine::Error> {
        unreachable!()
    }
    async fn create_network(&self, _: NetworkRequest) -> Result<(), engine::Error> {
        unreachable!()
    }
    async fn gateway(&self, _: &str) -> Result<IpAddr, engine::Error> {
        unreachable!()
    }
    async fn create_volume(&self, _: &str, _: &Labels) -> Result<(), engine::Error> {
        unreachable!()
    }
    async fn create_container(&self, it: ContainerRequest) -> Result<(), engine::Error> {
        let secret = format!("{it:?}").contains("secret");
        self.call(format!(
            "create on {}{}",
            it.image,
            if secret { " with a secret" } else { "" }
        ));
        Ok(())
    }
    async fn upload(&self, _: &str, _: &str, tar: Bytes) -> Result<(), engine::Error> {
        if String::from_utf8_lossy(&tar).contains("export http_proxy='http://u:secret@p.test'\n") {
            self.call("upload of proxies".to_owned());
        }
        Ok(())
    }
    async fn download(&self, _: &str, _: &str) -> Result<Option<Bytes>, engine::Error> {
        unreachable!()
    }
    async fn start(&self, _: &str) -> Result<(), engine::Error> {
        Ok(())
    }
    async fn stop(&self, _: &str, _: Duration) -> Result<(), engine::Error> {
        unreachable!()
    }
    async fn inspect(&self, _: &str) -> Result<Option<ContainerFacts>, engine::Error> {
        unreachable!()
    }
    async fn wait(&self, _: &str) -> Result<i64, engine::Error> {
        Ok(0)
    }
    fn logs(&self, _: &str, _: LogRequest) -> BoxStream<'static, Result<String, engine::Error>> {
        futures_util::stream::empty().boxed()
    }
    async fn exec(
        &self,
        _: &str,
        _: &[&str],
        _: Option<&str>,
    ) -> Result<ExecOutput, engine::Error> {
        unreachable!()
    }
    async fn list(&self, _: &Labels) -> Result<Vec<Object>, engine::Error> {
        unreachable!()
    }
    async fn remove(&self, _: Kind, name: &str) -> Result<(), engine::Error> {
        self.call(format!(
            "remove {}",
            &name[..name.len().min("relaykit-build-".len())]
        ));
        Ok(())
    }
}

const UPSTREAM: &str = "debian:13-slim";

async fn base_of(shelf: &Shelf, settings: &Settings) -> Result<String, Error> {
    let images = ensure(shelf, &[Image::Base], settings, &Progress::silent()).await?;
    Ok(images[&Image::Base].clone())
}

#[tokio::test]
async fn the_base_asked_for_comes_before_all_others() {
    let own = own_base("relaykit");
    let shelf = Shelf::new(&["mine:1", &own, UPSTREAM], Registry::Refuses);
    let settings = Settings {
        base: Some("mine:1".to_owned()),
        ..Settings::default()
    };
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), "mine:1");

    let settings = Settings {
        base: Some("other:1".to_owned()),
        ..Settings::default()
    };
    let error = base_of(&shelf, &settings).await.unwrap_err().to_string();
    assert!(
        error.contains("other:1") && error.contains("not here"),
        "{error}"
    );
    let shelf = Shelf::new(&[], Registry::Gives);
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), "other:1");
}

#[tokio::test]
async fn our_own_base_comes_before_debians_unless_the_cache_is_off() {
    let own = own_base("relaykit");
    let shelf = Shelf::new(&[&own, UPSTREAM], Registry::Refuses);
    assert_eq!(base_of(&shelf, &Settings::default()).await.unwrap(), own);
    let settings = Settings {
        no_cache: true,
        ..Settings::default()
    };
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), UPSTREAM);
    assert!(shelf.calls().iter().all(|call| call.starts_with("image ")));
}

#[tokio::test]
async fn without_a_base_the_registry_is_asked_then_the_archive() {
    let shelf = Shelf::new(&[], Registry::Gives);
    assert_eq!(
        base_of(&shelf, &Settings::default()).await.unwrap(),
        UPSTREAM
    );
    let shelf = Shelf::new(&[], Registry::Refuses);
    assert!(base_of(&shelf, &Settings::default()).await.is_err());
    assert!(
        shelf.calls().contains(&"about".to_owned()),
        "the bootstrap was begun"
    );
}

#[tokio::test]
async fn a_registry_that_keeps_silent_is_given_up_soon() {
    let shelf = Shelf::new(&[], Registry::KeepsSilent);
    let (settings, progress) = (Settings::default(), Progress::silent());
    let pulled = base::pull(&shelf, "mine:1", &settings, &progress, Duration::ZERO).await;
    let error = pulled.unwrap_err().to_string();
    assert!(
        error.contains("mine:1") && error.contains("no answer within"),
        "{error}"
    );
}

#[tokio::test]
async fn cancelling_ends_a_pull() {
    let shelf = Shelf::new(&[], Registry::KeepsSilent);
    let settings = Settings::default();
    settings.cancel.cancel();
    let error = base_of(&shelf, &settings).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
}

#[tokio::test]
async fn what_is_there_is_not_built_again_and_costs_one_round_trip() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let all = [Image::Relay, Image::Directory];
    let settings = Settings::default();
    let first = ensure(&shelf, &all, &settings, &Progress::silent())
        .await
        .unwrap();
    let calls = shelf.calls();
    let count = |what: &str| calls.iter().filter(|call| *call == what).count();
    for image in all {
        assert_eq!(count(&format!("commit {}", first[&image])), 1, "{calls:?}");
    }
    assert_eq!(count(&format!("create on {UPSTREAM}")), 2, "{calls:?}");
    assert_eq!(count("remove relaykit-build-"), 2, "{calls:?}");

    let again = ensure(&shelf, &all, &settings, &Progress::silent())
        .await
        .unwrap();
    assert_eq!(again, first);
    let calls = shelf.calls();
    assert_eq!(calls.len(), 5, "two images and three bases: {calls:?}");
    assert!(
        calls.iter().all(|call| call.starts_with("image ")),
        "{calls:?}"
    );
}

#[tokio::test]
async fn another_base_under_the_same_name_builds_anew() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let (settings, silent) = (Settings::default(), Progress::silent());
    let first = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    shelf.put_as(UPSTREAM, "sha256:newer");
    shelf.calls();
    let again = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    assert_eq!(again, first);
    assert!(shelf.calls().iter().any(|call| call.starts_with("commit ")));
}

/// `docker load` on an engine with another kind of store.
#[tokio::test]
async fn the_same_base_under_another_id_builds_nothing() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let (settings, silent) = (Settings::default(), Progress::silent());
    let first = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    shelf.put_as(UPSTREAM, &format!("sha256:{UPSTREAM} as loaded"));
    shelf.calls();
    let again = ensure(&shelf, &[Image::Relay], &settings, &silent).await;
    assert_eq!(again.unwrap(), first);
    assert!(!shelf.calls().iter().any(|call| call.starts_with("commit ")));
}

#[test]
fn another_namespace_or_base_asked_for_means_another_reference() {
    let settings = Settings::default();
    let one = reference(Image::Relay, &settings);
    assert!(one.starts_with("relaykit/relay:") && one.len() == "relaykit/relay:".len() + 12);
    let other = Settings {
        base: Some("mine:1".to_owned()),
        ..settings.clone()
    };
    assert_ne!(one, reference(Image::Relay, &other));
    assert_eq!(reference(Image::Base, &other), "mine:1");
    let other = Settings {
        namespace: "ci/7".to_owned(),
        ..settings
    };
    assert_eq!(
        reference(Image::Relay, &other),
        one.replace("relaykit/", "ci/7/")
    );
}

/// The labels that the changes of a commit set, as an engine reads them.
fn labels_in(changes: &[String]) -> Labels {
    let labels = changes
        .iter()
        .find_map(|change| change.strip_prefix("LABEL "));
    let pairs = labels.unwrap().trim_matches('"').split("\" \"");
    let pair = |pair: &str| {
        let (name, value) = pair.split_once("\"=\"").unwrap();
        (name.to_owned(), value.to_owned())
    };
    pairs.map(pair).collect()
}

#[test]
fn labels_follow_the_oci_annotations_and_say_which_base() {
    let base = Base {
        reference: "b:1".to_owned(),
        id: "sha256:1".to_owned(),
        content: "sha256:2".to_owned(),
    };
    let labels = labels("relaykit", Image::Relay, Some(&base));
    let label = |name: &str| {
        labels
            .get(&format!("org.opencontainers.image.{name}"))
            .cloned()
    };
    assert_eq!(label("version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(label("base.name").as_deref(), Some("b:1"));
    assert_eq!(label("base.digest").as_deref(), Some("sha256:1"));
    assert_eq!(labels[BASE_LABEL], "sha256:2");
    assert!(label("licenses").is_some() && label("title").is_some());
    assert!(
        !labels.contains_key(engine::labels::LAB),
        "its containers would belong to a lab"
    );
}

#[tokio::test]
async fn proxies_reach_the_builds_and_stay_in_no_image() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let bootstrap = BootstrapSettings {
        http_proxy: Some("http://u:secret@p.test".to_owned()),
        ..BootstrapSettings::default()
    };
    let settings = Settings {
        bootstrap,
        ..Settings::default()
    };
    let silent = Progress::silent();
    let made = ensure(&shelf, &[Image::Relay], &settings, &silent).await;
    assert_eq!(
        made.unwrap()[&Image::Relay],
        reference(Image::Relay, &Settings::default()),
        "they do not change the tag"
    );
    let calls = shelf.calls();
    let has = |what: &str| calls.iter().any(|call| call == what);
    assert!(has("upload of proxies"), "{calls:?}");
    assert!(has(&format!("create on {UPSTREAM}")), "{calls:?}");
}
