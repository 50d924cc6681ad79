//! The step from clear to TLS: nothing of what was said before may count after it.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::mail::SENDER;
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, port, require_code,
    starttls_listeners,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require};
use crate::config::Listener;
use crate::plan::Role;
use crate::render::next_hops::{INJECTED, INJECTING};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.starttls_takes_no_parameter",
        title: "STARTTLS with a parameter is refused, and so is a second STARTTLS",
        citation: "RFC 3207 section 4",
        severity: Severity::Low,
        about: "Says STARTTLS with a word behind it, which must get 501 and leave the session in \
                the clear, then STARTTLS, then STARTTLS once more under TLS, which must be \
                refused: a server that is not sure where the clear ends can be led astray there.",
        repair: "By hand: look for a rule about STARTTLS in `smtpd_command_filter`.",
        sabotages: &[Sabotage {
            name: "a command filter that tidies STARTTLS",
            changes: &[Change::File(
                Role::Relay,
                "postfix/commands",
                r"/^STARTTLS\s.*$/ STARTTLS",
            )],
            sees: "220 2.0.0 Ready to start TLS",
        }],
        ..Check::by(&starttls_takes_no_parameter)
    },
    Check {
        id: "tls.commands_before_tls_are_not_run",
        title: "Commands slipped in behind STARTTLS in the clear are never run",
        citation: "CVE-2011-0411; RFC 3207 section 4.2",
        severity: Severity::High,
        about: "Sends STARTTLS and further commands in one packet, as somebody on the way can \
                who adds them to a client's own, then shakes hands. No reply to them may come, \
                neither in the clear nor under TLS: otherwise the attacker's MAIL would take \
                the victim's login and message.",
        repair: "Update Postfix to 2.7.3 or later. A proxy in front of the relay that speaks \
                 STARTTLS for it has to throw away what it has read before.",
        sabotages: &[Sabotage {
            name: "STARTTLS is off and commands come in any order",
            changes: &[
                ON_SMTP,
                Change::Main("smtpd_tls_security_level", "none"),
                Change::Main("smtpd_forbid_unauth_pipelining", "no"),
            ],
            sees: "and then 250",
        }],
        ..Check::by(&commands_before_tls_are_not_run)
    },
    Check {
        id: "tls.starttls_forgets_what_was_said",
        title: "EHLO and MAIL from before STARTTLS are forgotten under TLS",
        citation: "RFC 3207 section 4.2; Postfix smtpd_helo_required",
        severity: Severity::Medium,
        about: "Says EHLO in the clear, and MAIL where that is taken; then shakes hands and goes \
                on without a new EHLO. RCPT must not find a sender, and a relay that relaykit built \
                must refuse MAIL until there is one: what was said in the clear may be somebody \
                else's.",
        repair: "Leave `smtpd_helo_required` at yes, which relaykit sets. A relay that finds the \
                 sender from before needs an update.",
        sabotages: &[Sabotage {
            name: "mail without a greeting",
            changes: &[Change::Main("smtpd_helo_required", "no")],
            sees: "250 2.1.0",
        }],
        ..Check::by(&starttls_forgets_what_was_said)
    },
    Check {
        id: "tls.replies_before_tls_are_not_believed",
        title: "A reply slipped in behind the next hop's answer to STARTTLS is never believed",
        citation: "RFC 3207 section 4.2; RFC 3207 section 6",
        severity: Severity::High,
        about: "Sends mail through somebody in between, whom the lab's sink plays: behind the next \
                hop's answer to STARTTLS, in the same packet and in clear, stands a reply to an \
                EHLO that has not been said yet, with a size limit of one byte. The relay has to \
                throw it away and deliver the message. One that believes it takes each later \
                reply for the wrong command's, and returns or loses mail at a stranger's wish.",
        repair: "Update Postfix; a proxy that speaks STARTTLS for the relay has to throw away what \
                 it has read before the handshake.",
        needs: &[Need::Login, Need::Lab, PLAYED],
        sabotages: &[Sabotage {
            name: "the next hop is believed to take one byte",
            changes: &[Change::Main(
                "smtp_reply_filter",
                "pcre:{{/^250([ -])SIZE\\b.*/ 250$${1}SIZE 1}}",
            )],
            sees: "exceeds size limit 1 of server",
        }],
        ..Check::by(&replies_before_tls_are_not_believed)
    },
];

async fn starttls_takes_no_parameter(context: Context) -> Judged {
    rows::each(
        &context,
        starttls_listeners(&context)?,
        port,
        |context, listener| async move {
            let mut session = in_clear(&context, listener).await?;
            ehlo(&mut session, CLIENT).await?;
            let reply = command(&mut session, "STARTTLS now").await?;
            require_code(&reply, 501, "STARTTLS with a parameter")?;
            let tls = any_certificate(&context);
            answer(session.starttls(&tls).await.map(|_| ()), "a handshake")?;
            ehlo(&mut session, CLIENT).await?;
            let reply = command(&mut session, "STARTTLS").await?;
            require(reply.code >= 500, "a refusal of STARTTLS under TLS", || {
                reply.to_string()
            })
        },
    )
    .await
}

async fn commands_before_tls_are_not_run(context: Context) -> Judged {
    rows::each(
        &context,
        starttls_listeners(&context)?,
        port,
        |context, listener| async move { slipped_in(&context, listener).await },
    )
    .await
}

async fn slipped_in(context: &Context, listener: Listener) -> Judged {
    const NOBODY_ANSWERS: &str = "no reply to what was slipped in";
    let mut session = in_clear(context, listener).await?;
    ehlo(&mut session, CLIENT).await?;
    let lines = b"STARTTLS\r\nNOOP slipped in\r\nRSET\r\n";
    answer(session.write_raw(lines).await, "a server that reads")?;
    let ready = answer(session.read_reply().await, "a reply to STARTTLS")?;
    if ready.code != 220 {
        // Refusing the whole packet is right too (improper pipelining), as long as
        // nothing of it is run.
        let after = session.command("HELP").await;
        let said = after.map_or_else(|e| e.to_string(), |reply| reply.to_string());
        return require(!said.starts_with("250"), NOBODY_ANSWERS, || {
            format!("{ready}, and then {said}")
        });
    }
    let tls = any_certificate(context);
    let shaken = session.handshake(&tls).await;
    let injected = answer(shaken.map(|tls| tls.injected.clone()), "a handshake")?;
    if !injected.is_empty() {
        let text = String::from_utf8_lossy(&injected).into_owned();
        return fail(NOBODY_ANSWERS, format!("in the clear: {text}"));
    }
    // The reply to EHLO has several lines and is the only one of its kind: were the
    // others answered, theirs would come first.
    let first = command(&mut session, &format!("EHLO {CLIENT}")).await?;
    require(
        first.code == 250 && first.lines.len() > 1,
        NOBODY_ANSWERS,
        || format!("under TLS: {first}"),
    )
}

async fn starttls_forgets_what_was_said(context: Context) -> Judged {
    rows::each(
        &context,
        starttls_listeners(&context)?,
        port,
        |context, listener| async move {
            let mut session = in_clear(&context, listener).await?;
            ehlo(&mut session, CLIENT).await?;
            // Refused in the clear where TLS is required.
            command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?;
            let tls = any_certificate(&context);
            answer(session.starttls(&tls).await.map(|_| ()), "a handshake")?;
            let reply = command(&mut session, "RCPT TO:<postmaster@relaykit.example>").await?;
            if context.target().is_stranger() {
                // Another may look at the login or the recipient before it looks for
                // MAIL; that EHLO comes before MAIL is a promise of relaykit's alone.
                return require(
                    !reply.is_positive(),
                    "a refusal of RCPT without a MAIL",
                    || reply.to_string(),
                );
            }
            require_code(&reply, 503, "RCPT without a MAIL under TLS")?;
            let reply = command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?;
            require(reply.code == 503, "503 to MAIL without a new EHLO", || {
                reply.to_string()
            })?;
            ControlFlow::Continue(())
        },
    )
    .await
}

/// Says EHLO and STARTTLS to the port in `$1`, and prints the replies and one more.
const TALK: &str = r#"
hear() {
    while IFS= read -r -t 10 -u 3 line; do
        printf '%s\n' "${line%$'\r'}"
        [ "${line:3:1}" = - ] || return 0
    done
    exit 1
}
exec 3<>"/dev/tcp/127.0.0.1/$1"
hear
printf 'EHLO sink\r\n' >&3
hear
printf 'STARTTLS\r\n' >&3
hear
hear
"#;

async fn replies_before_tls_are_not_believed(context: Context) -> Judged {
    // That the reply is slipped in at all, or else nothing is tried.
    let argv = ["bash", "-c", TALK, "talk", INJECTING.port];
    let replies = appliance::output(&context, Role::Sink, &argv).await?;
    let injected = INJECTED.replace("\r\n", "\n");
    if !replies.ends_with(&injected) {
        return broken(format!("nothing is slipped in: {replies}"));
    }
    let (fate, ..) = played::fate(&context, INJECTING.domain).await?;
    fate.must_be("sent")
}
