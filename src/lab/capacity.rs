//! What an engine cannot do for a lab.

use super::{Error, Workshop};
use crate::engine::Capacity;
use crate::progress::Event;

/// Not every machine has what an engine needs to limit a container.
pub(super) async fn tell(workshop: &Workshop) -> Result<(), Error> {
    for lack in lacks(workshop.engine.capacity().await?) {
        let line = format!("this engine {lack}");
        workshop.progress.report(Event::Warning { line });
    }
    Ok(())
}

/// What is missing, in words that go on after `this engine`.
pub(super) fn lacks(capacity: Capacity) -> Vec<String> {
    let mut lacks = Vec::new();
    if !capacity.closed_networks {
        lacks.push(
            "cannot make a network that publishes ports and has no way out, so nothing but its \
             configuration keeps a lab's relay from the world"
                .to_owned(),
        );
    }
    let what = match (capacity.memory, capacity.processes) {
        (true, true) => return lacks,
        (false, true) => "the memory",
        (true, false) => "the number of processes",
        (false, false) => "the memory and the number of processes",
    };
    lacks.push(format!(
        "cannot limit {what} of a container, so a lab runs without: its machine lacks the control \
         groups for it, or a rootless engine may not use them (`docker info`)"
    ));
    lacks
}
