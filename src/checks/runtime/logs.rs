//! What the containers' logs tell, and what they must not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lifecycle::done;
use super::super::probe::log::Log;
use super::super::probe::secrets::is_telling;
use super::super::probe::session::{
    CLIENT, answer, ehlo, log_in, logged_in, login_listener, right_certificate, under_tls, user,
};
use super::super::probe::{appliance, mail};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require, require_none};
use crate::config::Mechanism;
use crate::engine::LogRequest;
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::TlsVersion;

pub(in super::super) static CHECKS: &[Check] = &[NO_PASSWORD, TLS_TOLD];

const TLS_TOLD: Check = Check {
    id: "runtime.log_tells_the_tls",
    title: "The log tells version and suite of the TLS that each message came by",
    citation: "RFC 8314 section 4; Postfix smtpd_tls_loglevel",
    severity: Severity::Low,
    about: "Submits a message, finds its client's address and port in the relay's log, and there the \
            line that tells which TLS was agreed on: the version, and under TLS 1.3 the suite, must \
            be those of the session. It is how an operator finds out who still needs an old \
            version before it is turned off.",
    repair: "By hand, smtpd_tls_loglevel = 1 and smtpd_client_port_logging = yes.",
    needs: &[Need::Lab, Need::Login],
    sabotages: &[Sabotage {
        name: "TLS is not logged",
        changes: &[Change::Main("smtpd_tls_loglevel", "0")],
        sees: "no line of its TLS",
    }],
    ..Check::by(&log_tells_the_tls)
};

const NO_PASSWORD: Check = Check {
    id: "runtime.logs_hold_no_password",
    title: "No log has a password in it, in clear or in base64, right or wrong",
    citation: "row 7; RFC 4954 section 9; Postfix debug_peer_list",
    severity: Severity::Critical,
    about: "Logs in with the right password and, by every mechanism, with a wrong one that \
                nobody else uses, waits until the log tells of the last, and looks through the logs \
                of all containers for either, as it is and as PLAIN and LOGIN encode it. Logs are \
                copied, kept and read by more people than may know passwords, and a wrong password \
                is most often another account's right one.",
    repair: "Take smtpd -v and debug_peer_list out of master.cf and main.cf (postfix.main and \
                 postfix.master in relay.yaml), and do not run slapd or saslauthd with a debug level \
                 that prints requests.",
    needs: &[Need::Lab, Need::Login],
    long: true,
    reads_old_lines: true,
    sabotages: &[Sabotage {
        name: "a session log for every client",
        changes: &[Change::Main("debug_peer_list", "0.0.0.0/0")],
        sees: "relay: the wrong password",
    }],
    ..Check::by(&logs_hold_no_password)
};

async fn log_tells_the_tls(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let Some(facts) = session.tls().cloned() else {
        return broken("the session does not know its own TLS");
    };
    let commands = [
        format!("MAIL FROM:<{}>", mail::SENDER),
        format!("RCPT TO:<{}>", mail::RECIPIENT),
    ];
    let id = mail::queued(&mut session, &commands, &mail::plain()).await?;
    let mark = format!("]: {id}: client=");
    let lines = log
        .until(&context, "the message's client in the log", |line| {
            line.contains(&mark)
        })
        .await?;
    let client = lines.last().and_then(|line| line.split_once(&mark));
    let client = client.and_then(|(_, rest)| rest.split(',').next());
    let Some(client) = client else {
        return broken("the log's line has no client");
    };
    // The last one: a port is used again.
    let established = format!("TLS connection established from {client}:");
    let told = lines.iter().rev().find(|line| line.contains(&established));
    let Some(told) = told else {
        let observed = format!("no line of its TLS for {client}");
        return fail("version and suite in the log", observed);
    };
    let version = facts.version.to_string().replace("TLS ", "TLSv");
    // Below TLS 1.3 the suite goes by OpenSSL's name.
    let suite = facts.version == TlsVersion::Tls12 || told.contains(&facts.cipher_suite);
    let expected = format!("{version} with {}", facts.cipher_suite);
    require(told.contains(&version) && suite, &expected, || {
        told.as_str()
    })
}

async fn logs_hold_no_password(context: Context) -> Judged {
    let right = user(&context)?.clone();
    // Of this run alone, so that it cannot be in a log by accident.
    let token = mail::plain().token().to_owned();
    let wrong = Secret::new(format!("Wrong-{token}"));
    let stranger = format!("nobody-{token}");
    let listener = login_listener(&context)?;
    let mut log = Log::whole(&context, Role::Relay)?;
    let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let mechanisms = &context.target().spec.auth.mechanisms;
    for mechanism in mechanisms {
        let reply = match mechanism {
            Mechanism::Plain => session.auth_plain("", &stranger, &wrong).await,
            Mechanism::Login => session.auth_login(&stranger, &wrong).await,
        };
        answer(reply, "a reply to AUTH")?;
    }
    log_in(&context, &mut session).await?;
    let attempts = mechanisms.len();
    let mut told = 0;
    let mut relay = Vec::new();
    // Each attempt is told once by smtpd; the one that succeeded is told by saslauthd.
    log.find(&context, "lines that tell of the failed logins", |line| {
        relay.push(line.to_owned());
        told += usize::from(line.contains("authentication failed") && line.contains(&stranger));
        (told == attempts).then_some(())
    })
    .await?;
    let mut found = shown(
        Role::Relay,
        &relay,
        &right.name,
        &right.password,
        &stranger,
        &wrong,
    );
    for role in appliance::roles(&context)? {
        let name = &appliance::container(&context, role)?.name;
        let lines = appliance::lab(&context)?
            .engine
            .logs(name, LogRequest::default());
        let lines: Vec<_> = lines.collect().await;
        let lines: Vec<String> = done(lines.into_iter().collect())?;
        found.extend(shown(
            role,
            &lines,
            &right.name,
            &right.password,
            &stranger,
            &wrong,
        ));
    }
    found.sort();
    found.dedup();
    require_none(&found, "no password in any log")
}

/// What stands in the lines that must not, without itself.
fn shown(
    role: Role,
    lines: &[String],
    name: &str,
    right: &Secret,
    stranger: &str,
    wrong: &Secret,
) -> Vec<String> {
    let mut found = Vec::new();
    for (which, name, password) in [("right", name, right), ("wrong", stranger, wrong)] {
        let forms = forms(name, password.reveal());
        let has = |line: &&String| forms.iter().any(|form| line.contains(form.as_str()));
        if lines.iter().any(|line| has(&line)) {
            found.push(format!("{}: the {which} password", role.name()));
        }
    }
    found
}

/// A password as it is and as PLAIN (RFC 4616) and LOGIN send it. Of short ones, and
/// of words that any log has, only what is encoded counts.
fn forms(name: &str, password: &str) -> Vec<String> {
    const TELLING: usize = 8;
    let plain = format!("\0{name}\0{password}");
    let both = format!("{name}\0{name}\0{password}");
    let mut forms = vec![STANDARD.encode(plain), STANDARD.encode(both)];
    if password.len() >= TELLING {
        forms.push(STANDARD.encode(password));
        if is_telling(password) {
            forms.push(password.to_owned());
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::forms;

    #[test]
    fn a_password_is_known_in_every_form() {
        let forms = forms("tim", "tanstaaf");
        assert!(forms.contains(&"AHRpbQB0YW5zdGFhZg==".to_owned()));
        assert!(forms.contains(&"dGltAHRpbQB0YW5zdGFhZg==".to_owned()));
        assert!(forms.contains(&"dGFuc3RhYWY=".to_owned()));
        assert!(self::forms("tim", "tanstaaf-1").contains(&"tanstaaf-1".to_owned()));
    }

    #[test]
    fn a_word_of_any_log_is_not_looked_for() {
        assert!(!forms("tim", "password").contains(&"password".to_owned()));
    }
}
