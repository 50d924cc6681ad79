//! The relay's own login at the next hop: given to whom it is for, and never in
//! clear.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, SENDER};
use super::super::probe::played::{self, Listening, PLAYED};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, require};
use crate::config::Says;
use crate::counterparts::next_hop_login;
use crate::plan::Role;
use crate::render::next_hops::{ASKING, ASKING_IN_CLEAR, LOGINS, OFFERING, Played};
use crate::report::Severity;

const CREDENTIALS: Need = Need::Setting("outbound.credentials", Says::Something);

pub(super) const ONE_LOGIN: Sabotage = Sabotage {
    name: "one login for every server",
    changes: &[Change::Main(
        "smtp_sasl_password_maps",
        "static:relay@sink.test:through-the-looking-glass",
    )],
    sees: "AUTH PLAIN",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.next_hop_gets_the_login",
        title: "The relay logs in to a next hop that asks for it, under TLS",
        citation: "RFC 4954 section 4; Postfix SASL_README",
        severity: Severity::High,
        about: "Sends a message to a next hop that the lab's sink plays: it takes mail from who \
                logs in alone. The message must arrive, and the next hop's trace header must tell \
                of TLS and of a login (ESMTPSA). Otherwise a relay whose provider wants a login \
                delivers nothing.",
        repair: "Set outbound.credentials in relay.yaml; by hand, smtp_sasl_auth_enable = yes, \
                 smtp_sasl_password_maps with the next hop as relayhost spells it, and \
                 smtp_sasl_tls_security_options = noanonymous.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED, CREDENTIALS],
        sabotages: &[
            Sabotage {
                name: "the relay does not log in",
                changes: &[Change::Main("smtp_sasl_auth_enable", "no")],
                sees: "Client host rejected: Access denied",
            },
            Sabotage {
                name: "no plain password under TLS either",
                changes: &[Change::Main(
                    "smtp_sasl_tls_security_options",
                    "noanonymous, noplaintext",
                )],
                sees: "no mechanism available",
            },
        ],
        ..Check::by(&next_hop_gets_the_login)
    },
    Check {
        id: "outbound.password_never_leaves_in_clear",
        title: "A next hop that asks for the relay's login in clear gets neither it nor mail",
        citation: "RFC 4954 section 4; RFC 8314 section 3; Postfix smtp_sasl_security_options",
        severity: Severity::Critical,
        about: "Sends a message to a next hop that offers AUTH without STARTTLS, as any looks when \
                somebody on the way removes the offer of TLS, and reads what it heard. AUTH must \
                not be in it, and the message must wait. The password opens the relay's account \
                at its provider: whoever reads it sends as everybody here.",
        repair: "Set outbound.credentials in relay.yaml, which demands TLS; by hand, \
                 smtp_tls_security_level = encrypt or higher, and noplaintext in \
                 smtp_sasl_security_options.",
        needs: &[Need::Login, Need::Lab, PLAYED, CREDENTIALS],
        sabotages: &[Sabotage {
            name: "the relay's password goes without TLS",
            changes: &[
                Change::Main("smtp_tls_security_level", "may"),
                Change::Main("smtp_sasl_security_options", "noanonymous"),
            ],
            sees: "AUTH PLAIN",
        }],
        ..Check::by(&password_never_leaves_in_clear)
    },
    Check {
        id: "outbound.login_is_for_the_next_hop_alone",
        title: "Another server that offers AUTH is not told the relay's login",
        citation: "RFC 4954 section 4; Postfix smtp_sasl_password_maps",
        severity: Severity::Critical,
        about: "Sends a message to a server that is not the next hop and offers AUTH, and reads \
                what it heard. The message must be delivered, and AUTH must not be said: any \
                server that mail is routed to could else collect the relay's password.",
        repair: "By hand, let smtp_sasl_password_maps have the next hop alone, not a pattern that \
                 every destination matches.",
        needs: &[Need::Login, Need::Lab, PLAYED, CREDENTIALS],
        sabotages: &[ONE_LOGIN],
        ..Check::by(&login_is_for_the_next_hop_alone)
    },
];

async fn next_hop_gets_the_login(context: Context) -> Judged {
    make_login(&context).await?;
    let mut log = Log::of(&context, Role::Relay)?;
    let message = played::message(ASKING.domain);
    let commands = played::envelope(SENDER, ASKING.domain);
    let id = played::submit(&context, &commands, &message).await?;
    log.fate(&context, &id).await?.must_be("sent")?;
    let trace = mail::arrival(&context, &message).await?.trace;
    require(
        trace.contains("with ESMTPSA") || trace.contains("with UTF8SMTPSA"),
        "with ESMTPSA in the next hop's trace header",
        || trace,
    )
}

/// Lets [`ASKING`] know the login, as whoever runs a next hop does. The password is
/// no secret: it is the same in every lab.
async fn make_login(context: &Context) -> Judged {
    let login = next_hop_login();
    let Some((user, realm)) = login.user.split_once('@') else {
        return broken("the login of a lab has no realm");
    };
    // Whole before it is there: two runs may use one lab.
    let script = format!(
        "printf %s \"$1\" | saslpasswd2 -p -c -f {LOGINS}.$$ -u {realm} {user} \
         && chmod 0644 {LOGINS}.$$ && mv {LOGINS}.$$ {LOGINS}"
    );
    let argv = ["sh", "-c", &script, "login", login.password.reveal()];
    appliance::output(context, Role::Sink, &argv).await?;
    PASS
}

async fn password_never_leaves_in_clear(context: Context) -> Judged {
    tells_no_login(&context, ASKING_IN_CLEAR, "deferred").await
}

async fn login_is_for_the_next_hop_alone(context: Context) -> Judged {
    tells_no_login(&context, OFFERING, "sent").await
}

/// Sends mail to `hop`, demands that AUTH is not said there, and that the mail has `status`.
async fn tells_no_login(context: &Context, hop: Played, status: &str) -> Judged {
    let listening = Listening::to(context, hop).await?;
    let (fate, ..) = played::fate(context, hop.domain).await?;
    let heard = listening.heard(context).await?;
    let greeted = heard.iter().any(|line| line.starts_with("EHLO "));
    require(greeted, "EHLO of the relay", || heard.join("\n"))?;
    let told = heard.iter().find(|line| line.starts_with("AUTH "));
    require(told.is_none(), "no AUTH", || {
        told.map_or("", String::as_str)
    })?;
    fate.must_be(status)
}
