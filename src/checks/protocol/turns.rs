//! Who speaks when: pipelining, other protocols at the mail port, chunks that
//! nobody asked for, and connections that end too early.

use std::ops::ControlFlow;
use std::time::Duration;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, command, ehlo, greeted, port, require_code, require_extension,
};
use super::super::target::{Context, Undelivered};
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require, require_none, skip};
use super::{
    at_the_door_of, mail_from, rcpt_to, replies, require_nothing_done, say, shown, stranger,
    submission,
};
use crate::config::Listener;
use crate::report::Severity;
use crate::smtp::{Message, Reply, Session};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.nobody_talks_out_of_turn",
        title: "Who pipelines before it is allowed is refused",
        citation: "RFC 2920 section 3.1; Postfix smtpd_forbid_unauth_pipelining",
        severity: Severity::Low,
        about: "Sends commands behind EHLO, after HELO, and a message behind DATA, each in one \
                write, without waiting for what the relay says. Only programs that read no \
                answers do so: spam senders, and requests of another protocol that somebody \
                aims at a mail port.",
        repair: "Set smtpd_forbid_unauth_pipelining = yes.",
        needs: &[Need::Login, Need::Built],
        sabotages: &[Sabotage {
            name: "anybody may talk out of turn",
            changes: &[Change::Main("smtpd_forbid_unauth_pipelining", "no")],
            sees: "a message behind DATA: 250",
        }],
        ..Check::by(&nobody_talks_out_of_turn)
    },
    Check {
        id: "protocol.pipelined_commands_keep_their_order",
        title: "Pipelined commands are answered one by one and in order, refusals among them",
        citation: "RFC 2920 section 3.2; RFC 5321 section 4.5.3.1.8",
        severity: Severity::Medium,
        about: "Sends MAIL, a broken recipient, three good ones and DATA in one write and \
                compares the replies. A client that pipelines learns from the order alone which \
                of its recipients was refused.",
        repair: "Leave smtpd_recipient_limit at its default of 1000, and pipelining out of \
                 smtpd_discard_ehlo_keywords.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[
            Sabotage {
                name: "one recipient a message",
                changes: &[Change::Main("smtpd_recipient_limit", "1")],
                sees: "452",
            },
            super::NO_EXTENSIONS.seen_as("without PIPELINING"),
        ],
        ..Check::by(&pipelined_commands_keep_their_order)
    },
    Check {
        id: "protocol.http_requests_are_cut_off",
        title: "An HTTP request at the mail port executes no mail command in it",
        citation: "Postfix smtpd_forbidden_commands; RFC 5321 section 7.8",
        severity: Severity::Medium,
        about: "Sends GET, POST, PUT and CONNECT requests to ports 25 and 465, with mail commands \
                behind them, as a web page can make any browser inside the network send. The session must end \
                before the first of those commands; otherwise a page relays mail from the \
                address of whoever looks at it.",
        repair: "Leave smtpd_forbidden_commands at its default (CONNECT GET POST and whatever \
                 does not begin with a letter) and set smtpd_forbid_unauth_pipelining = yes.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "HTTP is no reason to hang up",
            changes: &[
                Change::Main("smtpd_forbidden_commands", ""),
                Change::Main("smtpd_forbid_unauth_pipelining", "no"),
            ],
            sees: "POST without headers: 500",
        }],
        ..Check::by(&http_requests_are_cut_off)
    },
    Check {
        id: "protocol.chunks_are_never_commands",
        title: "The bytes of a BDAT that is refused are not executed as commands",
        citation: "RFC 3030 section 2; Postfix BDAT_README",
        severity: Severity::High,
        about: "Sends BDAT, which the relay does not offer, with a chunk that consists of \
                commands. A relay that refuses the command and goes on reading executes the \
                text of a message, whoever wrote it: it has to hang up or to skip the chunk.",
        repair: "Put chunking into smtpd_discard_ehlo_keywords: Postfix then hangs up on BDAT. \
                 Do not hide the command with smtpd_command_filter.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "BDAT is hidden by the command filter",
            changes: &[
                ON_SMTP,
                Change::Main("smtpd_command_filter", "pcre:{{/^BDAT/ UNKNOWN}}"),
            ],
            sees: "the chunk was executed",
        }],
        ..Check::by(&chunks_are_never_commands)
    },
    Check {
        id: "protocol.message_cut_off_is_not_delivered",
        title: "A message whose connection ends before the end of data is not delivered",
        citation: "RFC 5321 section 4.1.1.4; RFC 5321 section 4.1.1.10; CVE-2023-51764",
        severity: Severity::High,
        about: "Sends half a message, one that lacks the last line end, and one that ends in a \
                dot with the wrong line ends; each time the client then closes its side of the \
                connection. None may be accepted or delivered: the client will send it again, \
                and the recipient would read half of it as the whole.",
        repair: "Set smtpd_forbid_bare_newline = normalize.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "a bare newline ends a line",
            changes: &[Change::Main("smtpd_forbid_bare_newline", "no")],
            sees: "a dot and a bare LF: 250",
        }],
        ..Check::by(&message_cut_off_is_not_delivered)
    },
];

async fn nobody_talks_out_of_turn(context: Context) -> Judged {
    let mut wrong = Vec::new();
    let mail = mail_from(&context);
    for (what, bytes) in [
        (
            "commands behind EHLO",
            format!("EHLO {CLIENT}\r\n{mail}\r\nRSET\r\nQUIT\r\n"),
        ),
        (
            "commands behind HELO",
            format!("HELO {CLIENT}\r\n{mail}\r\nRSET\r\nQUIT\r\n"),
        ),
    ] {
        let mut session = stranger(&context).await?;
        say(&mut session, bytes.as_bytes()).await?;
        wrong.extend(taken(what, &replies(&mut session).await?, 1));
    }
    let mut session = stranger(&context).await?;
    let reply = command(&mut session, &format!("HELO {CLIENT}")).await?;
    require_code(&reply, 250, "HELO")?;
    say(
        &mut session,
        format!("{mail}\r\nRSET\r\nQUIT\r\n").as_bytes(),
    )
    .await?;
    wrong.extend(taken(
        "commands after HELO",
        &replies(&mut session).await?,
        0,
    ));

    let mut session = submission(&context).await?;
    let message = Message::from_to(SENDER, RECIPIENT).build();
    let envelope = [mail, rcpt_to(&context), "DATA\r\n".to_owned()].join("\r\n");
    let bytes = [envelope.as_bytes(), message.bytes(), b".\r\nQUIT\r\n"].concat();
    say(&mut session, &bytes).await?;
    wrong.extend(taken(
        "a message behind DATA",
        &replies(&mut session).await?,
        2,
    ));
    require_none(&wrong, "a refusal (RFC 2920 section 3.1)")
}

/// What is wrong with replies of which at most `right` may be positive.
fn taken(what: &str, replies: &[Reply], right: usize) -> Option<String> {
    let done = |reply: &&Reply| reply.is_positive() && reply.code != 221;
    let count = replies.iter().filter(done).count();
    (count > right).then(|| format!("{what}: {}", shown(replies)))
}

async fn pipelined_commands_keep_their_order(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let offers = ehlo(&mut session, CLIENT).await?;
    require_extension(&context, &offers, "PIPELINING")?;
    let (mail, rcpt) = (mail_from(&context), rcpt_to(&context));
    let lines = [
        "RSET",
        &mail,
        &rcpt,
        "RCPT TO:<broken",
        &rcpt,
        &rcpt,
        "DATA",
    ];
    let expected = [250, 250, 250, 501, 250, 250, 354];
    let replies = answer(session.pipeline(&lines).await, "one reply to each command")?;
    // The kind of refusal is the relay's affair.
    let right = replies
        .iter()
        .zip(expected)
        .all(|(reply, code)| reply.code == code || (code == 501 && reply.is_permanent()));
    // No message follows: the transaction ends with the connection.
    require(right, "250, 250, 250, 5xx, 250, 250, 354", || {
        shown(&replies)
    })
}

/// Requests as browsers, proxies and scanners send them; mail commands follow.
const REQUESTS: [(&str, &str); 6] = [
    ("POST without headers", "POST / HTTP/1.0\r\n"),
    ("GET without headers", "GET /\r\n"),
    ("CONNECT", "CONNECT mail.example:25 HTTP/1.1\r\n"),
    ("a TLS handshake", "\u{16}\u{3}\u{1}\u{1}\u{0}\u{1}\r\n"),
    (
        "PUT with headers",
        "PUT / HTTP/1.1\r\nHost: mail.example\r\n\r\n",
    ),
    (
        "POST with headers",
        "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 99\r\n\r\n",
    ),
];

async fn http_requests_are_cut_off(context: Context) -> Judged {
    // Browsers speak TLS, too.
    let listeners = context.target().listeners();
    let listeners: Vec<Listener> = listeners.filter(|l| *l != Listener::Submission).collect();
    rows::each(
        &context,
        rows::pairs(listeners, &REQUESTS),
        |(listener, (what, _))| format!("{what} to {}", port(listener)),
        |context, (listener, (what, request))| async move {
            let mut session = at_the_door_of(&context, listener).await?;
            greeted(&context, listener, &mut session).await?;
            let bytes = format!("{request}RSET\r\nRSET\r\nQUIT\r\n");
            say(&mut session, bytes.as_bytes()).await?;
            require_nothing_done(&replies(&mut session).await?, what)
        },
    )
    .await
}

async fn chunks_are_never_commands(context: Context) -> Judged {
    let mut session = stranger(&context).await?;
    if ehlo(&mut session, CLIENT).await?.has("CHUNKING") {
        // Of our own relays, another check says that it is not to be offered.
        return skip("the relay offers CHUNKING, so that BDAT is a command of its own");
    }
    let chunk = "RSET\r\nRSET\r\nRSET\r\n";
    let bytes = format!("BDAT {} LAST\r\n{chunk}QUIT\r\n", chunk.len());
    say(&mut session, bytes.as_bytes()).await?;
    let replies = replies(&mut session).await?;
    require_nothing_done(&replies, "the chunk was executed")
}

/// Ends of a message that are no end of data.
const CUTS: [(&str, &[u8]); 4] = [
    ("half a message", b"and then"),
    ("a dot without a line end", b"\r\n."),
    ("a dot and a bare LF", b"\r\n.\n"),
    ("a dot between bare CRs", b"\r.\r"),
];

/// The inbox is looked into once, without waiting.
const AT_ONCE: Duration = Duration::from_millis(1);

async fn message_cut_off_is_not_delivered(context: Context) -> Judged {
    let mut wrong = Vec::new();
    let mut tokens = Vec::new();
    for (what, end) in CUTS {
        let message = mail::plain();
        let mut session = in_data(&context).await?;
        let text = message.bytes().strip_suffix(b"\r\n").unwrap_or_default();
        say(&mut session, &[text, end].concat()).await?;
        // Whoever has gone already does not mind.
        drop(session.half_close().await);
        let replies = replies(&mut session).await?;
        wrong.extend(taken(what, &replies, 0));
        tokens.push((what, message));
    }
    require_none(&wrong, "no consent to a message without end of data")?;
    // What would have been queued before is there when this one is.
    let mut session = submission(&context).await?;
    mail::relayed(&context, &mut session, &mail::plain()).await?;
    let Some(inbox) = &context.target().inbox else {
        return broken("the check reads the inbox and did not say that it needs one");
    };
    for (what, message) in tokens {
        match inbox.wait_for(message.token(), AT_ONCE).await {
            Ok(_) => return fail("nothing at the next hop", format!("{what} was delivered")),
            Err(Undelivered::Absent(_)) => {}
            Err(unreadable @ Undelivered::Unreadable(_)) => return broken(unreadable.to_string()),
        }
    }
    ControlFlow::Continue(())
}

/// A session after 354.
async fn in_data(context: &Context) -> Judged<Session> {
    let mut session = submission(context).await?;
    for (line, code) in [
        (mail_from(context), 250),
        (rcpt_to(context), 250),
        ("DATA".to_owned(), 354),
    ] {
        require_code(&command(&mut session, &line).await?, code, &line)?;
    }
    ControlFlow::Continue(session)
}
