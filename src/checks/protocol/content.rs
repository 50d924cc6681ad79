//! What a relay must leave as it is in a message, and the little that it must not.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::privacy::completed::UNDISCLOSED;
use super::super::probe::mail::{self, EARLIER_KEPT, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, command, ehlo, require_code, require_extension,
};
use super::super::probe::trace::fields;
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require, require_none};
use super::{mail_from, rcpt_to, submission};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.bare_messages_are_not_dressed_up",
        title: "A message without headers, without a body or of dots alone gets no more than it must",
        citation: "RFC 5321 section 4.5.2; RFC 5321 section 6.4; RFC 6409 section 8",
        severity: Severity::Low,
        about: "Submits messages that lack what most have, and compares them at the next hop: \
                beside the relay's own trace header, nothing but a missing Date, Message-ID and \
                From may be added. Headers on recipients that a relay makes up tell a story of \
                its own, and dots that get lost are lost text.",
        repair: "Leave undisclosed_recipients_header and local_header_rewrite_clients empty.",
        needs: &[Need::Login, Need::Inbox, Need::Built],
        sabotages: &[UNDISCLOSED.seen_as("no headers: To: undisclosed-recipients:;")],
        ..Check::by(&bare_messages_are_not_dressed_up)
    },
    Check {
        id: "protocol.long_lines_arrive_unbroken",
        title: "Long lines in body and headers arrive as they are, or are refused",
        citation: "RFC 5321 section 4.5.3.1.6; RFC 6376 section 3.4; Postfix smtp_line_length_limit",
        severity: Severity::Medium,
        about: "Sends a body with a line of exactly 998 octets and one of 5000, and a header of \
                2500, and compares the bytes at the next hop. A line break that the relay adds \
                makes the DKIM signature of an earlier server invalid, and the mail is \
                rejected far away from here.",
        repair: "Set smtp_line_length_limit = 0.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "long lines are broken",
            changes: &[Change::Main("smtp_line_length_limit", "990")],
            sees: "other bytes",
        }],
        ..Check::by(&long_lines_arrive_unbroken)
    },
    Check {
        id: "protocol.eight_bits_stay_eight_bits",
        title: "Every byte above ASCII arrives unchanged, declared as 8BITMIME or not",
        citation: "RFC 6152 section 3; RFC 6376 section 5.3; Postfix disable_mime_output_conversion",
        severity: Severity::Medium,
        about: "Sends all bytes from 128 to 255 in an ISO 8859-1 text, with BODY=8BITMIME and \
                without, to a next hop that offers 8BITMIME. A relay that recodes it as \
                quoted-printable breaks signatures; one that clears the eighth bit breaks text.",
        repair: "Leave 8bitmime and smtputf8 out of smtp_discard_ehlo_keywords.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        sabotages: &[
            NEXT_HOP_IGNORED.seen_as("quoted-printable"),
            super::NO_EXTENSIONS.seen_as("without 8BITMIME"),
        ],
        ..Check::by(&eight_bits_stay_eight_bits)
    },
    Check {
        id: "protocol.odd_headers_are_no_reason",
        title: "Mail is not refused for odd trace headers, resent headers or dates in it",
        citation: "RFC 5321 section 3.3; RFC 5321 section 3.7.2; Postfix hopcount_limit",
        severity: Severity::Medium,
        about: "Submits messages with trace headers that make no sense, resent headers that do not \
                fit together, a date that is none and a header that is there twice. Each has to \
                be taken, and its headers have to arrive. Programs of all ages write such mail; \
                a relay that judges it loses what its readers would have understood.",
        repair: "Refuse nothing for its form in header_checks, and leave hopcount_limit between 50 \
                 and 100.",
        needs: &[Need::Login, Need::Inbox, Need::Built, EARLIER_KEPT],
        sabotages: &[Sabotage {
            name: "mail that has passed a server is refused",
            changes: &[Change::Main("hopcount_limit", "1")],
            sees: "too many hops",
        }],
        ..Check::by(&odd_headers_are_no_reason)
    },
    Check {
        id: "protocol.mail_that_loops_is_stopped",
        title: "Mail with too many trace headers is refused or returned, not sent round again",
        citation: "RFC 5321 section 6.3; Postfix hopcount_limit",
        severity: Severity::Medium,
        about: "Sends a message that has passed 20 servers, which has to reach the next hop, and \
                one that has passed 150, which must not. Two servers that send a message to \
                each other fill their disks with it until somebody stops it by hand.",
        repair: "Leave hopcount_limit between 50 and 100.",
        needs: &[Need::Login, Need::Inbox, EARLIER_KEPT],
        sabotages: &[Sabotage {
            name: "mail may loop for long",
            changes: &[Change::Main("hopcount_limit", "1000")],
            sees: "after 150 hops it went on",
        }],
        ..Check::by(&mail_that_loops_is_stopped)
    },
    Check {
        id: "protocol.blind_copies_stay_blind",
        title: "Bcc, Resent-Bcc and Return-Path do not leave; other Resent headers stay",
        citation: "RFC 5322 section 3.6.3; RFC 5321 section 4.4; Postfix message_drop_headers",
        severity: Severity::High,
        about: "Sends a message with Bcc, Resent-Bcc, Return-Path and the rest of a resent \
                block. Some mail programs leave Bcc in the message and trust the first server \
                to remove it: what is left shows every recipient who else got a copy in secret.",
        repair: "Leave message_drop_headers at its default (bcc, content-length, resent-bcc, \
                 return-path).",
        needs: &[Need::Login, Need::Inbox, Need::Built],
        sabotages: &[Sabotage {
            name: "no header is dropped",
            changes: &[Change::Main("message_drop_headers", "")],
            sees: "Bcc: <secret",
        }],
        ..Check::by(&blind_copies_stay_blind)
    },
];

/// Headers that a message may have, however odd.
const ODD_HEADERS: [(&str, &[(&str, &str)]); 4] = [
    (
        "odd traces",
        &[
            ("Received", "yesterday, by hand"),
            ("Received", "from x by y; not a date"),
            ("Received", "(nothing but a comment)"),
        ],
    ),
    (
        "resent headers that do not fit",
        &[
            ("Resent-To", "<one@elsewhere.example>"),
            ("Resent-To", "<two@elsewhere.example>"),
            ("Resent-Message-ID", "<1@elsewhere.example>"),
        ],
    ),
    ("a date that is none", &[("Resent-Date", "some time ago")]),
    (
        "a header twice",
        &[
            ("Comments", "one"),
            ("Reply-To", "<a@b.example>"),
            ("Reply-To", "<c@d.example>"),
        ],
    ),
];

async fn odd_headers_are_no_reason(context: Context) -> Judged {
    rows::each(
        &context,
        ODD_HEADERS,
        |(what, _)| what.to_owned(),
        |context, (_, headers)| async move {
            let mut message = Message::from_to(SENDER, RECIPIENT);
            for (name, value) in headers {
                message = message.header(*name, *value);
            }
            let mut session = submission(&context).await?;
            let delivered = mail::relayed(&context, &mut session, &message.build()).await?;
            let arrived = fields(&delivered.raw);
            let sent = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"));
            let gone = sent.filter(|field| !arrived.contains(field));
            let gone: Vec<String> = gone.map(|field| format!("{field} is gone")).collect();
            require_none(&gone, "all headers as they were sent")
        },
    )
    .await
}

/// As if the next hop offered none of these: what then becomes of messages and
/// reports? (SMTPUTF8 stands for 8BITMIME too.)
pub(in super::super) const NEXT_HOP_IGNORED: Sabotage = Sabotage {
    name: "extensions of the next hop are ignored",
    changes: &[Change::Main(
        "smtp_discard_ehlo_keywords",
        "8bitmime, smtputf8, dsn",
    )],
    sees: "",
};

/// Sends `message` after these commands; `None` where the relay refuses it.
async fn handed_over(
    context: &Context,
    mail: &str,
    message: &Message,
) -> Judged<Option<Delivered>> {
    let mut session = submission(context).await?;
    for line in [mail, &rcpt_to(context)] {
        require_code(&command(&mut session, line).await?, 250, line)?;
    }
    let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
    if reply.is_permanent() {
        return Judged::Continue(None);
    }
    require_code(&reply, 250, "the message")?;
    mail::arrival(context, message).await.map_continue(Some)
}

async fn bare_messages_are_not_dressed_up(context: Context) -> Judged {
    let kinds = [
        (
            "no headers",
            "TOKEN begins this text.\r\nIt has no headers.\r\n",
        ),
        ("dots alone", "...\r\n.\r\n..\r\n.TOKEN\r\n.\r\n"),
        ("no body", "Subject: TOKEN\r\n"),
        (
            "From at the start of a line",
            "Subject: TOKEN\r\n\r\nFrom here\r\n>From there\r\n",
        ),
    ];
    rows::each(
        &context,
        kinds,
        |(what, _)| what.to_owned(),
        |context, (_, text)| async move {
            let token = mail::plain().token().to_owned();
            let message = Message::exact(text.replace("TOKEN", &token), &token);
            let Some(delivered) = handed_over(&context, &mail_from(&context), &message).await?
            else {
                return fail("the message taken", "a refusal");
            };
            let (sent, arrived) = (parts(message.bytes()), parts(&delivered.raw));
            require(arrived.1 == sent.1, "the same body", || arrived.1.clone())?;
            let mut left = arrived.0.iter();
            for field in &sent.0 {
                require(left.any(|f| f == field), field, || arrived.0.join("\r\n"))?;
            }
            let made_up = |field: &&String| {
                let known = ["Received:", "Date:", "Message-Id:", "From:"];
                !sent.0.contains(field) && !known.iter().any(|name| field.starts_with(name))
            };
            match arrived.0.iter().find(made_up) {
                None => PASS,
                Some(field) => fail("nothing but what it must have", field.clone()),
            }
        },
    )
    .await
}

/// The header fields of a message, and its body, which is all of it where it does not
/// begin with a field.
fn parts(raw: &[u8]) -> (Vec<String>, String) {
    let text = String::from_utf8_lossy(raw).into_owned();
    let begins = text.split(':').next().unwrap_or_default();
    if begins.contains(|c: char| !c.is_ascii_graphic()) {
        return (Vec::new(), text);
    }
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut fields = fields(raw);
    fields.retain(|field| !field.is_empty());
    (fields, body.to_owned())
}

async fn long_lines_arrive_unbroken(context: Context) -> Judged {
    let kinds = [
        ("998 octets", String::new(), "x".repeat(998)),
        ("5000 octets", String::new(), "y".repeat(5000)),
        ("a header of 2500 octets", "z".repeat(2500), String::new()),
    ];
    rows::each(
        &context,
        &kinds,
        |(what, ..)| (*what).to_owned(),
        |context, (_, header, line)| async move {
            let message = Message::from_to(SENDER, RECIPIENT)
                .header("X-Long", format!("a{header}"))
                // The dot that is doubled on the wire counts for nothing.
                .body(format!(
                    "first\r\n{line}\r\n.{}\r\nlast",
                    &line[line.len().min(1)..]
                ))
                .build();
            let delivered = match handed_over(&context, &mail_from(&context), &message).await? {
                // A line of 998 octets is legal.
                None if line.len() == 998 => return fail("the message taken", "a refusal"),
                None => return PASS,
                Some(delivered) => delivered,
            };
            let same = message.trace_in(&delivered.raw).is_some();
            require(same, "the same bytes", || {
                let lines = delivered.raw.split(|b| *b == b'\n').map(<[u8]>::len);
                let longest = lines.max().unwrap_or_default();
                let found = if same { "the same" } else { "other" };
                format!("{found} bytes, the longest line of {longest} octets")
            })
        },
    )
    .await
}

async fn eight_bits_stay_eight_bits(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let offers = ehlo(&mut session, CLIENT).await?;
    require_extension(&context, &offers, "8BITMIME")?;
    let plain = Message::from_to(SENDER, RECIPIENT)
        .header("MIME-Version", "1.0")
        .header("Content-Type", "text/plain; charset=iso-8859-1")
        .header("Content-Transfer-Encoding", "8bit")
        .build();
    let high: Vec<u8> = (128..=255).collect();
    let mut wrong = Vec::new();
    for (what, parameter) in [("with BODY=8BITMIME", " BODY=8BITMIME"), ("without", "")] {
        let token = mail::plain().token().to_owned();
        let head = String::from_utf8_lossy(plain.headers()).replace(plain.token(), &token);
        let bytes = [head.as_bytes(), b"\r\n", &high, b"\r\n"].concat();
        let message = Message::exact(bytes, &token);
        let mail = format!("{}{parameter}", mail_from(&context));
        // Who declares nothing has no claim to more than seven bits.
        let Some(delivered) = handed_over(&context, &mail, &message).await? else {
            if !parameter.is_empty() {
                wrong.push(format!("{what}: refused"));
            }
            continue;
        };
        if message.trace_in(&delivered.raw).is_none() {
            let arrived = fields(&delivered.raw).split_off(1).join(", ");
            wrong.push(format!("{what}: other bytes, under {arrived}"));
        }
    }
    require_none(&wrong, "the same bytes")
}

async fn mail_that_loops_is_stopped(context: Context) -> Judged {
    let hop = |number: usize| {
        format!(
            "from hop{number}.example by hop{}.example; Mon, 23 Nov 2026 03:14:01 +0000",
            number + 1
        )
    };
    let after = |hops: usize| {
        let mut message = Message::from_to(SENDER, RECIPIENT);
        for number in 0..hops {
            message = message.header("Received", hop(number));
        }
        message.build()
    };
    let some = handed_over(&context, &mail_from(&context), &after(20)).await?;
    require(some.is_some(), "mail after 20 hops taken", || "a refusal")?;
    let Some(arrived) = handed_over(&context, &mail_from(&context), &after(150)).await? else {
        return PASS;
    };
    // A report quotes the message; it has no sender.
    require(
        arrived.envelope_from.is_empty(),
        "a refusal or a report",
        || "after 150 hops it went on to the next",
    )
}

async fn blind_copies_stay_blind(context: Context) -> Judged {
    let message = Message::from_to(SENDER, RECIPIENT)
        .header("Return-Path", "<forged@elsewhere.example>")
        .header("Resent-From", "<resender@relaykit.example>")
        .header("Resent-To", "<recipient@elsewhere.example>")
        .header("Resent-Bcc", "<secret@resent.example>")
        .header("Bcc", "<secret@blind.example>,\r\n <other@blind.example>")
        .build();
    let Some(delivered) = handed_over(&context, &mail_from(&context), &message).await? else {
        return fail("the message taken", "a refusal");
    };
    let arrived = fields(&delivered.raw);
    let told = ["bcc:", "resent-bcc:", "return-path:"];
    let is_told = |field: &&String| {
        let lower = field.to_ascii_lowercase();
        told.iter().any(|name| lower.starts_with(name))
    };
    let mut wrong: Vec<String> = arrived.iter().filter(is_told).cloned().collect();
    for kept in ["Resent-From: <resender@", "Resent-To: <recipient@"] {
        if !arrived.iter().any(|field| field.starts_with(kept)) {
            wrong.push(format!("{kept}... is gone"));
        }
    }
    require_none(
        &wrong,
        "no Bcc, no Resent-Bcc, no Return-Path, the rest as it was",
    )
}
