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
use crate::plan::Role;
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
        id: "relay.message_of_just_the_limit_passes",
        title: "A message of just the size announced passes, and one byte more is refused",
        citation: "RFC 1870 section 3; RFC 1870 section 6.3; Postfix message_size_limit",
        severity: Severity::Low,
        about: "Sends messages of just as many octets as SIZE announces, counted as RFC 1870 \
                counts them: with CR and LF, without the dots that are doubled and the last dot. \
                One has long lines, one nothing but short ones with a dot in front. Each must \
                arrive, though the relay adds a trace header; with one octet more, each must be \
                refused at the end of data. A client that cuts its mail to the size announced \
                must not learn in the end that it was too large.",
        repair: "Set relay.message_size_limit; by hand, message_size_limit, and no lower limit in \
                 a filter or at the cleanup service.",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Setting("relay.message_size_limit", Says::AtMost(SMALL)),
        ],
        sabotages: &[
            Sabotage {
                name: "a limit lower than relay.yaml's",
                changes: &[Change::Main("message_size_limit", "100000")],
                sees: "552",
            },
            Sabotage {
                name: "the envelope counts too",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/master.cf",
                    "-o message_size_limit=0",
                    "-o line_length_limit=2048",
                )],
                sees: "552 5.3.4",
            },
            Sabotage {
                name: "no limit at the end of data",
                changes: &[Change::Main("message_size_limit", "0")],
                sees: "with one octet more: 250",
            },
        ],
        ..Check::by(&message_of_just_the_limit_passes)
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

async fn message_of_just_the_limit_passes(context: Context) -> Judged {
    let limit = context.target().spec.relay.message_size_limit;
    let size = usize::try_from(limit).unwrap_or_default();
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    for (lines, line) in [("long lines", "x".repeat(996)), ("dots", ".".to_owned())] {
        let just = of_size(size, &line);
        let commands = [
            format!("MAIL FROM:<{SENDER}> SIZE={limit}"),
            format!("RCPT TO:<{RECIPIENT}>"),
        ];
        mail::send_with(&mut session, &commands, &just).await?;
        let delivered = mail::arrival(&context, &just).await?;
        require(
            just.trace_in(&delivered.raw).is_some(),
            "all of the message",
            || format!("{lines}, {} octets", delivered.raw.len()),
        )?;
        let over = of_size(size + 1, &line);
        for line in [
            format!("MAIL FROM:<{SENDER}>"),
            format!("RCPT TO:<{RECIPIENT}>"),
        ] {
            let reply = command(&mut session, &line).await?;
            require_code(&reply, 250, &line)?;
        }
        let reply = answer(session.data(over.bytes()).await, "a reply to the message")?;
        require(
            reply.is_permanent(),
            &format!("{lines}: {size} octets taken, a permanent refusal of one more"),
            || format!("{lines}, with one octet more: {reply}"),
        )?;
    }
    PASS
}

/// A message of `size` octets with CR and LF, whose body repeats `line`.
fn of_size(size: usize, line: &str) -> Message {
    let token = mail::plain().token().to_owned();
    let mut text = format!(
        "From: <{SENDER}>\r\nTo: <{RECIPIENT}>\r\nSubject: relaykit {token}\r\n\
         Date: Mon, 23 Nov 2026 03:14:01 +0000\r\n\
         Message-ID: <{token}@relaykit.example>\r\n\r\n"
    );
    let whole = format!("{line}\r\n");
    let lines = size.saturating_sub(text.len()) / whole.len();
    text.push_str(&whole.repeat(lines.saturating_sub(2)));
    // The last three lines take up what is left, and none is longer than mail may have.
    for parts in [3, 2, 1] {
        let octets = size.saturating_sub(text.len()) / parts;
        text.push_str(&"y".repeat(octets.saturating_sub(2)));
        text.push_str("\r\n");
    }
    Message::exact(text, &token)
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
