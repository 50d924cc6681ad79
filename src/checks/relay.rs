//! Who may relay: whoever has logged in, and nobody else.

pub(super) mod backscatter;
pub(super) mod destinations;
pub(super) mod impostors;
pub(super) mod limits;
pub(super) mod matrix;
pub(super) mod rates;
pub(super) mod senders;
pub(super) mod sources;
pub(super) mod strangers;

use std::ops::ControlFlow;

use super::check::{Change, Check, ON_SMTP, Sabotage};
use super::need::Need;
use super::probe::mail::{self, RECIPIENT, SENDER};
use super::probe::rows;
use super::probe::session::{
    CLIENT, any_certificate, command, ehlo, in_clear, logged_in, mistakes, pass_by, port,
    starts_in_clear, under_tls,
};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{PASS, fail, held, require};
use crate::config::{Listener, Says, Spec};
use crate::report::Severity;
use crate::smtp::{Reply, Session};

const ANYBODY: Sabotage = Sabotage {
    name: "all the world is trusted",
    changes: &[ON_SMTP, Change::Main("mynetworks", "0.0.0.0/0 [::]/0")],
    sees: "",
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.login_relays_anywhere",
        title: "Mail of a logged-in client reaches the next hop with its envelope",
        citation: "row 1; row 12; RFC 6409 section 3",
        severity: Severity::Critical,
        about: "Logs in on every listener that offers it, submits a message for three recipients \
                in two domains, and waits for it at the next hop. The envelope there must have \
                the sender as it was given and recipients that were. This is what the relay is \
                for: when it fails, nobody can send mail.",
        repair: "The relay's log says why: a refusal is one of smtpd_relay_restrictions, a message \
                 that stays in the queue is a next hop that cannot be reached or asks for more \
                 than tls.outbound allows.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[
            Sabotage {
                name: "a login opens nothing",
                changes: &[
                    Change::Service("submission/inet", "smtpd_relay_restrictions", "reject"),
                    Change::Service("submissions/inet", "smtpd_relay_restrictions", "reject"),
                ],
                sees: "554 5.7.1",
            },
            Sabotage {
                name: "envelope senders are masqueraded",
                changes: &[Change::Main(
                    "sender_canonical_maps",
                    "static:somebody@relaykit.example",
                )],
                sees: "envelope sender \"somebody@relaykit.example\"",
            },
        ],
        ..Check::by(&login_relays_anywhere)
    },
    Check {
        id: "relay.nobody_relays_without_login",
        title: "Without a login no form of address is taken, on any port, in clear or under TLS",
        citation: "row 1; RFC 5321 section 3.9; Postfix smtpd_relay_restrictions",
        severity: Severity::Critical,
        about: "Asks for more than forty recipients on every port without logging in, in clear and \
                under TLS: plain ones, and every form that ever opened a relay, such as percent \
                signs, bangs, source routes, quoted addresses, address literals and a bare \
                postmaster. A recipient counts as taken when DATA is answered with 354. An open \
                relay is found by spammers within hours.",
        repair: "Keep relay.trusted_networks empty. By hand: smtpd_relay_restrictions = \
                 permit_sasl_authenticated, reject_unauth_destination, an empty mynetworks, and \
                 a smtpd_data_restrictions that ends in reject for what passes RCPT unseen.",
        sabotages: &[
            ANYBODY.seen_as("mail taken for <recipient@elsewhere.example>"),
            Sabotage {
                name: "postmaster slips past the recipient restrictions",
                changes: &[
                    ON_SMTP,
                    Change::Main("smtpd_command_filter", ""),
                    Change::Main("smtpd_data_restrictions", ""),
                ],
                sees: "mail taken for <postmaster>",
            },
        ],
        ..Check::by(&nobody_relays_without_login)
    },
    Check {
        id: "relay.own_domains_open_nothing_else",
        title: "With relay.domains, too, no form of another address is taken without a login",
        citation: "row 1; RFC 5321 section 3.9; Postfix smtpd_command_filter; Postfix address_verify_sender",
        severity: Severity::Critical,
        about: "Asks for the same forms of addresses on a relay that takes mail for domains of its \
                own from anyone. There DATA cannot refuse everybody, so that a form that slips \
                past the recipient restrictions is mail that is relayed.",
        repair: "Name in relay.domains nothing but the domains; relaykit's smtpd_command_filter \
                 and address_verify_sender = <> close what Postfix lets pass. By hand, set both.",
        needs: &[Need::Setting("relay.domains", Says::Something)],
        long: true,
        sabotages: &[
            Sabotage {
                name: "postmaster slips past the command filter",
                changes: &[ON_SMTP, Change::Main("smtpd_command_filter", "")],
                sees: "mail taken for <postmaster>",
            },
            Sabotage {
                name: "the sender of address probes slips past them",
                changes: &[
                    ON_SMTP,
                    Change::Main("address_verify_sender", "double-bounce"),
                ],
                sees: "mail taken for <double-bounce@",
            },
        ],
        ..Check::by(&nobody_relays_without_login)
    },
];

/// Recipients asked for in one session: Postfix slows down from ten errors on.
const PER_SESSION: usize = 8;

/// A domain of `relay.domains` that is a plain name, not a pattern.
fn own_domain(spec: &Spec) -> Option<&str> {
    let domains = spec.relay.domains.iter();
    domains.map(String::as_str).find(|d| !d.starts_with('.'))
}

async fn login_relays_anywhere(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let recipients = [
                RECIPIENT,
                "second@elsewhere.example",
                "third@another.example",
            ];
            let mut commands = vec![format!("MAIL FROM:<{SENDER}>")];
            commands.extend(recipients.map(|recipient| format!("RCPT TO:<{recipient}>")));
            let message = mail::plain();
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            require(delivered.envelope_from == SENDER, SENDER, || {
                format!("envelope sender {:?}", delivered.envelope_from)
            })?;
            let to = &delivered.envelope_to;
            let known = !to.is_empty() && to.iter().all(|r| recipients.contains(&r.as_str()));
            // A lab's next hop is one for all of them; elsewhere each domain has its own.
            let all = context.target().lab.is_none() || to.len() == recipients.len();
            require(known && all, &recipients.join(", "), || {
                format!("envelope recipients {to:?}")
            })
        },
    )
    .await
}

/// A way to come without a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Clear(Listener),
    Tls(Listener),
}

impl Way {
    fn all(context: &Context) -> Vec<Self> {
        let clear = starts_in_clear(context).into_iter().map(Self::Clear);
        let target = context.target();
        let under_tls = target.listeners().filter(|l| target.speaks_tls(*l));
        clear.chain(under_tls.map(Self::Tls)).collect()
    }

    fn name(self) -> String {
        match self {
            Self::Clear(listener) => format!("{} in clear", port(listener)),
            Self::Tls(listener) => format!("{} under TLS", port(listener)),
        }
    }

    /// A session before its EHLO.
    async fn open(self, context: &Context) -> Judged<Session> {
        match self {
            Self::Clear(listener) => in_clear(context, listener).await,
            Self::Tls(listener) => under_tls(context, listener, any_certificate(context)).await,
        }
    }
}

async fn nobody_relays_without_login(context: Context) -> Judged {
    let recipients = strangers::recipients(&context).await?;
    let chunks: Vec<&[&str]> = recipients.chunks(mistakes(&context, PER_SESSION)).collect();
    let table = rows::pairs(Way::all(&context), &chunks);
    rows::each(
        &context,
        table,
        |(way, _)| way.name(),
        |context, (way, recipients)| async move {
            let mut session = way.open(&context).await?;
            ehlo(&mut session, CLIENT).await?;
            for recipient in recipients {
                let recipient = recipient.replace("HOST", &context.target().hostname);
                if takes(&mut session, SENDER, &recipient).await? {
                    return fail("no recipient taken", format!("mail taken for {recipient}"));
                }
            }
            PASS
        },
    )
    .await
}

/// Whether the relay takes mail for `recipient`, which is what follows `RCPT TO:`. Where it
/// does not, what it says is a row of the report.
async fn takes(session: &mut Session, sender: &str, recipient: &str) -> Judged<bool> {
    match asked(session, sender, recipient, true).await? {
        Asked::Taken => ControlFlow::Continue(true),
        Asked::Refused(reply) => {
            held(format!("no mail from <{sender}> for {recipient}"), reply)?;
            ControlFlow::Continue(false)
        }
    }
}

/// What a relay says to a sender and a recipient.
enum Asked {
    /// It waits for a message, where the question went so far: the session is of no use any
    /// more, since none is sent.
    Taken,
    /// It refuses, in words with the command that it refuses.
    Refused(String),
}

/// Asks whether the relay takes mail from `sender` for `recipient`, which is what follows
/// `RCPT TO:`. A recipient that is accepted is no mail yet: DATA can still be refused, which
/// is found out with `to_the_end`.
async fn asked(
    session: &mut Session,
    sender: &str,
    recipient: &str,
    to_the_end: bool,
) -> Judged<Asked> {
    let refused = |reply: &Reply, to: &str| Asked::Refused(format!("{reply}, to {to}"));
    let mail = command(session, &format!("MAIL FROM:<{sender}>")).await?;
    if !mail.is_positive() {
        return ControlFlow::Continue(refused(&mail, "MAIL"));
    }
    let mut reply = command(session, &format!("RCPT TO:{recipient}")).await?;
    let mut to = "RCPT";
    if reply.is_positive() && !to_the_end {
        let reset = command(session, "RSET").await?;
        pass_by(&reset, 250, "RSET")?;
        return ControlFlow::Continue(Asked::Taken);
    }
    if reply.is_positive() {
        reply = command(session, "DATA").await?;
        to = "DATA";
        if reply.is_intermediate() {
            return ControlFlow::Continue(Asked::Taken);
        }
    }
    let reset = command(session, "RSET").await?;
    pass_by(&reset, 250, "RSET")?;
    ControlFlow::Continue(refused(&reply, to))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use super::super::testing::Relay;
    use super::*;

    async fn taken(answer: fn(&str) -> &'static str, recipient: &str) -> Judged<bool> {
        let relay = Relay::that(answer).await;
        let context = Context::new(Arc::new(relay.target()));
        let mut session = in_clear(&context, Listener::Smtp).await?;
        takes(&mut session, SENDER, recipient).await
    }

    #[tokio::test]
    async fn a_recipient_that_data_refuses_is_not_taken() {
        let answer = |line: &str| match line {
            "DATA" => "554 5.7.1 Access denied",
            _ => "250 Ok",
        };
        assert_eq!(
            taken(answer, "<postmaster>").await,
            ControlFlow::Continue(false)
        );
    }

    #[tokio::test]
    async fn a_recipient_whose_mail_is_waited_for_is_taken() {
        let answer = |line: &str| match line {
            "DATA" => "354 Go on",
            _ => "250 Ok",
        };
        assert_eq!(
            taken(answer, "<postmaster>").await,
            ControlFlow::Continue(true)
        );
    }

    #[tokio::test]
    async fn the_forms_go_out_as_they_stand() {
        let answer = |line: &str| match line {
            "RCPT TO: <a@b>" => "250 Ok",
            "DATA" => "354 Go on",
            line if line.starts_with("RCPT") => "554 5.7.1 Relay access denied",
            _ => "250 Ok",
        };
        assert_eq!(taken(answer, " <a@b>").await, ControlFlow::Continue(true));
        assert_eq!(taken(answer, "<a@b>").await, ControlFlow::Continue(false));
    }
}
