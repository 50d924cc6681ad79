//! A certificate that is renewed while the relay runs.

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant, sleep};

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::Log;
use super::super::probe::mail;
use super::super::probe::session::{
    any_certificate, command, logged_in, login_listener, pass_by, port, tls_listeners, under_tls,
};
use super::super::target::Context;
use super::super::verdict::{Judged, broken, fail, held, nothing_wrong};
use crate::certs::{self, Issued, Names};
use crate::config::Listener;
use crate::lab;
use crate::plan::Role;
use crate::report::{Outcome, Severity};

/// A [`Change`] that lets the relay run another program in the place of `certificate`, which
/// takes up renewed ones: `$edit` are commands that change it (`other/certificate`) and what
/// judges (`other/Judge.pm`).
macro_rules! another_watch {
    ($edit:literal) => {
        Change::Script(
            Role::Relay,
            concat!(
                "edit() { \
                     cp \"$2\" was && sed -i \"$1\" \"$2\" && ! cmp -s was \"$2\" && rm was || \
                     { echo \"$2 has nothing that $1 would change\" >&2; exit 1; }; \
                 }; \
                 cd /run/service/certificate && s6-svc -wD -d . && \
                 cp -R /usr/share/relaykit/certificate other && \
                 sed 's|/usr/share/relaykit/certificate|/run/service/certificate/other|' \
                 /usr/libexec/relaykit/certificate >other/certificate && ",
                $edit,
                " && sed -i 's|exec /usr/libexec/relaykit/certificate|exec perl /run/service/certificate/other/certificate|' run && \
                 s6-svc -wu -u .",
            ),
        )
    };
}

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.renewed_certificate_is_taken_up",
        title: "A renewed certificate is shown to new sessions, and open ones go on",
        citation: "row 11; row 13; Postfix smtpd_tls_chain_files; Postfix master",
        severity: Severity::High,
        about: "Logs in, begins a message, and puts a new certificate with a new key where the \
                relay's own is looked for. Every port must soon show it to a new session; then \
                the message is finished in the session that was open, and must arrive. Certificates \
                live for weeks: a relay that has to be restarted for a new one cuts off clients, and \
                one that nobody restarts shows the old one until the day on which nobody can log in.",
        repair: "Mount the folder of the certificate into the container, not its files, and let the \
                 program `certificate` run. By hand: `postfix reload` after each renewal (a \
                 deploy hook of certbot).",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        exclusive: true,
        long: true,
        sabotages: &[
            Sabotage {
                name: "nobody looks for a renewed certificate",
                changes: &[Change::Script(
                    Role::Relay,
                    "s6-svc -wD -d /run/service/certificate",
                )],
                sees: "the certificate from before",
            },
            Sabotage {
                name: "Postfix is not told of a renewed certificate",
                changes: &[another_watch!(
                    "edit 's/^    reload();//' other/certificate"
                )],
                sees: "the certificate from before",
            },
            Sabotage {
                name: "a renewal ends the sessions that are open",
                changes: &[another_watch!(
                    "edit 's,^    reload();,&kill TERM => grep { (slurp(qq(/proc/$_/comm)) // q()) eq qq(smtpd\\n) } map { /([0-9]+)/ } glob q(/proc/[0-9]*);,' other/certificate"
                )],
                sees: "the session that was open",
            },
        ],
        ..Check::by(&renewed_is_taken_up)
    },
    Check {
        id: "tls.wrong_renewal_is_left_out",
        title: "A renewed certificate that is wrong changes nothing, and the log says why",
        citation: "row 11; row 13; RFC 5280 section 6.1; RFC 9525 section 6.3",
        severity: Severity::High,
        about: "Puts a certificate with another one's key where the relay's own is looked for, then \
                one that has expired, one for another host, one of an unknown authority and half of one. \
                Each time the log must say what is wrong, and every port must go on showing the \
                certificate from before. With a key that does not belong to it Postfix offers no TLS \
                at all, and nobody can log in; renewals go wrong at night, by a script.",
        repair: "Let the program `certificate` judge what is renewed. By hand, compare \
                 `openssl x509 -pubkey` with `openssl pkey -pubout` before `postfix reload`.",
        needs: &[Need::Login, Need::Lab],
        exclusive: true,
        long: true,
        sabotages: &[
            Sabotage {
                name: "a renewed certificate is not judged",
                changes: &[another_watch!(
                    "edit 's/^sub judged {/&return;/' other/Judge.pm"
                )],
                sees: "another key",
            },
            Sabotage {
                name: "a renewed certificate is judged by its key alone",
                changes: &[another_watch!(
                    "edit 's/^    return .the private key does not belong.*/& return;/' other/Judge.pm"
                )],
                sees: "expired",
            },
            Sabotage {
                name: "nobody says that a renewed certificate is wrong",
                changes: &[another_watch!(
                    "edit 's/^    Log::line(\"$fault.*//' other/certificate"
                )],
                sees: "no such line",
            },
        ],
        ..Check::by(&wrong_is_left_out)
    },
];

/// How long a relay may take to show a renewed certificate.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks: nothing tells a client that it may look again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What this lab's relay was made with, and for which names.
fn of_relay(context: &Context) -> Judged<(Issued, Names)> {
    let lab = appliance::lab(context)?;
    let pair = lab.certificates.servers.get(&Role::Relay);
    let names = lab::certificate_names(&lab.plan).remove(&Role::Relay);
    match (pair, names) {
        (Some(pair), Some(names)) => ControlFlow::Continue((pair.clone(), names)),
        _ => broken("nobody knows the relay's certificate"),
    }
}

/// A new one of the lab's CA, as of `now`.
fn renewed(context: &Context, names: &Names, now: Timestamp) -> Judged<Issued> {
    let authority = &appliance::lab(context)?.certificates.authority;
    made(certs::renewed(authority, names, now))
}

fn made(issued: Result<Issued, certs::Error>) -> Judged<Issued> {
    match issued {
        Ok(issued) => ControlFlow::Continue(issued),
        Err(error) => broken(error.to_string()),
    }
}

/// Puts `pair` where the relay looks.
async fn give(context: &Context, pair: &Issued, what: &str) -> Judged {
    let lab = appliance::lab(context)?;
    if let Err(error) = lab::give(lab.engine.as_ref(), &lab.plan, pair).await {
        return broken(error.to_string());
    }
    context.transcript().note(format!("put there: {what}"));
    ControlFlow::Continue(())
}

/// The SHA-256 of what `listener` shows.
async fn shown(context: &Context, listener: Listener) -> Judged<String> {
    let session = under_tls(context, listener, any_certificate(context)).await?;
    let own = session.tls().and_then(|tls| tls.certificates.first());
    match own {
        Some(der) => ControlFlow::Continue(certs::fingerprint_of(der)),
        None => broken("a session under TLS without a certificate"),
    }
}

/// Waits until every port shows `wanted` to a new session.
async fn show_soon(context: &Context, wanted: &Issued, before: &Issued) -> Judged {
    let (wanted, before) = (certs::fingerprint(wanted), certs::fingerprint(before));
    let what = if wanted == before {
        "the lab's own certificate"
    } else {
        "the renewed certificate"
    };
    for listener in tls_listeners(context)? {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = shown(context, listener).await?;
            if seen == wanted {
                break;
            }
            if Instant::now() > end {
                let which = if seen == before {
                    "the certificate from before"
                } else {
                    "another certificate"
                };
                let within = PATIENCE.as_secs();
                let expected = format!("{what} within {within} s");
                return fail(
                    expected,
                    format!("{} shows {which}, {seen}", port(listener)),
                );
            }
            sleep(LOOK_AGAIN).await;
        }
        held(
            format!("{what} on {}", port(listener)),
            format!("SHA-256 {wanted}"),
        )?;
    }
    ControlFlow::Continue(())
}

/// Gives the relay back what it had, whatever was found.
async fn restored(context: &Context, before: &Issued, found: Judged) -> Judged {
    give(context, before, "the certificate from before").await?;
    found?;
    let settled = show_soon(context, before, before).await;
    match settled {
        ControlFlow::Break(Outcome::Fail { observed, .. }) => broken(observed),
        other => other,
    }
}

async fn renewed_is_taken_up(context: Context) -> Judged {
    let (before, names) = of_relay(&context)?;
    let new = renewed(&context, &names, Timestamp::now())?;
    // An idle process of Postfix's on each port goes on with what it has read.
    show_soon(&context, &before, &before).await?;
    let found = goes_on_over(&context, &before, &new).await;
    restored(&context, &before, found).await
}

/// A renewal, in the middle of a message.
async fn goes_on_over(context: &Context, before: &Issued, new: &Issued) -> Judged {
    let mut session = logged_in(context, login_listener(context)?).await?;
    let line = format!("MAIL FROM:<{}>", mail::SENDER);
    pass_by(&command(&mut session, &line).await?, 250, &line)?;
    give(context, new, "a renewed certificate").await?;
    let seen = show_soon(context, new, before).await;
    let message = mail::plain();
    let recipient = [format!("RCPT TO:<{}>", mail::RECIPIENT)];
    // First, since what ends it may meet a new session, too.
    match mail::send_with(&mut session, &recipient, &message).await {
        ControlFlow::Continue(()) => {}
        ControlFlow::Break(Outcome::Fail { observed: why, .. } | Outcome::Broken { why }) => {
            let expected = "the message's end in the session that was open";
            return fail(
                expected,
                format!("the session that was open does not go on: {why}"),
            );
        }
        ControlFlow::Break(other) => return ControlFlow::Break(other),
    }
    seen?;
    mail::arrival(context, &message).await?;
    held(
        "a message that was begun before the renewal and finished after it",
        "taken in the same session, and at the next hop",
    )
}

async fn wrong_is_left_out(context: Context) -> Judged {
    let (before, names) = of_relay(&context)?;
    show_soon(&context, &before, &before).await?;
    let found = each_wrong(&context, &before, &names).await;
    restored(&context, &before, found).await
}

async fn each_wrong(context: &Context, before: &Issued, names: &Names) -> Judged {
    let now = Timestamp::now();
    let new = renewed(context, names, now)?;
    let long_ago = now - SignedDuration::from_hours(24 * 1000);
    let other_host = Names {
        dns: vec!["another.relaykit.test".to_owned()],
        addresses: Vec::new(),
    };
    let lab = appliance::lab(context)?;
    let unknown = certs::issue("of a stranger", &lab::certificate_names(&lab.plan), now);
    let unknown = unknown.map(|all| all.servers[&Role::Relay].clone());
    let wrong = [
        (
            "another key",
            Issued {
                key: renewed(context, names, now)?.key,
                ..new.clone()
            },
            "does not belong to the certificate",
        ),
        (
            "one that has expired",
            renewed(context, names, long_ago)?,
            "expired",
        ),
        (
            "one for another host",
            renewed(context, &other_host, now)?,
            "its names are another.relaykit.test",
        ),
        (
            "one of an unknown authority",
            made(unknown)?,
            "relaykit lab of a stranger",
        ),
        (
            "half of one",
            Issued {
                certificate: new.certificate[..new.certificate.len() / 2].to_owned(),
                ..new.clone()
            },
            "no certificate in it",
        ),
    ];
    for (what, pair, words) in wrong {
        let mut log = Log::from_now(context, Role::Relay)?;
        give(context, &pair, what).await?;
        let expected = format!("{what}: a line that says why it is left out");
        let told = log.find(context, &expected, |line| {
            let (_, why) = line.split_once("certificate is left out: ")?;
            why.contains(words).then(|| why.to_owned())
        });
        let told = match told.await {
            ControlFlow::Break(Outcome::Fail { observed, expected }) => {
                // What is shown then says more than a line that is missing.
                still_shown(context, before, what).await?;
                return fail(expected, format!("{what}: {observed}"));
            }
            other => other?,
        };
        still_shown(context, before, what).await?;
        held(format!("{what} is left out, and the log says why"), told)?;
    }
    nothing_wrong("the certificate from before on every port, five times")
}

/// Every port shows `before`.
async fn still_shown(context: &Context, before: &Issued, what: &str) -> Judged {
    let before = certs::fingerprint(before);
    for listener in tls_listeners(context)? {
        let (seen, why) = match shown(context, listener).await {
            ControlFlow::Continue(seen) => (seen, String::new()),
            ControlFlow::Break(Outcome::Fail { observed: why, .. } | Outcome::Broken { why }) => {
                (String::new(), why)
            }
            ControlFlow::Break(other) => return ControlFlow::Break(other),
        };
        if seen != before {
            let port = port(listener);
            return fail(
                "the certificate from before",
                format!("with {what} put there, {port} shows {seen}{why}"),
            );
        }
    }
    ControlFlow::Continue(())
}
