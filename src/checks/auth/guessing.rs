//! How fast passwords can be guessed, and that nobody else pays for it.

use std::ops::ControlFlow;

use futures_util::future::join_all;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::people;
use super::super::probe::session::{
    CLIENT, attempt, ehlo, login_listener, require_code, right_certificate, under_tls, user,
};
use super::super::probe::xclient::{Client, xclient};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, require};
use crate::config::Says;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::{Reply, Session};

/// How many failed logins a minute a check tries to exceed.
const FEW: u64 = 12;

/// How many logins one session tries: fewer than end it.
const EACH: u32 = 4;

/// What a check of the brake needs.
const BRAKED: Need = Need::Setting("limits.failed_logins_per_minute", Says::AtMost(FEW));

/// That who mistypes [`EACH`] times is no guesser yet.
const PATIENT: Need = Need::Comes {
    to: "limits.failed_logins_per_minute: 3 or more, or null",
    holds: |spec| {
        spec.limits
            .failed_logins_per_minute
            .is_none_or(|most| most > EACH / 2)
    },
};

pub(in super::super) static CHECKS: &[Check] = &[GUESSES, MISTYPED];

const MISTYPED: Check = Check {
    id: "auth.mistyped_passwords_are_forgiven",
    title: "Who mistypes a password four times logs in with the right one at once",
    citation: "RFC 4954 section 4; RFC 4954 section 6",
    severity: Severity::Medium,
    about: "From an address that has not failed yet, tries four wrong passwords in one session and \
            the right one in the next. It must be taken. A brake that is drawn too early keeps \
            people out who have a new password and two programs that know the old one.",
    repair: "Set limits.failed_logins_per_minute to its default of 10, or higher.",
    needs: &[Need::Login, Need::Xclient, PATIENT],
    sabotages: &[Sabotage {
        name: "one failed login a minute",
        changes: &[Change::Setting("limits.failed_logins_per_minute", "1")],
        sees: "454",
    }],
    ..Check::by(&mistyped_are_forgiven)
};

const GUESSES: Check = Check {
    id: "auth.guesses_are_braked",
    title: "Who guesses passwords is put off, and the person guessed at logs in from elsewhere",
    citation: "RFC 4954 section 9; RFC 6409 section 6.1; Postfix smtpd_client_auth_rate_limit",
    severity: Severity::High,
    about: "Tries wrong passwords of the first user from one address, in many sessions at once. \
            After twice limits.failed_logins_per_minute the relay must put the address off and \
            try no more. From other addresses the same user must log in with the right password \
            meanwhile, and a wrong one must be refused: a limit that counts names alone lets \
            anybody lock anybody out.",
    repair: "Set limits.failed_logins_per_minute. By hand, fail2ban on Postfix's log, or \
             smtpd_client_auth_rate_limit, which counts right logins too.",
    needs: &[Need::Login, Need::Xclient, BRAKED],
    long: true,
    sabotages: &[
        Sabotage {
            name: "guessing is not braked",
            changes: &[Change::Setting("limits.failed_logins_per_minute", "null")],
            sees: "passwords are tried",
        },
        Sabotage {
            name: "every login of an address counts",
            changes: &[
                Change::Main("smtpd_client_auth_rate_limit", "3"),
                // Postfix spares clients that may use XCLIENT: here, all of them.
                Change::Main("smtpd_client_event_limit_exceptions", ""),
            ],
            sees: "too many AUTH commands",
        },
    ],
    ..Check::by(&guesses_are_braked)
};

/// An address for documents (RFC 5737), another at each call.
fn address() -> String {
    let token = people::name("");
    let number = token
        .bytes()
        .fold(7u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    format!("198.51.100.{}", number.clamp(1, 254))
}

/// A session under TLS as a client with this address, after EHLO.
async fn from(context: &Context, address: &str) -> Judged<Session> {
    let listener = login_listener(context)?;
    let mut session = under_tls(context, listener, right_certificate(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let client = Client {
        address,
        name: "[UNAVAILABLE]",
    };
    xclient(&mut session, client).await?;
    ehlo(&mut session, CLIENT).await?;
    ControlFlow::Continue(session)
}

/// One session of somebody who guesses, up to the first answer that is no refusal.
async fn guess(context: &Context, address: &str) -> Judged<Vec<Reply>> {
    let mut session = from(context, address).await?;
    let name = &user(context)?.name;
    let mut replies = Vec::new();
    for _ in 0..EACH {
        let wrong = Secret::new(people::name("guess"));
        let reply = attempt(context, &mut session, name, &wrong).await?;
        let goes_on = reply.is_permanent();
        replies.push(reply);
        if !goes_on {
            break;
        }
    }
    ControlFlow::Continue(replies)
}

async fn guesses_are_braked(context: Context) -> Judged {
    let limit = context.target().spec.limits.failed_logins_per_minute;
    // Once twice as many have failed, and those that a slow machine lets ripen meanwhile.
    let most = limit.unwrap_or_default() * 2;
    let sessions = most / EACH + 4;
    let guesser = address();
    let all = join_all((0..sessions).map(|_| guess(&context, &guesser))).await;
    let mut replies = Vec::new();
    for judged in all {
        replies.extend(judged?);
    }
    let tried = replies.iter().filter(|reply| reply.is_permanent()).count();
    let put_off = replies.iter().filter(|reply| reply.is_transient()).count();
    context
        .transcript()
        .note(format!("{tried} guesses are tried, {put_off} put off"));
    if put_off == 0 {
        return fail(
            format!("4xx after {most} failed logins"),
            format!("{tried} passwords are tried one after the other"),
        );
    }
    let right = user(&context)?;
    let elsewhere = format!("203.0.113.{}", guesser.rsplit('.').next().unwrap_or("9"));
    let mut session = from(&context, &elsewhere).await?;
    let wrong = Secret::new(people::name("mistyped"));
    let reply = attempt(&context, &mut session, &right.name, &wrong).await?;
    require(
        reply.is_permanent(),
        "535 to a wrong password from elsewhere",
        || format!("{reply} to a wrong password from elsewhere"),
    )?;
    let reply = attempt(&context, &mut session, &right.name, &right.password).await?;
    require_code(&reply, 235, "the right password from elsewhere")
}

async fn mistyped_are_forgiven(context: Context) -> Judged {
    let address = address();
    let replies = guess(&context, &address).await?;
    let put_off = replies.iter().find(|reply| !reply.is_permanent());
    require(put_off.is_none(), "535 to each wrong password", || {
        put_off.map_or_else(String::new, ToString::to_string)
    })?;
    let right = user(&context)?;
    let mut session = from(&context, &address).await?;
    let reply = attempt(&context, &mut session, &right.name, &right.password).await?;
    require_code(&reply, 235, "the right password afterwards")
}
