//! `relaykit inbox`: what the next hop of a lab got.

mod entry;
mod given;
mod wait;

use std::io::IsTerminal;
use std::num::NonZero;

use super::Session;
use super::exit::{Exit, Unwritable, Usage};
use crate::cli::{self, Format};
use crate::engine::{Kind, labels};
use crate::lab::{Inbox, Part, StoredMessage, Want};
use crate::plan::Role;
use crate::visible::visible;
use entry::{Entry, Whole, copies, copy, write_copy};
use given::Given;

pub(super) async fn run(session: &Session, command: cli::Inbox) -> anyhow::Result<Exit> {
    match command {
        cli::Inbox::List { last, lab } => list(session, last, &lab.lab).await?,
        cli::Inbox::Show { id, raw, lab } => {
            if raw && session.format == Format::Json {
                let text = "--raw prints the message's bytes and --format json an object: give one of them\n  the object's raw_path is a file with the same bytes";
                return Err(Usage(text.to_owned()).into());
            }
            let inbox = open(session, &lab.lab).await?;
            let message = pick(inbox.named(&id).await?, &id)?;
            if raw {
                return show_raw(session, &message);
            }
            let whole = Whole::new(&message, &copies(session, &lab.lab)?)?;
            session.print(&whole, &whole.page(&message)?)?;
        }
        cli::Inbox::Wait(arguments) => return wait::run(session, arguments).await,
        cli::Inbox::Clear { lab } => {
            let removed = open(session, &lab.lab).await?.clear().await?;
            let copies = copies(session, &lab.lab)?;
            std::fs::remove_dir_all(&copies).map_err(|source| Unwritable {
                to: copies.clone(),
                source,
            })?;
            let json = serde_json::json!({ "removed": removed });
            let messages = if removed == 1 { "message" } else { "messages" };
            session.print(&json, &format!("removed {removed} {messages}\n"))?;
        }
    }
    Ok(Exit::Done)
}

async fn open(session: &Session, name: &str) -> anyhow::Result<Inbox> {
    let engine = session.engine().await?;
    let objects = engine
        .list(&labels::of_object(name, Role::Sink.name()))
        .await?;
    let sink = objects.iter().find(|o| o.kind == Kind::Container);
    let sink = sink.ok_or_else(|| {
        Usage(format!(
            "the lab {name} is not up; `relaykit status` shows those that are"
        ))
    })?;
    Ok(Inbox::of_container(engine.clone(), &sink.name))
}

/// Of each message no more than is printed is read: there can be very many.
async fn list(session: &Session, last: Option<NonZero<usize>>, lab: &str) -> anyhow::Result<()> {
    let inbox = open(session, lab).await?;
    let copies = copies(session, lab)?;
    let json = session.format == Format::Json;
    // Only JSON names the copies.
    let want = |id: &str| {
        if json && !copy(&copies, id).exists() {
            Want::Whole
        } else {
            Want::Head
        }
    };
    let (mut entries, mut lines, mut failed) = (Vec::new(), String::new(), None);
    let take = |found: Part| {
        if let Part::Whole(message) = &found
            && json
            && let Err(error) = write_copy(message, &copies)
        {
            failed.get_or_insert(error);
        }
        let entry = Entry::new(found.head(), &copies);
        if json {
            entries.push(entry);
        } else {
            lines.push_str(&entry.line());
        }
        Ok(())
    };
    inbox.each(last.map(NonZero::get), want, take).await?;
    match failed {
        Some(error) => Err(error.into()),
        None => session.print(&entries, &lines),
    }
}

/// The message whose id begins with `id`.
fn pick(mut matching: Vec<(String, StoredMessage)>, id: &str) -> Result<StoredMessage, Usage> {
    if id.is_empty() || matching.is_empty() {
        return Err(Usage(format!(
            "no message has the id {id:?}; `relaykit inbox list` shows all"
        )));
    }
    if let [(one, _), (other, _), ..] = matching.as_slice() {
        // Of very many messages two can have the same eight digits, and more are never shown.
        let same = one
            .bytes()
            .zip(other.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let [one, other] = [one, other].map(|digits| &digits[..digits.len().min(same + 1)]);
        let such = matching.len();
        return Err(Usage(format!(
            "{such} messages have an id that begins with {id:?}; give more of it, for example {one} or {other}"
        )));
    }
    Ok(matching.swap_remove(0).1)
}

/// The bytes, but for a terminal, which they could drive.
fn show_raw(session: &Session, message: &StoredMessage) -> anyhow::Result<Exit> {
    let text = String::from_utf8_lossy(&message.raw).replace("\r\n", "\n");
    let shown = visible(&text);
    if std::io::stdout().is_terminal() {
        if shown != text {
            let line = "this message has characters that could drive a terminal: they are written out here; redirect the output to get the bytes";
            session.display.warn(line);
        }
        Session::write(shown.as_bytes())?;
    } else {
        Session::write(&message.raw)?;
    }
    Ok(Exit::Done)
}
