//! The trace header that is left: whole and valid; and whole as Postfix writes
//! it where nobody has logged in.

use std::ops::ControlFlow;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::super::probe::mail::{self, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, log_in, logged_in, port,
    require_code, right_certificate, under_tls,
};
use super::super::probe::trace::{Trace, newest};
use super::super::probe::xclient::{Client, xclient};
use super::super::verdict::{fail, require};
use super::super::{Change, Check, Context, Delivered, Judged, Need, Sabotage, Severity};
use crate::config::{Listener, Received};
use crate::render::MARK;
use crate::smtp::{Message, Session};

const REWRITTEN: Need = Need::Setting {
    text: "privacy.received: rewrite",
    holds: |spec| spec.privacy.received == Received::Rewrite,
};

const MARKED_HERE: Need = Need::Setting {
    text: "privacy.received: rewrite, and auth.listeners with smtp",
    holds: |spec| {
        spec.privacy.received == Received::Rewrite && spec.auth.listeners.contains(&Listener::Smtp)
    },
};

const OWN_DOMAIN: Need = Need::Setting {
    text: "relay.domains with a domain",
    holds: |spec| spec.relay.domains.iter().any(|d| !d.starts_with('.')),
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.trace_left_is_whole",
        title: "The trace header of mail by login has by, with, id, for and date",
        citation: "row 14; row 15; RFC 5321 section 4.4; RFC 3848 section 1",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox, REWRITTEN],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "Postfix's own short form",
            changes: &[Change::Main("smtpd_hide_client_session", "yes")],
            sees: "",
        }],
        run: |context| Box::pin(trace_left_is_whole(context)),
    },
    Check {
        id: "privacy.trace_tells_the_protocol",
        title: "After HELO the trace header says SMTP, and recipients are named only when alone",
        citation: "row 14; RFC 5321 section 4.4; RFC 3848 section 1",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox, REWRITTEN],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(trace_tells_the_protocol(context)),
    },
    Check {
        id: "privacy.mail_without_login_keeps_its_trace",
        title: "Mail without a login keeps its client in the trace header, whatever it forges",
        citation: "row 14; RFC 5321 section 4.4; Postfix header_checks",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Xclient,
            OWN_DOMAIN,
        ],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "every client is hidden",
            changes: &[Change::Main("smtpd_hide_client_session", "yes")],
            sees: "",
        }],
        run: |context| Box::pin(mail_without_login_keeps_its_trace(context)),
    },
    Check {
        id: "privacy.forged_mark_hides_nobody",
        title: "relaykit's own mark in a sender's header hides no client and never leaves",
        citation: "row 14; Postfix header_checks",
        severity: Severity::High,
        about: "",
        repair: "",
        // Where nothing is marked, the mark is a word like others.
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            OWN_DOMAIN,
            MARKED_HERE,
        ],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(forged_mark_hides_nobody(context)),
    },
    Check {
        id: "privacy.first_chunk_writes_no_trace",
        title: "A message whose first chunk begins with white space adds nothing to the trace header",
        citation: "row 14; RFC 3030 section 2; RFC 5321 section 4.4; Postfix BDAT_README",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "messages in chunks are taken",
            changes: &[Change::Main(
                "smtpd_discard_ehlo_keywords",
                "etrn, silent-discard",
            )],
            sees: "",
        }],
        run: |context| Box::pin(first_chunk_writes_no_trace(context)),
    },
    Check {
        id: "privacy.tls_is_told_without_login",
        title: "The trace header of mail without a login tells its TLS",
        citation: "row 11; Postfix smtpd_tls_received_header",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no TLS in the trace header",
            changes: &[Change::Main("smtpd_tls_received_header", "no")],
            sees: "",
        }],
        run: |context| Box::pin(tls_is_told_without_login(context)),
    },
];

async fn trace_left_is_whole(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            let trace = newest(&delivered)?;
            let host = &context.target().hostname;
            let part = |name: &str, seen: &Option<String>, right: &dyn Fn(&str) -> bool| {
                require(seen.as_deref().is_some_and(right), name, || {
                    trace.raw.clone()
                })
            };
            part(&format!("by {host}"), &trace.by, &|by| by == host)?;
            part("with ESMTPSA", &trace.with, &|with| with == "ESMTPSA")?;
            part("id and a queue id", &trace.id, &|id| {
                id.len() >= 6 && id.chars().all(|c| c.is_ascii_alphanumeric())
            })?;
            let recipient = format!("<{}>", mail::RECIPIENT);
            part(&format!("for {recipient}"), &trace.recipient, &|r| {
                r == recipient
            })?;
            dated_now(&trace)?;
            let longest = trace.raw.split("\r\n").map(str::len).max();
            require(longest <= Some(998), "lines of at most 998 bytes", || {
                trace.raw.clone()
            })
        },
    )
    .await
}

/// RFC 5322 section 3.3, and close to now.
fn dated_now(trace: &Trace) -> Judged {
    const NEAR: i64 = 300;
    let Ok(date) = DateTimeParser::new().parse_timestamp(&trace.date) else {
        return fail("a date (RFC 5322 section 3.3)", trace.raw.clone());
    };
    let off = (Timestamp::now().as_second() - date.as_second()).abs();
    require(off <= NEAR, "today's date and time", || {
        format!("{off} s off: {}", trace.date)
    })
}

async fn trace_tells_the_protocol(context: Context) -> Judged {
    let greetings = [("EHLO", "ESMTPSA"), ("HELO", "SMTP")];
    let mut table = rows::pairs(context.target().login_listeners(), &greetings);
    // STARTTLS comes after EHLO, and Postfix does not forget that it was said.
    table.retain(|(listener, (verb, _))| *listener == Listener::Submissions || *verb == "EHLO");
    rows::each(
        &context,
        table,
        |(listener, (verb, _))| format!("{verb} on {}", port(listener)),
        |context, (listener, (verb, protocol))| async move {
            let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
            let greeting = format!("{verb} {CLIENT}");
            let reply = command(&mut session, &greeting).await?;
            require_code(&reply, 250, &greeting)?;
            log_in(&context, &mut session).await?;
            let message = mail::plain();
            let commands = [
                format!("MAIL FROM:<{SENDER}>"),
                format!("RCPT TO:<{}>", mail::RECIPIENT),
                "RCPT TO:<second@elsewhere.example>".to_owned(),
            ];
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            let trace = newest(&delivered)?;
            let with = trace.with.as_deref();
            require(with == Some(protocol), &format!("with {protocol}"), || {
                trace.raw.clone()
            })?;
            require(
                trace.recipient.is_none(),
                "no recipient: there are two",
                || trace.raw.clone(),
            )?;
            dated_now(&trace)
        },
    )
    .await
}

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
    rows::each(
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
            require(trace.from.is_some(), "from and the client's HELO", || {
                trace.raw.clone()
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
    )
    .await
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
                || trace.raw.clone(),
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
    let domains = &context.target().spec.relay.domains;
    let domain = domains.iter().find(|d| !d.starts_with('.'));
    let recipient = format!("recipient@{}", domain.map_or("", String::as_str));
    let plain = Message::from_to(SENDER, &recipient).build();
    let before = before
        .replace("HOST", &context.target().hostname)
        .replace("MARK", MARK);
    let bytes = [before.as_bytes(), plain.bytes()].concat();
    let message = Message::exact(bytes, plain.token());
    (message, recipient)
}
