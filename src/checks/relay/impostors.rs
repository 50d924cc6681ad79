//! Who could say that it is somebody else.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::probe::session::{CLIENT, command, ehlo};
use super::super::probe::{appliance, neighbour, postconf};
use super::super::target::Context;
use super::super::verdict::{Judged, require_none};
use super::Way;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "relay.strangers_cannot_be_somebody_else",
    title: "XCLIENT and XFORWARD are neither offered to a stranger nor taken from one",
    citation: "Postfix smtpd_authorized_xclient_hosts; Postfix smtpd_authorized_xforward_hosts",
    severity: Severity::Critical,
    about: "Says EHLO as a stranger, looks for the two words, and tries both commands all the \
                same. XCLIENT makes its client anybody it likes, even a login, without a password; \
                XFORWARD writes a false trace. In a lab the stranger is a neighbour, since the \
                host may use XCLIENT there, and Postfix's settings are looked at too.",
    repair: "Remove smtpd_authorized_xclient_hosts and smtpd_authorized_xforward_hosts, from \
                 postfix.main and from every service of master.cf.",
    sabotages: &[
        Sabotage {
            name: "everybody may use XCLIENT",
            changes: &[
                ON_SMTP,
                Change::Main("smtpd_authorized_xclient_hosts", "0.0.0.0/0 [::]/0"),
            ],
            sees: "220 to XCLIENT",
        },
        Sabotage {
            name: "everybody may use XFORWARD",
            changes: &[
                ON_SMTP,
                Change::Main("smtpd_authorized_xforward_hosts", "0.0.0.0/0 [::]/0"),
            ],
            sees: "250 to XFORWARD",
        },
    ],
    ..Check::by(&strangers_cannot_be_somebody_else)
}];

/// What a stranger tries, and the code that would let it.
const CLAIMS: [(&str, u16); 2] = [
    ("XCLIENT ADDR=127.0.0.1", 220),
    ("XFORWARD NAME=spike", 250),
];

async fn strangers_cannot_be_somebody_else(context: Context) -> Judged {
    let mut wrong = Vec::new();
    if context.target().lab.is_some() {
        for (role, server) in [(Role::Sink, "relay"), (Role::Relay, "127.0.0.1")] {
            for (claim, code) in CLAIMS {
                let commands = ["EHLO stranger.example", claim];
                let said = neighbour::said(&context, role, server, &commands).await?;
                let Some([_, (_, offers), reply]) = said.as_deref() else {
                    continue;
                };
                judge(
                    &format!("from the {}'s container", role.name()),
                    claim,
                    code,
                    offers,
                    reply,
                    &mut wrong,
                );
            }
        }
        settings(&context, &mut wrong).await?;
    }
    if !context.target().xclient {
        for way in Way::all(&context) {
            let mut session = way.open(&context).await?;
            let offers = ehlo(&mut session, CLIENT).await?.reply.to_string();
            for (claim, code) in CLAIMS {
                let reply = command(&mut session, claim).await?;
                judge(
                    &way.name(),
                    claim,
                    code,
                    &offers,
                    &(reply.code, reply.to_string()),
                    &mut wrong,
                );
            }
        }
    }
    require_none(&wrong, "neither offered nor taken")
}

fn judge(
    place: &str,
    claim: &str,
    code: u16,
    offers: &str,
    reply: &(u16, String),
    wrong: &mut Vec<String>,
) {
    let word = claim.split(' ').next().unwrap_or(claim);
    if offers.contains(word) {
        wrong.push(format!("{place}: {word} is offered"));
    }
    if reply.0 == code {
        wrong.push(format!("{place}: {code} to {word}: {}", reply.1));
    }
}

/// Nobody but the lab's own gateway, where there is one, in any service.
async fn settings(context: &Context, wrong: &mut Vec<String>) -> Judged {
    let postconf = postconf::Postconf::read(context).await?;
    let gateway = if context.target().xclient {
        "/etc/relaykit/postfix/xclient_hosts"
    } else {
        ""
    };
    for (parameter, right) in [
        ("smtpd_authorized_xclient_hosts", gateway),
        ("smtpd_authorized_xforward_hosts", ""),
    ] {
        for (place, value) in postconf.everywhere(parameter) {
            if value != right {
                wrong.push(format!("{place}: {parameter} = {value}"));
            }
        }
    }
    if !gateway.is_empty() {
        let hosts = appliance::output(context, Role::Relay, &["cat", gateway]).await?;
        let address = |line: &str| line.parse::<IpAddr>().is_ok();
        if hosts.is_empty() || !hosts.lines().all(address) {
            wrong.push(format!("{gateway} has more than addresses: {hosts:?}"));
        }
    }
    ControlFlow::Continue(())
}
