//! The trace headers that a message brings along, where `privacy.earlier_received` takes
//! them off: those of a login's message, its own, and no others.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, OWN_DOMAIN, RECIPIENT, SENDER, own_domain};
use super::super::probe::rows;
use super::super::probe::session::{CLIENT, ehlo, in_clear, logged_in, port};
use super::super::probe::trace::fields;
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, require};
use super::content::ON_SUBMISSION;
use crate::config::{Listener, Says};
use crate::report::Severity;
use crate::smtp::Message;

const REMOVED: Need = Need::Setting("privacy.earlier_received", Says::Is("remove"));

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.earlier_trace_is_removed",
        title: "Where earlier trace headers are removed, mail by login has the relay's own alone",
        citation: "RFC 5321 section 4.4; Postfix header_checks; Postfix nested_header_checks",
        severity: Severity::High,
        about: "Submits a message on each port with logins that brings more trace headers along \
                than a loop would have, folded, in other case, with a blank before the colon, and \
                one as this relay itself writes them. All must be gone, and the relay's own must \
                be there, once. Headers whose names begin alike, and those of a part and of an \
                attached message, must stay byte for byte. A web mailer's trace has the address \
                of its user in it.",
        repair: "Set privacy.earlier_received. By hand, give each submission service a cleanup \
                 service whose header_checks tell the relay's own trace header from others, by a \
                 mail_name of that smtpd's own, and IGNORE the others; leave mime_header_checks \
                 and nested_header_checks empty.",
        needs: &[Need::Login, Need::Inbox, REMOVED],
        sabotages: &[
            Sabotage {
                name: "earlier trace headers stay",
                changes: &[
                    Change::Given(REMOVED),
                    Change::Setting("privacy.earlier_received", "keep"),
                ],
                // As many as were sent are a loop.
                sees: "too many hops",
            },
            Sabotage {
                name: "attached messages lose their trace too",
                changes: &[
                    Change::Given(REMOVED),
                    Change::Given(ON_SUBMISSION),
                    Change::Service(
                        "cleanup-login/unix",
                        "nested_header_checks",
                        "pcre:/etc/relaykit/postfix/login_header_checks",
                    ),
                ],
                sees: "\"Subject: attached\" where",
            },
            Sabotage {
                name: "the relay's own trace header goes too",
                changes: &[
                    Change::Given(REMOVED),
                    Change::Main("smtp_header_checks", "pcre:{{/^Received:/ IGNORE}}"),
                ],
                sees: "0 trace headers",
            },
        ],
        ..Check::by(&earlier_trace_is_removed)
    },
    Check {
        id: "privacy.earlier_trace_without_login_stays",
        title: "Mail without a login keeps the trace headers that it brings along",
        citation: "RFC 5321 section 4.4; Postfix header_checks",
        severity: Severity::High,
        about: "Sends a message for a relay domain without a login that has passed two servers. \
                Both trace headers must arrive as they were, below the relay's own, whatever \
                privacy.earlier_received says of logins: they are what tells where spam came from, \
                and loops are found by counting them.",
        repair: "By hand, set header_checks that remove Received for the cleanup service of logins \
                 alone, not in main.cf.",
        needs: &[Need::Listener(Listener::Smtp), Need::Inbox, OWN_DOMAIN],
        sabotages: &[Sabotage {
            name: "earlier trace headers of all mail are removed",
            changes: &[Change::Main(
                "smtp_header_checks",
                "pcre:{{/^Received: from hop/ IGNORE}}",
            )],
            sees: "2 were sent",
        }],
        ..Check::by(&earlier_trace_without_login_stays)
    },
];

/// More than Postfix takes for a loop (`hopcount_limit`).
const HOPS: usize = 60;

/// Headers and body that have to stay.
const REST: &str = "X-Received: by web.example (kept)\r
Received-SPF: pass (kept)\r
Date: Mon, 23 Nov 2026 03:14:01 +0000\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=\"part\"\r
\r
--part\r
Content-Type: text/plain\r
Received: from kept.example by part.example\r
\r
Received: from kept.example by body.example\r
--part\r
Content-Type: message/rfc822\r
\r
Received: from kept.example\r
\tby attached.example; Mon, 23 Nov 2026 03:14:01 +0000\r
Subject: attached\r
\r
text\r
--part--\r
";

async fn earlier_trace_is_removed(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let host = &context.target().hostname;
            let token = mail::plain().token().to_owned();
            let rest = format!(
                "From: <{SENDER}>\r\nTo: <{RECIPIENT}>\r\nSubject: relaykit {token}\r\n\
                 Message-ID: <{token}@relaykit.example>\r\n{REST}"
            );
            let sent = Message::exact(format!("{}{rest}", brought(host)), &token);
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &sent).await?;
            only_the_own(host, &Message::exact(rest, &token), &delivered)
        },
    )
    .await
}

/// Trace headers of other servers, in every spelling, and one like this relay's own.
fn brought(host: &str) -> String {
    let hops = (0..HOPS).map(|n| {
        format!(
            "Received: from hop{n}.example ([192.0.2.77])\r\n\tby web.example;\r\n \
             Mon, 23 Nov 2026 03:14:01 +0000\r\n"
        )
    });
    let hops = hops.collect::<Vec<_>>().concat();
    format!(
        "RECEIVED: from a.example by web.example; Mon, 23 Nov 2026 03:14:01 +0000\r\n\
         received : from b.example by web.example; Mon, 23 Nov 2026 03:14:01 +0000\r\n\
         Received:\r\n\tfrom c.example by web.example; Mon, 23 Nov 2026 03:14:01 +0000\r\n\
         Received: from d.example (d.example [198.51.100.2])\r\n\
         \t(Authenticated sender: mallory)\r\n\tby {host} (Postfix) with ESMTPSA id 4fXkq1\r\n\
         \tfor <{RECIPIENT}>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC)\r\n{hops}"
    )
}

/// Demands one trace header, this relay's own, and below it all that was to stay.
fn only_the_own(host: &str, rest: &Message, delivered: &Delivered) -> Judged {
    let arrived = fields(&delivered.raw);
    let is_trace = |f: &&String| {
        let name = f.split(':').next().unwrap_or_default().trim_end();
        name.eq_ignore_ascii_case("Received")
    };
    let traces: Vec<&str> = arrived
        .iter()
        .filter(is_trace)
        .map(String::as_str)
        .collect();
    require(traces.len() == 1, "one trace header", || {
        format!("{} trace headers: {}", traces.len(), traces.join("\r\n"))
    })?;
    let own = traces[0];
    let by = [format!("by {host} (Postfix) "), "4fXkq1".to_owned()];
    let is_own = own.contains(&by[0]) && !own.contains(&by[1]);
    require(is_own, "the relay's own trace header", || own)?;
    if rest.trace_in(&delivered.raw).is_some() {
        return held("all else byte for byte", format!("{own} and the rest"));
    }
    let sent = String::from_utf8_lossy(rest.bytes()).into_owned();
    let raw = String::from_utf8_lossy(&delivered.raw).into_owned();
    let below = raw.lines().skip(own.lines().count());
    let changed = sent.lines().zip(below).find(|(a, b)| a != b);
    let (sent, arrived) = changed.unwrap_or_default();
    fail(
        "all else byte for byte",
        format!("{arrived:?} where {sent:?} was sent"),
    )
}

async fn earlier_trace_without_login_stays(context: Context) -> Judged {
    let recipient = format!("recipient@{}", own_domain(&context));
    let hop = |n| {
        format!(
            "from hop{n}.example (hop{n}.example [198.51.100.{n}])\r\n\tby next.example; Mon, 23 Nov 2026 03:14:01 +0000"
        )
    };
    let message = Message::from_to(SENDER, &recipient)
        .header("Received", hop(2))
        .header("Received", hop(1))
        .build();
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{recipient}>"),
    ];
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    mail::send_with(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    let arrived = fields(&delivered.raw);
    let stay = |n: &u8| arrived.contains(&format!("Received: {}", hop(*n)));
    let kept = [1, 2].iter().filter(|n| stay(n)).count();
    require(kept == 2, "both trace headers as they were", || {
        format!("{kept} of them, where 2 were sent")
    })
}
