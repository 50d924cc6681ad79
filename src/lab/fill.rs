//! Configuration on its way into volumes that containers mount read-only.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Definition, archive, volume_labels};
use super::{Error, Workshop};
use crate::engine::{ContainerRequest, Kind, labels};
use crate::plan::Plan;

/// Where a container that is never run mounts the volumes it fills.
pub(super) const FILL: &str = "/srv";

/// Puts the files on their volumes. The containers mount these read-only, and
/// an engine refuses to copy through such a mount, so they are filled through a
/// container that never runs.
pub(super) async fn fill(
    plan: &Plan,
    definitions: &[&Definition],
    gateways: &BTreeMap<String, String>,
    workshop: &Workshop,
) -> Result<(), Error> {
    let volumes: BTreeSet<&str> = definitions.iter().flat_map(|d| d.filled()).collect();
    if volumes.is_empty() {
        return Ok(());
    }
    let tar = archive(definitions, gateways).map_err(|source| Error::File {
        action: "packing",
        path: FILL.into(),
        source,
    })?;
    let mount = |volume: &&str| ((*volume).to_owned(), format!("{FILL}/{volume}"), false);
    let name = format!("relaykit-{}-fill", plan.name);
    let engine = workshop.engine.as_ref();
    let request = ContainerRequest {
        name: name.clone(),
        image: definitions[0].request.image.clone(),
        mounts: volumes.iter().map(mount).collect(),
        volume_labels: volume_labels(plan),
        labels: labels::of_object(&plan.name, labels::VOLUME),
        unconfined: true,
        ..ContainerRequest::default()
    };
    engine.create_container(request).await?;
    engine.upload(&name, FILL, tar).await?;
    Ok(engine.remove(Kind::Container, &name).await?)
}
