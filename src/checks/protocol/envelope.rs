//! MAIL and RCPT: their parameters, the syntax of addresses, UTF-8 in them, and
//! the wishes for a delivery report.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, command, ehlo, mistakes, require_code, require_extension,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, require, require_none};
use super::{mail_from, rcpt_to, refused, submission};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.wrong_parameters_are_refused",
        title: "Unknown and malformed parameters of MAIL and RCPT are refused, none is ignored",
        citation: "RFC 5321 section 4.1.1.11; RFC 1870 section 6; RFC 3461 section 4",
        severity: Severity::Medium,
        about: "Sends parameters that nobody offers, values that are none (SIZE=abc, NOTIFY with \
                NEVER and SUCCESS), and line ends hidden in xtext. A parameter is a condition \
                under which the client sends: a relay that ignores it breaks the condition.",
        repair: "Use smtpd_command_filter as relaykit writes it; Postfix refuses all of these \
                 by itself.",
        needs: &[Need::Login, Need::Envelope],
        sabotages: &[Sabotage {
            name: "a filter drops the parameters of MAIL",
            changes: &[Change::Main(
                "smtpd_command_filter",
                "pcre:{{/^(MAIL\\s+FROM:\\s*<[^>]*>)\\s.+/ $$1}}",
            )],
            sees: "XYZZY=1: 250",
        }],
        ..Check::by(&wrong_parameters_are_refused)
    },
    Check {
        id: "protocol.wrong_addresses_are_refused",
        title: "Addresses that are none are refused, and the session goes on",
        citation: "RFC 5321 section 4.1.2; Postfix resolve_null_domain",
        severity: Severity::Medium,
        about: "Sends MAIL and RCPT without an address, with half of one, and with parts that \
                are missing or doubled. What one server completes by guessing, the next reads \
                as another address; and bounces to it go nowhere.",
        repair: "Leave resolve_null_domain = no and smtpd_command_filter as relaykit writes it.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[Sabotage {
            name: "an empty domain is ours",
            changes: &[Change::Main("resolve_null_domain", "yes")],
            sees: "MAIL FROM:<sender@>: 250",
        }],
        ..Check::by(&wrong_addresses_are_refused)
    },
    Check {
        id: "protocol.utf8_addresses_need_smtputf8",
        title: "An address in UTF-8 is taken and kept with SMTPUTF8, and refused without",
        citation: "RFC 6531 section 3.4; RFC 6531 section 3.5; Postfix strict_smtputf8",
        severity: Severity::Medium,
        about: "Sends mail between two addresses in UTF-8 with the parameter and compares the \
                envelope at the next hop; then each of them without it. An address that is \
                taken undeclared travels on as bytes that the next server may read in another \
                way or refuse, when the client is long gone.",
        repair: "Set smtputf8_enable = yes and strict_smtputf8 = yes.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[
            Sabotage {
                name: "undeclared UTF-8 is taken",
                changes: &[Change::Main("strict_smtputf8", "no")],
                sees: "without SMTPUTF8: 250",
            },
            super::NO_EXTENSIONS.seen_as("without SMTPUTF8: 250-"),
        ],
        ..Check::by(&utf8_addresses_need_smtputf8)
    },
    Check {
        id: "protocol.report_wishes_reach_the_next_hop",
        title: "RET, ENVID, NOTIFY and ORCPT are passed on to a next hop that knows them",
        citation: "RFC 3461 section 5.2.1; RFC 3464 section 2.2.1",
        severity: Severity::Low,
        about: "Asks for a report of success with an envelope id and an original recipient, and \
                for a second recipient with a line end hidden in it. The report has to come \
                from the next hop, which offers DSN, with both values as they were given; and \
                the hidden line end must not start a line of its own.",
        repair: "Leave dsn out of smtp_discard_ehlo_keywords.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        sabotages: &[
            super::content::NEXT_HOP_IGNORED.seen_as("Reporting-MTA: dns; "),
            super::NO_EXTENSIONS.seen_as("without DSN"),
        ],
        ..Check::by(&report_wishes_reach_the_next_hop)
    },
];

const OF_MAIL: [&str; 9] = [
    "XYZZY=1",
    "SIZE=abc",
    "SIZE=99999999999999999999",
    "BODY=XYZZY",
    "RET=XYZZY",
    "ENVID=a+0D+0Ab",
    "SMTPUTF8=XYZZY",
    "RET=HDRS RET=FULL",
    "ENVID=one ENVID=two",
];

const OF_RCPT: [&str; 8] = [
    "XYZZY=1",
    "NOTIFY=XYZZY",
    "NOTIFY=NEVER,SUCCESS",
    "NOTIFY=",
    "ORCPT=without.type",
    "ORCPT=rfc822;a+4",
    "NOTIFY=NEVER NOTIFY=SUCCESS",
    "ORCPT=rfc822;one@b.example ORCPT=rfc822;two@b.example",
];

async fn wrong_parameters_are_refused(context: Context) -> Judged {
    let mut wrong = Vec::new();
    let mail = mail_from(&context);
    for parameters in OF_MAIL.chunks(mistakes(&context, OF_MAIL.len())) {
        let mut session = submission(&context).await?;
        for parameter in parameters {
            let reply = command(&mut session, &format!("{mail} {parameter}")).await?;
            if !reply.is_permanent() {
                wrong.push(format!("MAIL with {parameter}: {reply}"));
                command(&mut session, "RSET").await?;
            }
        }
    }
    for parameters in OF_RCPT.chunks(mistakes(&context, OF_RCPT.len())) {
        let mut session = submission(&context).await?;
        require_code(&command(&mut session, &mail).await?, 250, "MAIL")?;
        for parameter in parameters {
            let rcpt = format!("{} {parameter}", rcpt_to(&context));
            let reply = command(&mut session, &rcpt).await?;
            if !reply.is_permanent() {
                wrong.push(format!("RCPT with {parameter}: {reply}"));
            }
        }
    }
    require_none(&wrong, "5xx to each")
}

const SENDERS: [&str; 7] = [
    "MAIL FROM:",
    "MAIL TO:<sender@relaykit.example>",
    "MAIL FROM:<sender@relaykit.example",
    "MAIL FROM:<sender@>",
    "MAIL FROM:<sender@relaykit..example>",
    "MAIL FROM:<sender@[192.0.2]>",
    "MAIL FROM:<a b@relaykit.example>",
];

const RECIPIENTS: [&str; 9] = [
    "RCPT TO:",
    "RCPT TO:<>",
    "RCPT FROM:<recipient@elsewhere.example>",
    "RCPT TO:<recipient@elsewhere.example",
    "RCPT TO:<@elsewhere.example>",
    "RCPT TO:<recipient@>",
    "RCPT TO:<recipient@#192>",
    "RCPT TO:<recipient@elsewhere..example>",
    "RCPT TO:<recipient@another@elsewhere.example>",
];

async fn wrong_addresses_are_refused(context: Context) -> Judged {
    let at_once = mistakes(&context, RECIPIENTS.len());
    let senders = SENDERS.chunks(at_once).map(|lines| ("MAIL", lines));
    let recipients = RECIPIENTS.chunks(at_once).map(|lines| ("RCPT", lines));
    rows::each(
        &context,
        senders.chain(recipients),
        |(kind, _)| kind.to_owned(),
        |context, (kind, lines)| async move {
            let mut session = submission(&context).await?;
            let mut wrong = Vec::new();
            if kind == "RCPT" {
                require_code(
                    &command(&mut session, &mail_from(&context)).await?,
                    250,
                    "MAIL",
                )?;
                wrong = refused(&mut session, lines).await?;
                require_code(
                    &command(&mut session, &rcpt_to(&context)).await?,
                    250,
                    "RCPT after these",
                )?;
            }
            for line in lines.iter().filter(|_| kind == "MAIL") {
                wrong.extend(refused(&mut session, &[line]).await?);
                require_code(&command(&mut session, "RSET").await?, 250, "RSET")?;
            }
            require_none(&wrong, "5xx to each")
        },
    )
    .await
}

const UTF8_SENDER: &str = "gr\u{fc}\u{df}e@relaykit.example";
const UTF8_RECIPIENT: &str = "\u{65e5}\u{672c}@elsewhere.example";

async fn utf8_addresses_need_smtputf8(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let offers = ehlo(&mut session, CLIENT).await?;
    require_extension(&context, &offers, "SMTPUTF8")?;
    let mut wrong = Vec::new();
    let line = format!("MAIL FROM:<{UTF8_SENDER}>");
    let reply = command(&mut session, &line).await?;
    if !reply.is_permanent() {
        wrong.push(format!("a sender without SMTPUTF8: {reply}"));
        command(&mut session, "RSET").await?;
    }
    require_code(
        &command(&mut session, &mail_from(&context)).await?,
        250,
        "MAIL",
    )?;
    let line = format!("RCPT TO:<{UTF8_RECIPIENT}>");
    let reply = command(&mut session, &line).await?;
    if !reply.is_permanent() {
        wrong.push(format!("a recipient without SMTPUTF8: {reply}"));
    }
    require_code(&command(&mut session, "RSET").await?, 250, "RSET")?;
    require_none(&wrong, "a refusal (5.6.7)")?;

    let message = Message::from_to(UTF8_SENDER, UTF8_RECIPIENT).build();
    let commands = [
        format!("MAIL FROM:<{UTF8_SENDER}> BODY=8BITMIME SMTPUTF8"),
        line,
    ];
    mail::send_with(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    let right = delivered.envelope_from == UTF8_SENDER && delivered.envelope_to == [UTF8_RECIPIENT];
    require(
        right,
        &format!("from {UTF8_SENDER} to {UTF8_RECIPIENT}"),
        || {
            format!(
                "from {} to {:?}",
                delivered.envelope_from, delivered.envelope_to
            )
        },
    )
}

async fn report_wishes_reach_the_next_hop(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let offers = ehlo(&mut session, CLIENT).await?;
    require_extension(&context, &offers, "DSN")?;
    let message = Message::from_to(SENDER, RECIPIENT).build();
    let envelope = message.token().chars().rev().collect::<String>();
    let mail = format!("{} RET=HDRS ENVID={envelope}+2Bid", mail_from(&context));
    require_code(&command(&mut session, &mail).await?, 250, &mail)?;
    let rcpt = format!(
        "{} NOTIFY=SUCCESS ORCPT=rfc822;ori+2Bginal@first.example",
        rcpt_to(&context)
    );
    require_code(&command(&mut session, &rcpt).await?, 250, &rcpt)?;
    let hidden = "RCPT TO:<second@elsewhere.example> NOTIFY=SUCCESS \
                  ORCPT=rfc822;a+0D+0AX-Injected:+20b@first.example";
    // To refuse it is as good.
    command(&mut session, hidden).await?;
    let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
    require_code(&reply, 250, "the message")?;

    let report = mail::arrival(&context, &Message::exact("", &envelope)).await?;
    let text = String::from_utf8_lossy(&report.raw).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let reporter = lines.iter().find(|line| line.starts_with("Reporting-MTA:"));
    let own = format!("Reporting-MTA: dns; {}", context.target().hostname);
    require(
        reporter.is_some_and(|line| *line != own),
        "a report of the next hop",
        || reporter.map_or_else(|| text.clone(), ToString::to_string),
    )?;
    let id = format!("Original-Envelope-Id: {envelope}+id");
    for line in [
        id.as_str(),
        "Original-Recipient: rfc822;ori+ginal@first.example",
    ] {
        require(lines.contains(&line), line, || text.clone())?;
    }
    match lines.iter().find(|line| line.starts_with("X-Injected")) {
        None => PASS,
        Some(line) => super::fail("no line out of an xtext", *line),
    }
}
