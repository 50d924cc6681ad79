//! Images made from ours with a few more instructions: what somebody's careless
//! Dockerfile makes of a relay, for proofs that it would be seen.

use tokio_util::sync::CancellationToken;

use super::assembly::Assembly;
use super::{Error, dockerfile};
use crate::engine::{Engine, Labels};
use crate::progress::Task;

/// Makes `reference` from the image `base` and `instructions` of a Dockerfile.
/// `labels` are its own and those of the container that it is made in, so that both
/// can be found and removed.
///
/// # Errors
/// When an instruction is not known here, or fails.
pub async fn derived(
    engine: &dyn Engine,
    reference: &str,
    base: &str,
    instructions: &[&str],
    labels: &Labels,
    task: &Task,
) -> Result<(), Error> {
    let recipe = dockerfile::of_instructions(instructions.iter().copied());
    let recipe = recipe.map_err(|reason| Error::Internal {
        action: "reading the instructions of an image",
        reason,
    })?;
    let assembly = Assembly {
        engine,
        reference,
        base,
        as_root: false,
        recipe,
        root: None,
        proxies: Vec::new(),
        labels: labels.clone(),
        container: format!("{}-build", reference.replace(['/', ':'], "-")),
        container_labels: labels.clone(),
        cancel: CancellationToken::new(),
    };
    assembly.run(task).await
}
