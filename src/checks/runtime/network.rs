//! Where the lab's containers can be reached.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::sockets::{self, Socket};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{held, require, require_none};
use crate::plan::{Attachment, Plan, Role};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.nothing_else_listens",
        title: "The relay listens on the ports of its listeners and on no other, TCP or UDP",
        citation: "row 12; Postfix master",
        severity: Severity::High,
        about: "Reads the kernel's tables of sockets in the relay's container. Each \
                port beyond the configured listeners is one that nobody looks after, and other \
                containers on its networks can reach it although the host does not publish it.",
        repair: "Remove the inet service from master.cf (postfix.master in relay.yaml), or configure \
                 it as a listener.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "a port that nobody knows of",
            changes: &[Change::File(
                Role::Relay,
                "postfix/master.cf",
                "2525 inet n - n - - smtpd",
            )],
            sees: "tcp 2525",
        }],
        ..Check::by(&nothing_else_listens)
    },
    Check {
        id: "runtime.ports_are_published_where_configured",
        title: "Ports are published on the configured address and nowhere else",
        citation: "row 12",
        severity: Severity::High,
        about: "Asks the engine which ports of the lab's containers are published and on which \
                addresses of the host. The relay's listeners stand on listeners.bind, the \
                directory's ldaps on the loopback, the sink's port nowhere. A port on 0.0.0.0 is \
                open to everybody, past most firewalls of the host.",
        repair: "Set listeners.bind in relay.yaml; in Compose, write the address before the port: \
                 127.0.0.1:587:587.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "ports on another address",
            changes: &[Change::Plan(on_another_address)],
            sees: "127.0.0.7",
        }],
        ..Check::by(&ports_are_published_where_configured)
    },
    Check {
        id: "runtime.networks_are_as_planned",
        title: "Each container is on its own networks alone, and no stranger is on them",
        citation: "row 8",
        severity: Severity::High,
        about: "Asks the engine for the networks of every container and for what carries the lab's \
                label, and tries from the sink's container to connect to the directory. Only the \
                relay reaches the directory: a next hop that is broken into must not get at \
                people's passwords.",
        repair: "Give the directory a network that only the relay shares, and do not attach other \
                 containers to it.",
        needs: &[Need::Lab],
        long: true,
        sabotages: &[
            Sabotage {
                name: "a next hop on the directory's network",
                changes: &[
                    Change::Given(Need::Directory),
                    Change::Plan(sink_beside_directory),
                ],
                sees: "the sink is on",
            },
            Sabotage {
                name: "a next hop on the clients' network",
                changes: &[Change::Plan(sink_beside_clients)],
                sees: "the sink is on",
            },
        ],
        ..Check::by(&networks_are_as_planned)
    },
];

/// What a container must not be reached at, but still on this machine alone.
fn on_another_address(plan: &mut Plan) {
    for port in plan.containers.iter_mut().flat_map(|c| &mut c.ports) {
        port.bind = IpAddr::from([127, 0, 0, 7]);
    }
}

fn sink_beside_directory(plan: &mut Plan) {
    let directory = plan.container(Role::Directory);
    let shared = directory.and_then(|c| c.networks.first()).cloned();
    sink_joins(plan, shared);
}

fn sink_beside_clients(plan: &mut Plan) {
    let relay = plan.container(Role::Relay);
    let shared = relay.and_then(|c| c.networks.first()).cloned();
    sink_joins(plan, shared);
}

fn sink_joins(plan: &mut Plan, shared: Option<Attachment>) {
    let sink = plan.containers.iter_mut().find(|c| c.role == Role::Sink);
    if let (Some(mut shared), Some(sink)) = (shared, sink) {
        shared.aliases = vec!["sink".to_owned()];
        sink.networks.push(shared);
    }
}

async fn nothing_else_listens(context: Context) -> Judged {
    let ports = appliance::wanted(&context, Role::Relay)?.ports;
    let expected: BTreeSet<u16> = ports.iter().map(|port| port.container).collect();
    let sockets = sockets::listening(&context, Role::Relay).await?;
    let known = |s: &&Socket| s.is_tcp && expected.contains(&s.port);
    let strangers = sockets.iter().filter(|socket| !known(socket));
    let mut wrong: Vec<_> = strangers.map(Socket::to_string).collect();
    let open = |port: &u16| sockets.iter().any(|s| s.is_tcp && s.port == *port);
    let missing = expected.iter().filter(|port| !open(port));
    wrong.extend(missing.map(|port| format!("nothing on {port}")));
    require_none(&wrong, "the configured listeners and no other socket")
}

async fn ports_are_published_where_configured(context: Context) -> Judged {
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let wanted = appliance::wanted(&context, role)?.ports;
        let facts = appliance::facts(&context, role).await?;
        for (port, (address, _)) in &facts.ports {
            let planned = wanted.iter().find(|planned| planned.container == *port);
            if planned.is_none_or(|planned| planned.bind != *address) {
                wrong.push(format!("{}: port {port} on {address}", role.name()));
            }
        }
        let missing = wanted
            .iter()
            .filter(|p| !facts.ports.contains_key(&p.container));
        wrong.extend(missing.map(|p| format!("{}: port {} nowhere", role.name(), p.container)));
        let seen = facts
            .ports
            .iter()
            .map(|(port, (address, _))| format!("{port} on {address}"));
        let seen: Vec<_> = seen.collect();
        if wrong.is_empty() {
            held(
                format!("the {}'s ports where relay.yaml has them", role.name()),
                if seen.is_empty() {
                    "none".to_owned()
                } else {
                    seen.join(", ")
                },
            )?;
        }
    }
    require_none(&wrong, "each listener on its address, and nothing else")
}

async fn networks_are_as_planned(context: Context) -> Judged {
    let mut wrong = Vec::new();
    let mut directory = None;
    for role in appliance::roles(&context)? {
        let wanted = appliance::wanted(&context, role)?;
        let facts = appliance::facts(&context, role).await?;
        let planned: BTreeSet<_> = wanted.networks.iter().map(|n| n.network.as_str()).collect();
        let found: BTreeSet<_> = facts.addresses.keys().map(String::as_str).collect();
        if planned != found {
            let found: Vec<_> = found.into_iter().collect();
            wrong.push(format!("the {} is on {}", role.name(), found.join(" ")));
        }
        if role == Role::Directory {
            directory = facts.addresses.into_values().next();
        }
    }
    let address = directory
        .map(|address| address.to_string())
        .unwrap_or_default();
    if directory.is_none() {
        return require_none(&wrong, "the planned networks");
    }
    let script = "timeout 1 bash -c ': </dev/tcp/'\"$1\"/636 2>/dev/null && echo reached; :";
    let argv = ["sh", "-c", script, "sh", &address];
    let reached = appliance::output(&context, Role::Sink, &argv).await?;
    if !reached.is_empty() {
        wrong.push(format!("the sink reaches the directory at {address}"));
    }
    require_none(
        &wrong,
        "each container on its own networks, and the directory for the relay alone",
    )?;
    require(
        !address.is_empty(),
        "an address of the directory",
        || "none",
    )
}
