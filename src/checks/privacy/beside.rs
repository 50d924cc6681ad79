//! What is told beside the message: to the next hop in the conversation, and to
//! the operator in the log.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::forms::{self, FORM};
use super::super::probe::log::Log;
use super::super::probe::mail;
use super::super::probe::played::{self, PLAYED};
use super::super::probe::secrets::{is_telling, names, told, told_encoded};
use super::super::probe::session::{CLIENT, login_listener, user};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, require};
use crate::plan::Role;
use crate::render::next_hops::HEARING;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.next_hop_is_told_no_client",
        title: "The relay tells the next hop nothing of a client in the conversation itself",
        citation: "row 14; RFC 4954 section 5; RFC 3461 section 4; Postfix XFORWARD_README",
        severity: Severity::Critical,
        about: "Submits as a client with canaries, with AUTH= and ENVID= on MAIL and ORCPT= on \
                RCPT, to a next hop that offers XFORWARD and XCLIENT and writes down every \
                command. The relay must greet with its own name, pass on the envelope id that the \
                client chose, and say nothing of the client's address, name, greeting or login.",
        repair: "By hand, smtp_send_xforward_command = no in main.cf and for every smtp service in \
                 master.cf.",
        needs: &[Need::Login, Need::Lab, Need::Xclient, PLAYED],
        sabotages: &[Sabotage {
            name: "clients are forwarded",
            changes: &[Change::Main("smtp_send_xforward_command", "yes")],
            sees: "XFORWARD",
        }],
        ..Check::by(&next_hop_is_told_no_client)
    },
    Check {
        id: "privacy.log_tells_the_operator",
        title: "The log has each message's client, login and queue id, and no password",
        citation: "RFC 5321 section 7.2; Postfix postconf(5); Postfix DEBUG_README",
        severity: Severity::High,
        about: "Submits as a client with a known address and reads the relay's log: the queue id of \
                the reply must stand there with the client's name and address and the login, and \
                again with what became of the message. What is hidden from the next hop has to \
                be known here, or abuse has no author. The password must not be there in any \
                spelling; one that is a plain word or number of up to nine characters may be \
                there for reasons of its own and is looked for encoded alone.",
        repair: "By hand, leave debug_peer_list empty and -v off the smtpd services, and send the \
                 log somewhere that keeps it.",
        needs: &[Need::Login, Need::Lab, Need::Xclient],
        sabotages: &[
            Sabotage {
                name: "every conversation is logged",
                changes: &[
                    Change::Main("debug_peer_list", "0.0.0.0/0"),
                    Change::Main("debug_peer_level", "3"),
                ],
                sees: "the password stands in the log",
            },
            Sabotage {
                name: "queue ids are used again",
                changes: &[Change::Main("enable_long_queue_ids", "no")],
                sees: "a short queue id",
            },
        ],
        ..Check::by(&log_tells_the_operator)
    },
];

async fn next_hop_is_told_no_client(context: Context) -> Judged {
    let mut log = Log::from_now(&context, Role::Sink)?;
    let mut session = forms::session(&context, login_listener(&context)?, FORM).await?;
    let message = played::message(HEARING.domain);
    let [mail, rcpt] = played::envelope(mail::SENDER, HEARING.domain);
    let commands = [
        format!(
            "{mail} AUTH=canary@canary.example RET=HDRS ENVID={}",
            message.token()
        ),
        format!(
            "{rcpt} NOTIFY=FAILURE ORCPT=rfc822;{}",
            played::recipient(HEARING.domain)
        ),
    ];
    mail::send_with(&mut session, &commands, &message).await?;
    let heard = played::conversation(&context, &mut log, HEARING, message.token()).await?;
    told_right(&context, &heard, message.token())
}

fn told_right(context: &Context, heard: &[String], envelope_id: &str) -> Judged {
    let login = &user(context)?.name;
    let secrets = ["canary", "192.0.2.77", CLIENT];
    for line in heard {
        let secret = secrets.iter().find(|s| told(line.as_bytes(), s).is_some());
        let secret = secret.or_else(|| names(line.as_bytes(), login).then_some(&"the login"));
        let asked = line.starts_with("XFORWARD") || line.starts_with("XCLIENT");
        require(secret.is_none() && !asked, "nothing of the client", || {
            line.clone()
        })?;
    }
    let host = &context.target().hostname;
    let said = |start: &str| {
        let line = heard.iter().find(|line| line.starts_with(start));
        line.cloned().unwrap_or_default()
    };
    let greeting = said("EHLO");
    require(
        greeting == format!("EHLO {host}"),
        "EHLO and the relay's name",
        || greeting,
    )?;
    let mail = said("MAIL FROM:");
    let id = format!("ENVID={envelope_id}");
    require(mail.contains(&id), &id, || mail)
}

async fn log_tells_the_operator(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let login = user(&context)?;
    let mut session = forms::session(&context, login_listener(&context)?, FORM).await?;
    let message = mail::plain();
    let commands = [
        format!("MAIL FROM:<{}>", mail::SENDER),
        format!("RCPT TO:<{}>", mail::RECIPIENT),
    ];
    let id = mail::queued(&mut session, &commands, &message).await?;
    // A short one is used again as soon as its file is, and in a log two messages are one.
    let short = id
        .bytes()
        .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && b <= b'F');
    require(!short, "a queue id that is not used again", || {
        format!("a short queue id, {id}")
    })?;
    let removed = format!("]: {id}: removed");
    let lines = log
        .until(&context, "the message's end in the log", |line| {
            line.ends_with(&removed)
        })
        .await?;
    let password = login.password.reveal();
    let look = if is_telling(password) {
        told
    } else {
        told_encoded
    };
    let leak = lines.iter().find_map(|line| {
        let form = look(line.as_bytes(), password)?;
        Some((form, line.split_once(": ").map_or("", |(place, _)| place)))
    });
    if let Some((form, place)) = leak {
        return fail(
            "no password in the log",
            format!("the password stands in the log {form}: {place}"),
        );
    }
    let of_it: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_once(&format!("]: {id}: ")))
        .map(|(_, said)| said)
        .collect();
    for word in [
        format!("client={}[{}]", FORM.host, FORM.address),
        format!("sasl_username={}", login.name),
        format!("from=<{}>", mail::SENDER),
        format!("to=<{}>", mail::RECIPIENT),
        "status=sent".to_owned(),
    ] {
        let there = of_it.iter().any(|said| said.contains(&word));
        require(there, &format!("{word} beside the queue id"), || {
            of_it.join("\n")
        })?;
    }
    super::super::verdict::PASS
}
