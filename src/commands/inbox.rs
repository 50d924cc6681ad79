//! `relaykit inbox`: what the next hop of a lab got.

mod entry;
mod given;
mod wait;

use std::io::IsTerminal;

use super::Session;
use super::exit::{Exit, Unwritable, Usage};
use crate::cli::{self, Format};
use crate::engine::{Kind, labels};
use crate::lab::{Inbox, StoredMessage};
use crate::plan::Role;
use crate::visible::visible;
use entry::{Entry, Whole, copies};
use given::Given;

pub(super) async fn run(session: &Session, command: cli::Inbox) -> anyhow::Result<Exit> {
    match command {
        cli::Inbox::List { lab } => {
            let messages = open(session, &lab.lab).await?.list().await?;
            let copies = copies(session, &lab.lab)?;
            let entries = messages.iter().map(|message| Entry::new(message, &copies));
            let entries = entries.collect::<Result<Vec<Entry>, _>>()?;
            let lines: String = entries.iter().map(Entry::line).collect();
            session.print(&entries, &lines)?;
        }
        cli::Inbox::Show { id, raw, lab } => {
            if raw && session.format == Format::Json {
                let text = "--raw prints the message's bytes and --format json an object: give one of them\n  the object's raw_path is a file with the same bytes";
                return Err(Usage(text.to_owned()).into());
            }
            let messages = open(session, &lab.lab).await?.list().await?;
            let message = pick(messages, &id)?;
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

/// The message whose id begins with `id`.
fn pick(messages: Vec<StoredMessage>, id: &str) -> Result<StoredMessage, Usage> {
    let wanted = |m: &StoredMessage| !id.is_empty() && m.handle().starts_with(id);
    let mut matching = messages.into_iter().filter(wanted);
    let first = matching.next();
    if matching.next().is_some() {
        return Err(Usage(format!(
            "more than one message has an id that begins with {id:?}; give more of it"
        )));
    }
    first.ok_or_else(|| {
        Usage(format!(
            "no message has the id {id:?}; `relaykit inbox list` shows all"
        ))
    })
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
