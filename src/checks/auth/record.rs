//! What the log tells of a login that failed: who and from where, never the
//! password, and nothing that the client wrote into it.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::people;
use super::super::probe::session::{
    CLIENT, answer, attempt, attempt_by, ehlo, in_clear, login_listener, starttls_listeners, user,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, held, require};
use super::{BY_LIBRARY, ITS_SOCKET, LIBRARY_FOLDER, LIBRARY_PATH, ready};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::Session;

/// Lets saslauthd say in the log what it is busy with, when it is started again.
const CHATTY: Change = Change::Script(
    Role::Relay,
    "sed -i 's| 2>/dev/null| 2>\\&1|' /run/service/saslauthd/run",
);

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.log_tells_who_failed",
        title: "The log has the name and the address of a failed login, and no password",
        citation: "row 8; RFC 6302 section 3; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::High,
        about: "Logs in with a name that nobody has and with a wrong password, by PLAIN and by LOGIN, \
                and reads the relay's log up to the end of the session. For each there must be one \
                line with the name, the client's address and which half was wrong, and from \
                saslauthd nothing; and nowhere the password, in clear or in base64. Operators need \
                the one to stop guessing, and the other is read by too many.",
        repair: "Turn debugging off: no debug_peer_list, no -v in master.cf, no -d in saslauthd's \
                 LDAP settings. saslauthd tells its reasons to syslog: give it one that is read.",
        needs: &[Need::Login, Need::Lab],
        long: true,
        sabotages: &[Sabotage {
            name: "debugging is left on",
            changes: &[
                Change::Main("debug_peer_list", "0.0.0.0/0"),
                Change::Main("debug_peer_level", "2"),
            ],
            sees: "the password is in the log",
        }],
        ..Check::by(&log_tells_who_failed)
    },
    Check {
        id: "auth.log_repeats_no_blind_login",
        title: "A login that a client sends blindly, out of place, is not repeated in the log",
        citation: "RFC 4954 section 9; Postfix smtpd_forbidden_commands",
        severity: Severity::High,
        about: "Sends a name and a password where no login is offered: in the same breath as EHLO, \
                as AUTH LOGIN with both responses before TLS, and as a response that is too long. \
                Devices that do not wait for replies do that. Nothing of it may stand in the \
                relay's log, in clear or in base64: Postfix writes down commands that it does not \
                know, and what came too early.",
        repair: "By hand, take the default out of smtpd_forbidden_commands, whose words are logged, \
                 and take `improper command pipelining`, `non-SMTP command` and `request longer than` \
                 out of the log.",
        needs: &[Need::Login, Need::Lab],
        long: true,
        sabotages: &[Sabotage {
            name: "Postfix's log goes out as it is",
            changes: &[Change::Script(
                Role::Relay,
                "cd /run/service/postfix/log && printf '#!/bin/sh\nexec cat\n' >run && \
                 s6-svc -wd -d . && s6-svc -wu -u .",
            )],
            sees: "stands in the log",
        }],
        ..Check::by(&log_repeats_no_blind_login)
    },
    Check {
        id: "auth.log_cannot_be_forged",
        title: "A name with line ends in it writes no line of its own into the log",
        citation: "row 8; Cyrus saslauthd(8)",
        severity: Severity::Medium,
        about: "Tries to log in with a name that holds line ends and, after them, what looks like a \
                line of the log. No line of the log may begin with that text. saslauthd writes \
                names as they come, so that anybody could make an innocent address look like an \
                attacker's to whatever reads the log.",
        repair: "relaykit's guard refuses such names before saslauthd sees them. By hand, let \
                 saslauthd log through syslog, which replaces control characters.",
        needs: &[Need::Login, Need::Lab],
        sabotages: &[Sabotage {
            name: "saslauthd writes names into the log",
            changes: &[BY_LIBRARY, LIBRARY_PATH, LIBRARY_FOLDER, CHATTY, ITS_SOCKET],
            sees: "a line that the client wrote",
        }],
        ..Check::by(&log_cannot_be_forged)
    },
];

async fn log_tells_who_failed(context: Context) -> Judged {
    let name = people::name("failed");
    let password = Secret::new(people::name("guessed"));
    let mechanisms = &context.target().spec.auth.mechanisms;
    let attempts = mechanisms.len();
    let logins = [&name, &user(&context)?.name];
    let tries = logins.iter().flat_map(|login| {
        mechanisms.iter().map(async |mechanism| {
            let mut session = ready(&context, login_listener(&context)?).await?;
            attempt_by(&mut session, *mechanism, login, &password).await
        })
    });
    for reply in join_all(tries).await {
        reply?;
    }
    let mut session = ready(&context, login_listener(&context)?).await?;
    let lines = said_until_now(&context, &mut session).await?;
    let known = &user(&context)?.name;
    let nobody = if context.target().spec.auth.users.is_some() {
        "the users file has nobody of that name"
    } else {
        "the directory has nobody of that name"
    };
    for (login, why) in [(&name, nobody), (known, "wrong password")] {
        let line = format!("login of \"{login}\" from ");
        let told = lines.iter().filter(|l| l.contains(&line));
        let told: Vec<_> = told.filter(|l| l.contains(why)).collect();
        let from = |l: &&String| {
            let (_, rest) = l.split_once(&line)?;
            rest.split(' ').next()?.parse::<IpAddr>().ok()
        };
        require(
            told.len() >= attempts && told.iter().all(|l| from(l).is_some()),
            &format!("{attempts} lines `{line}ADDRESS is refused: {why}`"),
            || format!("{} such lines", told.len()),
        )?;
    }
    let chatter = lines.iter().find(|line| line.contains("saslauthd["));
    require(chatter.is_none(), "nothing of saslauthd's own", || {
        chatter.cloned().unwrap_or_default()
    })?;
    let clear = password.reveal();
    let encoded = [
        STANDARD.encode(clear),
        STANDARD.encode(format!("\0{name}\0{clear}")),
    ];
    let shows = |line: &&String| line.contains(clear) || encoded.iter().any(|e| line.contains(e));
    match lines.iter().find(shows) {
        Some(line) => fail(
            "no password in the log",
            format!("the password is in the log: {}", line.replace(clear, "***")),
        ),
        None => PASS,
    }
}

async fn log_repeats_no_blind_login(context: Context) -> Judged {
    let name = people::name("blind");
    // Such that its base64 begins with a digit, as what is no command does.
    let password = format!("\u{05f4}{}", people::name("typed"));
    let (user, secret) = (STANDARD.encode(&name), STANDARD.encode(&password));
    let plain = STANDARD.encode(format!("\0{name}\0{password}"));
    let starttls: Vec<_> = starttls_listeners(&context)?;
    for listener in starttls {
        let early = format!("EHLO {CLIENT}\r\nAUTH PLAIN {plain}\r\n");
        let responses = format!("AUTH LOGIN\r\n{user}\r\n{secret}\r\n");
        for (greets, blind) in [(false, early), (true, responses)] {
            let mut session = in_clear(&context, listener).await?;
            if greets {
                ehlo(&mut session, CLIENT).await?;
            }
            answer(
                session.write_raw(blind.as_bytes()).await,
                "a relay that reads",
            )?;
            // What it answers is for others to judge; it ends or waits for more.
            let _ = session.half_close().await;
            while session.read_reply().await.is_ok() {}
        }
    }
    let mut session = ready(&context, login_listener(&context)?).await?;
    let long = STANDARD.encode(password.repeat(1_000));
    let _ = session.auth_raw("PLAIN", None, &[&long]).await;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let lines = said_until_now(&context, &mut session).await?;
    let told = [password.as_str(), &secret, &plain[..24], &long[..24]];
    match lines.iter().find(|l| told.iter().any(|t| l.contains(t))) {
        Some(line) => fail(
            "nothing of a login that came out of place",
            format!("the password stands in the log: {line}"),
        ),
        None => held(
            "nothing of a login that came out of place",
            format!("nothing of it in {} lines of the log", lines.len()),
        ),
    }
}

/// The log up to the line of a failed login that is made for the purpose.
async fn said_until_now(context: &Context, session: &mut Session) -> Judged<Vec<String>> {
    let last = people::name("after");
    attempt(context, session, &last, &Secret::new("x")).await?;
    let mark = format!("sasl_username={last}");
    let mut log = Log::of(context, Role::Relay)?;
    log.until(context, "the failed login in the log", |line| {
        line.contains(&mark)
    })
    .await
}

async fn log_cannot_be_forged(context: Context) -> Judged {
    let mark = people::name("forged");
    let name = format!("nobody\n{mark} postfix/smtpd[1]: a line\r{mark} more");
    let mut session = ready(&context, login_listener(&context)?).await?;
    attempt(&context, &mut session, &name, &Secret::new("x")).await?;
    let lines = said_until_now(&context, &mut session).await?;
    let forged = lines
        .iter()
        .flat_map(|line| line.split('\r'))
        .find(|line| line.starts_with(&mark));
    match forged {
        Some(line) => fail(
            "no line that begins as the client wants",
            format!("a line that the client wrote: {line}"),
        ),
        None => held(
            "no line that begins as the client wants",
            format!("none such in {} lines of the log", lines.len()),
        ),
    }
}
