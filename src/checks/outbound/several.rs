//! Next hops as the operator has them: one after the other, each with its own login and
//! its own way to begin TLS.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, SENDER};
use super::super::probe::played;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, require};
use super::login::ONE_LOGIN;
use crate::config::{NextHop, Says};
use crate::counterparts::{Hop, Part};
use crate::plan::Role;
use crate::report::Severity;

/// What a server answers that wants a login and was given none.
pub(super) const NOT_LOGGED_IN: &str = "Client host rejected: Access denied";

const SEVERAL: Need = Need::Setting("outbound.next_hop", Says::Items(2));

const LOGINS: Need = Need::Comes {
    to: "outbound.credentials for several next hops",
    holds: |spec| spec.outbound.logins.len() > 1,
};

const FIRST_BYTE: Need = Need::Comes {
    to: "outbound.next_hop at port 465",
    holds: |spec| spec.outbound.next_hops.iter().any(NextHop::wraps),
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.next_hops_are_tried_in_order",
        title: "What one next hop does not take for now, the next one of the list gets",
        citation: "RFC 5321 section 5.1; RFC 5321 section 4.5.4.1; Postfix relayhost",
        severity: Severity::High,
        about: "In a lab of `relaykit test` the sink stands in for each next hop of \
                outbound.next_hop, and only the last takes mail: at the others nobody listens, or \
                they greet with 421, or they take a login and then no recipient for now. Sends a \
                message and reads in the log that each was tried, in the order of relay.yaml, and \
                that the last got the message. A second provider that is never asked is none.",
        repair: "Write all next hops as a list into outbound.next_hop; by hand, relayhost = \
                 [first]:587, [second]:587, which Postfix 3.5 and newer try one after the other.",
        needs: &[Need::Login, Need::Lab, Need::Xclient, SEVERAL],
        sabotages: &[
            Sabotage {
                name: "the first next hop alone",
                changes: &[Change::Setting(
                    "outbound.next_hop",
                    "'[alone.example]:587'",
                )],
                sees: "relay=hop1.sink.test",
            },
            Sabotage {
                name: "the first next hop is left out",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/main.cf",
                    "relayhost = [hop1.sink.test]:2611, ",
                    "relayhost = ",
                )],
                sees: "hop1.sink.test was not tried",
            },
        ],
        ..Check::by(&next_hops_are_tried_in_order)
    },
    Check {
        id: "outbound.each_next_hop_gets_its_own_login",
        title: "Each next hop of a list is told its own login, and no other's",
        citation: "RFC 4954 section 4; Postfix smtp_sasl_password_maps",
        severity: Severity::Critical,
        about: "Those of the lab's servers that stand in for a next hop with a login take that \
                login alone, each another one, and nothing without it. Sends a message and reads \
                in the log that none of them refused the relay's password. A relay that tells one \
                provider the other's password gives that account away.",
        repair: "Write outbound.credentials as a list with a next_hop in each item; by hand, a row \
                 in smtp_sasl_password_maps for each next hop as relayhost spells it.",
        needs: &[Need::Login, Need::Lab, LOGINS],
        sabotages: &[
            ONE_LOGIN.seen_as("SASL authentication failed"),
            Sabotage {
                name: "the relay does not log in",
                changes: &[Change::Main("smtp_sasl_auth_enable", "no")],
                sees: NOT_LOGGED_IN,
            },
        ],
        ..Check::by(&each_next_hop_gets_its_own_login)
    },
    Check {
        id: "outbound.submissions_gets_tls_from_the_first_byte",
        title: "A next hop at port 465 gets TLS from the first byte",
        citation: "RFC 8314 section 3.3; RFC 8314 section 7.3; Postfix smtp_tls_wrappermode",
        severity: Severity::High,
        about: "The lab's server that stands in for a next hop at port 465 says nothing before \
                TLS, as real ones do. Sends a message: it must arrive, over TLS. A relay that waits \
                there for a greeting in clear waits for minutes, and no mail ever leaves.",
        repair: "Write the next hop with its port, '[smtp.example.net]:465'; by hand, a client in \
                 master.cf with smtp_tls_wrappermode = yes and smtp_tls_security_level = encrypt \
                 or more, and default_transport and relay_transport that name it.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, FIRST_BYTE],
        sabotages: &[Sabotage {
            name: "the client waits for a greeting in clear",
            changes: &[Change::Service("smtps/unix", "smtp_tls_wrappermode", "no")],
            sees: "while receiving the initial server greeting",
        }],
        ..Check::by(&submissions_gets_tls_from_the_first_byte)
    },
];

/// Sends a message by login; what the process that delivered it wrote of it, its fate last.
async fn delivery(context: &Context) -> Judged<Vec<String>> {
    let mut log = Log::of(context, Role::Relay)?;
    let message = mail::plain();
    let id = played::submit(context, &envelope(), &message).await?;
    let mark = format!("]: {id}: to=");
    let lines = log.until(context, "what becomes of the message", |line| {
        line.contains(&mark) && line.contains("status=")
    });
    let lines = lines.await?;
    let Some(process) = lines.last().and_then(|last| last.split_once(&mark)) else {
        return broken("the line of the message is gone");
    };
    // One delivery after the other, each with a status at its end.
    let process = format!("{}]: ", process.0.rsplit(' ').next().unwrap_or_default());
    let mut own: Vec<String> = Vec::new();
    for line in lines.iter().rev().filter(|line| line.contains(&process)) {
        if !own.is_empty() && line.contains("status=") {
            break;
        }
        own.push(line.clone());
    }
    own.reverse();
    // The last one was written down when it was found.
    for line in own.iter().rev().skip(1).rev() {
        context.transcript().note(format!("log: {line}"));
    }
    ControlFlow::Continue(own)
}

fn envelope() -> [String; 2] {
    [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{}>", mail::RECIPIENT),
    ]
}

/// The next hops, each with the name of who stands in for it.
fn stand_ins(context: &Context) -> Judged<Vec<(Hop, String, Part)>> {
    let hops = appliance::resolved(context)?.next_hop.hops.into_iter();
    let hops = hops.filter_map(|hop| {
        let stand_in = hop.stand_in.clone()?;
        Some((hop, stand_in.host, stand_in.part))
    });
    ControlFlow::Continue(hops.collect())
}

async fn next_hops_are_tried_in_order(context: Context) -> Judged {
    let lines = delivery(&context).await?;
    let fate = lines.last().cloned().unwrap_or_default();
    let mut from = 0;
    for (_, host, part) in stand_ins(&context)? {
        if part == Part::TakesMail {
            let sent = fate.contains(&format!("relay={host}[")) && fate.contains("status=sent");
            return require(sent, &format!("relay={host}, status=sent"), || fate.clone());
        }
        // `connect to HOST[`, `host HOST[... refused to talk to me`, `host HOST[... said:`
        let tried = [format!("connect to {host}["), format!("host {host}[")];
        let tried = |line: &String| tried.iter().any(|words| line.contains(words));
        let Some(at) = lines[from..].iter().position(tried) else {
            let observed = format!("{host} was not tried: {fate}");
            return fail(format!("{host} is tried before the next one"), observed);
        };
        from += at + 1;
    }
    broken("none of the next hops takes mail")
}

async fn each_next_hop_gets_its_own_login(context: Context) -> Judged {
    let lines = delivery(&context).await?;
    for words in ["SASL authentication failed", NOT_LOGGED_IN] {
        if let Some(line) = lines.iter().find(|line| line.contains(words)) {
            return fail("each takes the login that it is told", line.as_str());
        }
    }
    let fate = lines.last().cloned().unwrap_or_default();
    require(fate.contains("status=sent"), "status=sent", || fate.clone())?;
    for (hop, host, part) in stand_ins(&context)? {
        if hop.login.is_none() || part != Part::Defers {
            continue;
        }
        let said = format!("host {host}[");
        let refused = |line: &&String| line.contains(&said) && line.contains("said: 450");
        require(
            lines.iter().any(|line| refused(&line)),
            &format!("{host} takes the login, and says 450 to the recipient"),
            || lines.join("\n"),
        )?;
    }
    PASS
}

async fn submissions_gets_tls_from_the_first_byte(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let message = mail::plain();
    let id = played::submit(&context, &envelope(), &message).await?;
    log.fate(&context, &id).await?.must_be("sent")?;
    let trace = mail::arrival(&context, &message).await?.trace;
    require(trace.contains("(using TLSv1"), "(using TLSv1...)", || trace)
}
