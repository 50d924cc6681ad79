//! What an engine cannot do for a lab.

use super::{Error, Workshop};
use crate::progress::Event;

/// Not every machine has what an engine needs to limit a container.
pub(super) async fn tell(workshop: &Workshop) -> Result<(), Error> {
    let capacity = workshop.engine.capacity().await?;
    if !capacity.closed_networks {
        let line = "this engine cannot make a network that publishes ports and has no way out, so \
                    nothing but its configuration keeps this lab's relay from the world"
            .to_owned();
        workshop.progress.report(Event::Warning { line });
    }
    let what = match (capacity.memory, capacity.processes) {
        (true, true) => return Ok(()),
        (false, true) => "the memory",
        (true, false) => "the number of processes",
        (false, false) => "the memory and the number of processes",
    };
    let line = format!(
        "this engine cannot limit {what} of a container, so the lab runs without: its machine \
         lacks the control groups for it, or a rootless engine may not use them (`docker info`)"
    );
    workshop.progress.report(Event::Warning { line });
    Ok(())
}
