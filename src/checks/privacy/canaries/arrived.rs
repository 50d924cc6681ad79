//! What has become of the messages: what the next hop got and was told, and nobody else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::super::probe::log::Log;
use super::super::super::probe::{appliance, mail, played};
use super::super::super::target::Context;
use super::super::super::verdict::{Judged, fail, held};
use super::grounds::{Ground, Place};
use super::planted::{Planted, Posted, is_heard};
use crate::plan::Role;
use crate::render::next_hops::HEARING;
use crate::smtp::Message;

/// Waits until the relay is done with all that was planted, and gives what the next hop got
/// and was told.
pub(super) async fn arrived(
    context: &Context,
    planted: &Planted,
    log: &mut Log,
    sink: &mut Log,
) -> Judged<Vec<Ground>> {
    let mut grounds = Vec::new();
    for posted in &planted.messages {
        let message = Message::exact("", &posted.token);
        let delivered = mail::arrival(context, &message).await?;
        let text = String::from_utf8_lossy(&delivered.raw);
        grounds.push(if posted.is_refused {
            Ground::of(
                "the report on the refused message",
                Place::Bounce,
                "nothing of the client, no secret",
                text,
            )
        } else {
            Ground::of(
                format!("{} at the next hop", posted.name),
                Place::Message,
                "nothing of the client, no secret",
                text,
            )
        });
        if !posted.is_refused && is_heard(context) {
            let heard = played::conversation(context, sink, HEARING, &posted.token).await?;
            grounds.push(Ground::of(
                "the conversation with the next hop",
                Place::Conversation,
                "the envelope alone",
                heard.join("\n"),
            ));
        }
    }
    done_with(context, planted, log).await?;
    copies(context, planted).await?;
    ControlFlow::Continue(grounds)
}

/// Reads on to the lines that tell of the end of each message, and of each report on one.
async fn done_with(context: &Context, planted: &Planted, log: &mut Log) -> Judged {
    let mut open: BTreeSet<String> = planted.messages.iter().map(|m| m.id.clone()).collect();
    let mut ended = BTreeSet::new();
    log.find(context, "the end of each message in the log", |line| {
        let (_, said) = line.split_once("]: ")?;
        let (id, rest) = said.split_once(": ")?;
        if let Some(report) = rest.strip_prefix("sender non-delivery notification: ") {
            open.insert(report.to_owned());
        }
        if rest == "removed" {
            ended.insert(id.to_owned());
        }
        open.is_subset(&ended).then_some(())
    })
    .await
}

/// Demands that each message went to whom it was for, once, and nowhere else.
async fn copies(context: &Context, planted: &Planted) -> Judged {
    // What has a token in it is a copy, wherever the token stands.
    let tokens: Vec<&str> = planted.messages.iter().map(|m| m.token.as_str()).collect();
    let script = "grep -rlaE \"$1\" /var/mail/inbox/new | while read -r f; do \
                  echo; sed -n '/^from: /p;/^to: /p;/^$/q' \"$f\"; grep -aoE \"$1\" \"$f\" | head -1; done; :";
    let pattern = tokens.join("|");
    let argv = ["sh", "-c", script, "sh", &pattern];
    let text = appliance::secret_output(context, Role::Sink, &argv).await?;
    for posted in &planted.messages {
        let stored: Vec<&str> = text
            .split("\n\n")
            .filter(|one| one.contains(&posted.token))
            .collect();
        let (from, to) = posted.way();
        let right = format!("from: <{from}>\nto: <{to}>");
        let strays = stored.iter().filter(|one| !one.contains(&right));
        let strays: Vec<String> = strays.map(|one| one.trim().replace('\n', " ")).collect();
        if stored.len() != 1 || !strays.is_empty() {
            let seen = if strays.is_empty() {
                format!("it is there {} times", stored.len())
            } else {
                strays.join("\n")
            };
            return fail(
                format!("{} once, {}", posted.name, right.replace('\n', " ")),
                format!("a copy or another way of {}: {seen}", posted.name),
            );
        }
        held(
            format!("{} is at the next hop once", posted.name),
            right.replace('\n', " "),
        )?;
    }
    ControlFlow::Continue(())
}

impl Posted {
    /// From whom and to whom what becomes of it is sent.
    fn way(&self) -> (&str, &str) {
        if self.is_refused {
            ("", &self.sender)
        } else {
            (&self.sender, &self.recipient)
        }
    }
}
