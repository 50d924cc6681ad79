//! What a login must not change: the message itself, and the trace headers of
//! other servers.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, EARLIER_KEPT, RECIPIENT, SENDER};
use super::super::probe::session::{logged_in, login_listener};
use super::super::probe::trace::fields;
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require};
use crate::config::Says;
use crate::report::Severity;
use crate::smtp::Message;

/// A filter that an operator adds for another reason.
pub(super) const BODY_FILTER: Sabotage = Sabotage {
    name: "a filter for the body",
    changes: &[Change::Main(
        "body_checks",
        "pcre:{{/relay/ REPLACE rewritten}}",
    )],
    sees: "\"rewritten\" where",
};

/// Where there is a cleanup of logins alone.
pub(super) const ON_SUBMISSION: Need = Need::Setting(
    "auth.listeners",
    Says::HasOneOf(&["submission", "submissions"]),
);

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.message_is_untouched",
        title: "Below the trace header the message arrives byte for byte",
        citation: "row 14; RFC 5321 section 2.3.1",
        severity: Severity::High,
        about: "Submits a message with long and folded headers and an attached message that has \
                trace headers of its own, dots and `From` at line starts, blanks at line ends, \
                UTF-8 and empty parts, and compares every byte below the one trace header that \
                the relay adds. Rules that rewrite headers often reach further than they should.",
        repair: "By hand, leave body_checks, mime_header_checks and nested_header_checks empty: \
                 the last two follow header_checks unless they are set.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[BODY_FILTER],
        ..Check::by(&message_is_untouched)
    },
    Check {
        id: "privacy.earlier_trace_stays",
        title: "Trace headers that other servers wrote stay as they are",
        citation: "row 14; RFC 5321 section 4.4",
        severity: Severity::High,
        about: "Submits a message that has passed other servers, one of them of this relay's own \
                name, and looks for each earlier trace header at the next hop. RFC 5321 forbids \
                to change them, and loops are found by counting them.",
        repair: "By hand, let header_checks match the relay's own newest trace header alone, by \
                 its own name and a mark that others do not have.",
        needs: &[Need::Login, Need::Inbox, EARLIER_KEPT],
        sabotages: &[Sabotage {
            name: "every trace header is dropped",
            changes: &[Change::Main(
                "smtp_header_checks",
                "pcre:{{/^Received:/ IGNORE}}",
            )],
            sees: "0 trace headers",
        }],
        ..Check::by(&earlier_trace_stays)
    },
    Check {
        id: "privacy.headers_are_not_completed",
        title: "Addresses in headers that have no domain get none",
        citation: "RFC 5321 section 2.3.1; Postfix local_header_rewrite_clients",
        severity: Severity::Medium,
        about: "Submits a message with addresses without a domain. A name of the relay's own that \
                is added there makes them somebody else's, and breaks what a client has signed.",
        repair: "By hand, local_header_rewrite_clients empty and remote_header_rewrite_domain \
                 empty.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "bare addresses get a domain",
            changes: &[Change::Main("local_header_rewrite_clients", "static:all")],
            sees: "where \"From: sender\" was sent",
        }],
        ..Check::by(&headers_are_not_completed)
    },
    Check {
        id: "privacy.stripped_headers_are_those_alone",
        title: "privacy.strip_headers takes those headers off the message, and nothing else",
        citation: "RFC 5322 section 3.6; Postfix header_checks; Postfix nested_header_checks",
        severity: Severity::High,
        about: "Submits a message that has each header of privacy.strip_headers twice, in other \
                case and folded, beside headers whose names begin alike, and the same words in \
                the body, in the headers of its parts and of an attached message. The next hop \
                must get all but the first kind, byte for byte.",
        repair: "By hand, one IGNORE rule for each header in header_checks, with the colon in the \
                 expression, and empty mime_header_checks and nested_header_checks.",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Setting("privacy.strip_headers", Says::Something),
        ],
        sabotages: &[
            Sabotage {
                name: "no header is stripped",
                changes: &[Change::Setting("privacy.strip_headers", "[]")],
                sees: ": told",
            },
            Sabotage {
                name: "attached messages are stripped too",
                changes: &[
                    Change::Given(ON_SUBMISSION),
                    Change::Service(
                        "cleanup-login/unix",
                        "nested_header_checks",
                        "pcre:/etc/relaykit/postfix/login_header_checks",
                    ),
                ],
                sees: ": attached\" was sent",
            },
        ],
        ..Check::by(&stripped_headers_are_those_alone)
    },
];

async fn message_is_untouched(context: Context) -> Judged {
    let message = Message::from_to(SENDER, RECIPIENT)
        .header("X-Long", "word ".repeat(180).trim_end())
        .header("X-Folded", "one\r\n two\r\n\tthree")
        .header("MIME-Version", "1.0")
        .header("Content-Type", "multipart/mixed; boundary=\"part\"")
        .header("Content-Transfer-Encoding", "8bit")
        .body(BODY)
        .build();
    let listener = login_listener(&context)?;
    let mut session = logged_in(&context, listener).await?;
    let commands = [
        format!("MAIL FROM:<{SENDER}> BODY=8BITMIME"),
        format!("RCPT TO:<{RECIPIENT}>"),
    ];
    mail::send_with(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    let Some(before) = message.trace_in(&delivered.raw) else {
        return fail(
            "the message's own bytes at the end",
            difference(&message, &delivered),
        );
    };
    let before = String::from_utf8_lossy(before).into_owned();
    let own = fields(before.as_bytes());
    require(
        own.iter().filter(|f| !f.is_empty()).count() == 1,
        "one trace header before it",
        || before,
    )
}

/// What filters change: attached messages with trace headers, dots and "From "
/// at line starts, blanks at line ends, bytes above ASCII, a long line.
const BODY: &str = "--part\r
Content-Type: message/rfc822\r
\r
Received: from canary-inner.example (inner [192.0.2.1])\r
\t(Authenticated sender: somebody)\r
\tby relay.relaykit.test (Postfix) with ESMTPSA id 4fXkq1\r
\tfor <recipient@elsewhere.example>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)\r
Subject: attached\r
\r
..two dots\r
.\r
. one dot\r
From the start\r
blanks at the end   \r
\tGrüße, 日本語, relay\r
--part\r
Content-Type: text/plain; name=\"Received: x\"\r
\r
\r
\r
--part--\r
";

/// The first line that is not as it was sent.
fn difference(message: &Message, delivered: &Delivered) -> String {
    let sent = String::from_utf8_lossy(message.bytes()).into_owned();
    let raw = String::from_utf8_lossy(&delivered.raw).into_owned();
    // The relay's own trace header and what it folds comes first.
    let added = fields(&delivered.raw)
        .first()
        .map_or(0, |f| f.lines().count());
    let pair = sent
        .lines()
        .zip(raw.lines().skip(added))
        .find(|(a, b)| a != b);
    match pair {
        Some((sent, arrived)) => format!("{arrived:?} where {sent:?} was sent"),
        None => format!("{} bytes of {}", delivered.raw.len(), message.bytes().len()),
    }
}

async fn earlier_trace_stays(context: Context) -> Judged {
    let host = &context.target().hostname;
    let earlier = [
        "from a.example (a.example [198.51.100.1]) by b.example with ESMTP id 1;\r\n\tMon, 23 Nov 2026 03:14:01 +0000".to_owned(),
        // As this relay itself writes it, before and after it is made anonymous.
        format!("from c.example (c.example [198.51.100.2])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n\t(Authenticated sender: mallory)\r\n\tby {host} (Postfix) with ESMTPSA id 4fXkq1\r\n\tfor <{RECIPIENT}>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)"),
        format!("from [127.0.0.1] (localhost [127.0.0.1])\r\n\t(Authenticated sender: mallory)\r\n\tby {host} (Postfix) with ESMTPSA id 4fXkq2;\r\n\tMon, 23 Nov 2026 03:14:01 +0000 (UTC)"),
    ];
    let mut message = Message::from_to(SENDER, RECIPIENT);
    for value in &earlier {
        message = message.header("Received", value);
    }
    let message = message.build();
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let delivered = mail::relayed(&context, &mut session, &message).await?;
    let arrived = fields(&delivered.raw);
    for value in &earlier {
        let field = format!("Received: {value}");
        require(arrived.contains(&field), &field, || {
            let traces = arrived.iter().filter(|f| f.starts_with("Received:"));
            let traces: Vec<&str> = traces.map(String::as_str).collect();
            format!("{} trace headers: {}", traces.len(), traces.join("\r\n"))
        })?;
    }
    let traces = arrived
        .iter()
        .filter(|f| f.starts_with("Received:"))
        .count();
    require(
        traces == earlier.len() + 1,
        "one more trace header than before",
        || format!("{traces}, where {} were sent", earlier.len()),
    )
}

/// Sends `message` and demands that `expected` is what arrives below one trace header.
async fn arrives_as(context: &Context, message: &Message, expected: &Message) -> Judged {
    let mut session = logged_in(context, login_listener(context)?).await?;
    let delivered = mail::relayed(context, &mut session, message).await?;
    let before = expected.trace_in(&delivered.raw).map(fields);
    let Some(before) = before else {
        return fail(
            "the same headers and body",
            difference(expected, &delivered),
        );
    };
    let own: Vec<String> = before.into_iter().filter(|f| !f.is_empty()).collect();
    require(own.len() == 1, "one trace header before it", || {
        own.join("\r\n")
    })
}

async fn headers_are_not_completed(context: Context) -> Judged {
    let token = mail::plain().token().to_owned();
    let text = format!(
        "From: sender\r\nTo: Some Body <somebody>, other\r\nSubject: {token}\r\n{}\r\nbody\r\n",
        complete(&token)
    );
    let message = Message::exact(text, &token);
    arrives_as(&context, &message, &message).await
}

/// The headers that a login listener adds where they are missing.
fn complete(token: &str) -> String {
    format!("Date: Mon, 23 Nov 2026 03:14:01 +0000\r\nMessage-ID: <{token}@relaykit.example>\r\n")
}

async fn stripped_headers_are_those_alone(context: Context) -> Judged {
    let names = &context.target().spec.privacy.strip_headers;
    let each = |line: &dyn Fn(&str) -> String| names.iter().map(|n| line(n)).collect::<String>();
    let stripped = each(&|name| {
        let lower = name.to_lowercase();
        format!("{name}: told\r\n{lower}: told\r\n by a fold\r\n")
    });
    let kept = each(&|name| format!("{name}-Not: kept\r\nX-{name}: kept\r\n"));
    let attached = each(&|name| format!("{name}: attached\r\n"));
    let token = mail::plain().token().to_owned();
    let rest = format!(
        "{kept}From: <{SENDER}>\r\nTo: <{RECIPIENT}>\r\nSubject: relaykit {token}\r\n{}\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"part\"\r\n\r\n\
         --part\r\nContent-Type: text/plain\r\n{attached}\r\n{attached}\r\n\
         --part\r\nContent-Type: message/rfc822\r\n\r\n{attached}Subject: inner\r\n\r\n{attached}\r\n--part--\r\n",
        complete(&token)
    );
    let message = Message::exact(format!("{stripped}{rest}"), &token);
    arrives_as(&context, &message, &Message::exact(rest, &token)).await?;
    PASS
}
