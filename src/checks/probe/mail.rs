//! Messages through the relay and what arrived of them.

use std::ops::ControlFlow;
use std::time::Duration;

use super::super::need::Need;
use super::super::target::{Context, Delivered, Undelivered};
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail};
use super::session::{answer, command, pass_by};
use crate::config::Says;
use crate::counterparts::CHECKED_SENDER;
use crate::smtp::{Message, Reply, Session};

/// How long a message may take from the relay's 250 to the inbox, behind those of
/// all other checks; within the deadline of a check.
const DELIVERY: Duration = Duration::from_secs(20);

/// A sender outside of the relay's own domains, which the first user of a lab has.
pub(in super::super) const SENDER: &str = CHECKED_SENDER;

/// That a login may send from any address, which no lab's directory can own.
pub(in super::super) const ANY_SENDER: Need = Need::Setting("relay.sender_login", Says::Is("any"));

/// That trace headers which a login's message brings along stay.
pub(in super::super) const EARLIER_KEPT: Need =
    Need::Setting("privacy.earlier_received", Says::Is("keep"));

/// A relay that takes mail without a login.
pub(in super::super) const OWN_DOMAIN: Need = Need::Setting("relay.domains", Says::Something);

/// A domain that mail without a login is taken for.
pub(in super::super) fn own_domain(context: &Context) -> &str {
    let domains = &context.target().spec.relay.domains;
    let domain = domains.iter().find(|domain| !domain.starts_with('.'));
    domain.map_or("", String::as_str)
}

/// A recipient whom only a relay would take mail for.
pub(in super::super) const RECIPIENT: &str = "recipient@elsewhere.example";

/// A message between the two.
pub(in super::super) fn plain() -> Message {
    Message::from_to(SENDER, RECIPIENT).build()
}

/// Sends `message` from [`SENDER`] to [`RECIPIENT`]; demands that it is accepted.
pub(in super::super) async fn send(session: &mut Session, message: &Message) -> Judged {
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{RECIPIENT}>"),
    ];
    send_with(session, &commands, message).await
}

/// Sends `message` after these MAIL and RCPT commands; demands 250 to each.
pub(in super::super) async fn send_with(
    session: &mut Session,
    commands: &[String],
    message: &Message,
) -> Judged {
    accepted(session, commands, message).await?;
    PASS
}

/// Sends `message` as [`send_with`] does; the queue id that Postfix gave it.
pub(in super::super) async fn queued(
    session: &mut Session,
    commands: &[String],
    message: &Message,
) -> Judged<String> {
    let reply = accepted(session, commands, message).await?;
    match reply.queue_id() {
        Some(id) => ControlFlow::Continue(id.to_owned()),
        None => broken(format!("there is no queue id in {reply}")),
    }
}

async fn accepted(session: &mut Session, commands: &[String], message: &Message) -> Judged<Reply> {
    for line in commands {
        let reply = command(session, line).await?;
        pass_by(&reply, 250, line)?;
    }
    let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
    pass_by(&reply, 250, "the message")?;
    ControlFlow::Continue(reply)
}

/// Waits until `message` is in the inbox.
pub(in super::super) async fn arrival(context: &Context, message: &Message) -> Judged<Delivered> {
    let Some(inbox) = &context.target().inbox else {
        return broken("the check reads the inbox and did not say that it needs one");
    };
    match inbox.wait_for(message.token(), DELIVERY).await {
        Ok(delivered) => {
            let head = String::from_utf8_lossy(head(&delivered.raw)).into_owned();
            for line in head.lines() {
                context.transcript().note(format!("next hop got: {line}"));
            }
            ControlFlow::Continue(delivered)
        }
        Err(Undelivered::Absent(evidence)) => fail(
            "the message at the next hop",
            format!("none after {} s: {evidence}", DELIVERY.as_secs()),
        ),
        Err(unreadable @ Undelivered::Unreadable(_)) => broken(unreadable.to_string()),
    }
}

/// Sends `message` and waits for it.
pub(in super::super) async fn relayed(
    context: &Context,
    session: &mut Session,
    message: &Message,
) -> Judged<Delivered> {
    send(session, message).await?;
    arrival(context, message).await
}

/// Sends `message` from the null sender, which is every login's own, to
/// [`RECIPIENT`] and waits for it.
pub(in super::super) async fn relayed_from_nobody(
    context: &Context,
    session: &mut Session,
    message: &Message,
) -> Judged<Delivered> {
    let commands = ["MAIL FROM:<>".to_owned(), format!("RCPT TO:<{RECIPIENT}>")];
    send_with(session, &commands, message).await?;
    arrival(context, message).await
}

/// The header section of a message, without the empty line.
pub(in super::super) fn head(raw: &[u8]) -> &[u8] {
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n");
    &raw[..end.unwrap_or(raw.len())]
}
