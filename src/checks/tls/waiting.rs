//! Who begins a handshake and does not go on must not keep others waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{CLIENT, answer, command, ehlo, in_clear, open, pass_by, port};
use super::super::probe::{appliance, session};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, require};
use crate::config::Listener;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.half_handshakes_end_soon",
        title: "A handshake that stops in the middle is ended within seconds, on every port",
        citation: "RFC 8314 section 3.3; Postfix smtpd_starttls_timeout; Postfix STRESS_README",
        severity: Severity::High,
        about: "Says the first three bytes of a handshake on each port and falls silent: the relay \
                has to hang up within a quarter of a minute. Each such connection takes a process, \
                and on port 465 Postfix counts the connections of a client only after the \
                handshake: with Postfix's five minutes, one address locks everybody out.",
        repair: "By hand, smtpd_starttls_timeout of a few seconds, shorter under stress.",
        needs: &[Need::Built],
        long: true,
        sabotages: &[Sabotage {
            name: "a handshake may take five minutes",
            changes: &[Change::Main("smtpd_starttls_timeout", "300s")],
            sees: "is still open",
        }],
        ..Check::by(&half_handshakes_end_soon)
    },
    Check {
        id: "tls.one_client_fills_no_port",
        title: "Port 465 has more processes than one client soon fills with half handshakes",
        citation: "RFC 8314 section 3.3; Postfix master; Postfix default_process_limit",
        severity: Severity::Medium,
        about: "Reads how many processes port 465 may have. Connections of a client are counted \
                after the handshake there, so that the limit on them does not hold who stops in \
                the middle of one: as many as Postfix gives a service by default, 100, are begun \
                in a moment.",
        repair: "By hand, a process limit of 300 for submissions in master.cf.",
        needs: &[Need::Lab, Need::Listener(Listener::Submissions)],
        sabotages: &[Sabotage {
            name: "few processes on port 465",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/master.cf",
                "300     smtpd",
                "100     smtpd",
            )],
            sees: "process_limit = 100",
        }],
        ..Check::by(&one_client_fills_no_port)
    },
];

/// The first bytes of a `ClientHello` (RFC 8446 section 5.1).
const BEGINNING: [u8; 3] = [0x16, 0x03, 0x01];

/// relaykit gives a handshake ten seconds.
const SOON: Duration = Duration::from_secs(15);

/// More than Postfix's own `default_process_limit`.
const ENOUGH: u32 = 250;

async fn half_handshakes_end_soon(context: Context) -> Judged {
    let listeners = session::tls_listeners(&context)?;
    rows::each(&context, listeners, port, |context, listener| async move {
        let mut session = if listener == Listener::Submissions {
            open(&context, listener, None).await?
        } else {
            let mut session = in_clear(&context, listener).await?;
            ehlo(&mut session, CLIENT).await?;
            let reply = command(&mut session, "STARTTLS").await?;
            pass_by(&reply, 220, "STARTTLS")?;
            session
        };
        answer(session.write_raw(&BEGINNING).await, "a connection")?;
        let begun = Instant::now();
        session.set_timeout(SOON);
        let ended = session.expect_closed().await;
        let waited = begun.elapsed().as_secs_f64();
        context.transcript().note(format!("after {waited:.1} s"));
        match ended {
            Ok(_) => held(
                format!("the end within {} s", SOON.as_secs()),
                format!("closed after {waited:.1} s"),
            ),
            Err(error) => fail(
                format!("the end within {} s", SOON.as_secs()),
                format!("it is still open after {waited:.0} s: {error}"),
            ),
        }
    })
    .await
}

async fn one_client_fills_no_port(context: Context) -> Judged {
    let argv = ["postconf", "-F", "submissions/inet/process_limit"];
    let told = appliance::output(&context, Role::Relay, &argv).await?;
    if told.trim().is_empty() {
        return fail(
            "an entry for submissions in master.cf",
            "none, so that nothing answers on its port",
        );
    }
    let limit = told.trim().rsplit(' ').next().unwrap_or_default();
    // 0 is without a limit, and a dash Postfix's default.
    let enough = limit.parse().is_ok_and(|n: u32| n == 0 || n >= ENOUGH);
    require(enough, &format!("{ENOUGH} processes"), || {
        told.trim().to_owned()
    })
}
