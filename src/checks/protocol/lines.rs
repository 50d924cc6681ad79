//! Lines that are too long for mail: whoever sends one is told at once. Further on it
//! may be refused, and the report on that too, since it has the line in it.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::privacy::REWRITTEN_ON_SUBMISSION;
use super::super::probe::mail::{self, OWN_DOMAIN, RECIPIENT, SENDER, own_domain};
use super::super::probe::session::{
    CLIENT, answer, command, ehlo, in_clear, logged_in, login_listener, require_code,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use crate::config::Listener;
use crate::plan::Role;
use crate::report::Severity;
use crate::smtp::{Message, Session};

const REPAIR: &str = "By hand, REJECT with header_checks, mime_header_checks, \
    nested_header_checks and body_checks whatever has 999 octets in one line, and set \
    body_checks_size_limit = 0.";

/// What a filter for the body of an operator's own replaces.
pub(in super::super) const LONG_LINES_TAKEN: Sabotage = Sabotage {
    name: "long lines are taken",
    changes: &[
        Change::Main("body_checks", ""),
        Change::Main("header_checks", ""),
    ],
    sees: "",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.too_long_lines_are_refused",
        title: "Mail by login with a line of more than 998 octets is refused, in clear words",
        citation: "RFC 5322 section 2.1.1; RFC 5321 section 4.5.3.1.6; Postfix body_checks",
        severity: Severity::High,
        about: "Submits messages with one line too long: in the body, in UTF-8, behind a dot, far \
                down, in a header, in a fold, in the headers of a part and of an attached \
                message; with a header that Postfix would cut, and with addresses that would \
                make a line too long. Each must get 5xx and a reason, and what is just short \
                enough must arrive. A next hop may refuse such a line, and then the report on \
                it, which has the line in it: nobody is told.",
        repair: REPAIR,
        needs: &[Need::Login, Need::Inbox, Need::Built],
        long: true,
        sabotages: &[
            LONG_LINES_TAKEN.seen_as("999 octets: 250"),
            Sabotage {
                name: "the first 50 kB of a text are looked at",
                changes: &[Change::Main("body_checks_size_limit", "51200")],
                sees: "behind 60 kB: 250",
            },
            Sabotage {
                name: "headers of parts may be long",
                changes: &[
                    Change::Main("mime_header_checks", ""),
                    Change::Main("nested_header_checks", ""),
                ],
                sees: "in a part's header: 250",
            },
            Sabotage {
                name: "headers of mail by login may be long",
                changes: &[
                    Change::Given(REWRITTEN_ON_SUBMISSION),
                    Change::Service(
                        "cleanup-login/unix",
                        "header_checks",
                        "pcre:/etc/relaykit/postfix/login_header_checks",
                    ),
                ],
                sees: "a fold of 999 octets: 250",
            },
            Sabotage {
                name: "addresses may be long",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/commands",
                    ".{940}/",
                    ".{1940}/",
                )],
                sees: "MAIL with an address of 980 octets: 250",
            },
        ],
        ..Check::by(&too_long_lines_are_refused)
    },
    Check {
        id: "protocol.strangers_lines_are_refused",
        title: "Mail without a login with a line of more than 998 octets is refused too",
        citation: "RFC 5322 section 2.1.1; RFC 5321 section 4.5.3.1.6; Postfix header_checks",
        severity: Severity::High,
        about: "Sends mail for a relay domain with a line too long in the body and in a header, and \
                after a greeting that makes the relay's own trace header too long. Each must \
                get 5xx: its sender's server tells them, where a report of ours that the next \
                hop refuses tells nobody.",
        repair: REPAIR,
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Built,
            OWN_DOMAIN,
        ],
        sabotages: &[LONG_LINES_TAKEN.seen_as("999 octets: 250")],
        ..Check::by(&strangers_lines_are_refused)
    },
];

/// Between the headers that every message has and the body's end.
fn too_long() -> Vec<(&'static str, String)> {
    let in_part = |kind: &str, rest: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"part\"\r\n\r\n\
             --part\r\nContent-Type: {kind}{rest}\r\n\r\ntext\r\n--part--"
        )
    };
    let x = |octets: usize| "x".repeat(octets);
    let fold = format!("\r\n {}", x(900));
    vec![
        ("a line of 999 octets", format!("\r\n{}", x(999))),
        ("a line of 5000 octets", format!("\r\n{}", x(5000))),
        ("a dot and 998 octets", format!("\r\n.{}", x(998))),
        (
            "500 letters of two octets",
            format!("\r\n{}", "\u{fc}".repeat(500)),
        ),
        (
            "a line behind 60 kB",
            format!("\r\n{}{}", format!("{}\r\n", x(60)).repeat(1000), x(1500)),
        ),
        ("a header of 999 octets", format!("X-Long: {}\r\n", x(991))),
        (
            "a fold of 999 octets",
            format!("X-Long: a\r\n {}\r\n", x(998)),
        ),
        (
            "a line in a part's header",
            in_part("text/plain", &format!("; name=\"{}\"", x(1500))),
        ),
        (
            "a line in an attached header",
            in_part("message/rfc822", &format!("\r\n\r\nSubject: {}", x(1500))),
        ),
        (
            "a header of 103 kB",
            format!("X-Long: a{}\r\n", fold.repeat(114)),
        ),
    ]
}

/// A message with `rest` behind its headers.
fn message(recipient: &str, rest: &str) -> Message {
    let plain = Message::from_to(SENDER, recipient).build();
    let head = String::from_utf8_lossy(plain.headers()).into_owned();
    Message::exact(format!("{head}{rest}\r\n"), plain.token())
}

/// What is wrong, unless the message that has `rest` is refused with a reason.
async fn taken(
    session: &mut Session,
    recipient: &str,
    what: &str,
    rest: &str,
) -> Judged<Option<String>> {
    for line in [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{recipient}>"),
    ] {
        require_code(&command(session, &line).await?, 250, &line)?;
    }
    let message = message(recipient, rest);
    let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
    let text = reply.to_string();
    // Where relay.yaml takes small messages alone, that is the reason for some.
    let told = text.contains("998 octets") || text.contains("too long") || reply.code == 552;
    let right = reply.is_permanent() && told;
    Judged::Continue((!right).then(|| format!("{what}: {text}")))
}

async fn too_long_lines_are_refused(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let mut wrong = Vec::new();
    // Postfix ends a session of ten mistakes.
    for some in too_long().chunks(6) {
        let mut session = logged_in(&context, listener).await?;
        for (what, rest) in some {
            wrong.extend(taken(&mut session, RECIPIENT, what, rest).await?);
        }
    }
    let mut session = logged_in(&context, listener).await?;
    let long = format!("{}@elsewhere.example", "a".repeat(962));
    for (line, what) in [
        (
            format!("MAIL FROM:<{long}>"),
            "MAIL with an address of 980 octets",
        ),
        (format!("MAIL FROM:<{SENDER}>"), ""),
        (
            format!("RCPT TO:<{long}>"),
            "RCPT with an address of 980 octets",
        ),
        ("RSET".to_owned(), ""),
    ] {
        let reply = command(&mut session, &line).await?;
        if what.is_empty() {
            require_code(&reply, 250, &line)?;
        } else if !reply.is_permanent() {
            wrong.push(format!("{what}: {reply}"));
            require_code(&command(&mut session, "RSET").await?, 250, "RSET")?;
        }
    }
    require_none(&wrong, "5xx and a reason to each")?;
    let x = "x".repeat(990);
    let limit = context.target().spec.relay.message_size_limit;
    let folds = usize::try_from(limit / 2000).map_or(99, |folds| folds.min(99));
    let fold = format!("\r\n {x}");
    let just_right = format!(
        "X-Long: {x}\r\nX-Fold: a{}\r\n\r\n.{x}1234567",
        fold.repeat(folds)
    );
    let message = message(RECIPIENT, &just_right);
    let delivered = mail::relayed(&context, &mut session, &message).await?;
    require(
        message.trace_in(&delivered.raw).is_some(),
        "lines of 998 octets as they were",
        || "something else",
    )
}

async fn strangers_lines_are_refused(context: Context) -> Judged {
    let recipient = format!("recipient@{}", own_domain(&context));
    let mut wrong = Vec::new();
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    for (what, rest) in too_long() {
        if what.ends_with("999 octets") {
            wrong.extend(taken(&mut session, &recipient, what, &rest).await?);
        }
    }
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, &"x".repeat(1100)).await?;
    let what = "a greeting of 1100 octets";
    wrong.extend(taken(&mut session, &recipient, what, "\r\n").await?);
    require_none(&wrong, "5xx and a reason to each")
}
