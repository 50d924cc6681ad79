//! What a session is answered outside of a transaction: HELO, NOOP, RSET, VRFY, QUIT.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{CLIENT, answer, command, ehlo, greeted, port, require_code};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use super::at_the_door_of;
use crate::config::Listener;
use crate::report::Severity;
use crate::smtp::Session;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.helo_is_answered_in_one_line",
        title: "HELO is taken, and answered in one line without extensions",
        citation: "RFC 5321 section 3.2; RFC 5321 section 4.1.1.1",
        severity: Severity::Low,
        about: "Says HELO on every port. 250 must come, in one line: programs that say HELO know \
                of no extensions, and old ones take the second line for the answer to their next \
                command.",
        repair: "By hand: look for a rule about HELO in smtpd_command_filter, and for a proxy in \
                 front of the relay.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "HELO is taken for EHLO",
            changes: &[Change::Main(
                "smtpd_command_filter",
                "pcre:{{/^HELO (.*)/ EHLO $${1}}}",
            )],
            sees: "lines: 250",
        }],
        ..Check::by(&helo_is_answered_in_one_line)
    },
    Check {
        id: "protocol.commands_of_no_transaction_are_answered",
        title: "NOOP, RSET, VRFY and QUIT are answered as they must be, before EHLO too",
        citation: "RFC 5321 section 4.1.4; RFC 5321 section 4.1.1.10; RFC 5321 section 4.3.2; \
                   RFC 5321 section 3.5.3; RFC 8314 section 3.4",
        severity: Severity::Low,
        about: "On every port, says NOOP, RSET and HELP before EHLO, and VRFY and EXPN, which must be \
                known and not served (502 or 500); then NOOP with a blank at its end, and \
                RSET with an argument, which must get 501. Where STARTTLS is demanded, 530 may \
                come instead to all but NOOP and QUIT. At last it says QUIT: 221 must come, \
                and the connection end, under TLS with the alert that says so. Programs that watch a relay say such commands, and a \
                session that does not end keeps a process busy.",
        repair: "By hand: look for a smtpd_command_filter that changes these commands, and leave \
                 disable_vrfy_command = yes.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "a command filter that swallows QUIT",
            changes: &[Change::Main(
                "smtpd_command_filter",
                "pcre:{{/^QUIT/ NOOP}}",
            )],
            sees: "QUIT: 250",
        }],
        ..Check::by(&commands_of_no_transaction_are_answered)
    },
];

async fn helo_is_answered_in_one_line(context: Context) -> Judged {
    let listeners: Vec<Listener> = context.target().listeners().collect();
    rows::each(&context, listeners, port, |context, listener| async move {
        let mut session = at_the_door_of(&context, listener).await?;
        greeted(&context, listener, &mut session).await?;
        let reply = command(&mut session, &format!("HELO {CLIENT}")).await?;
        require_code(&reply, 250, "HELO")?;
        let count = reply.lines.len();
        require(count == 1, "one line", || format!("{count} lines: {reply}"))
    })
    .await
}

/// What is said before EHLO, and what may come: 530 where STARTTLS is demanded (RFC 3207
/// section 4).
const BEFORE: [(&str, &[u16]); 5] = [
    ("NOOP", &[250]),
    ("RSET", &[250, 530]),
    ("HELP", &[211, 214, 530]),
    ("VRFY nobody-of-this-name", &[500, 502, 530]),
    ("EXPN nobody-of-this-name", &[500, 502, 530]),
];

/// What is said after it.
const AFTER: [(&str, &[u16]); 2] = [("NOOP ", &[250]), ("RSET now", &[501, 530])];

async fn commands_of_no_transaction_are_answered(context: Context) -> Judged {
    let listeners: Vec<Listener> = context.target().listeners().collect();
    rows::each(&context, listeners, port, |context, listener| async move {
        let mut session = at_the_door_of(&context, listener).await?;
        greeted(&context, listener, &mut session).await?;
        let mut wrong = answered(&mut session, &BEFORE).await?;
        ehlo(&mut session, CLIENT).await?;
        wrong.extend(answered(&mut session, &AFTER).await?);
        let reply = command(&mut session, "QUIT").await?;
        if reply.code == 221 {
            answer(session.expect_closed().await, "the end of the connection")?;
            let without = session.tls().is_some() && !session.ended_by_server();
            if without && !context.target().is_stranger() {
                wrong
                    .push("the connection ends, and TLS does not say so (close_notify)".to_owned());
            }
        } else {
            wrong.push(format!("QUIT: {reply}"));
        }
        require_none(&wrong, "the answers that RFC 5321 lists")
    })
    .await
}

/// Says each line; those that are answered otherwise.
async fn answered(session: &mut Session, lines: &[(&str, &[u16])]) -> Judged<Vec<String>> {
    let mut wrong = Vec::new();
    for (line, right) in lines {
        let reply = command(session, line).await?;
        if !right.contains(&reply.code) {
            wrong.push(format!("{line}: {reply}"));
        }
    }
    std::ops::ControlFlow::Continue(wrong)
}
