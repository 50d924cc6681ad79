//! Reports that the relay itself writes: they go through the next hop too.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::forms::{self, FORM};
use super::super::probe::mail;
use super::super::probe::played::{self, PLAYED};
use super::super::probe::postconf::Postconf;
use super::super::probe::rows;
use super::super::probe::session::login_listener;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, require, require_none};
use super::{NO_HEADER_CHECKS, NO_SHORT_FORM, tells_nothing};
use crate::render::next_hops::{POOR, REFUSING};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.reports_tell_no_client",
        title: "Bounces and delivery reports that the relay writes tell nothing of the client",
        citation: "row 14; RFC 3464 section 4.2; RFC 3461 section 4.3; Postfix header_checks",
        severity: Severity::Critical,
        about: "Submits as a client with canaries to a recipient whom the next hop refuses, with \
                the whole message and with its headers alone asked for, and to a next hop where \
                the relay has to confirm the delivery itself. Each report passes the next hop \
                with the message's headers in it: they must be the rewritten ones. A rule that \
                works only where mail leaves does not see into a report.",
        repair: "By hand, rewrite the trace header when a message arrives (header_checks of \
                 cleanup), not when it leaves (smtp_header_checks).",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Lab,
            Need::Xclient,
            PLAYED,
            super::HIDDEN,
        ],
        sabotages: &[
            NO_HEADER_CHECKS,
            NO_SHORT_FORM,
            Sabotage {
                name: "headers are rewritten at departure alone",
                changes: &[
                    Change::Given(super::REWRITTEN_ON_SUBMISSION),
                    Change::Service("cleanup-login/unix", "header_checks", ""),
                    Change::Main(
                        "smtp_header_checks",
                        "pcre:/etc/relaykit/postfix/login_header_checks",
                    ),
                ],
                sees: "canary",
            },
        ],
        ..Check::by(&reports_tell_no_client)
    },
    Check {
        id: "privacy.no_notice_tells_a_client",
        title: "No notice of a client's mistakes goes to a postmaster through the next hop",
        citation: "RFC 5321 section 7.2; Postfix notify_classes",
        severity: Severity::High,
        about: "Reads notify_classes of every service. For some classes Postfix mails whole \
                conversations, with the client's name and address, or undelivered messages to the \
                postmaster; a relay has no postmaster's mailbox, so that they leave by the next \
                hop.",
        repair: "Set notify_classes to nothing, or to resource and software alone.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "clients' mistakes are reported",
            changes: &[Change::Main(
                "notify_classes",
                "resource, software, protocol, policy",
            )],
            sees: "main.cf: protocol",
        }],
        ..Check::by(&no_notice_tells_a_client)
    },
];

/// Where a message goes, what its MAIL command asks for, and its RCPT command.
const REPORTS: [(&str, &str, &str); 3] = [
    (REFUSING, "RET=FULL", "NOTIFY=FAILURE"),
    (REFUSING, "RET=HDRS", "NOTIFY=FAILURE,DELAY"),
    (POOR.domain, "RET=HDRS", "NOTIFY=SUCCESS"),
];

async fn reports_tell_no_client(context: Context) -> Judged {
    rows::each(
        &context,
        REPORTS,
        |(domain, ret, notify)| format!("{notify} {ret} to {domain}"),
        |context, (domain, ret, notify)| async move {
            let mut session = forms::session(&context, login_listener(&context)?, FORM).await?;
            let message = played::message(domain);
            // Only the report has the envelope id in it.
            let id = played::message(domain).token().to_owned();
            let [mail, rcpt] = played::envelope(mail::SENDER, domain);
            let commands = [
                format!("{mail} {ret} ENVID={id}"),
                format!("{rcpt} {notify}"),
            ];
            mail::send_with(&mut session, &commands, &message).await?;
            let report = mail::arrival(&context, &Message::exact("", &id)).await?;
            tells_nothing(&report.raw)?;
            let text = String::from_utf8_lossy(&report.raw);
            let host = &context.target().hostname;
            for part in [
                format!("Reporting-MTA: dns; {host}"),
                format!("Original-Envelope-Id: {id}"),
                format!("relaykit {}", message.token()),
            ] {
                require(text.contains(&part), &part, || text.clone())?;
            }
            PASS
        },
    )
    .await
}

/// Classes whose notices have a client or a sender in them (postconf(5)).
const TELLING: [&str; 6] = ["bounce", "2bounce", "data", "delay", "policy", "protocol"];

async fn no_notice_tells_a_client(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let mut wrong = Vec::new();
    for (place, classes) in postconf.everywhere("notify_classes") {
        let classes = classes
            .split([',', ' '])
            .filter(|class| TELLING.contains(class));
        wrong.extend(classes.map(|class| format!("{place}: {class}")));
    }
    require_none(&wrong, "none of the classes that tell of clients")
}
