//! How much a client and a login may do at once and within an hour.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage, logins_alone};
use super::super::need::Need;
use super::super::probe::mail::RECIPIENT;
use super::super::probe::session::{
    answer, command, is_up, logged_in, login_listener, require_code,
};
use super::super::probe::unguarded::NO_GUARD;
use super::super::probe::{appliance, people};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require, require_none};
use super::senders::session_as;
use crate::config::{Listener, Says};
use crate::plan::Role;
use crate::report::Severity;
use crate::smtp::{Reply, Session};

/// How many connections a check opens at most.
const FEW: u64 = 30;
/// How many messages a check sends at most.
const SOME: u64 = 100;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.connections_of_a_client_are_limited",
        title: "One address too often gets a 421, others are served, and it gets in again",
        citation: "Postfix smtpd_client_connection_count_limit; RFC 5321 section 3.8",
        severity: Severity::Medium,
        about: "Opens as many connections as limits.connections_per_client allows and one more, \
                which must be told 421. A client with another address must be greeted meanwhile, \
                and after one connection has ended the next must be. One client that opens \
                hundreds would else keep everybody out.",
        repair: "Set limits.connections_per_client; by hand, \
                 smtpd_client_connection_count_limit, with the anvil service in master.cf, and \
                 nobody but your own in smtpd_client_event_limit_exceptions.",
        needs: &[
            Need::Lab,
            Need::Listener(Listener::Smtp),
            Need::Setting("limits.connections_per_client", Says::AtMost(FEW)),
        ],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "any number of connections",
            changes: &[Change::Main("smtpd_client_connection_count_limit", "0")],
            sees: "is greeted",
        }],
        ..Check::by(&connections_of_a_client_are_limited)
    },
    Check {
        id: "relay.messages_of_a_login_are_limited",
        title: "A login's messages in an hour are limited, however it is spelled, others' are not",
        citation: "RFC 6409 section 6.1; Postfix SMTPD_POLICY_README",
        severity: Severity::Medium,
        about: "Logs in as the second user under all spellings that the directory takes (capitals, \
                blanks, letters of another width), and sends as many messages as \
                limits.messages_per_login_per_hour allows, in turns. One more must be put off \
                under each spelling, and the first user's must be taken. A stolen password is \
                mostly used to send as much as it can before anybody looks.",
        repair: "Set limits.messages_per_login_per_hour. By hand: a policy server asked in \
                 smtpd_data_restrictions that counts by sasl_username, without regard to how it \
                 is spelled.",
        needs: &[
            Need::Login,
            Need::Settings(&[
                ("limits.messages_per_login_per_hour", Says::AtMost(SOME)),
                ("lab.users", Says::Items(2)),
            ]),
        ],
        exclusive: true,
        sabotages: &[
            Sabotage {
                name: "messages are not counted",
                changes: &logins_alone("smtpd_data_restrictions"),
                sees: "one message more is taken",
            },
            NO_GUARD.seen_as("one message more is taken"),
        ],
        ..Check::by(&messages_of_a_login_are_limited)
    },
    Check {
        id: "relay.uncounted_mail_is_put_off",
        title: "While messages cannot be counted they are put off, and taken again right after",
        citation: "Postfix smtpd_policy_service_default_action; RFC 5321 section 4.2.1",
        severity: Severity::Medium,
        about: "Stops the policy server that counts messages, submits one, starts it again and \
                submits another. The first must get a temporary refusal: let through, whoever \
                makes the counter fail has no limit; refused for good, mail is lost for a \
                passing fault. The second must be taken.",
        repair: "Set smtpd_policy_service_default_action to a 451, as relaykit does, and let a \
                 supervisor start the policy server again.",
        needs: &[
            Need::Login,
            Need::Lab,
            Need::Setting("limits.messages_per_login_per_hour", Says::Something),
        ],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "what cannot be counted passes",
            changes: &[Change::Main("smtpd_policy_service_default_action", "DUNNO")],
            sees: "250 2.0.0 Ok: queued",
        }],
        ..Check::by(&uncounted_mail_is_put_off)
    },
];

/// Opens `$1` connections to the loopback, one more, and one to another address
/// of the relay's, which comes from that; then ends one and opens another. Postfix
/// counts a connection until just before it closes it, so the end is read.
const OPEN: &str = r#"
say() {
    exec {fd}<>"/dev/tcp/$1/25" || exit 7
    IFS= read -r -t 20 -u "$fd" line || line='no greeting'
    printf '%s\n' "${line%$'\r'}"
}
for number in $(seq "$1"); do
    say 127.0.0.1
    [ "$number" != 1 ] || first=$fd
done
say 127.0.0.1
say relay
printf 'QUIT\r\n' >&"$first"
cat <&"$first" >/dev/null
exec {first}>&-
say 127.0.0.1
"#;

/// From inside, since Postfix limits no client that may use XCLIENT, as the host
/// may in a lab.
async fn connections_of_a_client_are_limited(context: Context) -> Judged {
    is_up(&context, Listener::Smtp)?;
    let limit = context.target().spec.limits.connections_per_client;
    let number = limit.to_string();
    let argv = ["bash", "-c", OPEN, "clients", &number];
    let greetings = appliance::output(&context, Role::Relay, &argv).await?;
    let greetings: Vec<&str> = greetings.lines().collect();
    for greeting in &greetings {
        context.transcript().note(greeting);
    }
    let most = usize::try_from(limit).unwrap_or_default();
    let [within @ .., surplus, other, again] = greetings.as_slice() else {
        return broken(format!("{} greetings", greetings.len()));
    };
    let early = within
        .iter()
        .position(|greeting| !greeting.starts_with("220"));
    if let Some(at) = early {
        let text = format!("{} to connection {}", within[at], at + 1);
        return fail(format!("{most} connections"), text);
    }
    require(
        surplus.starts_with("421"),
        "421 to one connection too many",
        || format!("connection {} is greeted: {surplus}", most + 1),
    )?;
    require(other.starts_with("220"), "220 to another client", || {
        format!("{other} to another client")
    })?;
    require(
        again.starts_with("220"),
        "220 after a connection has ended",
        || format!("{again} after a connection has ended"),
    )
}

async fn messages_of_a_login_are_limited(context: Context) -> Judged {
    let spec = &context.target().spec;
    let (Some(limit), Some(user)) = (
        spec.limits.messages_per_login_per_hour,
        spec.lab.users.get(1),
    ) else {
        return broken("the check needs a limit and two users, and did not say so");
    };
    let listener = login_listener(&context)?;
    let spellings = [
        user.name.clone(),
        user.name.to_uppercase(),
        format!("{} ", user.name),
        // libsasl takes it for the name without its end.
        format!("{}@", user.name),
        people::wide(&user.name),
    ];
    let mut sessions = Vec::new();
    for spelling in spellings {
        if let Some(session) = session_as(&context, listener, &spelling, user).await? {
            sessions.push((spelling, session));
        }
    }
    let spelled = sessions.len().max(1);
    for number in 0..usize::try_from(limit).unwrap_or_default() {
        let Some((spelling, session)) = sessions.get_mut(number % spelled) else {
            return broken("no spelling of the second user's name logs in");
        };
        let reply = message(session).await?;
        require(reply.is_positive(), "every message up to the limit", || {
            format!("{reply} to message {} of {spelling:?}", number + 1)
        })?;
    }
    let mut wrong = Vec::new();
    for (spelling, session) in &mut sessions {
        let reply = message(session).await?;
        if !reply.is_transient() {
            wrong.push(format!(
                "one message more is taken from {spelling:?}: {reply}"
            ));
        }
    }
    require_none(&wrong, "4yz to more than the limit")?;
    let reply = message(&mut logged_in(&context, listener).await?).await?;
    require(reply.is_positive(), "a message of another user", || {
        format!("{reply} to another user's message")
    })
}

const STOP: [&str; 6] = ["s6-svc", "-wD", "-T", "10000", "-d", "/run/service/limits"];
const START: [&str; 6] = ["s6-svc", "-wu", "-T", "10000", "-u", "/run/service/limits"];

async fn uncounted_mail_is_put_off(context: Context) -> Judged {
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    appliance::output(&context, Role::Relay, &STOP).await?;
    let uncounted = message(&mut session).await;
    appliance::output(&context, Role::Relay, &START).await?;
    let uncounted = uncounted?;
    require(
        uncounted.is_transient(),
        "4yz to a message that cannot be counted",
        || format!("{uncounted} to a message that cannot be counted"),
    )?;
    let counted = message(&mut session).await?;
    require(
        counted.is_positive(),
        "250 once messages are counted again",
        || format!("{counted} once messages are counted again"),
    )
}

/// Sends a message to two recipients, which is one message; the reply to it, or
/// to the command that was refused.
async fn message(session: &mut Session) -> Judged<Reply> {
    let recipients = [
        format!("RCPT TO:<{RECIPIENT}>"),
        format!("RCPT TO:<second.{RECIPIENT}>"),
    ];
    let commands = ["MAIL FROM:<>", &recipients[0], &recipients[1], "DATA"];
    let replies = answer(session.pipeline(&commands).await, "a reply to each command")?;
    for reply in replies {
        if reply.code >= 400 {
            let reset = command(session, "RSET").await?;
            require_code(&reset, 250, "RSET")?;
            return ControlFlow::Continue(reply);
        }
    }
    answer(
        session.write_raw(b"Subject: counted\r\n\r\n.\r\n").await,
        "a relay that reads",
    )?;
    answer(session.read_reply().await, "a reply to the message")
}
