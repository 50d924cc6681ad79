//! How large a message may be, and to how many.

use std::time::Duration;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, logged_in, login_listener, port,
    require_code, under_tls,
};
use super::super::target::{Context, Undelivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, require, skip};
use crate::config::Says;
use crate::report::Severity;
use crate::smtp::Message;

/// A message that a check can send to be over the limit; bytes.
const SMALL: u64 = 2 << 20;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.size_limit_is_announced",
        title: "SIZE tells the limit on every listener, and a declared size beyond it is refused",
        citation: "RFC 1870 section 4; RFC 1870 section 6.1; Postfix message_size_limit",
        severity: Severity::Low,
        about: "Compares the number after SIZE in EHLO's reply with relay.message_size_limit, \
                then declares one byte more than was announced in MAIL FROM, which must be \
                refused before the message is sent, and exactly as much, which must not. Without \
                it a client sends a large message in full to learn that it is too large.",
        repair: "Set relay.message_size_limit; by hand, message_size_limit, and leave SIZE out of \
                 smtpd_discard_ehlo_keywords.",
        sabotages: &[
            Sabotage {
                name: "Postfix's own limit on sizes",
                changes: &[Change::Main("message_size_limit", "10240000")],
                sees: "SIZE 10240000",
            },
            Sabotage {
                name: "the limit on sizes is not told",
                changes: &[Change::Main(
                    "smtpd_discard_ehlo_keywords",
                    "chunking, etrn, size, silent-discard",
                )],
                sees: "no SIZE",
            },
        ],
        ..Check::by(&size_limit_is_announced)
    },
    Check {
        id: "relay.too_large_a_message_is_refused",
        title: "A message that turns out too large is refused whole, and the session goes on",
        citation: "RFC 1870 section 6.3; Postfix message_size_limit",
        severity: Severity::Medium,
        about: "Sends a message over the limit without declaring its size. The end of data must \
                be answered with a permanent refusal, nothing of it may reach the next hop, and \
                the next message of the same session must. A client that declares nothing, or \
                lies, must not get past the limit.",
        repair: "Set relay.message_size_limit; by hand, message_size_limit, which is not to be 0.",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Setting("relay.message_size_limit", Says::AtMost(SMALL)),
        ],
        sabotages: &[Sabotage {
            name: "messages of any size",
            changes: &[Change::Main("message_size_limit", "0")],
            sees: "queued as",
        }],
        ..Check::by(&too_large_a_message_is_refused)
    },
    Check {
        id: "relay.surplus_recipients_are_put_off",
        title: "A hundred recipients are taken in one go, and too many are put off, not lost",
        citation: "RFC 5321 section 4.5.3.1.8; RFC 5321 section 4.5.3.1.10; Postfix smtpd_recipient_limit",
        severity: Severity::Medium,
        about: "Names many recipients for one message, which is then not sent. The first hundred \
                must be taken; where the relay has a limit, which in a lab must be a thousand, \
                one more must get a 452, for the client to send again to the rest. A permanent \
                refusal loses that recipient; no limit lets one stolen login write to all the \
                world at once.",
        repair: "Leave smtpd_recipient_limit at its default of 1000, and \
                 smtpd_recipient_overshoot_limit as well.",
        needs: &[Need::Login, Need::Envelope],
        long: true,
        sabotages: &[
            Sabotage {
                name: "few recipients at once",
                changes: &[Change::Main("smtpd_recipient_limit", "50")],
                sees: "recipient 51",
            },
            Sabotage {
                name: "any number of recipients at once",
                changes: &[Change::Main("smtpd_recipient_limit", "5000")],
                sees: "1001 recipients were taken",
            },
        ],
        ..Check::by(&surplus_recipients_are_put_off)
    },
];

async fn size_limit_is_announced(context: Context) -> Judged {
    let target = context.target();
    // What another relay's limit is to be, nobody has said.
    let promised = target
        .lab
        .as_ref()
        .map(|_| target.spec.relay.message_size_limit);
    rows::each(
        &context,
        target.listeners(),
        port,
        |context, listener| async move {
            let login = context.target().login_listeners().any(|l| l == listener);
            let mut session = if login && !context.target().users.is_empty() {
                logged_in(&context, listener).await?
            } else if context.target().speaks_tls(listener) {
                under_tls(&context, listener, any_certificate(&context)).await?
            } else {
                in_clear(&context, listener).await?
            };
            let announced = match (ehlo(&mut session, CLIENT).await?.size(), promised) {
                (None | Some(0), None) => return skip("no limit is announced"),
                (None, Some(size)) => return fail(format!("SIZE {size}"), "no SIZE"),
                (Some(told), Some(size)) if told != size => {
                    return fail(format!("SIZE {size}"), format!("SIZE {told}"));
                }
                (Some(told), _) => told,
            };
            if promised.is_none() {
                let reply = command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?;
                if !reply.is_positive() {
                    return skip(format!("no size counts where MAIL is refused: {reply}"));
                }
                let reset = command(&mut session, "RSET").await?;
                require_code(&reset, 250, "RSET")?;
            }
            let over = format!("MAIL FROM:<{SENDER}> SIZE={}", announced.saturating_add(1));
            let reply = command(&mut session, &over).await?;
            require(reply.is_permanent(), "a refusal of a larger size", || {
                format!("{reply} to {over}")
            })?;
            let reply = command(
                &mut session,
                &format!("MAIL FROM:<{SENDER}> SIZE={announced}"),
            )
            .await?;
            // A disk that is too full for it is no matter of the limit (452).
            require(
                !reply.is_permanent(),
                "no refusal of the size announced",
                || format!("{reply} to SIZE={announced}"),
            )
        },
    )
    .await
}

async fn too_large_a_message_is_refused(context: Context) -> Judged {
    let limit = context.target().spec.relay.message_size_limit;
    let line = format!("{}\r\n", "x".repeat(76));
    let lines = usize::try_from(limit).unwrap_or_default() / line.len() + 1000;
    let large = Message::from_to(SENDER, RECIPIENT)
        .body(line.repeat(lines))
        .build();
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    for line in [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{RECIPIENT}>"),
    ] {
        let reply = command(&mut session, &line).await?;
        require_code(&reply, 250, &line)?;
    }
    let reply = answer(session.data(large.bytes()).await, "a reply to the message")?;
    require(
        reply.is_permanent(),
        "a permanent refusal of the message",
        || reply.to_string(),
    )?;
    mail::relayed(&context, &mut session, &mail::plain()).await?;
    let Some(inbox) = &context.target().inbox else {
        return broken("the check reads the inbox and did not say that it needs one");
    };
    // What was sent after it is there already.
    match inbox.wait_for(large.token(), Duration::ZERO).await {
        Err(Undelivered::Absent(_)) => PASS,
        Err(unreadable @ Undelivered::Unreadable(_)) => broken(unreadable.to_string()),
        Ok(_) => fail("nothing at the next hop", "the message at the next hop"),
    }
}

/// What any server must take (RFC 5321 section 4.5.3.1.8).
const LEAST: usize = 100;
/// What a relay of ours takes: Postfix's default.
const OURS: usize = 1000;

async fn surplus_recipients_are_put_off(context: Context) -> Judged {
    let ours = context.target().lab.is_some();
    let many = 1 + if ours { OURS } else { LEAST };
    let recipients: Vec<String> = (1..=many)
        .map(|number| format!("RCPT TO:<recipient{number}@elsewhere.example>"))
        .collect();
    let commands: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let pipelining = ehlo(&mut session, CLIENT).await?.has("PIPELINING");
    let reply = command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?;
    require_code(&reply, 250, "MAIL")?;
    let mut replies = Vec::new();
    let at_once = if pipelining { LEAST } else { 1 };
    for some in commands.chunks(at_once) {
        replies.extend(answer(
            session.pipeline(some).await,
            "a reply to each recipient",
        )?);
    }
    let refused = replies.iter().position(|reply| !reply.is_positive());
    let reset = command(&mut session, "RSET").await?;
    require_code(&reset, 250, "RSET")?;
    match refused.map(|at| (at, &replies[at])) {
        Some((at, reply)) if at < LEAST => fail(
            format!("{LEAST} recipients"),
            format!("{reply} to recipient {}", at + 1),
        ),
        Some((at, reply)) if !reply.is_transient() => fail(
            "452 to more than can be taken",
            format!("{reply} to recipient {}", at + 1),
        ),
        Some((at, reply)) if ours && at < OURS => fail(
            format!("{OURS} recipients"),
            format!("{reply} to recipient {}", at + 1),
        ),
        None if ours => fail(
            format!("452 to recipient {many}"),
            format!("{many} recipients were taken"),
        ),
        _ => PASS,
    }
}
