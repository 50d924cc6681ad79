//! `relaykit inbox`: what the next hop of a lab got.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::Session;
use super::exit::{Exit, Unwritable, Usage};
use crate::cli;
use crate::engine::{Kind, labels};
use crate::lab::{self, Inbox, StoredMessage};
use crate::plan::Role;

/// One message, as the contract has it.
#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    received_at: Timestamp,
    envelope_from: String,
    envelope_to: Vec<String>,
    subject: String,
    size: usize,
    raw_path: PathBuf,
}

impl Entry {
    /// The entry, with the message as a file in `copies` for whoever wants to
    /// open it: the sink may be on another machine.
    fn new(message: &StoredMessage, copies: &Path) -> anyhow::Result<Self> {
        let raw_path = copies.join(format!("{}.eml", message.id));
        if !raw_path.exists() {
            write_copy(&raw_path, &message.raw).map_err(|source| Unwritable {
                to: raw_path.clone(),
                source,
            })?;
        }
        Ok(Self {
            id: message.id.clone(),
            received_at: message.received_at,
            envelope_from: message.envelope_from.clone(),
            envelope_to: message.envelope_to.clone(),
            subject: message.subject(),
            size: message.raw.len(),
            raw_path,
        })
    }

    fn line(&self) -> String {
        let Self {
            id,
            received_at,
            envelope_from,
            subject,
            size,
            ..
        } = self;
        let to = self.envelope_to.join(", ");
        let at = received_at.strftime("%Y-%m-%d %H:%M:%SZ");
        format!("{id}  {at}  {size:>7}  <{envelope_from}> to {to}  {subject}\n")
    }
}

pub(super) async fn run(session: &Session, command: cli::Inbox) -> anyhow::Result<Exit> {
    match command {
        cli::Inbox::List { lab } => {
            let messages = open(session, &lab.lab).await?.list().await?;
            let copies = copies(session, &lab.lab)?;
            let entries = messages.iter().map(|message| Entry::new(message, &copies));
            let entries = entries.collect::<Result<Vec<Entry>, _>>()?;
            session.print(
                &entries,
                &entries.iter().map(Entry::line).collect::<String>(),
            )?;
        }
        cli::Inbox::Show { id, raw, lab } => {
            let messages = open(session, &lab.lab).await?.list().await?;
            show(session, &lab.lab, &pick(messages, &id)?, raw)?;
        }
        cli::Inbox::Wait {
            subject,
            timeout,
            lab,
        } => {
            let inbox = open(session, &lab.lab).await?;
            let wanted = |message: &StoredMessage| {
                !message.proves_readiness()
                    && subject
                        .as_ref()
                        .is_none_or(|s| message.subject().contains(s.as_str()))
            };
            let found = tokio::select! {
                found = inbox.wait(timeout, wanted) => found?,
                () = session.cancel.cancelled() => return Err(lab::Error::Interrupted.into()),
            };
            let Some(message) = found else {
                let which = subject
                    .map(|s| format!(" whose subject contains {s:?}"))
                    .unwrap_or_default();
                session
                    .display
                    .error(&format!("no message{which} came within {timeout:?}"));
                return Ok(Exit::NotReady);
            };
            let entry = Entry::new(&message, &copies(session, &lab.lab)?)?;
            session.print(&entry, &entry.line())?;
        }
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

/// Where this machine's copies of the messages of `lab` are.
fn copies(session: &Session, lab: &str) -> anyhow::Result<PathBuf> {
    let folder = session.store()?.folder(lab).join("inbox");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|source| Unwritable {
            to: folder.clone(),
            source,
        })?;
    Ok(folder)
}

/// Whole or not at all: another `inbox list` may read it at the same time.
fn write_copy(path: &Path, raw: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&beside, raw)?;
    std::fs::rename(&beside, path)
}

/// The message whose id begins with `id`.
fn pick(messages: Vec<StoredMessage>, id: &str) -> Result<StoredMessage, Usage> {
    let mut matching = messages.into_iter().filter(|m| m.id.starts_with(id));
    let first = matching.next();
    if matching.next().is_some() {
        return Err(Usage(format!(
            "more than one message has an id that begins with {id:?}"
        )));
    }
    first.ok_or_else(|| {
        Usage(format!(
            "no message has the id {id:?}; `relaykit inbox list` shows all"
        ))
    })
}

fn show(session: &Session, lab: &str, message: &StoredMessage, raw: bool) -> anyhow::Result<()> {
    if raw {
        return Session::write(&message.raw);
    }
    let entry = Entry::new(message, &copies(session, lab)?)?;
    let mut human = String::new();
    writeln!(human, "id        {}", entry.id)?;
    writeln!(human, "received  {}", entry.received_at)?;
    writeln!(human, "from      <{}>", entry.envelope_from)?;
    for to in &entry.envelope_to {
        writeln!(human, "to        <{to}>")?;
    }
    let trace: Vec<&str> = message.trace.lines().map(str::trim).collect();
    writeln!(human, "arrived   {}\n", trace.join(" "))?;
    human.push_str(&String::from_utf8_lossy(&message.raw).replace("\r\n", "\n"));
    session.print(&entry, &human)
}
