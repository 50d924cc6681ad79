//! What a submission server adds to a message that lacks it (RFC 6409 section 8), and
//! what those fields tell: the relay and the time, nothing of the client.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, OWN_DOMAIN, RECIPIENT, SENDER, head, own_domain};
use super::super::probe::rows;
use super::super::probe::session::{CLIENT, ehlo, in_clear, logged_in, port};
use super::super::probe::trace::{Trace, fields};
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require};
use super::tells_nothing;
use super::trace::dated_now;
use crate::config::{Listener, Says};
use crate::report::Severity;
use crate::smtp::Message;

const ADDED: Need = Need::Setting("privacy.add_missing_headers", Says::Is("true"));
const LEFT_OUT: Need = Need::Setting("privacy.add_missing_headers", Says::Is("false"));

/// Where the setting decides.
const COMPLETED: Need = Need::Comes {
    to: "postfix.main without always_add_missing_headers, and a login beside no relay.domains",
    holds: |spec| {
        let alone = |l: &Listener| *l != Listener::Smtp || spec.relay.domains.is_empty();
        !spec.postfix.main.contains_key("always_add_missing_headers")
            && spec.auth.listeners.iter().any(alone)
    },
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.missing_headers_are_added",
        title: "Mail by login gets the Date, Message-ID and From that it lacks, and no more",
        citation: "RFC 6409 section 8.2; RFC 6409 section 8.3; RFC 5322 section 3.6; \
                   Postfix always_add_missing_headers",
        severity: Severity::Medium,
        about: "Submits messages that lack Date, Message-ID, From or all headers. Each must arrive \
                as it was, followed by what it lacked: today's date, an id of the relay's own \
                with the relay's name in it, and From with the sender of the envelope. Nothing \
                else may be added, least of all a header on the recipients or on the client. \
                Programs and devices send such mail, and filters take it for spam.",
        repair: "Set privacy.add_missing_headers. By hand, always_add_missing_headers = yes for \
                 the cleanup service of each submission service, and \
                 undisclosed_recipients_header empty.",
        needs: &[Need::Login, Need::Inbox, Need::Built, ADDED, COMPLETED],
        sabotages: &[
            Sabotage {
                name: "missing headers stay missing",
                changes: &[Change::Setting("privacy.add_missing_headers", "false")],
                sees: "without Date: [] added",
            },
            UNDISCLOSED.seen_as("To: undisclosed-recipients:;"),
        ],
        ..Check::by(&missing_headers_are_added)
    },
    Check {
        id: "privacy.missing_headers_are_left_out",
        title: "Under privacy.add_missing_headers: false mail by login gets no header but its trace",
        citation: "Postfix always_add_missing_headers",
        severity: Severity::Low,
        about: "Submits a message without Date, Message-ID and From on each port with logins. It \
                must arrive as it was, behind its trace header: who turns the setting off has a \
                server behind this one that adds these headers, or signs messages before.",
        repair: "Set privacy.add_missing_headers, and nothing about it in postfix.main. By hand, \
                 always_add_missing_headers = no.",
        needs: &[Need::Login, Need::Inbox, Need::Built, LEFT_OUT, COMPLETED],
        sabotages: &[Sabotage {
            name: "missing headers are added though relay.yaml says no",
            changes: &[Change::Setting("privacy.add_missing_headers", "true")],
            sees: "Message-Id: <",
        }],
        ..Check::by(&missing_headers_are_left_out)
    },
    Check {
        id: "privacy.passing_mail_is_not_completed",
        title: "Mail without a login gets no header but its trace",
        citation: "RFC 5321 section 6.4; Postfix always_add_missing_headers",
        severity: Severity::Medium,
        about: "Sends a message without Date, Message-ID and From for a relay domain, without a \
                login. It must arrive as it was: a server that mail only passes must not repair \
                it, since that hides what the sender did and spoils signatures.",
        repair: "Leave always_add_missing_headers = no in main.cf, and set it for the cleanup \
                 services of logins alone.",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        sabotages: &[Sabotage {
            name: "missing headers are added to all mail",
            changes: &[Change::Main("always_add_missing_headers", "yes")],
            sees: "Message-Id: <",
        }],
        ..Check::by(&passing_mail_is_not_completed)
    },
];

/// A header that says that there are recipients.
pub(in super::super) const UNDISCLOSED: Sabotage = Sabotage {
    name: "hidden recipients are mentioned",
    changes: &[Change::Main(
        "undisclosed_recipients_header",
        "To: undisclosed-recipients:;",
    )],
    sees: "",
};

/// The header fields that a message has, by name.
const KINDS: [(&str, &[&str]); 5] = [
    ("nothing missing", &["From", "To", "Date", "Message-ID"]),
    ("without Date", &["From", "Message-ID"]),
    ("without Message-ID", &["From", "To", "Date"]),
    ("without both and From", &["To"]),
    ("without headers", &[]),
];

async fn missing_headers_are_added(context: Context) -> Judged {
    let nothing_passes = context.target().spec.relay.domains.is_empty();
    let listeners = context.target().login_listeners();
    let listeners = listeners.filter(|l| *l != Listener::Smtp || nothing_passes);
    rows::each(
        &context,
        listeners.enumerate(),
        |(_, listener)| port(listener),
        |context, (number, listener)| async move {
            // That the others have the same service takes one message.
            let kinds = if number == 0 {
                &KINDS[..]
            } else {
                &KINDS[3..4]
            };
            let mut session = logged_in(&context, listener).await?;
            let mut sent = Vec::new();
            for (kind, has) in kinds {
                let (message, own) = with(has, RECIPIENT);
                mail::send(&mut session, &message).await?;
                sent.push((kind, has, message, own));
            }
            for (kind, has, message, own) in sent {
                let delivered = mail::arrival(&context, &message).await?;
                let added = added(&message, &own, &delivered)?;
                right(&context, kind, has, &added)?;
                tells_nothing(&delivered.raw)?;
            }
            PASS
        },
    )
    .await
}

async fn missing_headers_are_left_out(context: Context) -> Judged {
    let nothing_passes = context.target().spec.relay.domains.is_empty();
    let listeners = context.target().login_listeners();
    // The sabotage adds nothing there (`render::relay_master`).
    let listeners = listeners.filter(|l| *l != Listener::Smtp || nothing_passes);
    rows::each(&context, listeners, port, |context, listener| async move {
        let mut session = logged_in(&context, listener).await?;
        let (message, own) = with(&["To"], RECIPIENT);
        mail::send(&mut session, &message).await?;
        let delivered = mail::arrival(&context, &message).await?;
        nothing_added(&message, &own, &delivered)
    })
    .await
}

fn nothing_added(message: &Message, own: &[String], delivered: &Delivered) -> Judged {
    let added = added(message, own, delivered)?;
    if added.is_empty() {
        return PASS;
    }
    fail("nothing but the trace header", added.join(", "))
}

/// A message with these header fields, and the fields as they stand in it.
fn with(has: &[&str], recipient: &str) -> (Message, Vec<String>) {
    let token = mail::plain().token().to_owned();
    let own: Vec<String> = has
        .iter()
        .map(|name| match *name {
            "From" => format!("From: <{SENDER}>"),
            "To" => format!("To: <{recipient}>"),
            "Date" => "Date: Mon, 23 Nov 2026 03:14:01 +0000".to_owned(),
            name => format!("{name}: <{token}@client.example>"),
        })
        .collect();
    let head: String = own.iter().flat_map(|field| [field, "\r\n"]).collect();
    let message = Message::exact(format!("{head}\r\nbody {token}\r\n"), &token);
    (message, own)
}

/// The fields behind a message's own; demands that all else is as it was.
fn added(message: &Message, own: &[String], delivered: &Delivered) -> Judged<Vec<String>> {
    let raw = || String::from_utf8_lossy(&delivered.raw).into_owned();
    let mut arrived = fields(&delivered.raw);
    let is_trace = arrived.first().is_some_and(|f| f.starts_with("Received:"));
    require(is_trace, "a trace header first", raw)?;
    arrived.remove(0);
    let kept = arrived.iter().zip(own).filter(|(a, b)| a == b).count() == own.len();
    require(kept, "its own headers as they were", raw)?;
    let body = format!("\r\n\r\nbody {}\r\n", message.token());
    let same = &delivered.raw[head(&delivered.raw).len()..] == body.as_bytes();
    require(same, "the body as it was", raw)?;
    ControlFlow::Continue(arrived.split_off(own.len()))
}

/// What Postfix adds, in its order.
fn right(context: &Context, kind: &str, has: &[&str], added: &[String]) -> Judged {
    let names = [
        ("Message-Id", "Message-ID"),
        ("Date", "Date"),
        ("From", "From"),
    ];
    let missing: Vec<&str> = names
        .iter()
        .filter(|(_, name)| !has.contains(name))
        .map(|(written, _)| *written)
        .collect();
    let found: Vec<&str> = added
        .iter()
        .map(|field| field.split(':').next().unwrap_or_default())
        .collect();
    let expected = format!("{kind}: {missing:?} added");
    require(found == missing, &expected, || {
        format!("{kind}: {added:?} added")
    })?;
    for field in added {
        let (name, value) = field.split_once(": ").unwrap_or_default();
        match name {
            "Date" => dated_now(&Trace {
                raw: field.clone(),
                date: value.split(" (").next().unwrap_or_default().to_owned(),
                ..Trace::default()
            })?,
            "From" => require(value == SENDER, SENDER, || field.clone())?,
            _ => {
                let host = format!("@{}>", context.target().hostname);
                let id = value.strip_prefix('<').and_then(|v| v.strip_suffix(&host));
                let is_id = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
                let right = id.is_some_and(|id| !id.is_empty() && is_id(id));
                require(right, &format!("<a queue id{host}"), || field.clone())?;
            }
        }
    }
    PASS
}

async fn passing_mail_is_not_completed(context: Context) -> Judged {
    let recipient = format!("recipient@{}", own_domain(&context));
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    let (message, own) = with(&["To"], &recipient);
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{recipient}>"),
    ];
    mail::send_with(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    nothing_added(&message, &own, &delivered)
}
