//! Images made from ours with a few more instructions: what somebody's careless
//! Dockerfile makes of a relay, for proofs that it would be seen.

use std::collections::BTreeMap;

use super::Error;
use super::context;
use crate::engine::{BuildRequest, Engine, Labels};
use crate::progress::Task;

/// Builds `reference` from the image `base` and `instructions` of a Dockerfile.
/// `labels` are its own, so that it can be found and removed.
///
/// # Errors
/// When the build fails.
pub async fn derived(
    engine: &dyn Engine,
    reference: &str,
    base: &str,
    instructions: &[&str],
    labels: &Labels,
    task: &Task,
) -> Result<(), Error> {
    let dockerfile = format!("FROM {base}\n{}\n", instructions.join("\n"));
    let context = context::dockerfile(&dockerfile, labels).map_err(|e| Error::Internal {
        action: "packing a build context",
        reason: e.to_string(),
    })?;
    let request = BuildRequest {
        reference: reference.to_owned(),
        context,
        arguments: BTreeMap::new(),
        labels: Labels::new(),
        no_cache: false,
    };
    Ok(engine.build(request, task).await?)
}
