//! Where mail goes that names the relay itself, and where it does not go.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage, logins_alone};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::postconf::Postconf;
use super::super::probe::session::{
    CLIENT, command, ehlo, in_clear, logged_in, login_listener, require_code,
};
use super::super::probe::{appliance, rows, trace};
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, nothing_wrong, require, require_none};
use super::own_domain;
use crate::config::{Listener, Says};
use crate::plan::Role;
use crate::report::Severity;
use crate::smtp::{Message, Session};

/// Recipients of logins as they were before `protocol.submitted_domains_are_whole`.
const ALONE: [Change; 2] = logins_alone("smtpd_recipient_restrictions");

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.own_domains_need_no_login",
        title: "Mail for relay.domains is taken without a login and reaches the next hop",
        citation: "row 1; Postfix relay_domains",
        severity: Severity::High,
        about: "Sends a message to a domain of relay.domains as a stranger on port 25 and waits \
                for it at the next hop. Such a relay is the way in for that domain's mail, and \
                refusing it loses the mail of all the world.",
        repair: "Name the domain in relay.domains; by hand, in relay_domains, with \
                 reject_unauth_destination and not reject at the end of \
                 smtpd_relay_restrictions.",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Setting("relay.domains", Says::Something),
        ],
        sabotages: &[Sabotage {
            name: "no relay domains",
            changes: &[Change::Main("relay_domains", "")],
            sees: "554 5.7.1",
        }],
        ..Check::by(&own_domains_need_no_login)
    },
    Check {
        id: "relay.mail_to_itself_does_not_stay",
        title: "Mail to the relay itself is refused at once or passed on, never bounced or looped",
        citation: "RFC 5321 section 6.3; RFC 5321 section 4.5.1; Postfix mydestination",
        severity: Severity::High,
        about: "Submits mail to postmaster and root without a domain, at the relay's own name, at \
                localhost and at its own address. Each must be refused while the client is there, \
                or be at the next hop with one hop of the relay in its trace. A relay that takes \
                such mail for its own has no mailbox for it: the mail is bounced later, goes in \
                circles, or lies in a file that nobody reads.",
        repair: "Leave mydestination empty and local_transport an error; keep the relay's own name \
                 out of transport_maps and relayhost.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        sabotages: &[Sabotage {
            name: "mail to the relay's name goes to the relay",
            changes: &[
                Change::Main("mydestination", "$myhostname, localhost"),
                Change::Main("local_transport", "smtp:[127.0.0.1]:25"),
            ],
            sees: "bounced",
        }],
        ..Check::by(&mail_to_itself_does_not_stay)
    },
    Check {
        id: "relay.local_delivery_does_not_exist",
        title: "Nothing in the relay can write mail into a file, run a program or know an alias",
        citation: "Postfix mydestination; Postfix local; Postfix pipe",
        severity: Severity::Medium,
        about: "Reads master.cf for services that deliver here (local, virtual, pipe, spawn, lmtp) \
                and main.cf for domains and tables that would send mail to one. What a relay does \
                not have, a forged address or a .forward file cannot reach: local(8) runs programs \
                that an alias names.",
        repair: "Remove these services from postfix.master, and mydestination, alias_maps, \
                 mailbox_command and virtual_* from postfix.main.",
        needs: &[Need::Lab, Need::Setting("postfix.master", Says::Is("{}"))],
        sabotages: &[
            Sabotage {
                // Debian's master.cf has it, and whoever copies a line from there.
                name: "a service that delivers into mailboxes",
                changes: &[Change::Setting(
                    "postfix.master.local/unix",
                    "'- n n - - local'",
                )],
                sees: "local/unix runs local",
            },
            Sabotage {
                name: "aliases that run programs",
                changes: &[Change::Main("alias_maps", "inline:{news=|/bin/true}")],
                sees: "alias_maps",
            },
        ],
        ..Check::by(&local_delivery_does_not_exist)
    },
    Check {
        id: "relay.routes_in_addresses_lead_nowhere",
        title: "With a login, too, no percent sign, bang or source route sends mail elsewhere",
        citation: "RFC 5321 section 3.3; Postfix allow_percent_hack; Postfix swap_bangpath",
        severity: Severity::Medium,
        about: "Submits mail to addresses in which older systems saw a second destination, and \
                reads the recipient in the next hop's envelope: it must be the address as it was, \
                or the mail be refused. Filters and limits look at the domain that stands behind \
                the last @; a route behind their back makes another of it.",
        repair: "Set allow_percent_hack = no and swap_bangpath = no, as relaykit does.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "percent signs and bangs are routes",
            changes: &[
                Change::Main("allow_percent_hack", "yes"),
                Change::Main("swap_bangpath", "yes"),
                // What has no whole domain is refused before that.
                ALONE[0],
                ALONE[1],
            ],
            sees: "went to [\"recipient@elsewhere.example\"]",
        }],
        ..Check::by(&routes_in_addresses_lead_nowhere)
    },
];

async fn own_domains_need_no_login(context: Context) -> Judged {
    let Some(domain) = own_domain(&context.target().spec) else {
        return broken("the check needs a relay domain and did not say so");
    };
    let message = Message::from_to(SENDER, &format!("recipient@{domain}")).build();
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<recipient@{domain}>"),
    ];
    let mut session = in_clear(&context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    mail::send_with(&mut session, &commands, &message).await?;
    mail::arrival(&context, &message).await?;
    nothing_wrong(format!(
        "mail for {domain} taken without a login, and at the next hop"
    ))
}

/// What came of a message to `recipient`, which is what follows `RCPT TO:`;
/// `None` where the relay refuses it.
async fn submitted(
    context: &Context,
    session: &mut Session,
    recipient: &str,
) -> Judged<Option<Delivered>> {
    let reply = command(session, &format!("MAIL FROM:<{SENDER}>")).await?;
    require_code(&reply, 250, "MAIL")?;
    let reply = command(session, &format!("RCPT TO:{recipient}")).await?;
    if !reply.is_positive() {
        return ControlFlow::Continue(None);
    }
    let message = mail::plain();
    mail::send_with(session, &[], &message).await?;
    mail::arrival(context, &message).await.map_continue(Some)
}

async fn mail_to_itself_does_not_stay(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let recipients = [
        "<postmaster>",
        "<root@HOST>",
        "<postmaster@localhost>",
        "<somebody@[127.0.0.1]>",
    ];
    rows::each(
        &context,
        recipients,
        str::to_owned,
        |context, recipient| async move {
            let host = context.target().hostname.clone();
            let mut session = logged_in(&context, listener).await?;
            let recipient = recipient.replace("HOST", &host);
            let Some(delivered) = submitted(&context, &mut session, &recipient).await? else {
                return PASS;
            };
            if delivered.envelope_from.is_empty() {
                return fail(
                    "the message, or a refusal at once",
                    "it was taken, then bounced",
                );
            }
            let hops = trace::fields(&delivered.raw)
                .iter()
                .filter_map(|field| trace::parse(field))
                .filter(|trace| trace.by.as_deref() == Some(&host))
                .count();
            require(hops < 2, "one hop of the relay", || {
                format!("{hops} hops of the relay: the message went in a circle")
            })
        },
    )
    .await
}

/// Programs of Postfix's that deliver to something on this machine.
const DELIVERING: [&str; 5] = ["lmtp", "local", "pipe", "spawn", "virtual"];

/// Settings that name local destinations, empty in a relay.
const DESTINATIONS: [&str; 9] = [
    "mydestination",
    "alias_maps",
    "mailbox_command",
    "mailbox_transport",
    "mailbox_transport_maps",
    "fallback_transport",
    "virtual_alias_maps",
    "virtual_mailbox_domains",
    "virtual_mailbox_maps",
];

async fn local_delivery_does_not_exist(context: Context) -> Judged {
    let master = appliance::output(&context, Role::Relay, &["postconf", "-M"]).await?;
    let mut wrong = Vec::new();
    for line in master.lines() {
        let columns: Vec<_> = line.split_whitespace().collect();
        if let [name, kind, _, _, _, _, _, program, ..] = columns.as_slice()
            && DELIVERING.contains(program)
        {
            wrong.push(format!("{name}/{kind} runs {program}"));
        }
    }
    let postconf = Postconf::read(&context).await?;
    let changed = &context.target().spec.postfix.main;
    for parameter in DESTINATIONS {
        let value = postconf.main(parameter);
        if !value.is_empty() && !changed.contains_key(parameter) {
            wrong.push(format!("{parameter} = {value}"));
        }
    }
    require_none(&wrong, "no local delivery in master.cf and main.cf")
}

async fn routes_in_addresses_lead_nowhere(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let routes = [
        ("<@other.example:recipient@elsewhere.example>", RECIPIENT),
        (
            "<recipient%elsewhere.example>",
            "recipient%elsewhere.example@HOST",
        ),
        (
            "<elsewhere.example!recipient>",
            "elsewhere.example!recipient@HOST",
        ),
        (
            "<recipient%elsewhere.example@other.example>",
            "recipient%elsewhere.example@other.example",
        ),
        (
            "<\"recipient@elsewhere.example\"@other.example>",
            "\"recipient@elsewhere.example\"@other.example",
        ),
    ];
    rows::each(
        &context,
        routes,
        |(recipient, _)| recipient.to_owned(),
        |context, (recipient, right)| async move {
            let mut session = logged_in(&context, listener).await?;
            let Some(delivered) = submitted(&context, &mut session, recipient).await? else {
                return PASS;
            };
            let right = right.replace("HOST", &context.target().hostname);
            let to = &delivered.envelope_to;
            require(
                to.len() == 1 && to[0] == right,
                &format!("<{right}>"),
                || format!("it went to {to:?}"),
            )
        },
    )
    .await
}
