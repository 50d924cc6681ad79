//! Reports on mail, as their senders wish for them.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, require, require_none};
use crate::plan::Role;
use crate::render::next_hops::{POOR, REFUSING};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "outbound.reports_come_as_wished",
    title: "Reports come when they are wished for, with what is wished, and not otherwise",
    citation: "RFC 3461 section 5.2.2; RFC 3461 section 5.2.6; RFC 3461 section 6.2; \
               RFC 3461 section 6.3; Postfix DSN_README",
    severity: Severity::Medium,
    about: "Submits messages with every kind of wish for a report, to a recipient whom the next hop \
            refuses and to a next hop that knows nothing of such wishes. NOTIFY=NEVER and wishes \
            for something else must bring no report; FAILURE must bring one with the next hop's \
            words, the original recipient, and the whole message or its headers alone, as RET \
            says; SUCCESS must bring one that says relayed; no wish must bring none for a success. \
            A sender who asked for silence is told nothing, and who asked for news is not left \
            in the dark.",
    repair: "Leave dsn out of smtpd_discard_ehlo_keywords, and the bounce service in master.cf.",
    needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED],
    long: true,
    sabotages: &[Sabotage {
        name: "DSN is off",
        changes: &[Change::Main(
            "smtpd_discard_ehlo_keywords",
            "dsn, chunking, etrn, silent-discard",
        )],
        sees: "DSN support is disabled",
    }],
    ..Check::by(&reports_come_as_wished)
}];

/// A line of every message's text: whole reports have it.
const TEXT: &str = "These words stand in the text alone.";

/// A message and the report on it.
#[derive(Debug, Clone, Copy)]
struct Wish {
    domain: &'static str,
    /// Parameters of MAIL and RCPT.
    mail: &'static str,
    rcpt: &'static str,
    /// What the report has and has not; `None`: there is none.
    report: Option<(&'static [&'static str], &'static [&'static str])>,
}

const WISHES: [Wish; 6] = [
    Wish {
        domain: REFUSING,
        mail: " RET=FULL ENVID=TOKEN",
        rcpt: " NOTIFY=FAILURE ORCPT=rfc822;Ori+2Bginal@first.example",
        report: Some((
            &[
                "Action: failed",
                "Diagnostic-Code: smtp; 550 5.1.1",
                "Original-Recipient: rfc822;Ori+ginal@first.example",
                "Original-Envelope-Id: TOKEN",
                TEXT,
            ],
            &[],
        )),
    },
    Wish {
        domain: REFUSING,
        mail: "",
        rcpt: "",
        report: Some((&["Action: failed"], &["Original-Envelope-Id:"])),
    },
    Wish {
        domain: POOR.domain,
        mail: " RET=FULL ENVID=TOKEN",
        rcpt: " NOTIFY=SUCCESS",
        report: Some((&["Action: relayed", "Original-Envelope-Id: TOKEN"], &[TEXT])),
    },
    Wish {
        domain: REFUSING,
        mail: "",
        rcpt: " NOTIFY=NEVER",
        report: None,
    },
    Wish {
        domain: REFUSING,
        mail: "",
        rcpt: " NOTIFY=SUCCESS,DELAY",
        report: None,
    },
    Wish {
        domain: POOR.domain,
        mail: "",
        rcpt: "",
        report: None,
    },
];

async fn reports_come_as_wished(context: Context) -> Judged {
    rows::each(
        &context,
        WISHES,
        |wish| format!("MAIL{} and RCPT{} to {}", wish.mail, wish.rcpt, wish.domain),
        |context, wish| async move { as_wished(&context, wish).await },
    )
    .await
}

async fn as_wished(context: &Context, wish: Wish) -> Judged {
    let mut log = Log::of(context, Role::Relay)?;
    let to = played::recipient(wish.domain);
    let message = Message::from_to(SENDER, &to)
        .body(format!("{TEXT}\r\n"))
        .build();
    // Only the report has it: where the message arrives, too, the two are told apart by it.
    let id = mail::plain().token().to_owned();
    let [mail, rcpt] = played::envelope(SENDER, wish.domain);
    let commands = [
        format!("{mail}{}", wish.mail.replace("TOKEN", &id)),
        format!("{rcpt}{}", wish.rcpt),
    ];
    let queued = played::submit(context, &commands, &message).await?;
    let Some((has, has_not)) = wish.report else {
        return no_report(context, &mut log, &queued).await;
    };
    let token = if wish.mail.is_empty() {
        message.token()
    } else {
        &id
    };
    let report = mail::arrival(context, &Message::exact("", token)).await?;
    let text = String::from_utf8_lossy(&report.raw).into_owned();
    require(
        report.envelope_from.is_empty(),
        "from the null sender",
        || report.envelope_from.clone(),
    )?;
    let lacks = has.iter().map(|words| words.replace("TOKEN", &id));
    let lacks = lacks.filter(|words| !text.contains(words.as_str()));
    let wrong = lacks.map(|words| format!("{words} is missing"));
    let surplus = has_not.iter().filter(|words| text.contains(**words));
    let wrong = wrong.chain(surplus.map(|words| format!("{words} is there")));
    require_none(&wrong.collect::<Vec<_>>(), "a report as it was wished for")
}

/// Waits for the message's end in the log.
async fn no_report(context: &Context, log: &mut Log, queued: &str) -> Judged {
    let removed = format!("]: {queued}: removed");
    let lines = log
        .until(context, "the message's end", |line| {
            line.ends_with(&removed)
        })
        .await?;
    let mark = format!("]: {queued}: ");
    let report = lines
        .iter()
        .find(|line| line.contains(&mark) && line.contains("notification:"));
    match report {
        None => {
            let end = lines.last().map_or("", String::as_str);
            held("no report", format!("{end}, and no notification before it"))
        }
        Some(line) => fail("no report", line.as_str()),
    }
}
