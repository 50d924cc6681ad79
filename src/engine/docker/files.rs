//! Files on their way into containers and out of them.

use std::collections::BTreeMap;

use bollard::errors::Error as Fault;
use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use super::states::understood;
use super::{DockerEngine, Make, fault};
use crate::engine::Error;

impl DockerEngine {
    pub(super) async fn put_archive(
        &self,
        container: &str,
        folder: &str,
        tar: Bytes,
    ) -> Result<(), Error> {
        let mounts = match self.make {
            Make::Docker => Vec::new(),
            // What is copied above a volume would lie beneath it.
            Make::Podman => self.mounts_below(container, folder).await?,
        };
        if mounts.is_empty() {
            return self.put_one(container, folder, tar).await;
        }
        let parts = split(&tar, folder, &mounts).map_err(|error| Error::Refused {
            action: copying(folder, container),
            status: 0,
            reason: format!("(nothing) because the tar cannot be read: {error}"),
        })?;
        for (place, tar) in parts {
            self.put_one(container, &place, tar).await?;
        }
        Ok(())
    }

    async fn put_one(&self, container: &str, folder: &str, tar: Bytes) -> Result<(), Error> {
        let options = UploadToContainerOptions {
            path: folder.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let body = bollard::body_full(tar);
        let sent = self
            .docker
            .upload_to_container(container, Some(options), body);
        sent.await
            .map_err(|fault| fault::classify(&copying(folder, container), container, &fault))
    }

    /// The folders below `folder` where a container has something mounted.
    async fn mounts_below(&self, container: &str, folder: &str) -> Result<Vec<String>, Error> {
        let facts = understood(self.docker.inspect_container(container, None).await);
        let facts = facts
            .map_err(|fault| fault::classify(&copying(folder, container), container, &fault))?;
        let mounts = facts.mounts.unwrap_or_default().into_iter();
        let places = mounts.filter_map(|mount| mount.destination);
        Ok(places
            .filter(|place| below(place, folder).is_some_and(|rest| !rest.is_empty()))
            .collect())
    }

    pub(super) async fn get_archive(
        &self,
        container: &str,
        path: &str,
    ) -> Result<Option<Bytes>, Error> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let pieces = self
            .docker
            .download_from_container(container, Some(options));
        let tar = pieces.try_fold(BytesMut::new(), |mut tar, piece| async move {
            tar.extend_from_slice(&piece);
            Ok(tar)
        });
        match tar.await {
            Ok(tar) => Ok(Some(tar.freeze())),
            Err(fault) if is_missing_path(&fault) => Ok(None),
            Err(fault) => {
                let action = format!("copying {path} from the container {container}");
                Err(fault::classify(&action, container, &fault))
            }
        }
    }
}

fn copying(folder: &str, container: &str) -> String {
    format!("copying files to {folder} in the container {container}")
}

/// A missing path and a missing container have the same status. Docker begins with `No
/// such container`, and Podman ends with it.
fn is_missing_path(fault: &Fault) -> bool {
    let of_container = |message: &str| {
        let message = message.trim().to_lowercase();
        message.starts_with("no such container") || message.ends_with("no such container")
    };
    matches!(fault, Fault::DockerResponseServerError { status_code: 404, message }
        if !of_container(message))
}

/// What is left of `path` below `folder`; nothing where it is the folder itself.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest),
        None => rest.is_empty().then_some(""),
    }
}

/// A tar for each of `mounts` and one for the rest of `folder`, as far as something of
/// `tar` goes there: together they are what `tar`, unpacked in `folder`, is.
fn split(tar: &[u8], folder: &str, mounts: &[String]) -> std::io::Result<Vec<(String, Bytes)>> {
    let mut parts: BTreeMap<&str, tar::Builder<Vec<u8>>> = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let named = entry.path()?.to_string_lossy().into_owned();
        let named = named.trim_start_matches("./").trim_end_matches('/');
        let path = format!("{}/{named}", folder.trim_end_matches('/'));
        let places = mounts.iter().map(String::as_str).chain([folder]);
        let nearest = places
            .filter_map(|place| Some((place, below(&path, place)?)))
            .max_by_key(|(place, _)| place.len());
        let Some((place, rest)) = nearest else {
            return Err(std::io::Error::other(format!("{path} is not in {folder}")));
        };
        let part = parts
            .entry(place)
            .or_insert_with(|| tar::Builder::new(Vec::new()));
        let rest = if rest.is_empty() { "." } else { rest };
        let mut header = entry.header().clone();
        match entry.link_name()?.map(std::borrow::Cow::into_owned) {
            Some(target) => part.append_link(&mut header, rest, target)?,
            None => part.append_data(&mut header, rest, &mut entry)?,
        }
    }
    let finished = |(place, part): (&str, tar::Builder<Vec<u8>>)| {
        Ok((place.to_owned(), part.into_inner()?.into()))
    };
    parts.into_iter().map(finished).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o640);
            header.set_uid(7);
            header.set_gid(8);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn told(tar: &[u8]) -> Vec<String> {
        let mut tar = tar::Archive::new(tar);
        let told = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            let header = entry.header();
            let owner = (header.uid().unwrap(), header.gid().unwrap());
            let mode = header.mode().unwrap();
            format!(
                "{} {mode:o} {owner:?} {text}",
                entry.path().unwrap().display()
            )
        });
        told.collect()
    }

    #[test]
    fn each_volume_gets_its_own_part_of_a_tar_from_above() {
        let long = format!("{}/key", "x".repeat(120));
        let whole = tar(&[
            ("loose", tar::EntryType::Regular, b"0"),
            ("a/", tar::EntryType::Directory, b""),
            ("a/tls/key", tar::EntryType::Regular, b"1"),
            (&format!("a/{long}"), tar::EntryType::Regular, b"2"),
            ("ab/key", tar::EntryType::Regular, b"3"),
        ]);
        let mounts = ["/srv/a".to_owned(), "/srv/ab".to_owned()];
        let parts = split(&whole, "/srv", &mounts).unwrap();
        let parts: Vec<_> = parts
            .iter()
            .map(|(place, tar)| (place.as_str(), told(tar)))
            .collect();
        let line = |path: &str, text: &str| format!("{path} 640 (7, 8) {text}");
        let a = vec![line(".", ""), line("tls/key", "1"), line(&long, "2")];
        assert_eq!(
            parts,
            [
                ("/srv", vec![line("loose", "0")]),
                ("/srv/a", a),
                ("/srv/ab", vec![line("key", "3")]),
            ]
        );
    }

    #[test]
    fn a_missing_path_is_told_from_a_missing_container() {
        let missing = |message: &str| {
            is_missing_path(&Fault::DockerResponseServerError {
                status_code: 404,
                message: message.to_owned(),
            })
        };
        assert!(missing(
            "Could not find the file /etc/none in container a-relay"
        ));
        assert!(missing(
            "\"/etc/none\" could not be found on container a-relay: stat: no such file or directory"
        ));
        assert!(!missing("No such container: a-relay"));
        assert!(!missing(
            "no container with name or ID \"a-relay\" found: no such container"
        ));
    }

    #[test]
    fn a_folder_is_not_below_one_that_its_name_begins_with() {
        assert_eq!(below("/srv/a", "/srv"), Some("a"));
        assert_eq!(below("/srv/a", "/"), Some("srv/a"));
        assert_eq!(below("/srv", "/srv"), Some(""));
        assert_eq!(below("/srv2", "/srv"), None);
    }
}
