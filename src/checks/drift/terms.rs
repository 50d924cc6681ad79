//! The terms under which the engine runs the containers against those of the plan.

use std::collections::BTreeSet;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::engine::ContainerFacts;
use crate::plan::{Container, Plan, Role};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "drift.engine_runs_what_was_planned",
    title: "The engine runs each container with the mounts, rights, limits and user of the plan",
    citation: "row 9; Linux capabilities(7)",
    severity: Severity::High,
    about: "Asks the engine what it lets each container do, and compares that with the plan: volumes \
            and where they are, folders in memory, capabilities, read-only root, no new privileges, \
            other words of security, devices, namespaces of the host, limits of memory and \
            processes, user and program. What is seen inside of a container is only one half: a \
            folder of the host that is mounted into it, or its engine's own socket, is the other.",
    repair: "Make the containers by `relaykit up` or as `relaykit export` writes them, and change \
             nothing about them by hand; `relaykit up` makes anew what differs.",
    needs: &[Need::Lab],
    long: true,
    sabotages: &[
        Sabotage {
            name: "the directory with a capability",
            changes: &[Change::Plan(|plan| {
                change(plan, Role::Directory, |c| c.capabilities.push("NET_RAW"));
            })],
            sees: "the directory: may have NET_RAW",
        },
        Sabotage {
            name: "a next hop without limits",
            changes: &[Change::Plan(|plan| {
                change(plan, Role::Sink, |c| c.limits.memory *= 2);
            })],
            sees: "the sink: may take",
        },
        Sabotage {
            name: "the configuration can be written to",
            changes: &[Change::Plan(|plan| {
                change(plan, Role::Relay, |c| {
                    c.mounts
                        .iter_mut()
                        .for_each(|mount| mount.read_only = false);
                });
            })],
            sees: "the relay: at /etc/relaykit",
        },
    ],
    ..Check::by(&engine_runs_what_was_planned)
}];

fn change(plan: &mut Plan, role: Role, by: fn(&mut Container)) {
    plan.containers
        .iter_mut()
        .filter(|c| c.role == role)
        .for_each(by);
}

async fn engine_runs_what_was_planned(context: Context) -> Judged {
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let wanted = appliance::wanted(&context, role)?;
        let facts = appliance::facts(&context, role).await?;
        let own = differences(&wanted, &facts);
        if own.is_empty() {
            held(
                format!("the {} on the terms of the plan", role.name()),
                in_words(&facts),
            )?;
        }
        wrong.extend(
            own.iter()
                .map(|line| format!("the {}: {line}", role.name())),
        );
    }
    unless_wrong(
        &wrong,
        "each container with the mounts, rights, limits and user of the plan",
    )
}

/// The folders in memory that Podman gives each container with a read-only root
/// (podman-run(1), `--read-only-tmpfs`).
const OF_A_READ_ONLY_ROOT: [&str; 5] = ["/dev", "/dev/shm", "/run", "/tmp", "/var/tmp"];

/// What Podman gives a container that asks for nothing (containers.conf(5),
/// `default_capabilities`).
const PODMANS: [&str; 11] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// What the engine says, in a line.
fn in_words(facts: &ContainerFacts) -> String {
    let terms = &facts.terms;
    let mounts = terms.mounts.iter().map(|(from, at, writable)| {
        format!("{from} at {at} ({})", if *writable { "rw" } else { "ro" })
    });
    let or_none = |words: Vec<String>| {
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(" ")
        }
    };
    format!(
        "read-only root {}, no new privileges {}, capabilities {}, volumes {}, in memory {}, user {}, \
         memory {}, processes {}",
        terms.read_only,
        terms.no_new_privileges,
        or_none(terms.capabilities.clone()),
        or_none(mounts.collect()),
        or_none(terms.tmpfs.clone()),
        if terms.user.is_empty() {
            "root"
        } else {
            &terms.user
        },
        facts
            .memory
            .map_or("without a limit".to_owned(), |bytes| format!(
                "{} MiB",
                bytes >> 20
            )),
        facts
            .processes
            .map_or("without a limit".to_owned(), |most| most.to_string()),
    )
}

fn differences(wanted: &Container, facts: &ContainerFacts) -> Vec<String> {
    let terms = &facts.terms;
    let mut lines = Vec::new();
    let mut unless = |holds: bool, line: String| {
        if !holds {
            lines.push(line);
        }
    };
    unless(!terms.privileged, "is privileged".to_owned());
    unless(terms.read_only, "may write to its root".to_owned());
    unless(
        terms.no_new_privileges,
        "may gain new privileges".to_owned(),
    );
    let dropped = |name: &str| terms.dropped.iter().any(|dropped| dropped == name);
    let planned = |name: &str| wanted.capabilities.contains(&name);
    // Podman writes down the names of all that it drops, and none that was asked for.
    let kept = PODMANS.iter().any(|name| !planned(name) && !dropped(name));
    unless(
        dropped("ALL") || !kept,
        "keeps the engine's own capabilities".to_owned(),
    );
    for name in &terms.capabilities {
        let planned = wanted.capabilities.iter().any(|planned| planned == name);
        unless(planned, format!("may have {name}"));
    }
    for word in &terms.security {
        unless(
            !word.contains("unconfined") && !word.contains("disable"),
            format!("runs with {word}"),
        );
    }
    for device in &terms.devices {
        unless(false, format!("has the device {device}"));
    }
    for namespace in &terms.shared {
        unless(false, format!("is in the host's {namespace} namespace"));
    }
    for (from, at, writable) in &terms.mounts {
        let planned = wanted.mounts.iter().find(|mount| mount.target == *at);
        match planned {
            Some(mount) => {
                unless(
                    mount.volume == *from,
                    format!("at {at} is {from}, planned {}", mount.volume),
                );
                unless(
                    mount.read_only != *writable,
                    format!("at {at} it may write: {writable}"),
                );
            }
            None => unless(
                wanted.tmpfs.iter().any(|(place, _)| place == at),
                format!("at {at} is {from}, which nobody planned"),
            ),
        }
    }
    let seen: BTreeSet<&str> = terms.mounts.iter().map(|(_, at, _)| at.as_str()).collect();
    for mount in &wanted.mounts {
        unless(
            seen.contains(mount.target.as_str()),
            format!("{} is not at {}", mount.volume, mount.target),
        );
    }
    for place in &terms.tmpfs {
        let planned = wanted.tmpfs.iter().any(|(planned, _)| planned == place);
        unless(
            planned || OF_A_READ_ONLY_ROOT.contains(&place.as_str()),
            format!("has a folder in memory at {place}"),
        );
    }
    for (place, _) in &wanted.tmpfs {
        unless(
            terms.tmpfs.contains(place),
            format!("has no folder in memory at {place}"),
        );
    }
    let planned = wanted.user.clone().unwrap_or_default();
    unless(
        terms.user == planned,
        format!("runs as {:?}, planned {planned:?}", terms.user),
    );
    // An engine that cannot limit does without, and says so by no limit.
    if let Some(bytes) = facts.memory {
        let planned = wanted.limits.memory;
        unless(
            bytes == planned,
            format!("may take {bytes} bytes of memory, planned {planned}"),
        );
    }
    if let Some(most) = facts.processes {
        let planned = wanted.limits.processes;
        unless(
            most == planned,
            format!("may have {most} processes, planned {planned}"),
        );
    }
    if !wanted.command.is_empty() {
        let ends = terms.command.ends_with(&wanted.command);
        unless(ends, format!("runs {}", terms.command.join(" ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::counterparts::{Purpose, Resolved};
    use crate::engine::Terms;

    fn as_planned(wanted: &Container) -> ContainerFacts {
        ContainerFacts {
            memory: Some(wanted.limits.memory),
            processes: Some(wanted.limits.processes),
            terms: Terms {
                read_only: true,
                no_new_privileges: true,
                capabilities: wanted
                    .capabilities
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
                dropped: vec!["ALL".to_owned()],
                mounts: wanted
                    .mounts
                    .iter()
                    .map(|m| (m.volume.clone(), m.target.clone(), !m.read_only))
                    .collect(),
                tmpfs: wanted
                    .tmpfs
                    .iter()
                    .map(|(place, _)| place.clone())
                    .collect(),
                user: wanted.user.clone().unwrap_or_default(),
                command: wanted.command.clone(),
                ..Terms::default()
            },
            ..ContainerFacts::default()
        }
    }

    /// What somebody did to a container, and the words that tell of it.
    type Change = (fn(&mut ContainerFacts), &'static str);

    #[test]
    fn each_term_that_differs_is_told() {
        let plan = Plan::new(Resolved::new(config::built_in(), Purpose::Lab), "t");
        let wanted = plan.container(Role::Relay).unwrap();
        assert_eq!(differences(wanted, &as_planned(wanted)), [""; 0]);
        let changes: [Change; 10] = [
            (|f| f.terms.privileged = true, "is privileged"),
            (|f| f.terms.read_only = false, "may write to its root"),
            (
                |f| f.terms.no_new_privileges = false,
                "may gain new privileges",
            ),
            (|f| f.terms.dropped.clear(), "keeps the engine's own"),
            (
                |f| f.terms.capabilities.push("SYS_ADMIN".into()),
                "may have SYS_ADMIN",
            ),
            (
                |f| f.terms.security.push("seccomp=unconfined".into()),
                "seccomp=unconfined",
            ),
            (|f| f.terms.shared.push("pid".into()), "the host's pid"),
            (
                |f| {
                    f.terms
                        .mounts
                        .push(("/var/run/docker.sock".into(), "/x".into(), true));
                },
                "at /x is /var/run/docker.sock, which nobody planned",
            ),
            (|f| f.terms.user = "0:0".into(), "runs as \"0:0\""),
            (|f| f.processes = Some(9), "may have 9 processes"),
        ];
        for (change, told) in changes {
            let mut facts = as_planned(wanted);
            change(&mut facts);
            let lines = differences(wanted, &facts);
            assert!(
                lines.len() == 1 && lines[0].contains(told),
                "{told}: {lines:?}"
            );
        }
    }

    #[test]
    fn podman_tells_by_name_what_it_drops() {
        let resolved = Resolved::new(config::built_in(), Purpose::Lab);
        let plan = crate::plan::Plan::new(resolved, "x");
        let wanted = plan.container(Role::Relay).unwrap();
        let mut facts = as_planned(wanted);
        facts.terms.dropped = ["FSETID", "SETFCAP", "SETPCAP", "SYS_CHROOT"]
            .map(str::to_owned)
            .into();
        facts.terms.tmpfs.push("/var/tmp".to_owned());
        assert_eq!(differences(wanted, &facts), Vec::<String>::new());
        facts.terms.dropped.pop();
        let told = differences(wanted, &facts);
        assert_eq!(told, ["keeps the engine's own capabilities"]);
    }
}
