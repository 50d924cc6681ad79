//! What a login must not change: the message itself, and the trace headers of
//! other servers.

use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::postconf::Postconf;
use super::super::probe::session::{logged_in, login_listener};
use super::super::probe::trace::fields;
use super::super::verdict::{fail, require};
use super::super::{Change, Check, Context, Delivered, Judged, Need, Sabotage, Severity};
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.message_is_untouched",
        title: "Below the trace header the message arrives byte for byte",
        citation: "row 14; RFC 5321 section 2.3.1",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "a filter for the body",
            changes: &[Change::Main(
                "body_checks",
                "pcre:{{/relay/ REPLACE rewritten}}",
            )],
            sees: "",
        }],
        run: |context| Box::pin(message_is_untouched(context)),
    },
    Check {
        id: "privacy.earlier_trace_stays",
        title: "Trace headers that other servers wrote stay as they are",
        citation: "row 14; RFC 5321 section 4.4",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "every trace header is dropped",
            changes: &[Change::Service(
                "cleanup-login/unix",
                "header_checks",
                "pcre:{{/^Received:/ IGNORE}}",
            )],
            sees: "",
        }],
        run: |context| Box::pin(earlier_trace_stays(context)),
    },
    Check {
        id: "privacy.next_hop_is_told_no_client",
        title: "Postfix tells no next hop of its clients beside the message (XFORWARD)",
        citation: "row 14; Postfix XFORWARD_README",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "clients are forwarded",
            changes: &[Change::Main("smtp_send_xforward_command", "yes")],
            sees: "",
        }],
        run: |context| Box::pin(next_hop_is_told_no_client(context)),
    },
];

/// No next hop of a lab offers XFORWARD, so that only the setting can tell.
async fn next_hop_is_told_no_client(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let told: Vec<String> = ["smtp_send_xforward_command", "lmtp_send_xforward_command"]
        .into_iter()
        .flat_map(|parameter| postconf.everywhere(parameter))
        .filter(|(_, value)| *value != "no")
        .map(|(place, value)| format!("{place}: {value}"))
        .collect();
    require(told.is_empty(), "no service that sends XFORWARD", || {
        told.join(", ")
    })
}

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
    let first = sent.lines().next().unwrap_or_default();
    let arrived = raw.lines().skip_while(|line| *line != first);
    let pair = sent.lines().zip(arrived).find(|(a, b)| a != b);
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
        format!("(Authenticated sender: mallory)\r\n\tby {host} (Postfix) with ESMTPSA id 4fXkq2;\r\n\tMon, 23 Nov 2026 03:14:01 +0000 (UTC)"),
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
        require(arrived.contains(&field), &field, || arrived.join("\r\n"))?;
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
