//! What the log tells of a login that failed: who and from where, never the
//! password, and nothing that the client wrote into it.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::probe::log::Log;
use super::super::probe::people;
use super::super::probe::session::{answer, attempt, login_listener};
use super::super::verdict::{PASS, fail, require};
use super::super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use super::{NO_GUARD, ready};
use crate::plan::Role;
use crate::secret::Secret;
use crate::smtp::Session;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.log_tells_who_failed",
        title: "The log has the name and the address of a failed login, and no password",
        citation: "row 8; RFC 6302 section 3; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::High,
        about: "Logs in with a wrong password, by PLAIN and by LOGIN, and reads the relay's log up to \
                the end of the session. It must have the name, the client's address and why the \
                directory refused; and nowhere the password, in clear or in base64. Operators need \
                the one to stop guessing, and the other is read by too many.",
        repair: "Turn debugging off: no debug_peer_list, no -v in master.cf, no -d in saslauthd's \
                 LDAP settings. saslauthd tells its reasons to syslog: give it one that is read.",
        needs: &[Need::Login, Need::Lab],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "debugging is left on",
            changes: &[
                Change::Main("debug_peer_list", "0.0.0.0/0"),
                Change::Main("debug_peer_level", "2"),
            ],
            sees: "the password is in the log",
        }],
        run: |context| Box::pin(log_tells_who_failed(context)),
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
        exclusive: false,
        sabotages: &[NO_GUARD.seen_as("a line that the client wrote")],
        run: |context| Box::pin(log_cannot_be_forged(context)),
    },
];

async fn log_tells_who_failed(context: Context) -> Judged {
    let name = people::name("failed");
    let password = Secret::new(people::name("guessed"));
    let mut session = ready(&context, login_listener(&context)?).await?;
    attempt(&context, &mut session, &name, &password).await?;
    let reply = session.auth_login(&name, &password).await;
    answer(reply, "a reply to AUTH")?;
    let lines = said_until_now(&context, &mut session).await?;
    let user = format!("sasl_username={name}");
    let told: Vec<&String> = lines.iter().filter(|line| line.contains(&user)).collect();
    let address = |line: &&String| {
        let inside = line.split('[').filter_map(|part| part.split(']').next());
        inside
            .into_iter()
            .any(|text| text.parse::<IpAddr>().is_ok())
    };
    let complete = !told.is_empty() && told.iter().all(address);
    require(
        complete,
        &format!("{user} and the client's address"),
        || {
            told.first()
                .map_or_else(|| format!("no line with {user}"), |line| (*line).clone())
        },
    )?;
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
        None => PASS,
    }
}
