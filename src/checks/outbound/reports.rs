//! The report on a message that could not be delivered: whom it goes to, what it is sent
//! with, and whom it names.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, ANY_SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use super::route::UTF8_UNKNOWN;
use crate::plan::Role;
use crate::render::next_hops::{HEARING, REFUSING};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    ONE_REPORT,
    Check {
        id: "outbound.reports_on_utf8_addresses_are_international",
        title: "A report on an address in UTF-8 is in the form for such addresses",
        citation: "RFC 6531 section 3.2; RFC 6533 section 3; RFC 6533 section 4; Postfix SMTPUTF8_README",
        severity: Severity::Low,
        about: "Sends a message with SMTPUTF8 to a recipient with letters beyond ASCII, whom the next \
                hop refuses. The report has to name the recipient letter by letter, as an address \
                of type utf-8 in a part of type message/global-delivery-status. In the older form \
                a program cannot read whom the message did not reach.",
        repair: "By hand, leave smtputf8_enable = yes.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        sabotages: &[UTF8_UNKNOWN],
        ..Check::by(&reports_are_international)
    },
];

const ONE_REPORT: Check = Check {
    id: "outbound.one_report_goes_to_the_sender",
    title: "One report on all refused recipients goes to the sender, without wishes of its own",
    citation: "RFC 5321 section 4.4; RFC 5321 section 6.1; RFC 5321 section 3.3; \
               RFC 3461 section 5.2.8; RFC 3461 section 6.1",
    severity: Severity::Medium,
    about: "Sends a message to three recipients whom the next hop refuses, one of them with \
            NOTIFY=NEVER, from a sender with a source route before it. One report has to go to the \
            sender, whatever route stands there, from the null sender, without RET and with no \
            NOTIFY but NEVER; it has to name two recipients and be silent about the third. A report \
            that goes another way is lost, and one for each recipient floods the sender of a list.",
    repair: "By hand, leave sender_canonical_maps and canonical_maps empty, and the bounce service \
             in master.cf as it is.",
    needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED, ANY_SENDER],
    sabotages: &[
        Sabotage {
            name: "reports go to somebody else",
            changes: &[Change::Main(
                "sender_canonical_maps",
                "pcre:{{/@hearing\\.sink\\.test$$/ postmaster@elsewhere.example}}",
            )],
            sees: "to=<postmaster@elsewhere.example>",
        },
        Sabotage {
            name: "wishes for silence are not heard",
            changes: &[Change::Main(
                "smtpd_command_filter",
                "pcre:{{/^(RCPT .*) NOTIFY=NEVER/ $$1}}",
            )],
            sees: "it names never-",
        },
    ],
    ..Check::by(&one_report_goes_to_the_sender)
};

async fn one_report_goes_to_the_sender(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let mut heard = Log::from_now(&context, Role::Sink)?;
    // Only the sender and the report have it.
    let token = mail::plain().token().to_owned();
    let sender = format!("{token}@{}", HEARING.domain);
    let recipient = |name: &str| format!("{name}-{token}@{REFUSING}");
    let rcpt = |name: &str, wish: &str| format!("RCPT TO:<{}> NOTIFY={wish}", recipient(name));
    let commands = [
        format!("MAIL FROM:<@a.example,@b.example:{sender}> RET=HDRS"),
        rcpt("first", "FAILURE"),
        rcpt("never", "NEVER"),
        rcpt("second", "FAILURE,DELAY"),
    ];
    let message = Message::from_to(super::SENDER, "friends@elsewhere.example").build();
    let queued = played::submit(&context, &commands, &message).await?;
    let mark = format!("]: {queued}: sender non-delivery notification: ");
    let report = log
        .find(&context, "a report", |line| {
            Some(line.split_once(&mark)?.1.trim().to_owned())
        })
        .await?;
    let fate = log.fate(&context, &report).await?;
    require(
        fate.line.contains(&format!("to=<{sender}>")),
        &format!("to=<{sender}>"),
        || fate.line.clone(),
    )?;

    let said = played::conversation(&context, &mut heard, HEARING, &token).await?;
    let line = |verb: &str| said.iter().find(|line| line.starts_with(verb));
    let mail = line("MAIL FROM:").map_or("", String::as_str);
    let null = mail.starts_with("MAIL FROM:<>") && !mail.contains(" RET=");
    require(null, "MAIL FROM:<> without RET", || mail.to_owned())?;
    let rcpt = line("RCPT TO:").map_or("", String::as_str);
    let wish = rcpt
        .split_once(" NOTIFY=")
        .map_or("NEVER", |(_, wish)| wish);
    require(
        wish.split(' ').next() == Some("NEVER"),
        "RCPT TO with NOTIFY=NEVER, or without",
        || rcpt.to_owned(),
    )?;

    let report = mail::arrival(&context, &Message::exact("", &token)).await?;
    let text = String::from_utf8_lossy(&report.raw);
    let named =
        |name: &str| text.contains(&format!("Final-Recipient: rfc822; {}", recipient(name)));
    let missing = ["first", "second"].into_iter().filter(|name| !named(name));
    let missing = missing.map(|name| format!("it does not name {}", recipient(name)));
    let surplus = text.contains(&recipient("never"));
    let surplus = surplus.then(|| format!("it names {}", recipient("never")));
    let wrong: Vec<String> = missing.chain(surplus).collect();
    require_none(
        &wrong,
        "a report that names the two who were to be reported",
    )
}

async fn reports_are_international(context: Context) -> Judged {
    let recipient = format!("größe@{REFUSING}");
    let message = Message::from_to(super::SENDER, &recipient).build();
    let commands = [
        format!("MAIL FROM:<{}> SMTPUTF8", super::SENDER),
        format!("RCPT TO:<{recipient}>"),
    ];
    played::submit(&context, &commands, &message).await?;
    let report = mail::arrival(&context, &message).await?;
    let text = String::from_utf8_lossy(&report.raw);
    let wanted = [
        "message/global-delivery-status".to_owned(),
        format!("Final-Recipient: utf-8; {recipient}"),
    ];
    let missing = wanted.iter().filter(|words| !text.contains(words.as_str()));
    let missing: Vec<String> = missing.map(|words| format!("{words} is missing")).collect();
    require_none(&missing, "a report as RFC 6533 has it")
}
