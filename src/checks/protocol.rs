//! What a client may say, how, and in which order: a relay takes what the
//! standards allow, refuses the rest, and is none the worse for it.

pub(super) mod commands;
pub(super) mod content;
pub(super) mod domains;
pub(super) mod envelope;
pub(super) mod greeting;
pub(super) mod lines;
pub(super) mod outside;
pub(super) mod rules;
pub(super) mod smuggling;
pub(super) mod turns;

use std::ops::ControlFlow;

use super::check::{Change, Check, ON_SMTP, Sabotage};
use super::need::Need;
use super::probe::mail::RECIPIENT;
use super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, greeted, logged_in, login_listener, mistakes,
    open,
};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{PASS, broken, fail, nothing_wrong, require, require_none, skip};
use crate::config::Listener;
use crate::report::Severity;
use crate::smtp::{Error, Failure, Reply, Session};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.commands_keep_their_order",
        title: "Commands out of order are refused, and RSET and EHLO end a transaction",
        citation: "RFC 5321 section 4.1.4; Postfix smtpd_helo_required",
        severity: Severity::Medium,
        about: "Says RCPT and DATA before MAIL, MAIL twice, DATA without a recipient, and RCPT \
                after RSET and after a second EHLO; in a lab also MAIL before any EHLO. A relay \
                that loses count of the transaction mixes the recipients of one message with \
                the sender of another.",
        repair: "Set smtpd_helo_required = yes. The order of the other commands cannot be \
                 changed in Postfix: look at smtpd_command_filter and at what stands before it.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[Sabotage {
            name: "HELO is not required",
            changes: &[ON_SMTP, Change::Main("smtpd_helo_required", "no")],
            sees: "MAIL before EHLO: 250",
        }],
        ..Check::by(&commands_keep_their_order)
    },
    Check {
        id: "protocol.a_mistake_ends_no_session",
        title: "A client that makes mistakes can go on and send mail in the same session",
        citation: "RFC 5321 section 3.8; RFC 5321 section 4.2.4; Postfix smtpd_hard_error_limit",
        severity: Severity::Medium,
        about: "Says unknown, empty, incomplete and odd commands, each of which has to get one \
                refusal of its own, and legal ones in unusual dress, which have to work. Then a \
                transaction begins as if nothing had happened. A server must not hang up on a \
                client for a typing error: the mail that it still has to send is lost to it.",
        repair: "Leave smtpd_hard_error_limit at ten or more and smtpd_command_filter as \
                 relaykit writes it.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[Sabotage {
            name: "one mistake ends the session",
            changes: &[Change::Main("smtpd_hard_error_limit", "1")],
            sees: "421",
        }],
        ..Check::by(&a_mistake_ends_no_session)
    },
    Check {
        id: "protocol.endless_mistakes_end_the_session",
        title: "A client that makes nothing but mistakes is sent away, and may come again",
        citation: "Postfix smtpd_hard_error_limit",
        severity: Severity::Low,
        about: "Says one unknown command after the other until the relay ends the session with \
                421; then a new session must work. Who guesses at commands, recipients or \
                passwords would otherwise do so for ever over one connection.",
        repair: "Set smtpd_hard_error_limit to 10 or 20, not to thousands.",
        needs: &[Need::Built],
        long: true,
        sabotages: &[Sabotage {
            name: "mistakes without end",
            changes: &[
                Change::Main("smtpd_hard_error_limit", "1000"),
                Change::Main("smtpd_error_sleep_time", "0"),
            ],
            sees: "mistakes, and the session goes on",
        }],
        ..Check::by(&endless_mistakes_end_the_session)
    },
];

/// What old next hops and firewalls choke on, taken off for everybody.
const NO_EXTENSIONS: Sabotage = Sabotage {
    name: "extensions taken off the reply to EHLO",
    changes: &[Change::Main(
        "smtpd_discard_ehlo_keywords",
        "8bitmime, pipelining, dsn, smtputf8, chunking, etrn, silent-discard",
    )],
    sees: "",
};

/// More replies than any conversation here may have.
const MOST_REPLIES: usize = 40;

/// A session that has logged in, where checks submit.
async fn submission(context: &Context) -> Judged<Session> {
    let listener = login_listener(context)?;
    submission_to(context, listener).await
}

/// A session that has logged in there. What a stranger thinks of our addresses is
/// its own affair: where it takes no such mail, nothing can be said of the rest.
async fn submission_to(context: &Context, listener: Listener) -> Judged<Session> {
    let mut session = logged_in(context, listener).await?;
    let target = context.target();
    if target.is_stranger() {
        let rcpt = (!target.recipients.is_empty()).then(|| rcpt_to(context));
        let lines = [Some(mail_from(context)), rcpt, Some("RSET".to_owned())];
        for line in lines.into_iter().flatten() {
            let reply = command(&mut session, &line).await?;
            if reply.code != 250 {
                return skip(format!("the relay says to {line}: {reply}"));
            }
        }
    }
    ControlFlow::Continue(session)
}

/// A session of nobody in particular at this listener before the greeting: under TLS only
/// where nothing else is spoken.
async fn at_the_door_of(context: &Context, listener: Listener) -> Judged<Session> {
    let wrapper = (listener == Listener::Submissions).then(|| any_certificate(context));
    open(context, listener, wrapper).await
}

/// The same after the greeting, on port 25 where there is one.
async fn stranger(context: &Context) -> Judged<Session> {
    let Some(listener) = context.target().listeners().next() else {
        return broken("the target has no listener");
    };
    let mut session = at_the_door_of(context, listener).await?;
    greeted(context, listener, &mut session).await?;
    ControlFlow::Continue(session)
}

/// Sends `bytes` as they stand. Where the relay has hung up already, what it said
/// before that is the answer.
async fn say(session: &mut Session, bytes: &[u8]) -> Judged {
    match session.write_raw(bytes).await {
        Err(Error {
            failure: Failure::Closed { .. },
            ..
        }) => PASS,
        result => answer(result, "bytes taken"),
    }
}

/// All replies until the relay says goodbye or hangs up.
async fn replies(session: &mut Session) -> Judged<Vec<Reply>> {
    let mut replies: Vec<Reply> = Vec::new();
    while replies.len() < MOST_REPLIES {
        let reply = match session.read_reply().await {
            Err(Error {
                failure: Failure::Closed { .. },
                ..
            }) => break,
            result => answer(result, "a reply, or the end of the connection")?,
        };
        let is_last = matches!(reply.code, 221 | 421);
        replies.push(reply);
        if is_last {
            break;
        }
    }
    ControlFlow::Continue(replies)
}

/// Replies in one line.
fn shown(replies: &[Reply]) -> String {
    if replies.is_empty() {
        return "the connection was closed".to_owned();
    }
    let replies: Vec<String> = replies.iter().map(ToString::to_string).collect();
    replies.join("; ")
}

/// Says each line and demands a refusal; all others are reported.
async fn refused(session: &mut Session, lines: &[&str]) -> Judged<Vec<String>> {
    let mut wrong = Vec::new();
    for line in lines {
        let reply = command(session, line).await?;
        if reply.code == 421 {
            return fail("a session that goes on", format!("{line}: {reply}"));
        }
        if reply.is_positive() || reply.is_intermediate() {
            wrong.push(format!("{line}: {reply}"));
        }
    }
    ControlFlow::Continue(wrong)
}

/// MAIL from whom the relay is to take mail.
fn mail_from(context: &Context) -> String {
    format!("MAIL FROM:<{}>", context.target().sender)
}

/// RCPT to whom mail may be sent.
fn rcpt_to(context: &Context) -> String {
    let named = context.target().recipients.first();
    format!("RCPT TO:<{}>", named.map_or(RECIPIENT, String::as_str))
}

async fn commands_keep_their_order(context: Context) -> Judged {
    let mut wrong = Vec::new();
    // Others than relaykit may do without (RFC 5321 section 4.1.4).
    if !context.target().is_stranger() {
        let mut session = stranger(&context).await?;
        let reply = command(&mut session, &mail_from(&context)).await?;
        if !reply.is_permanent() {
            wrong.push(format!("MAIL before EHLO: {reply}"));
        }
    }
    let (mail, rcpt) = (mail_from(&context), rcpt_to(&context));
    let first = [
        (rcpt.as_str(), 5, "RCPT before MAIL"),
        ("DATA", 5, "DATA before MAIL"),
        (&mail, 2, "MAIL"),
        (&mail, 5, "MAIL twice"),
    ];
    let second = [
        (mail.as_str(), 2, "MAIL"),
        ("RSET", 2, "RSET in a transaction"),
        (&mail, 2, "MAIL after RSET"),
        ("DATA", 5, "DATA without a recipient"),
        (&rcpt, 2, "RCPT"),
        ("EHLO second.relaykit.test", 2, "EHLO in a transaction"),
        (&rcpt, 5, "RCPT after a second EHLO"),
        (&mail, 2, "MAIL after a second EHLO"),
        (&rcpt, 2, "RCPT after all this"),
        ("RSET", 2, "RSET"),
        ("DATA", 5, "DATA after RSET"),
    ];
    for steps in [&first[..], &second[..]] {
        let mut session = submission(&context).await?;
        for (line, class, what) in steps {
            let reply = command(&mut session, line).await?;
            if reply.code / 100 != *class {
                wrong.push(format!("{what}: {reply}"));
            }
        }
    }
    require_none(
        &wrong,
        "5xx to what is out of order, 2xx to what is in order",
    )
}

async fn a_mistake_ends_no_session(context: Context) -> Judged {
    let mut session = submission(&context).await?;
    let all = ["XYZZY", "MAIL", "RCPT TO", "", "EHLO", "XYZZY \u{fc}\u{1}"];
    let mut wrong = refused(&mut session, &all[..mistakes(&context, all.len())]).await?;
    let lower = mail_from(&context).to_ascii_lowercase();
    let (mail, rcpt) = (mail_from(&context), rcpt_to(&context));
    let legal = [
        "NOOP with a parameter",
        "noop",
        &lower,
        "RSET",
        &mail,
        &rcpt,
        "rSeT",
    ];
    for line in legal {
        let reply = command(&mut session, line).await?;
        if reply.code != 250 {
            wrong.push(format!("{line}: {reply}"));
        }
    }
    require_none(&wrong, "a refusal of each mistake and 250 to all else")
}

/// More than any limit that deserves the name (postconf(5): 20).
const MANY: usize = 30;

async fn endless_mistakes_end_the_session(context: Context) -> Judged {
    let mut session = stranger(&context).await?;
    ehlo(&mut session, CLIENT).await?;
    let mut ended = false;
    for _ in 0..MANY {
        let reply = command(&mut session, "XYZZY").await?;
        ended = reply.code == 421;
        if ended {
            break;
        }
    }
    require(ended, "421 after so many mistakes", || {
        format!("{MANY} mistakes, and the session goes on")
    })?;
    let mut session = stranger(&context).await?;
    ehlo(&mut session, CLIENT).await.map_continue(|_| ())
}

/// Fails unless no reply but a goodbye is positive.
fn require_nothing_done(replies: &[Reply], what: &str) -> Judged {
    let done = |reply: &Reply| (reply.is_positive() && reply.code != 221) || reply.code == 354;
    if replies.iter().any(done) {
        return fail(
            "nothing but refusals",
            format!("{what}: {}", shown(replies)),
        );
    }
    nothing_wrong("nothing but refusals")
}
