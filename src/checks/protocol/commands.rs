//! Single commands: how long they may be, and those that tell or start what a
//! stranger has no business with.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::ANY_SENDER;
use super::super::probe::session::{CLIENT, command, ehlo, mistakes, require_code, user};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use super::{mail_from, replies, say, shown, stranger, submission};
use crate::report::Severity;
use crate::smtp::Reply;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.a_command_is_one_line",
        title: "The longest legal commands are taken whole, and longer lines are never two",
        citation: "RFC 5321 section 4.5.3.1; RFC 3461 section 4; Postfix line_length_limit",
        severity: Severity::Medium,
        about: "Sends MAIL and RCPT as long as addresses and delivery report parameters may \
                make them, and then lines of 4 and 70 KB, and lines with CR and NUL \
                inside. Each has to get one reply: a server that reads a long line in pieces, \
                or ends it at a CR, executes its rest as a command. Whoever can write an \
                address into somebody's web form then writes commands.",
        repair: "Leave line_length_limit at its default of 2048. Postfix reads a longer line as \
                 two: let smtpd_command_filter turn commands of 2000 octets into CONNECT, which \
                 smtpd_forbidden_commands hangs up on, as relaykit does.",
        needs: &[Need::Login, Need::Envelope, ANY_SENDER],
        sabotages: &[
            Sabotage {
                name: "lines of 512 octets",
                changes: &[Change::Main("line_length_limit", "512")],
                sees: "RCPT with a long ORCPT: 501",
            },
            Sabotage {
                name: "postmaster slips past the command filter",
                changes: &[ON_SMTP, Change::Main("smtpd_command_filter", "")],
                sees: "the rest of a line of 4106 octets was executed",
            },
        ],
        ..Check::by(&a_command_is_one_line)
    },
    Check {
        id: "protocol.vrfy_and_expn_tell_nothing",
        title: "VRFY and EXPN answer alike for who is there and who is not",
        citation: "RFC 5321 section 7.3; Postfix disable_vrfy_command",
        severity: Severity::Medium,
        about: "Asks for a user, for root, for somebody who does not exist and, where relaykit \
                built the relay, for the postmaster. Different answers, or an address in one, are a \
                directory for senders of spam and for guessers of passwords.",
        repair: "Set disable_vrfy_command = yes.",
        sabotages: &[Sabotage {
            name: "VRFY is answered",
            changes: &[ON_SMTP, Change::Main("disable_vrfy_command", "no")],
            sees: "VRFY postmaster: 252",
        }],
        ..Check::by(&vrfy_and_expn_tell_nothing)
    },
    Check {
        id: "protocol.strangers_start_nothing",
        title: "ETRN, TURN, ATRN, XFORWARD and SEND do nothing for a stranger",
        citation: "RFC 5321 section 7.9; Postfix smtpd_etrn_restrictions; Postfix XFORWARD_README",
        severity: Severity::High,
        about: "Says commands that start a delivery (ETRN), turn the roles around (TURN, ATRN), \
                write to a terminal (SEND, SOML, SAML) or claim to be somebody else (XFORWARD, \
                and XCLIENT where the lab itself does not use it). Each has to be refused.",
        repair: "Leave smtpd_authorized_xforward_hosts and smtpd_authorized_xclient_hosts empty \
                 and set smtpd_etrn_restrictions = reject.",
        sabotages: &[Sabotage {
            name: "anybody may use XFORWARD",
            changes: &[
                ON_SMTP,
                Change::Main("smtpd_authorized_xforward_hosts", "static:all"),
            ],
            sees: "XFORWARD",
        }],
        ..Check::by(&strangers_start_nothing)
    },
];

async fn a_command_is_one_line(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let reports = ehlo(&mut session, CLIENT).await?.has("DSN");
    let mut wrong = Vec::new();
    for (what, line) in longest(reports) {
        let reply = command(&mut session, &line).await?;
        // A stranger may know no such domain; the syntax it has to know.
        let syntax = matches!(reply.code, 500..=502 | 555);
        if syntax || reply.code != 250 && !context.target().is_stranger() {
            wrong.push(format!("{what}: {reply}"));
        }
    }
    let lines = [
        format!("XYZZY {}", "RSET ".repeat(820)),
        format!("XYZZY {}", "NOOP ".repeat(14_000)),
        "XYZZY\rRSET\rRSET".to_owned(),
        "XYZZY\0RSET\0RSET".to_owned(),
    ];
    for line in &lines {
        wrong.extend(one_refusal(&context, line).await?);
    }
    require_none(
        &wrong,
        "250 to what is legal, and one refusal to each other line",
    )
}

/// What RFC 5321 section 4.5.3.1 and the extensions allow.
fn longest(reports: bool) -> Vec<(&'static str, String)> {
    let local = "l".repeat(64);
    let label = "d".repeat(60);
    let domain = format!("{label}.{label}.{label}.example");
    let mut lines = vec![("RSET", "RSET".to_owned())];
    if reports {
        let id = "i".repeat(100);
        lines.push((
            "MAIL with ENVID of 100 octets",
            format!("MAIL FROM:<{local}@{domain}> RET=HDRS ENVID={id}"),
        ));
        // In three lengths, so that one of them is no xtext where it is cut off.
        for start in ["", "o", "oo"] {
            let original = format!("ORCPT=rfc822;{start}{}@d.example", "+2B".repeat(150));
            lines.push((
                "RCPT with a long ORCPT",
                format!("RCPT TO:<{local}@{domain}> NOTIFY=SUCCESS,FAILURE,DELAY {original}"),
            ));
        }
    } else {
        lines.push(("MAIL", format!("MAIL FROM:<{local}@{domain}>")));
        lines.push(("RCPT", format!("RCPT TO:<{local}@{domain}>")));
    }
    lines.push(("RSET", "RSET".to_owned()));
    lines
}

/// What is wrong, unless `line` gets one refusal, or ends the session.
async fn one_refusal(context: &Context, line: &str) -> Judged<Option<String>> {
    let mut session = stranger(context).await?;
    ehlo(&mut session, CLIENT).await?;
    say(
        &mut session,
        format!("{line}\r\nRSET\r\nQUIT\r\n").as_bytes(),
    )
    .await?;
    let replies = replies(&mut session).await?;
    let codes: Vec<u16> = replies.iter().map(|reply| reply.code).collect();
    let right = matches!(
        codes.as_slice(),
        // On a submission port RSET has to wait for TLS (RFC 3207 section 4).
        [] | [221 | 400..=599] | [500..=599, 250 | 530, 221]
    );
    let octets = line.len();
    ControlFlow::Continue((!right).then(|| {
        let replies = shown(&replies[..replies.len().min(4)]);
        format!("the rest of a line of {octets} octets was executed: {replies}")
    }))
}

async fn vrfy_and_expn_tell_nothing(context: Context) -> Judged {
    let user = match user(&context) {
        ControlFlow::Continue(user) => user.name.clone(),
        ControlFlow::Break(_) => "root".to_owned(),
    };
    // Who logs in need not be one of the host's own users, and those are what VRFY knows.
    let mut names = vec![user.as_str(), "root", "nobody-of-this-name"];
    names.dedup();
    // Every server has a postmaster; that ours says nothing of him either is a promise.
    if !context.target().is_stranger() {
        names.insert(0, "postmaster");
    }
    let mut wrong = Vec::new();
    for verb in ["VRFY", "EXPN"] {
        let mut session = stranger(&context).await?;
        ehlo(&mut session, CLIENT).await?;
        let mut answers: Vec<(String, Reply)> = Vec::new();
        for name in &names {
            let line = format!("{verb} {name}");
            let reply = command(&mut session, &line).await?;
            answers.push((line, reply));
        }
        let codes: Vec<u16> = answers.iter().map(|(_, reply)| reply.code).collect();
        let alike = codes.iter().all(|code| *code == codes[0]);
        // 250 and 251 name a mailbox, 252 does not (RFC 5321 section 3.5.3).
        if !alike || matches!(codes[0], 250 | 251) {
            let answers = answers
                .iter()
                .map(|(line, reply)| format!("{line}: {reply}"));
            wrong.extend(answers);
        }
    }
    require_none(
        &wrong,
        "the same answer for everybody, and no mailbox in it",
    )
}

async fn strangers_start_nothing(context: Context) -> Judged {
    let mut session = stranger(&context).await?;
    let offers = ehlo(&mut session, CLIENT).await?;
    let domain = context.target().hostname.clone();
    let etrn = format!("ETRN {domain}");
    let mut lines = vec![
        "TURN".to_owned(),
        "ATRN".to_owned(),
        format!("SEND {}", &mail_from(&context)[5..]),
        format!("SOML {}", &mail_from(&context)[5..]),
        format!("SAML {}", &mail_from(&context)[5..]),
        "XFORWARD NAME=spike.example ADDR=192.0.2.1".to_owned(),
    ];
    // Whoever offers it may mean it (RFC 1985).
    if !context.target().is_stranger() || !offers.has("ETRN") {
        lines.push(etrn);
    }
    if !context.target().xclient {
        lines.push("XCLIENT NAME=spike.example ADDR=192.0.2.1".to_owned());
    }
    let mut wrong = Vec::new();
    for lines in lines.chunks(mistakes(&context, lines.len())) {
        let mut session = stranger(&context).await?;
        ehlo(&mut session, CLIENT).await?;
        for line in lines {
            let reply = command(&mut session, line).await?;
            if reply.is_positive() || reply.is_intermediate() {
                wrong.push(format!("{line}: {reply}"));
            }
        }
        require_code(&command(&mut session, "NOOP").await?, 250, "NOOP")?;
    }
    require_none(&wrong, "a refusal of each")
}
