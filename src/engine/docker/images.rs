//! Images: what is there, pulling, importing, building.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::errors::Error as Fault;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::{
    BuildImageOptions, CreateImageOptions, ListImagesOptions, RemoveImageOptions,
};
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::lines::Lines;
use super::{DockerEngine, fault};
use crate::engine::{BuildRequest, ByteStream, Error, ImageFacts, ImportRequest, Labels};
use crate::progress::Task;

/// How many of a failed build's last lines its error shows.
const LINES_KEPT: usize = 20;

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
        let labels = image.config.and_then(|config| config.labels);
        let layers = image.root_fs.and_then(|root| root.layers);
        let id = image.id.unwrap_or_default();
        Ok(Some(ImageFacts {
            content: content(&layers.unwrap_or_default()).unwrap_or_else(|| id.clone()),
            id,
            size: u64::try_from(image.size.unwrap_or_default()).unwrap_or_default(),
            labels: labels.unwrap_or_default().into_iter().collect(),
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

    pub(super) async fn build_image(&self, image: BuildRequest, task: &Task) -> Result<(), Error> {
        let options = BuildImageOptions {
            dockerfile: "Dockerfile".to_owned(),
            t: Some(image.reference.clone()),
            nocache: image.no_cache,
            rm: true,
            forcerm: true,
            buildargs: Some(image.arguments.into_iter().collect()),
            labels: Some(image.labels.into_iter().collect()),
            ..BuildImageOptions::default()
        };
        let context = Some(bollard::body_full(image.context));
        let docker = self.patient();
        let mut news = docker.build_image(options, None, context);
        let mut lines = Lines::default();
        let mut last = VecDeque::with_capacity(LINES_KEPT);
        while let Some(info) = news.next().await {
            let said = match info {
                Ok(info) => lines.push(info.stream.unwrap_or_default().as_bytes()),
                Err(fault) => {
                    lines.finish().into_iter().for_each(|l| keep(&mut last, l));
                    return Err(build_error(&image.reference, &last, &fault));
                }
            };
            for line in said {
                task.note(line.clone());
                keep(&mut last, line);
            }
        }
        Ok(())
    }

    pub(super) fn export_container(&self, container: &str) -> ByteStream {
        let pieces = self.patient().export_container(container);
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

/// Over the digests of an image's layers, uncompressed: an id is that of a configuration
/// in one kind of store and that of a manifest in another, and changes with `docker load`.
fn content(layers: &[String]) -> Option<String> {
    let digest = Sha256::digest(layers.join(" "));
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    (!layers.is_empty()).then(|| format!("sha256:{hex}"))
}

fn keep(last: &mut VecDeque<String>, line: String) {
    if line.trim().is_empty() {
        return;
    }
    if last.len() == LINES_KEPT {
        last.pop_front();
    }
    last.push_back(line);
}

/// A full disk is told as such even when a build step met it.
fn build_error(image: &str, last: &VecDeque<String>, fault: &Fault) -> Error {
    let action = format!("building the image {image}");
    let reason = match fault::classify(&action, image, fault) {
        Error::Refused { reason, .. } => reason,
        other => return other,
    };
    let full = |line: &&String| line.to_lowercase().contains("no space left on device");
    if let Some(line) = last.iter().find(full) {
        return Error::DiskFull {
            action,
            reason: line.trim().to_owned(),
        };
    }
    let lines: Vec<String> = last.iter().map(|line| format!("  {line}")).collect();
    Error::Build {
        image: image.to_owned(),
        reason,
        log: lines.join("\n"),
    }
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
        assert_ne!(content(&layers(&["sha256:b", "sha256:a"])), Some(base));
        assert_eq!(content(&[]), None);
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
    fn a_failed_build_keeps_its_last_lines_and_knows_a_full_disk() {
        let mut last = VecDeque::new();
        for n in 0..50 {
            keep(&mut last, format!("line {n}"));
        }
        let fault = Fault::DockerStreamError {
            error: "The command '/bin/sh -c false' returned a non-zero code: 1".to_owned(),
        };
        let error = build_error("dev:1", &last, &fault).to_string();
        assert!(
            error.contains("  line 30\n") && error.ends_with("  line 49"),
            "{error}"
        );
        assert!(
            !error.contains("line 29") && error.contains("non-zero code: 1"),
            "{error}"
        );

        keep(
            &mut last,
            "tar: x: Cannot write: No space left on device".to_owned(),
        );
        let error = build_error("dev:1", &last, &fault);
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
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
