//! Mail to the next hops that a lab's sink plays (`render::next_hops`).

use std::ops::ControlFlow;

use super::super::verdict::fail;
use super::super::{Context, Judged, Need};
use super::appliance;
use super::log::{Fate, Log};
use super::mail::{self, SENDER};
use super::session::{logged_in, login_listener};
use crate::plan::Role;
use crate::render::next_hops::Played;
use crate::smtp::Message;

/// That mail to their domains does reach them.
pub(in super::super) const PLAYED: Need = Need::Setting {
    text: "postfix.main without transport_maps of its own",
    holds: |spec| !spec.postfix.main.contains_key("transport_maps"),
};

/// A message from [`SENDER`] to somebody in `domain`.
pub(in super::super) fn message(domain: &str) -> Message {
    Message::from_to(SENDER, &recipient(domain)).build()
}

/// Somebody in `domain`.
pub(in super::super) fn recipient(domain: &str) -> String {
    format!("recipient@{domain}")
}

/// The MAIL and RCPT commands for a message from `sender` to somebody in `domain`.
pub(in super::super) fn envelope(sender: &str, domain: &str) -> [String; 2] {
    [
        format!("MAIL FROM:<{sender}>"),
        format!("RCPT TO:<{}>", recipient(domain)),
    ]
}

/// Submits `message` by login; its queue id.
pub(in super::super) async fn submit(
    context: &Context,
    commands: &[String],
    message: &Message,
) -> Judged<String> {
    let mut session = logged_in(context, login_listener(context)?).await?;
    mail::queued(&mut session, commands, message).await
}

/// Submits a message for somebody in `domain` by login: what then becomes of it,
/// its queue id, and the log behind that.
pub(in super::super) async fn fate(context: &Context, domain: &str) -> Judged<(Fate, String, Log)> {
    let mut log = Log::of(context, Role::Relay)?;
    let id = submit(context, &envelope(SENDER, domain), &message(domain)).await?;
    let fate = log.fate(context, &id).await?;
    ControlFlow::Continue((fate, id, log))
}

/// What a client said to `hop` in a line of the sink's log; `None`: something else.
pub(in super::super) fn said(line: &str, hop: Played) -> Option<&str> {
    let (_, of_hop) = line.split_once(&format!("{}/smtpd[", hop.log_name()))?;
    let (_, heard) = of_hop.split_once("]: < ")?;
    Some(heard.split_once("]: ")?.1)
}

/// All that has ever been said to `hop`, up to now.
pub(in super::super) async fn heard(context: &Context, hop: Played) -> Judged<Vec<String>> {
    let mut log = Log::of(context, Role::Sink)?;
    // Goes the way of all lines of Postfix, behind those that are there.
    let mark = Message::from_to(SENDER, SENDER).build().token().to_owned();
    appliance::output(context, Role::Sink, &["postlog", "-t", "relaykit", &mark]).await?;
    let lines = log
        .until(context, "a line of postlog(1)", |line| line.contains(&mark))
        .await?;
    let heard: Vec<String> = lines
        .iter()
        .filter_map(|line| said(line, hop))
        .map(str::to_owned)
        .collect();
    for line in &heard {
        context
            .transcript()
            .note(format!("the next hop heard: {line}"));
    }
    ControlFlow::Continue(heard)
}

/// Demands that mail for somebody in `domain` is kept for later, and that the log
/// says `why`.
pub(in super::super) async fn must_wait(context: &Context, domain: &str, why: &str) -> Judged {
    let (fate, _, _) = fate(context, domain).await?;
    fate.must_be("deferred")?;
    // Where a destination has just failed for another message, the queue manager
    // does not try it again, and gives that message's reason.
    if fate.line.contains(why) {
        return ControlFlow::Continue(());
    }
    fail(format!("deferred: {why}"), fate.line)
}
