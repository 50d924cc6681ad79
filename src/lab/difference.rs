//! What files of a lab that runs are not as a plan has them.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::definition::Definition;
use super::{Error, Workshop};
use crate::certs::Certificates;
use crate::container::{CONFIG, Container, Content};
use crate::plan::{Plan, Role};

/// A file that is not what the plan has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is.
    pub role: Role,
    /// In the container.
    pub path: String,
    /// Mode and text there; `None`: it is not there.
    pub runs: Option<(u32, String)>,
    /// Mode and text in the plan; `None`: it has none.
    pub planned: Option<(u32, String)>,
    /// Whether a password, a key or anything else of its owner's alone is in it.
    pub secret: bool,
}

/// Nobody but its owner reads such a file.
const OTHERS: u32 = 0o077;

/// Every file of `plan`, and every file that runs and the plan has not, that differs. A
/// container that is not there has no files.
///
/// # Errors
/// When the engine refuses, or a file of the operator's cannot be read.
pub async fn differences(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    for container in &plan.containers {
        let planned = planned(plan, container, certificates, workshop).await?;
        let running = running(container, workshop).await?;
        let paths: std::collections::BTreeSet<&String> =
            planned.keys().chain(running.keys()).collect();
        for path in paths {
            let (there, wanted) = (running.get(path), planned.get(path));
            if there == wanted {
                continue;
            }
            let own = |(mode, _): &(u32, Vec<u8>)| mode & OTHERS == 0;
            let file = container.files.iter().find(|file| file.path == *path);
            let kept = file.is_some_and(|file| {
                matches!(
                    file.content,
                    Content::Secret(_) | Content::CertificateKey(_)
                )
            });
            let text = |(mode, bytes): &(u32, Vec<u8>)| {
                (*mode, String::from_utf8_lossy(bytes).into_owned())
            };
            found.push(Difference {
                role: container.role,
                path: path.clone(),
                runs: there.map(text),
                planned: wanted.map(text),
                secret: kept || there.is_some_and(own) || wanted.is_some_and(own),
            });
        }
    }
    Ok(found)
}

type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// What the plan puts into a container.
async fn planned(
    plan: &Plan,
    container: &Container,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<Files, Error> {
    let definition = Definition::new(plan, container, "", certificates, "")?;
    let mut gateways = BTreeMap::new();
    for network in definition.gateways() {
        // A network that is not there yet has no gateway to tell.
        if workshop.engine.has_network(network).await? {
            let address = workshop.engine.gateway(network).await?;
            gateways.insert(network.to_owned(), format!("{address}\n"));
        }
    }
    Ok(definition.contents(&gateways))
}

/// What is in the container's folder of configuration.
async fn running(container: &Container, workshop: &Workshop) -> Result<Files, Error> {
    let mut files = Files::new();
    let there = workshop.engine.inspect(&container.name).await?;
    if there.is_none() {
        return Ok(files);
    }
    let Some(tar) = workshop.engine.download(&container.name, CONFIG).await? else {
        return Ok(files);
    };
    let broken = |source| Error::File {
        action: "unpacking",
        path: CONFIG.into(),
        source,
    };
    let mut archive = tar::Archive::new(tar.as_ref());
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(broken)?;
        // The archive begins with the folder's own name.
        let below: std::path::PathBuf = path.components().skip(1).collect();
        let path = format!("{CONFIG}/{}", below.display());
        let mode = entry.header().mode().map_err(broken)? & 0o7777;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        files.insert(path, (mode, bytes));
    }
    Ok(files)
}
