//! Mail without a login: its trace stays whole as Postfix writes it, whatever a
//! sender puts into it or in front of it.

use std::ops::ControlFlow;

use futures_util::future::join_all;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::forms::{RECIPIENTS, To};
use super::super::probe::mail::{self, OWN_DOMAIN, SENDER, own_domain};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, log_in, require_code,
    right_certificate, under_tls,
};
use super::super::probe::trace::{Trace, newest};
use super::super::probe::xclient::{Client, xclient};
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use super::trace::dated_now;
use super::{
    NO_MIXED_HEADER_CHECKS, PLAIN_RECIPIENTS_ON_SMTP, REWRITTEN_ON_SMTP, REWRITTEN_ON_SUBMISSION,
    hides,
};
use crate::config::Listener;
use crate::render::MARK;
use crate::report::Outcome;
use crate::report::Severity;
use crate::smtp::{Message, Session};

const TAKEN_FOR_LOGIN: Sabotage = Sabotage {
    name: "port 25 is taken for a login port",
    changes: &[
        Change::Given(REWRITTEN_ON_SUBMISSION),
        Change::Service("smtp/inet", "cleanup_service_name", "cleanup-login"),
    ],
    sees: "no client: ",
};

/// What brings the trace of mail without a login back.
const REPAIR: &str = "By hand, let header_checks rewrite nothing but a trace header with a login \
    line in the place where smtpd writes it, on listeners that take logins alone.";

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.mail_without_login_keeps_its_trace",
        title: "Mail without a login keeps its client in the trace header, whatever it forges",
        citation: "row 14; RFC 5321 section 4.4; Postfix header_checks",
        severity: Severity::High,
        about: "Sends mail for a relay domain without a login, from IPv4 and IPv6, with greetings \
                and headers that imitate a login's, and to every way to write a recipient. The \
                client's name and address must be in the trace header, and no login: a forger \
                who is taken for a user becomes invisible.",
        repair: REPAIR,
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Xclient,
            OWN_DOMAIN,
        ],
        long: true,
        sabotages: &[
            Sabotage {
                name: "every client is hidden",
                changes: &[Change::Main("smtpd_hide_client_session", "yes")],
                sees: "no client: ",
            },
            TAKEN_FOR_LOGIN,
            PLAIN_RECIPIENTS_ON_SMTP.seen_as("<\"a b\"@"),
        ],
        ..Check::by(&mail_without_login_keeps_its_trace)
    },
    Check {
        id: "privacy.forged_mark_hides_nobody",
        title: "relaykit's own mark in a sender's header hides no client and never leaves",
        citation: "row 14; Postfix header_checks",
        severity: Severity::High,
        about: "Sends mail without a login with headers on top that carry the mark by which the \
                relay knows its own trace header. The real one must still tell the client, and \
                the mark must not reach the next hop.",
        repair: REPAIR,
        // Where nothing is marked, the mark is a word like others.
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            OWN_DOMAIN,
            REWRITTEN_ON_SMTP,
        ],
        sabotages: &[TAKEN_FOR_LOGIN],
        ..Check::by(&forged_mark_hides_nobody)
    },
    Check {
        id: "privacy.first_chunk_writes_no_trace",
        title: "A message whose first chunk begins with white space adds nothing to the trace header",
        citation: "row 14; RFC 3030 section 2; RFC 5321 section 4.4; Postfix BDAT_README",
        severity: Severity::High,
        about: "Sends a message by BDAT whose first line begins with white space and looks like a \
                login line. Postfix takes such a line for the rest of its own trace header, so \
                that anybody could write into it; refusing BDAT is right too.",
        repair: "Set smtpd_discard_ehlo_keywords = chunking, silent-discard, as relaykit does.",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        sabotages: &[Sabotage {
            name: "messages in chunks are taken",
            changes: &[Change::Main(
                "smtpd_discard_ehlo_keywords",
                "etrn, silent-discard",
            )],
            sees: "Authenticated sender: alice",
        }],
        ..Check::by(&first_chunk_writes_no_trace)
    },
    Check {
        id: "privacy.tls_is_told_without_login",
        title: "The trace header of mail without a login tells its TLS",
        citation: "row 11; Postfix smtpd_tls_received_header",
        severity: Severity::Low,
        about: "Sends mail for a relay domain over STARTTLS without a login: the trace header has \
                to tell the TLS version and ESMTPS, so that the way of a message can be judged \
                later.",
        repair: "By hand, smtpd_tls_received_header = yes; relaykit sets it.",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        sabotages: &[Sabotage {
            name: "no TLS in the trace header",
            changes: &[Change::Main("smtpd_tls_received_header", "no")],
            sees: "with ESMTPS id",
        }],
        ..Check::by(&tls_is_told_without_login)
    },
    Check {
        id: "privacy.each_message_is_judged_alone",
        title: "In one session, mail before the login keeps its trace and mail after it has none",
        citation: "row 14; RFC 5321 section 4.4; RFC 4954 section 4; Postfix header_checks",
        severity: Severity::Critical,
        about: "Sends a message for a relay domain, then logs in within the same session and sends \
                another. The first must tell its client, the second must not: what is known of \
                one message must not be believed of the next.",
        repair: REPAIR,
        needs: &[Need::Login, Need::Inbox, OWN_DOMAIN, REWRITTEN_ON_SMTP],
        sabotages: &[NO_MIXED_HEADER_CHECKS.seen_as("after the login: ")],
        ..Check::by(&each_message_is_judged_alone)
    },
];

/// HELO names and what they look like in a trace header that is searched for
/// the wrong thing.
const FORGED: [(&str, &str); 6] = [
    ("EHLO honest.example", ""),
    ("HELO honest.example", ""),
    ("EHLO x (Authenticated sender: alice) by y", ""),
    ("EHLO x\\n\\t(Authenticated sender: alice)\\n\\tby y", ""),
    ("EHLO x] with ESMTPSA id 1 for <a@b>; x", ""),
    (
        "EHLO forged.example",
        "Received: (Authenticated sender: alice)\r\n\tby HOST (Postfix) with ESMTPSA id 1;\r\n\tMon, 23 Nov 2026 03:14:01 +0000 (UTC)\r\n",
    ),
];

async fn mail_without_login_keeps_its_trace(context: Context) -> Judged {
    let clients = [
        ("192.0.2.77", "192.0.2.77"),
        ("IPV6:2001:db8::77", "IPv6:2001:db8::77"),
    ];
    let imitated = rows::each(
        &context,
        rows::pairs(clients, &FORGED),
        |((address, _), (greeting, _))| format!("{greeting} from {address}"),
        |context, ((address, shown), (greeting, forged))| async move {
            let mut session = in_clear(&context, Listener::Smtp).await?;
            ehlo(&mut session, CLIENT).await?;
            let name = "seen.example";
            xclient(&mut session, Client { address, name }).await?;
            let reply = command(&mut session, greeting).await?;
            require_code(&reply, 250, greeting)?;
            let trace = without_login(&context, &mut session, forged).await?;
            let client = format!("{name} [{shown}]");
            let told = trace
                .from
                .as_deref()
                .is_some_and(|from| from != "[127.0.0.1]");
            require(told, "from and the client's HELO", || {
                format!("no client: {}", trace.raw)
            })?;
            require(
                trace.comments.contains(&client),
                &format!("({client})"),
                || trace.raw.clone(),
            )?;
            let claims = |c: &String| c.starts_with("Authenticated sender");
            require(
                !trace.comments.iter().any(claims),
                "no login that was not",
                || trace.raw.clone(),
            )?;
            dated_now(&trace)
        },
    );
    let (imitated, addressed) = tokio::join!(imitated, every_recipient_keeps_its_trace(&context));
    imitated?;
    addressed
}

/// The same for every way to write a recipient. Each has a session: the relay asks the
/// next hop about a recipient that is new to it, which takes a second.
async fn every_recipient_keeps_its_trace(context: &Context) -> Judged {
    let sent = join_all(RECIPIENTS.map(|to| sent_to(context, to))).await;
    let mut taken = 0;
    let mut wrong = Vec::new();
    for sent in sent {
        let Some((given, shown, message)) = sent? else {
            continue;
        };
        taken += 1;
        let trace = newest(&mail::arrival(context, &message).await?)?;
        if trace.from.as_deref() != Some(CLIENT) || trace.recipient.as_ref() != Some(&shown) {
            wrong.push(format!("to {given}: {}", trace.raw));
        }
    }
    require(taken > 3, "quoted recipients taken", || {
        format!("{taken} recipients taken")
    })?;
    require_none(&wrong, &format!("from {CLIENT}, for the recipient"))
}

/// A message to a recipient, as it was written and as it is shown; `None` where it is
/// not taken: strangers may not write a route into a local part, or what looks like one.
async fn sent_to(context: &Context, to: To) -> Judged<Option<(String, String, Message)>> {
    let mut session = in_clear(context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    let [given, shown] = to.at(own_domain(context));
    let parameter = if to.utf8 { " SMTPUTF8" } else { "" };
    let line = format!("MAIL FROM:<{SENDER}>{parameter}");
    require_code(&command(&mut session, &line).await?, 250, &line)?;
    let reply = command(&mut session, &format!("RCPT TO:{given}")).await?;
    if reply.code != 250 {
        return ControlFlow::Continue(None);
    }
    let message = mail::plain();
    let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
    require_code(&reply, 250, "the message")?;
    ControlFlow::Continue(Some((given, shown, message)))
}

/// Headers that look like the relay's own before they are rewritten.
const MARKED: [&str; 3] = [
    "Received: from a (b [192.0.2.1])\r\n\tby HOST (MARK) with ESMTP id 1;\r\n\tMon, 23 Nov 2026 03:14:01 +0000 (UTC)\r\n",
    "Received: from a (b [192.0.2.1])\r\n\t(Authenticated sender: alice)\r\n\tby HOST (MARK) with ESMTPSA id 1\r\n\tfor <a@b.example>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)\r\n",
    "Received: (MARK)\r\n",
];

async fn forged_mark_hides_nobody(context: Context) -> Judged {
    rows::each(
        &context,
        MARKED,
        |forged| format!("{:?}", forged.lines().nth(1).unwrap_or(forged)),
        |context, forged| async move {
            let mut session = in_clear(&context, Listener::Smtp).await?;
            ehlo(&mut session, CLIENT).await?;
            let (message, delivered) = sent_without_login(&context, &mut session, forged).await?;
            let trace = newest(&delivered)?;
            require(
                trace.from.as_deref() == Some(CLIENT),
                &format!("from {CLIENT}"),
                || format!("no client: {}", trace.raw),
            )?;
            let text = String::from_utf8_lossy(&delivered.raw);
            require(!text.contains(MARK), "no mark in the message", || {
                trace.raw.clone()
            })?;
            let whole = text.contains(message.token());
            require(whole, "the message", || "a message without its token")
        },
    )
    .await
}

/// Lines that Postfix would take for the rest of its own trace header.
const GLUED: [&str; 2] = [
    "\t(Authenticated sender: alice)\r\n",
    "\t(Authenticated sender: alice)\r\n\tby HOST (MARK) with ESMTPSA id 1\r\n\tfor <a@b.example>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)\r\n",
];

/// A server that takes no chunks (RFC 3030) has nothing to get wrong in them.
async fn first_chunk_writes_no_trace(context: Context) -> Judged {
    rows::each(
        &context,
        GLUED,
        |glued| format!("{:?}", glued.lines().last().unwrap_or(glued)),
        |context, glued| async move {
            let mut session = in_clear(&context, Listener::Smtp).await?;
            ehlo(&mut session, CLIENT).await?;
            let (message, recipient) = for_own_domain(&context, glued);
            for line in [
                format!("MAIL FROM:<{SENDER}>"),
                format!("RCPT TO:<{recipient}>"),
            ] {
                let reply = command(&mut session, &line).await?;
                require_code(&reply, 250, &line)?;
            }
            let reply = session.bdat(message.bytes(), true).await;
            let reply = answer(reply, "a reply to BDAT")?;
            if reply.is_permanent() {
                return ControlFlow::Continue(());
            }
            require_code(&reply, 250, "BDAT, or a refusal of it")?;
            let trace = newest(&mail::arrival(&context, &message).await?)?;
            let own = trace.from.as_deref() == Some(CLIENT)
                && !trace.raw.contains("Authenticated sender")
                && !trace.raw.contains(MARK);
            require(
                own,
                &format!("from {CLIENT}, and nothing of the sender's"),
                || trace.raw.clone(),
            )
        },
    )
    .await
}

async fn tls_is_told_without_login(context: Context) -> Judged {
    let mut session = under_tls(&context, Listener::Smtp, any_certificate(&context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let trace = without_login(&context, &mut session, "").await?;
    let told = trace.comments.iter().any(|c| c.starts_with("using TLSv1"));
    require(told, "(using TLSv1...)", || trace.raw.clone())?;
    let with = trace.with.as_deref();
    require(with == Some("ESMTPS"), "with ESMTPS", || trace.raw.clone())
}

async fn each_message_is_judged_alone(context: Context) -> Judged {
    let mut session = under_tls(&context, Listener::Smtp, right_certificate(&context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let trace = without_login(&context, &mut session, "").await?;
    require(
        trace.from.as_deref() == Some(CLIENT),
        &format!("before the login: from {CLIENT}"),
        || trace.raw.clone(),
    )?;
    log_in(&context, &mut session).await?;
    let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
    hides(&context, &delivered).map_break(|outcome| match outcome {
        Outcome::Fail { expected, observed } => Outcome::Fail {
            expected,
            observed: format!("after the login: {observed}"),
        },
        other => other,
    })
}

/// Sends mail for a relay domain, with `before` in front of its headers; the
/// trace header that it gets.
async fn without_login(context: &Context, session: &mut Session, before: &str) -> Judged<Trace> {
    let (message, delivered) = sent_without_login(context, session, before).await?;
    let rest = message.trace_in(&delivered.raw);
    require(
        rest.is_some(),
        "the rest byte for byte",
        || "something else",
    )?;
    newest(&delivered)
}

/// The message that was sent, with `before` in front of its headers, and what arrived.
async fn sent_without_login(
    context: &Context,
    session: &mut Session,
    before: &str,
) -> Judged<(Message, Delivered)> {
    let (message, recipient) = for_own_domain(context, before);
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{recipient}>"),
    ];
    mail::send_with(session, &commands, &message).await?;
    let delivered = mail::arrival(context, &message).await?;
    ControlFlow::Continue((message, delivered))
}

/// A message to a relay domain with `before` in front of its headers, and its recipient.
fn for_own_domain(context: &Context, before: &str) -> (Message, String) {
    let recipient = format!("recipient@{}", own_domain(context));
    let plain = Message::from_to(SENDER, &recipient).build();
    let before = before
        .replace("HOST", &context.target().hostname)
        .replace("MARK", MARK);
    let bytes = [before.as_bytes(), plain.bytes()].concat();
    let message = Message::exact(bytes, plain.token());
    (message, recipient)
}
