//! An engine with images and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use crate::engine::{
    self, About, CommitRequest, ContainerFacts, ContainerRequest, Engine, ExecOutput, ImageFacts,
    ImportRequest, Kind, Labels, LogRequest, NetworkRequest, Object,
};
use crate::progress::Task;

/// How its registry answers a pull.
pub(super) enum Registry {
    Gives,
    Refuses,
    KeepsSilent,
}

/// An engine with images and nothing else.
pub(super) struct Shelf {
    /// Reference to id and labels.
    images: Mutex<BTreeMap<String, (String, Labels)>>,
    registry: Registry,
    /// What was asked of it.
    calls: Mutex<Vec<String>>,
}

impl Shelf {
    pub(super) fn new(images: &[&str], registry: Registry) -> Self {
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

    pub(super) fn put(&self, reference: &str, labels: Labels) {
        let image = (format!("sha256:{reference}"), labels);
        self.images
            .lock()
            .unwrap()
            .insert(reference.to_owned(), image);
    }

    pub(super) fn put_as(&self, reference: &str, id: &str) {
        let image = (id.to_owned(), Labels::new());
        self.images
            .lock()
            .unwrap()
            .insert(reference.to_owned(), image);
    }

    pub(super) fn calls(&self) -> Vec<String> {
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
            labels: labels.clone(),
            // An image of a person's has a name that tells whose it is.
            user: reference
                .strip_prefix("of/")
                .map_or("", |name| name.trim_end_matches(":1"))
                .to_owned(),
            ..ImageFacts::default()
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
        let users = image
            .changes
            .iter()
            .filter(|change| change.starts_with("USER "));
        users.for_each(|user| self.call(user.clone()));
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
        let user = it
            .user
            .map(|user| format!(" as {user}"))
            .unwrap_or_default();
        let secret = if secret { " with a secret" } else { "" };
        self.call(format!("create on {}{user}{secret}", it.image));
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
