//! Who may relay: whoever has logged in, and nobody else.

use std::ops::ControlFlow;

use super::probe::mail::{self, RECIPIENT, SENDER};
use super::probe::recipients::RECIPIENTS;
use super::probe::rows;
use super::probe::session::{
    CLIENT, any_certificate, command, ehlo, in_clear, logged_in, port, require_code,
    starts_in_clear, under_tls,
};
use super::probe::xclient::{Client, xclient};
use super::verdict::{PASS, fail, require};
use super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use crate::config::{Listener, Spec};
use crate::smtp::{Message, Session};

const ANYBODY: Sabotage = Sabotage {
    name: "all the world is trusted",
    changes: &[Change::Main("mynetworks", "0.0.0.0/0 [::]/0")],
    sees: "",
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.login_relays_anywhere",
        title: "Mail of a logged-in client reaches the next hop with its envelope",
        citation: "row 1; row 12; RFC 6409 section 3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(login_relays_anywhere(context)),
    },
    Check {
        id: "relay.nobody_relays_without_login",
        title: "Without a login no form of address is taken, on any port, in clear or under TLS",
        citation: "row 1; RFC 5321 section 3.9; Postfix smtpd_relay_restrictions",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[
            ANYBODY,
            Sabotage {
                name: "postmaster slips past the recipient restrictions",
                changes: &[
                    Change::Main("smtpd_command_filter", ""),
                    Change::Main("smtpd_data_restrictions", ""),
                ],
                sees: "",
            },
        ],
        run: |context| Box::pin(nobody_relays_without_login(context)),
    },
    Check {
        id: "relay.own_domains_open_nothing_else",
        title: "With relay.domains, too, no form of another address is taken without a login",
        citation: "row 1; RFC 5321 section 3.9; Postfix smtpd_command_filter; Postfix address_verify_sender",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Setting {
            text: "relay.domains with a domain",
            holds: has_own_domain,
        }],
        exclusive: false,
        sabotages: &[
            Sabotage {
                name: "postmaster slips past the command filter",
                changes: &[Change::Main("smtpd_command_filter", "")],
                sees: "",
            },
            Sabotage {
                name: "the sender of address probes slips past them",
                changes: &[Change::Main("address_verify_sender", "double-bounce")],
                sees: "",
            },
        ],
        run: |context| Box::pin(nobody_relays_without_login(context)),
    },
    Check {
        id: "relay.no_sender_is_trusted",
        title: "Without a login no sender and no HELO opens the relay",
        citation: "row 1; RFC 5321 section 7.1; Postfix smtpd_recipient_restrictions",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[ANYBODY],
        run: |context| Box::pin(no_sender_is_trusted(context)),
    },
    Check {
        id: "relay.no_address_is_trusted",
        title: "Without a login no client address or name opens the relay, not even its own",
        citation: "row 1; Postfix mynetworks",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[
            Need::Xclient,
            Need::Setting {
                text: "relay.trusted_networks: []",
                holds: |spec| spec.relay.trusted_networks.is_empty(),
            },
        ],
        exclusive: false,
        sabotages: &[
            ANYBODY,
            Sabotage {
                name: "the relay trusts its own networks",
                changes: &[Change::Main(
                    "mynetworks",
                    "127.0.0.0/8 172.16.0.0/12 [::1]/128",
                )],
                sees: "",
            },
        ],
        run: |context| Box::pin(no_address_is_trusted(context)),
    },
    Check {
        id: "relay.own_domains_need_no_login",
        title: "Mail for relay.domains is taken without a login and reaches the next hop",
        citation: "row 1; Postfix relay_domains",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Setting {
                text: "relay.domains with a domain",
                holds: has_own_domain,
            },
        ],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no relay domains",
            changes: &[Change::Main("relay_domains", "")],
            sees: "",
        }],
        run: |context| Box::pin(own_domains_need_no_login(context)),
    },
];

/// Recipients asked for in one session: Postfix slows down from ten errors on.
const PER_SESSION: usize = 8;

fn has_own_domain(spec: &Spec) -> bool {
    own_domain(spec).is_some()
}

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
            let second = "second@another.example";
            let commands = [SENDER, RECIPIENT, second];
            let commands = [
                format!("MAIL FROM:<{}>", commands[0]),
                format!("RCPT TO:<{}>", commands[1]),
                format!("RCPT TO:<{}>", commands[2]),
            ];
            let message = mail::plain();
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            require(delivered.envelope_from == SENDER, SENDER, || {
                format!("envelope sender {:?}", delivered.envelope_from)
            })?;
            // Each domain is a delivery of its own; either may come first.
            let to = &delivered.envelope_to;
            let right = !to.is_empty() && to.iter().all(|r| r == RECIPIENT || r == second);
            require(right, RECIPIENT, || format!("envelope recipients {to:?}"))
        },
    )
    .await
}

/// A way to come without a login.
#[derive(Debug, Clone, Copy)]
enum Way {
    Clear(Listener),
    Tls(Listener),
}

impl Way {
    fn all(context: &Context) -> Vec<Self> {
        let clear = starts_in_clear(context).into_iter().map(Self::Clear);
        clear
            .chain(context.target().listeners().map(Self::Tls))
            .collect()
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
    let chunks: Vec<&[&str]> = RECIPIENTS.chunks(PER_SESSION).collect();
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

async fn no_sender_is_trusted(context: Context) -> Judged {
    let host = &context.target().hostname;
    let user = context
        .target()
        .users
        .first()
        .map_or("alice", |u| u.name.as_str());
    let senders = [
        String::new(),
        "postmaster".to_owned(),
        format!("postmaster@{host}"),
        format!("{user}@{host}"),
        "root@localhost".to_owned(),
        format!("{user}@[127.0.0.1]"),
    ];
    rows::each(&context, Way::all(&context), Way::name, |context, way| {
        let senders = senders.clone();
        async move {
            let mut session = way.open(&context).await?;
            ehlo(&mut session, &context.target().hostname).await?;
            for sender in &senders {
                if takes(&mut session, sender, &format!("<{RECIPIENT}>")).await? {
                    return fail("no recipient taken", format!("taken from <{sender}>"));
                }
            }
            PASS
        }
    })
    .await
}

async fn no_address_is_trusted(context: Context) -> Judged {
    let clients = [
        ("127.0.0.1", "localhost"),
        ("127.0.0.53", "localhost.localdomain"),
        ("IPV6:::1", "localhost"),
        ("10.0.0.1", "[UNAVAILABLE]"),
        ("172.17.0.1", "[UNAVAILABLE]"),
        ("172.18.0.2", "relay"),
        ("192.168.0.1", "[UNAVAILABLE]"),
        ("IPV6:fe80::1", "[UNAVAILABLE]"),
        ("IPV6:fd00::1", "[UNAVAILABLE]"),
        ("192.0.2.77", "HOST"),
    ];
    let table = rows::pairs(Way::all(&context), &clients);
    // In the clear, submission refuses everybody alike.
    let table = table
        .into_iter()
        .filter(|(way, _)| !matches!(way, Way::Clear(Listener::Submission)));
    rows::each(
        &context,
        table,
        |(way, (address, name))| format!("{address} ({name}) on {}", way.name()),
        |context, (way, (address, name))| async move {
            let name = name.replace("HOST", &context.target().hostname);
            let mut session = way.open(&context).await?;
            ehlo(&mut session, CLIENT).await?;
            xclient(
                &mut session,
                Client {
                    address,
                    name: &name,
                },
            )
            .await?;
            ehlo(&mut session, CLIENT).await?;
            let taken = takes(&mut session, SENDER, &format!("<{RECIPIENT}>")).await?;
            require(!taken, "no recipient taken", || "taken")
        },
    )
    .await
}

/// Whether the relay takes mail for `recipient`, which is what follows `RCPT TO:`.
/// A recipient that is accepted is no mail yet: DATA can still be refused. Where
/// it is not, the session is of no use any more: no message is sent.
async fn takes(session: &mut Session, sender: &str, recipient: &str) -> Judged<bool> {
    let mail = command(session, &format!("MAIL FROM:<{sender}>")).await?;
    if !mail.is_positive() {
        return ControlFlow::Continue(false);
    }
    let accepted = command(session, &format!("RCPT TO:{recipient}")).await?;
    if accepted.is_positive() && command(session, "DATA").await?.is_intermediate() {
        return ControlFlow::Continue(true);
    }
    let reset = command(session, "RSET").await?;
    require_code(&reset, 250, "RSET")?;
    ControlFlow::Continue(false)
}

async fn own_domains_need_no_login(context: Context) -> Judged {
    let Some(domain) = own_domain(&context.target().spec) else {
        return fail("a relay domain", "none");
    };
    let message = Message::from_to(SENDER, &format!("recipient@{domain}")).build();
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<recipient@{domain}>"),
    ];
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    mail::send_with(&mut session, &commands, &message).await?;
    mail::arrival(&context, &message).await.map_continue(|_| ())
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
