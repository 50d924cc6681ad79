//! `relaykit inbox wait`: the message that one waits for, and not the oldest.

use std::collections::HashSet;
use std::num::NonZero;

use super::super::Session;
use super::super::exit::{Exit, Overdue};
use super::{Entry, Given, copies, open, write_copy};
use crate::cli::Wait;
use crate::lab::{self, Head, Inbox, StoredMessage};

pub(super) async fn run(session: &Session, arguments: Wait) -> anyhow::Result<Exit> {
    let lab = &arguments.lab.lab;
    let inbox = open(session, lab).await?;
    let copies = copies(session, lab)?;
    let mut taken = Taken {
        given: Given::of(&copies),
        messages: Vec::new(),
        claimed: Vec::new(),
    };
    let wanted = arguments.count.map_or(1, NonZero::get);
    let found = tokio::select! {
        found = taken.wait(&inbox, &arguments, wanted) => found,
        () = session.cancel.cancelled() => Err(lab::Error::Interrupted.into()),
    };
    if let Err(error) = found {
        taken.release();
        return Err(error);
    }
    for message in &taken.messages {
        write_copy(message, &copies)?;
    }
    let entries = taken.messages.iter().map(|m| Entry::new(m, &copies));
    let entries: Vec<Entry> = entries.collect();
    let lines: String = entries.iter().map(Entry::line).collect();
    match entries.as_slice() {
        [one] if arguments.count.is_none() => session.print(one, &lines)?,
        all => session.print(&all, &lines)?,
    }
    Ok(Exit::Done)
}

/// What one `wait` has found so far.
struct Taken {
    given: Given,
    messages: Vec<StoredMessage>,
    /// Those of them that nobody had been given before.
    claimed: Vec<Head>,
}

impl Taken {
    /// Takes `count` messages that fit, each when it comes.
    async fn wait(&mut self, inbox: &Inbox, wait: &Wait, count: usize) -> anyhow::Result<()> {
        match tokio::time::timeout(wait.timeout, self.take(inbox, wait, count)).await {
            Ok(taken) => taken,
            Err(_) => Err(nothing(wait, self.messages.len(), count).into()),
        }
    }

    async fn take(&mut self, inbox: &Inbox, wait: &Wait, count: usize) -> anyhow::Result<()> {
        // What cannot be meant is not even read.
        let given = match wait.since {
            Some(_) => HashSet::new(),
            None => self.given.ids(),
        };
        let mut walk = inbox.walk(|id| !given.contains(id)).await?;
        while self.messages.len() < count {
            let head = walk.advance().await?;
            if !fits(&head, wait) {
                continue;
            }
            let claimed = self.given.claim(&head)?;
            if claimed {
                self.claimed.push(head.clone());
            } else if wait.since.is_none() {
                continue;
            }
            self.messages.extend(walk.whole(&head).await?);
        }
        Ok(())
    }

    /// Leaves to the next `wait` what this one will not print.
    fn release(&self) {
        for message in &self.claimed {
            self.given.release(message);
        }
    }
}

/// Whether it is one of those waited for, whoever has got it before.
fn fits(message: &Head, wait: &Wait) -> bool {
    let same = |a: &str, b: &str| bare(a).eq_ignore_ascii_case(bare(b));
    let to = |to: &String| message.envelope_to.iter().any(|one| same(one, to));
    let from = |from: &String| {
        same(&message.envelope_from, from) || message.authors().iter().any(|one| same(one, from))
    };
    !message.proves_readiness()
        && wait.since.is_none_or(|since| message.received_at >= since)
        && wait.to.as_ref().is_none_or(to)
        && wait.from.as_ref().is_none_or(from)
        && wait
            .subject
            .as_ref()
            .is_none_or(|subject| message.subject().contains(subject.as_str()))
}

/// `<>` is how the null sender is written.
fn bare(address: &str) -> &str {
    let address = address.trim();
    let inner = address.strip_prefix('<').and_then(|a| a.strip_suffix('>'));
    inner.unwrap_or(address)
}

/// What did not come.
fn nothing(wait: &Wait, found: usize, count: usize) -> Overdue {
    let mut which = Vec::new();
    if let Some(subject) = &wait.subject {
        which.push(format!("whose subject contains {subject:?}"));
    }
    if let Some(to) = &wait.to {
        which.push(format!("to {to}"));
    }
    if let Some(from) = &wait.from {
        which.push(format!("from {from}"));
    }
    if let Some(since) = &wait.since {
        which.push(format!("since {since}"));
    }
    let which = which.join(" and ");
    let such = if which.is_empty() { "" } else { " " };
    let within = wait.timeout;
    let text = match (count, wait.since) {
        (1, Some(_)) => format!("no message{such}{which} came within {within:?}"),
        (1, None) => format!("no new message{such}{which} came within {within:?}"),
        _ => format!("{found} of {count} messages{such}{which} came within {within:?}"),
    };
    let advice = if wait.since.is_some() {
        "`relaykit inbox list` shows all that there are"
    } else {
        "`relaykit inbox list` shows all that there are; one that an earlier wait has given comes again only with --since"
    };
    Overdue(format!("{text}\n  {advice}"))
}
