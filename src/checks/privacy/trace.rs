//! The trace header that is left of mail by login: whole, valid, and with the
//! login where that is wanted.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::secrets::names;
use super::super::probe::session::{
    CLIENT, command, ehlo, log_in, logged_in, login_listener, port, require_code,
    right_certificate, under_tls, user,
};
use super::super::probe::trace::{Trace, newest};
use super::super::probe::xclient::{Client, xclient_as};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, require};
use super::{REWRITTEN_ON_SUBMISSION, SHORT_FORM, hides};
use crate::config::{Listener, Says};
use crate::plan::Role;
use crate::render::NO_CLIENT;
use crate::report::Severity;

pub(super) const REWRITTEN: Need = Need::Setting("privacy.received", Says::Is("rewrite"));

const SHOWN: Need = Need::Setting("privacy.show_login", Says::Is("true"));

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.trace_tells_the_protocol",
        title: "After HELO the trace header says SMTP, and recipients are named only when alone",
        citation: "row 14; RFC 5321 section 4.4; RFC 3848 section 1",
        severity: Severity::Low,
        about: "Submits after EHLO and after HELO to two recipients. The header must say with \
                which protocol the mail came, and must not name one recipient to the other, who \
                may be a blind copy.",
        repair: "By hand, keep what the header says after `with` in header_checks instead of a \
                 fixed word.",
        needs: &[Need::Login, Need::Inbox, REWRITTEN],
        sabotages: &[Sabotage {
            name: "the rule writes a protocol of its own",
            changes: &[
                Change::Given(REWRITTEN_ON_SUBMISSION),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "(Postfix)$3",
                    "(Postfix) with ESMTPSX",
                ),
            ],
            sees: "with ESMTPSX",
        }],
        ..Check::by(&trace_tells_the_protocol)
    },
    Check {
        id: "privacy.login_is_shown",
        title: "With privacy.show_login the trace header names the login",
        citation: "row 14; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::Low,
        about: "Submits on every listener and looks for the login in a comment of the trace \
                header. Where an operator wants it there, abuse can be traced to a login \
                without the relay's log.",
        repair: "Set privacy.show_login: true in relay.yaml; by hand, \
                 smtpd_sasl_authenticated_header = yes, and header_checks that keep the line.",
        needs: &[Need::Login, Need::Inbox, REWRITTEN, SHOWN],
        sabotages: &[Sabotage {
            name: "logins are not shown",
            changes: &[Change::Setting("privacy.show_login", "false")],
            sees: "comments [\"localhost [127.0.0.1]\", \"Postfix\"",
        }],
        ..Check::by(&login_is_shown)
    },
    Check {
        id: "privacy.login_is_not_shown",
        title: "With privacy.show_login: false the login is nowhere in the trace header",
        citation: "row 14; RFC 5321 section 7.2; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::Critical,
        about: "Submits on every listener and searches the trace header that the next hop got for \
                the login, in plain and encoded. A login is half of what a thief needs, and \
                often a person's name.",
        repair: "Set privacy.show_login: false in relay.yaml; by hand, \
                 smtpd_sasl_authenticated_header = no, or header_checks that leave the line out.",
        needs: &[
            Need::Login,
            Need::Inbox,
            REWRITTEN,
            Need::Setting("privacy.show_login", Says::Is("false")),
        ],
        sabotages: &[Sabotage {
            name: "logins are shown",
            changes: &[Change::Setting("privacy.show_login", "true")],
            sees: "Authenticated sender: ",
        }],
        ..Check::by(&login_is_not_shown)
    },
    Check {
        id: "privacy.odd_logins_stay_one_comment",
        title: "A login with parentheses, blanks or words of a trace header stays one comment",
        citation: "row 14; RFC 5322 section 3.2.2; RFC 5321 section 4.4",
        severity: Severity::High,
        about: "Submits as users whose logins have parentheses, backslashes, quotes, UTF-8, \
                semicolons, 200 letters or a whole forged header in them. The login must stay \
                within one comment and the rest of the header must be hidden and valid, or a \
                user could write a trace of their own.",
        repair: "By hand, take the login up to the end of its line in header_checks, not to the \
                 first parenthesis.",
        needs: &[Need::Login, Need::Inbox, Need::Xclient, REWRITTEN, SHOWN],
        long: true,
        sabotages: &[Sabotage {
            name: "the rule ends the login at a parenthesis",
            changes: &[
                Change::Given(REWRITTEN_ON_SUBMISSION),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "\\(Authenticated sender: ([^\\n]{0,960})\\)",
                    "\\(Authenticated sender: ([^)]*)\\)",
                ),
            ],
            sees: "with ESMTPSA; ",
        }],
        ..Check::by(&odd_logins_stay_one_comment)
    },
    Check {
        id: "privacy.short_form_is_valid",
        title: "Under privacy.received: hide the trace header has by, id and date, and no login",
        citation: "RFC 5321 section 4.4; Postfix smtpd_hide_client_session",
        severity: Severity::Medium,
        about: "Submits on every listener and takes apart Postfix's short trace header: the \
                relay's name, the queue id and today's date must be there, and no login.",
        repair: "Set privacy.received: hide in relay.yaml; by hand, smtpd_hide_client_session = \
                 yes, and no header_checks that drop the header.",
        needs: &[Need::Login, Need::Inbox, SHORT_FORM],
        sabotages: &[Sabotage {
            name: "the short form is dropped",
            changes: &[Change::Main(
                "smtp_header_checks",
                "pcre:{{/^Received: by / IGNORE}}",
            )],
            sees: "From: <sender@relaykit.example>",
        }],
        ..Check::by(&short_form_is_valid)
    },
];

/// RFC 5322 section 3.3, and close to now.
pub(super) fn dated_now(trace: &Trace) -> Judged {
    const NEAR: i64 = 300;
    let Ok(date) = DateTimeParser::new().parse_timestamp(&trace.date) else {
        return fail("a date (RFC 5322 section 3.3)", trace.raw.clone());
    };
    let off = (Timestamp::now().as_second() - date.as_second()).abs();
    require(off <= NEAR, "today's date and time", || {
        format!("{off} s off: {}", trace.date)
    })
}

async fn trace_tells_the_protocol(context: Context) -> Judged {
    let greetings = [("EHLO", "ESMTPSA"), ("HELO", "SMTP")];
    let mut table = rows::pairs(context.target().login_listeners(), &greetings);
    // STARTTLS comes after EHLO, and Postfix does not forget that it was said.
    table.retain(|(listener, (verb, _))| *listener == Listener::Submissions || *verb == "EHLO");
    rows::each(
        &context,
        table,
        |(listener, (verb, _))| format!("{verb} on {}", port(listener)),
        |context, (listener, (verb, protocol))| async move {
            let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
            let greeting = format!("{verb} {CLIENT}");
            let reply = command(&mut session, &greeting).await?;
            require_code(&reply, 250, &greeting)?;
            log_in(&context, &mut session).await?;
            let message = mail::plain();
            let commands = [
                format!("MAIL FROM:<{SENDER}>"),
                format!("RCPT TO:<{RECIPIENT}>"),
                "RCPT TO:<second@elsewhere.example>".to_owned(),
            ];
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            let trace = newest(&delivered)?;
            let with = trace.with.as_deref();
            require(with == Some(protocol), &format!("with {protocol}"), || {
                trace.raw.clone()
            })?;
            require(
                trace.recipient.is_none(),
                "no recipient: there are two",
                || trace.raw.clone(),
            )?;
            dated_now(&trace)
        },
    )
    .await
}

async fn login_is_shown(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let name = &user(&context)?.name;
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            let comments = newest(&delivered)?.comments;
            let comment = format!("Authenticated sender: {name}");
            let seen = comments.contains(&comment);
            require(seen, "the login in a comment", || {
                format!("comments {comments:?}")
            })
        },
    )
    .await
}

async fn login_is_not_shown(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let name = &user(&context)?.name;
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            let trace = newest(&delivered)?.raw;
            let shown = names(trace.as_bytes(), name) || trace.contains("sender:");
            require(!shown, "no login", || trace.clone())
        },
    )
    .await
}

/// Logins that a header could take for something else.
const LOGINS: [&str; 10] = [
    "o)(dd",
    "a)b(c)(d",
    "back\\slash\\",
    "ünïcode",
    "two words",
    "\"quoted\"",
    "<canary@canary.example>",
    "semi; Mon, 23 Nov 2026 03:14:01 +0000",
    "x) by RELAY (relaykit-own-trace) with ESMTPSA id 1",
    LONG,
];

const LONG: &str = concat!(
    "a-login-of-fifty-letters-is-much-longer-than-usual",
    "a-login-of-fifty-letters-is-much-longer-than-usual",
    "a-login-of-fifty-letters-is-much-longer-than-usual",
    "a-login-of-fifty-letters-is-much-longer-than-usual"
);

async fn odd_logins_stay_one_comment(context: Context) -> Judged {
    rows::each(
        &context,
        LOGINS,
        str::to_owned,
        |context, login| async move {
            let host = context.target().hostname.clone();
            let listener = login_listener(&context)?;
            let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
            ehlo(&mut session, CLIENT).await?;
            let client = Client {
                address: "192.0.2.77",
                name: "canary-host.example",
            };
            xclient_as(&mut session, client, &login.replace("RELAY", &host)).await?;
            ehlo(&mut session, "canary-helo.example").await?;
            let message = mail::plain();
            let delivered = mail::relayed_from_nobody(&context, &mut session, &message).await?;
            let trace = newest(&delivered)?;
            let whole = trace.with.as_deref() == Some("ESMTPSA")
                && trace.by.as_deref() == Some(&host)
                && trace.recipient.as_deref() == Some(&format!("<{RECIPIENT}>"));
            require(
                whole && trace.fault().is_none(),
                "a whole trace header",
                || trace.raw.clone(),
            )?;
            let comments = trace.comments.iter();
            let logins = comments.filter(|c| c.starts_with("Authenticated sender: "));
            require(
                logins.count() == 1 && trace.comments.len() == 4,
                "four comments: localhost, the login, the server's name and the time zone",
                || format!("{:?}", trace.comments),
            )?;
            dated_now(&trace)?;
            let text = trace.raw.replacen(NO_CLIENT, "", 1).to_lowercase();
            let told = [
                "192.0.2.77",
                "canary-host",
                "canary-helo",
                " [",
                "using tls",
            ];
            require(
                !told.iter().any(|word| text.contains(word)),
                "nothing of the client",
                || trace.raw.clone(),
            )
        },
    )
    .await
}

async fn short_form_is_valid(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let name = &user(&context)?.name;
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            hides(&context, &delivered)?;
            let trace = newest(&delivered)?;
            let id = trace.id.as_deref().unwrap_or_default();
            require(id.len() >= 6, "id and a queue id", || trace.raw.clone())?;
            let shown = names(trace.raw.as_bytes(), name);
            require(!shown, "no login", || trace.raw.clone())?;
            dated_now(&trace)
        },
    )
    .await
}
