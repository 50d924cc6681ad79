//! What the directory's container is open for, and what it could do.

use std::collections::BTreeSet;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance::{self, Process};
use super::super::probe::sockets::{self, Socket};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use crate::counterparts::LDAPS_PORT;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "directory.listens_for_tls_alone",
        title: "The directory listens for ldaps:// and has no port in the clear that nobody needs",
        citation: "row 8; RFC 4513 section 3; OpenLDAP slapd(8)",
        severity: Severity::Medium,
        about: "Reads the kernel's tables of sockets in the directory's container. Port 389 is there \
                where relay.yaml asks for StartTLS, or for no TLS at all, and otherwise not: a client that is configured \
                wrongly would send its password there before anybody could refuse it.",
        repair: "Start slapd with `-h ldaps:///` alone, or with ldap:/// and `security \
                 simple_bind=128` where clients use StartTLS.",
        needs: &[Need::Lab, Need::Directory],
        sabotages: &[Sabotage {
            name: "a directory with a port in the clear",
            changes: &[Change::Plan(|plan| {
                let mut containers = plan.containers.iter_mut();
                if let Some(directory) = containers.find(|c| c.role == Role::Directory) {
                    directory.command.push("ldap://:1389/".to_owned());
                }
            })],
            sees: "tcp 1389",
        }],
        ..Check::by(&listens_for_tls_alone)
    },
    Check {
        id: "directory.slapd_is_confined",
        title: "slapd is not root, has no capability at all, and can gain none",
        citation: "row 9; Linux capabilities(7)",
        severity: Severity::Medium,
        about: "Reads user, capabilities, NoNewPrivs and seccomp of every process in the directory's \
                container. slapd needs no right of root's, not even for its port; it holds \
                everybody's password hash, and what is broken into through it must end there.",
        repair: "Run the container as slapd's user, with `cap_drop: [ALL]`, no-new-privileges and \
                 the engine's seccomp profile.",
        needs: &[Need::Lab, Need::Directory],
        sabotages: &[Sabotage {
            name: "a directory without confinement",
            changes: &[Change::Plan(|plan| {
                let mut containers = plan.containers.iter_mut();
                if let Some(directory) = containers.find(|c| c.role == Role::Directory) {
                    directory.confined = false;
                }
            })],
            sees: "slapd (1): capabilities 0xa80425fb",
        }],
        ..Check::by(&slapd_is_confined)
    },
];

/// The port of `ldap://`, where `StartTLS` begins.
const LDAP_PORT: u16 = 389;

async fn listens_for_tls_alone(context: Context) -> Judged {
    let settings = appliance::directory(&context)?.settings;
    let in_clear = settings.start_tls || settings.is_in_clear();
    let expected: BTreeSet<u16> = [LDAPS_PORT]
        .into_iter()
        .chain(in_clear.then_some(LDAP_PORT))
        .collect();
    let sockets = sockets::listening(&context, Role::Directory).await?;
    let strangers = sockets
        .iter()
        .filter(|s| !s.is_tcp || !expected.contains(&s.port));
    let strangers: Vec<_> = strangers.map(Socket::to_string).collect();
    require_none(&strangers, &format!("TCP on {expected:?} alone"))?;
    require(!sockets.is_empty(), "a socket that listens", || "none")
}

async fn slapd_is_confined(context: Context) -> Judged {
    const FILTERED: u32 = 2;
    let processes = appliance::processes(&context, Role::Directory).await?;
    let faults = |process: &Process| {
        let all = process.capabilities.iter().fold(0, |all, set| all | set);
        let faults = [
            (process.uid == 0).then(|| "root".to_owned()),
            (all != 0).then(|| format!("capabilities {all:#x}")),
            (!process.no_new_privileges).then(|| "may gain privileges".to_owned()),
            (process.seccomp.is_some_and(|mode| mode != FILTERED)).then(|| "no seccomp".to_owned()),
        ];
        let faults: Vec<_> = faults.into_iter().flatten().collect();
        (!faults.is_empty()).then(|| format!("{}: {}", process.title(), faults.join(", ")))
    };
    let wrong: Vec<_> = processes.iter().filter_map(faults).collect();
    require_none(
        &wrong,
        "a user of its own, without any capability or a way to get one",
    )
}
