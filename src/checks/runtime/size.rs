//! What the lab's containers may take of the machine that they run on.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, require_none, skip};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "runtime.size_is_limited",
    title: "The engine limits the memory and the processes of each container",
    citation: "Linux cgroups(7)",
    severity: Severity::Medium,
    about: "Asks the engine for the limits that it holds for each container of the lab: memory and \
            number of processes, neither absent nor larger than Postfix could ever need. Anybody \
            may open connections, and each costs a process: without a limit they take the whole \
            machine, with all that runs beside the relay.",
    repair: "Set a limit for memory and one for processes, as `relaykit export` writes them: \
             mem_limit and pids_limit in compose.yaml. The engine needs control groups that it \
             may write to.",
    needs: &[Need::Lab],
    sabotages: &[
        Sabotage {
            name: "no limit on memory",
            changes: &[Change::Plan(|plan| {
                for container in &mut plan.containers {
                    container.limits.memory = 0;
                }
            })],
            sees: "relay: no limit on memory",
        },
        Sabotage {
            name: "no limit on processes",
            changes: &[Change::Plan(|plan| {
                for container in &mut plan.containers {
                    container.limits.processes = 0;
                }
            })],
            sees: "relay: no limit on processes",
        },
    ],
    ..Check::by(&size_is_limited)
}];

/// More than any of the containers needs: bytes, and processes.
const MEMORY: u64 = 4 << 30;
const PROCESSES: u32 = 4096;

async fn size_is_limited(context: Context) -> Judged {
    let engine = &appliance::lab(&context)?.engine;
    let capacity = match engine.capacity().await {
        Ok(capacity) => capacity,
        Err(error) => return broken(error.to_string()),
    };
    if !capacity.memory || !capacity.processes {
        return skip("the engine cannot limit containers: it has no control groups for that");
    }
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let name = &appliance::container(&context, role)?.name;
        let facts = match engine.inspect(name).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return broken(format!("there is no container {name}")),
            Err(error) => return broken(error.to_string()),
        };
        let role = role.name();
        let told = format!(
            "{role}: memory {:?}, processes {:?}",
            facts.memory, facts.processes
        );
        context.transcript().note(told);
        match facts.memory {
            None => wrong.push(format!("{role}: no limit on memory")),
            Some(bytes) if bytes > MEMORY => wrong.push(format!("{role}: {bytes} bytes")),
            Some(_) => {}
        }
        match facts.processes {
            None => wrong.push(format!("{role}: no limit on processes")),
            Some(most) if most > PROCESSES => wrong.push(format!("{role}: {most} processes")),
            Some(_) => {}
        }
    }
    require_none(&wrong, "a limit on memory and on processes")?;
    ControlFlow::Continue(())
}
