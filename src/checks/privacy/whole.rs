//! The trace header that is left of mail by login is a whole one, whatever a client
//! greets with and however a recipient is written.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::forms::{self, FORM, RECIPIENTS, To};
use super::super::probe::mail::{self, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    command, log_in, login_listener, port, require_code, right_certificate, under_tls,
};
use super::super::probe::trace::newest;
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use super::trace::{REWRITTEN, dated_now};
use super::{REWRITTEN_ON_SUBMISSION, hides};
use crate::config::Listener;
use crate::plan::Role;
use crate::report::Outcome;
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "privacy.trace_left_is_whole",
    title: "The trace header of mail by login is a whole one, whatever greeting and recipient",
    citation: "row 14; row 15; RFC 5321 section 4.4; RFC 3848 section 1; RFC 6531 section 4.3",
    severity: Severity::Medium,
    about: "Submits on every listener and takes apart the trace header that the next hop got. \
                Without the client it must still be a valid one, in the order of the standard: \
                from 127.0.0.1, by with the relay's name, with the protocol, the queue id that \
                the reply had, the recipient and the date. On one listener it does so for many \
                greetings and ways to write a recipient, quoted ones with blanks, brackets and \
                semicolons too. Spam filters read the header, and skip one without from; an \
                operator finds a message by it.",
    repair: "Set privacy.received: rewrite in relay.yaml; by hand, let header_checks REPLACE \
                 the header with all but its client, take the recipient up to the end of its \
                 line, and do not IGNORE it.",
    needs: &[Need::Login, Need::Inbox, REWRITTEN],
    long: true,
    sabotages: &[
        Sabotage {
            name: "Postfix's own short form",
            changes: &[Change::Main("smtpd_hide_client_session", "yes")],
            sees: "(Postfix) with ESMTPSA; ",
        },
        Sabotage {
            name: "the rule knows plain recipients alone",
            changes: &[
                Change::Given(REWRITTEN_ON_SUBMISSION),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "for <[^\\n]*>",
                    "for <[^\\s<>]*>",
                ),
            ],
            sees: "<\"a b\"@elsewhere.example>",
        },
        Sabotage {
            name: "the rule leaves the from clause out",
            changes: &[
                Change::Given(REWRITTEN_ON_SUBMISSION),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "REPLACE Received: from [127.0.0.1] (localhost [127.0.0.1])${1}",
                    "REPLACE Received: ",
                ),
            ],
            sees: "no from clause",
        },
    ],
    ..Check::by(&trace_left_is_whole)
}];

async fn trace_left_is_whole(context: Context) -> Judged {
    let thorough = login_listener(&context)?;
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            // One listener shows what there is to every form; that the others have the
            // same rules takes a plain form and an odd one.
            let matrix = if listener == thorough {
                forms::matrix()
            } else {
                RECIPIENTS[..2]
                    .iter()
                    .map(|to| (FORM.greeting, *to))
                    .collect()
            };
            whole_for(&context, listener, &matrix).await
        },
    )
    .await
}

/// Submits on `listener` after each of the greetings to the recipient beside it, in as
/// few sessions as it takes, and demands a whole trace header of each message.
pub(super) async fn whole_for(
    context: &Context,
    listener: Listener,
    matrix: &[(&'static str, To)],
) -> Judged {
    let (extended, old): (Vec<_>, Vec<_>) = matrix
        .iter()
        .partition(|(greeting, _)| greeting.starts_with("EHLO"));
    let mut sent = sent_within(context, listener, &extended, "ESMTPSA").await?;
    // STARTTLS comes after EHLO, and Postfix does not forget that it was said.
    if listener == Listener::Submissions {
        sent.extend(sent_within(context, listener, &old, "SMTP").await?);
    }
    let mut wrong = Vec::new();
    for sent in sent {
        let delivered = mail::arrival(context, &sent.message).await?;
        let ControlFlow::Break(outcome) = whole(context, &delivered, &sent) else {
            continue;
        };
        let Outcome::Fail { expected, observed } = outcome else {
            return ControlFlow::Break(outcome);
        };
        wrong.push(format!("{}: not {expected}: {observed}", sent.form));
    }
    require_none(&wrong, "a whole trace header each time")
}

/// A message under way, and what its trace header has to tell.
struct Sent {
    form: String,
    message: Message,
    id: String,
    protocol: String,
    recipient: String,
}

/// Sends all of them in one session.
async fn sent_within(
    context: &Context,
    listener: Listener,
    matrix: &[&(&'static str, To)],
    protocol: &str,
) -> Judged<Vec<Sent>> {
    let mut sent = Vec::new();
    if matrix.is_empty() {
        return ControlFlow::Continue(sent);
    }
    let mut session = under_tls(context, listener, right_certificate(context)).await?;
    let mut said = "";
    for (greeting, to) in matrix {
        if said != *greeting {
            let reply = command(&mut session, greeting).await?;
            require_code(&reply, 250, greeting)?;
            if said.is_empty() {
                log_in(context, &mut session).await?;
            }
            said = greeting;
        }
        let [given, recipient] = to.at("elsewhere.example");
        let (parameter, protocol) = if to.utf8 {
            (" SMTPUTF8", format!("UTF8{}", &protocol[1..]))
        } else {
            ("", protocol.to_owned())
        };
        let commands = [
            format!("MAIL FROM:<{SENDER}>{parameter}"),
            format!("RCPT TO:{given}"),
        ];
        let message = mail::plain();
        let id = mail::queued(&mut session, &commands, &message).await?;
        let form = format!("{greeting}, {given}");
        sent.push(Sent {
            form,
            message,
            id,
            protocol,
            recipient,
        });
    }
    ControlFlow::Continue(sent)
}

/// A trace header that is valid and tells the relay, the protocol, the queue id, the
/// recipient and the time, and nothing of the client.
fn whole(context: &Context, delivered: &Delivered, sent: &Sent) -> Judged {
    let trace = newest(delivered)?;
    let fault = trace.fault();
    require(fault.is_none(), "a time stamp line (RFC 5321 4.4)", || {
        format!("{}: {}", fault.clone().unwrap_or_default(), trace.raw)
    })?;
    let parts = [
        ("from", &trace.from, "[127.0.0.1]"),
        ("by", &trace.by, &context.target().hostname),
        ("with", &trace.with, &sent.protocol),
        ("id", &trace.id, &sent.id),
        ("for", &trace.recipient, &sent.recipient),
    ];
    for (clause, seen, right) in parts {
        require(
            seen.as_deref() == Some(right),
            &format!("{clause} {right}"),
            || trace.raw.clone(),
        )?;
    }
    dated_now(&trace)?;
    let longest = trace.raw.split("\r\n").map(str::len).max();
    require(longest <= Some(998), "lines of at most 998 bytes", || {
        trace.raw.clone()
    })?;
    hides(context, delivered)
}
