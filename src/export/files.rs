//! What every format shares: where a file of the plan comes from on the
//! operator's host, and what a container keeps.

use std::collections::BTreeSet;
use std::path::Path;

use super::{BundleFile, Error, Text};
use crate::plan::{Container, Content, File, Mount};

/// The folder of a bundle that mirrors the container's configuration folder.
const CONFIG: &str = "config";

/// A file or folder that the container reads from the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    /// In the container.
    pub(super) container: String,
    /// On the host: absolute, or relative to the bundle and beginning with `./`.
    pub(super) host: String,
}

/// The configuration of a container, taken apart for an operator.
#[derive(Debug)]
pub(super) struct Configuration {
    /// What relaykit renders: files of the bundle.
    pub(super) rendered: Vec<BundleFile>,
    /// What is mounted read-only from the bundle: a folder or file for each
    /// entry at the top of the configuration folder.
    pub(super) from_bundle: BTreeSet<Source>,
    /// What is mounted read-only from the operator's own paths: a folder where what is in
    /// it is replaced while the relay runs, and else file by file, so that nothing beside
    /// them is shown. They are not copied: a renewal of the certificate reaches the relay.
    pub(super) from_operator: BTreeSet<Source>,
    /// The operator's files among them, by their paths on the host.
    pub(super) operators_files: BTreeSet<String>,
}

/// Sorts the files of `container`.
///
/// # Errors
/// When a file has no place in an export.
pub(super) fn configuration(container: &Container) -> Result<Configuration, Error> {
    let mut found = Configuration {
        rendered: Vec::new(),
        from_bundle: BTreeSet::new(),
        from_operator: BTreeSet::new(),
        operators_files: BTreeSet::new(),
    };
    let placed = container
        .files
        .iter()
        .map(|file| Ok((file, place(container, file)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    // Nothing can be mounted into a folder that is mounted read-only itself.
    let mixed: BTreeSet<&str> = placed
        .iter()
        .filter(|(file, _)| matches!(file.content, Content::OperatorFile(_)))
        .map(|(_, (_, below))| top(below))
        .collect();
    for (file, (folder, below)) in &placed {
        if let Content::OperatorFile(path)
        | Content::OperatorFolder(path)
        | Content::OperatorLineage(path) = &file.content
        {
            found.operators_files.insert(path.display().to_string());
        }
        let text = match &file.content {
            Content::Text(text) => Text::Open(text.clone()),
            Content::Secret(secret) => Text::Secret(secret.clone()),
            Content::OperatorFile(path) => {
                let host = path.display().to_string();
                found.from_operator.insert(Source {
                    container: file.path.clone(),
                    host,
                });
                continue;
            }
            Content::OperatorFolder(path) => {
                found.from_operator.insert(beside(path, &file.path));
                continue;
            }
            Content::OperatorLineage(path) => {
                let live = beside(path, &file.path);
                found.from_operator.insert(Source {
                    container: archive_of(&live.container),
                    host: archive_of(&live.host),
                });
                found.from_operator.insert(live);
                continue;
            }
            Content::OperatorAuthority(_) => return Err(Error::LeftBehind(file.path.clone())),
            Content::CaCertificate
            | Content::Certificate(_)
            | Content::CertificateKey(_)
            | Content::WithFingerprint(..)
            | Content::Gateway(_) => return Err(Error::MadeInLab(file.path.clone())),
        };
        let path = format!("{CONFIG}/{below}");
        found.rendered.push(BundleFile {
            path,
            mode: file.mode,
            text,
        });
        let mounted = if mixed.contains(top(below)) {
            below
        } else {
            top(below)
        };
        found.from_bundle.insert(Source {
            container: format!("{folder}/{mounted}"),
            host: format!("./{CONFIG}/{mounted}"),
        });
    }
    Ok(found)
}

/// The folder of a file of the operator's, and of where it is in the container.
fn beside(host: &Path, container: &str) -> Source {
    let folder = host.parent().unwrap_or(host);
    let parent = container.rsplit_once('/').map(|(parent, _)| parent);
    Source {
        container: parent.unwrap_or_default().to_owned(),
        host: folder.display().to_string(),
    }
}

/// Where the links of certbot's folder `live/NAME` lead to.
fn archive_of(live: &str) -> String {
    match live.rsplit_once("/live/") {
        Some((above, name)) => format!("{above}/archive/{name}"),
        None => live.to_owned(),
    }
}

/// The mounts of `container` that hold data: no file is injected into them.
pub(super) fn data(container: &Container) -> impl Iterator<Item = &Mount> {
    let injected = |mount: &Mount| container.files.iter().any(|f| below(mount, f).is_some());
    container
        .mounts
        .iter()
        .filter(move |mount| !injected(mount))
}

/// A name of the plan within its deployment: `relaykit-NAME-` is what keeps
/// labs on one engine apart.
pub(super) fn short<'a>(deployment: &str, name: &'a str) -> &'a str {
    name.strip_prefix("relaykit-")
        .and_then(|rest| rest.strip_prefix(deployment))
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(name)
}

/// The folder that `file` is mounted with, and its path below that.
fn place<'a>(container: &'a Container, file: &'a File) -> Result<(&'a str, &'a str), Error> {
    let mut mounts = container.mounts.iter();
    let found = mounts.find_map(|mount| Some((mount.target.as_str(), below(mount, file)?)));
    found.ok_or_else(|| Error::NoMount(file.path.clone()))
}

fn below<'a>(mount: &Mount, file: &'a File) -> Option<&'a str> {
    file.path
        .strip_prefix(mount.target.as_str())?
        .strip_prefix('/')
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}
