//! Images: what is there, pulling, importing, committing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::errors::Error as Fault;
use bollard::models::{ContainerConfig, CreateImageInfo};
use bollard::query_parameters::{
    CommitContainerOptions, CreateImageOptions, ListImagesOptions, RemoveImageOptions,
};
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::{DockerEngine, fault};
use crate::engine::{ByteStream, CommitRequest, Error, ImageFacts, ImportRequest, Labels};
use crate::progress::Task;

impl DockerEngine {
    pub(super) async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, Error> {
        let image = match self.docker.inspect_image(reference).await {
            Ok(image) => image,
            Err(fault) if fault::is_missing(&fault) => return Ok(None),
            Err(fault) => {
                let action = format!("looking for the image {reference}");
                return Err(fault::classify(&action, reference, &fault));
            }
        };
        let layers = image.root_fs.and_then(|root| root.layers);
        let id = image.id.unwrap_or_default();
        let config = image.config.unwrap_or_default();
        Ok(Some(ImageFacts {
            content: content(&layers.unwrap_or_default()).unwrap_or_else(|| id.clone()),
            id,
            size: u64::try_from(image.size.unwrap_or_default()).unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            environment: config.env.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
        }))
    }

    pub(super) async fn image_history(&self, reference: &str) -> Result<Vec<String>, Error> {
        let layers = self.docker.image_history(reference).await;
        let layers = layers.map_err(|fault| {
            let action = format!("asking for the layers of {reference}");
            fault::classify(&action, reference, &fault)
        })?;
        Ok(layers.into_iter().map(|layer| layer.created_by).collect())
    }

    pub(super) async fn pull_image(&self, reference: &str, task: &Task) -> Result<(), Error> {
        let action = format!("pulling the image {reference}");
        let options = CreateImageOptions {
            from_image: Some(with_tag(reference)),
            ..CreateImageOptions::default()
        };
        let mut news = self.patient().create_image(Some(options), None, None);
        let mut known: HashMap<String, String> = HashMap::new();
        while let Some(info) = news.next().await {
            let info = info.map_err(|fault| fault::classify(&action, reference, &fault))?;
            if let Some(line) = changed(&mut known, info) {
                task.note(line);
            }
        }
        Ok(())
    }

    pub(super) async fn import_image(&self, image: ImportRequest) -> Result<(), Error> {
        let action = format!("importing the image {}", image.reference);
        let (repository, tag) = split_tag(&image.reference);
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.unwrap_or("latest").to_owned()),
            changes: image.changes,
            ..CreateImageOptions::default()
        };
        let source = Source::default();
        let body = bollard::body_try_stream(source.watch(image.tar));
        let done: Result<Vec<CreateImageInfo>, Fault> = self
            .patient()
            .create_image(Some(options), Some(body), None)
            .try_collect()
            .await;
        match done {
            Ok(_) => Ok(()),
            Err(fault) => match source.failure() {
                Some(reason) => Err(Error::Refused {
                    action,
                    status: 0,
                    reason: format!("(nothing) because its tar could not be made: {reason}"),
                }),
                None => Err(fault::classify(&action, &image.reference, &fault)),
            },
        }
    }

    pub(super) async fn commit_container(&self, image: CommitRequest) -> Result<(), Error> {
        let (repository, tag) = split_tag(&image.reference);
        let options = CommitContainerOptions {
            container: Some(image.container),
            repo: Some(repository.to_owned()),
            tag: Some(tag.unwrap_or("latest").to_owned()),
            changes: Some(image.changes.join("\n")),
            ..CommitContainerOptions::default()
        };
        // Not every engine takes it among the changes.
        let config = ContainerConfig {
            stop_signal: image.stop_signal,
            ..ContainerConfig::default()
        };
        let made = self.patient().commit_container(options, config).await;
        made.map(drop).map_err(|fault| {
            let action = format!("making the image {}", image.reference);
            fault::classify(&action, &image.reference, &fault)
        })
    }

    pub(super) fn export_container(&self, container: &str) -> ByteStream {
        let pieces = self.patient().export_container(container);
        pieces.map_err(std::io::Error::other).boxed()
    }

    pub(super) fn image_archive(&self, reference: &str) -> ByteStream {
        let pieces = self.patient().export_image(reference);
        pieces.map_err(std::io::Error::other).boxed()
    }

    pub(super) async fn labelled_images(&self, labels: &Labels) -> Result<Vec<String>, Error> {
        let word = |(name, value): (&String, &String)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        };
        let filters = HashMap::from([("label".to_owned(), labels.iter().map(word).collect())]);
        let options = ListImagesOptions {
            filters: Some(filters),
            ..ListImagesOptions::default()
        };
        let images = self.docker.list_images(Some(options)).await;
        let images = images.map_err(|fault| fault::classify("listing images", "", &fault))?;
        let (mut named, mut nameless) = (Vec::new(), Vec::new());
        for image in images {
            let tags = image.repo_tags.into_iter();
            let mut tags = tags.filter(|tag| tag != "<none>:<none>").peekable();
            if tags.peek().is_none() {
                nameless.push(image.id);
            } else {
                named.extend(tags);
            }
        }
        // Another may be made of what has lost its name.
        named.append(&mut nameless);
        Ok(named)
    }

    pub(super) async fn remove_image_reference(&self, reference: &str) -> Result<(), Error> {
        let options = None::<RemoveImageOptions>;
        match self.docker.remove_image(reference, options, None).await {
            Ok(_) => Ok(()),
            Err(fault) if fault::is_missing(&fault) => Ok(()),
            Err(fault) => {
                let action = format!("removing the image {reference}");
                Err(fault::classify(&action, reference, &fault))
            }
        }
    }
}

/// The path and query of a request with each change of an imported image in a parameter of
/// its own, as the API has them. bollard joins them by newlines, which Docker takes apart
/// again; Podman reads all as the first one, and labels that came after it are lost.
pub(super) fn one_change_each(path: &str) -> Cow<'_, str> {
    let Some((route, query)) = path.split_once('?') else {
        return path.into();
    };
    if !route.ends_with("/images/create") {
        return path.into();
    }
    let parameters = query.split('&').map(|parameter| {
        if parameter.starts_with("changes=") {
            parameter.replace("%0A", "&changes=")
        } else {
            parameter.to_owned()
        }
    });
    let query: Vec<String> = parameters.collect();
    format!("{route}?{}", query.join("&")).into()
}

/// Over the digests of an image's layers, uncompressed: an id is that of a configuration
/// in one kind of store and that of a manifest in another, and changes with `docker load`.
fn content(layers: &[String]) -> Option<String> {
    let digest = Sha256::digest(layers.join(" "));
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    (!layers.is_empty()).then(|| format!("sha256:{hex}"))
}

/// The line for a piece of news, unless it is the same state of the same layer:
/// an engine repeats itself for every block that arrives.
fn changed(known: &mut HashMap<String, String>, info: CreateImageInfo) -> Option<String> {
    let status = info.status?;
    let Some(id) = info.id else {
        return Some(status);
    };
    let line = format!("{id}: {status}");
    if known.get(&id) == Some(&status) {
        return None;
    }
    known.insert(id, status);
    Some(line)
}

/// Repository, and the tag where there is one. A colon before a slash belongs
/// to a registry's port.
fn split_tag(reference: &str) -> (&str, Option<&str>) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (reference, None),
    }
}

/// Without a tag an engine would pull all of a repository's images.
fn with_tag(reference: &str) -> String {
    if reference.contains('@') || split_tag(reference).1.is_some() {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

/// Remembers why a body could not be made: on the wire that is just a broken
/// connection.
#[derive(Clone, Default)]
struct Source(Arc<Mutex<Option<String>>>);

impl Source {
    fn watch(&self, body: ByteStream) -> ByteStream {
        let seen = self.clone();
        body.inspect_err(move |error| {
            *seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        })
        .boxed()
    }

    fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_content_is_that_of_its_layers_in_their_order() {
        let layers = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let base = content(&layers(&["sha256:a", "sha256:b"])).unwrap();
        assert!(base.starts_with("sha256:") && base.len() == 71, "{base}");
        assert_eq!(
            content(&layers(&["sha256:a", "sha256:b"])),
            Some(base.clone())
        );
        for other in [["sha256:b", "sha256:a"], ["sha256:a", "sha256:c"]] {
            assert_ne!(content(&layers(&other)), Some(base.clone()));
        }
        assert_eq!(content(&[]), None);
    }

    #[test]
    fn an_imported_images_changes_are_asked_for_one_by_one() {
        let joined =
            "/images/create?fromSrc=-&repo=a%0Ab&changes=CMD+%5B%5D%0ALABEL+a%3Db&platform=";
        let each =
            "/images/create?fromSrc=-&repo=a%0Ab&changes=CMD+%5B%5D&changes=LABEL+a%3Db&platform=";
        assert_eq!(one_change_each(joined), each);
        for other in ["/commit?changes=A%0AB", "/images/json", "/images/create"] {
            assert_eq!(one_change_each(other), other);
        }
    }

    #[test]
    fn a_tag_is_not_a_registrys_port() {
        assert_eq!(with_tag("debian"), "debian:latest");
        assert_eq!(with_tag("debian:trixie-slim"), "debian:trixie-slim");
        assert_eq!(with_tag("host:5000/debian"), "host:5000/debian:latest");
        assert_eq!(with_tag("debian@sha256:00"), "debian@sha256:00");
        assert_eq!(split_tag("host:5000/a/b:c"), ("host:5000/a/b", Some("c")));
    }

    #[test]
    fn news_of_a_layer_is_told_once_for_each_state() {
        let news = |id: Option<&str>, status: &str| CreateImageInfo {
            id: id.map(str::to_owned),
            status: Some(status.to_owned()),
            ..CreateImageInfo::default()
        };
        let mut known = HashMap::new();
        let told: Vec<_> = [
            news(None, "Pulling from library/debian"),
            news(Some("0a"), "Downloading"),
            news(Some("0a"), "Downloading"),
            news(Some("0a"), "Pull complete"),
        ]
        .into_iter()
        .filter_map(|info| changed(&mut known, info))
        .collect();
        assert_eq!(
            told,
            [
                "Pulling from library/debian",
                "0a: Downloading",
                "0a: Pull complete"
            ]
        );
    }
}
