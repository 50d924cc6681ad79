//! A message as `inbox` prints it.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::super::Session;
use super::super::exit::Unwritable;
use crate::lab::{Attachment, Content, Field, Head, StoredMessage};
use crate::visible::visible_line;

/// One message of the list, as the contract has it.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    id: String,
    received_at: Timestamp,
    envelope_from: String,
    envelope_to: Vec<String>,
    subject: String,
    size: usize,
    raw_path: PathBuf,
}

impl Entry {
    /// The entry. It names the message's copy as a file in `copies`, for whoever wants to
    /// open it: the sink may be on another machine.
    pub(super) fn new(message: &Head, copies: &Path) -> Self {
        Self {
            id: message.handle(),
            received_at: message.received_at,
            envelope_from: message.envelope_from.clone(),
            envelope_to: message.envelope_to.clone(),
            subject: message.subject(),
            size: message.size,
            raw_path: copy(copies, &message.id),
        }
    }

    /// One line, whatever stands in the subject.
    pub(super) fn line(&self) -> String {
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
        let line = format!("{id}  {at}  {size:>7}  <{envelope_from}> to {to}  {subject}");
        format!("{}\n", visible_line(&line))
    }
}

/// One message with all that it says.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    entry: Entry,
    headers: Vec<Field>,
    text: Option<String>,
    html: Option<String>,
    links: Vec<String>,
    attachments: Vec<File>,
}

/// An attachment, with its content as a file of ours.
#[derive(Debug, Serialize)]
struct File {
    name: Option<String>,
    content_type: String,
    content_id: Option<String>,
    inline: bool,
    size: usize,
    path: PathBuf,
}

impl Whole {
    pub(super) fn new(message: &StoredMessage, copies: &Path) -> Result<Self, Unwritable> {
        let Content {
            headers,
            text,
            html,
            links,
            attachments,
        } = message.content();
        let file = |(number, attachment): (usize, Attachment)| {
            // Not under the name that a stranger gave it.
            let path = copies.join(format!("{}.attachment-{}", message.id, number + 1));
            write_whole(&path, &attachment.bytes)?;
            Ok(File {
                name: attachment.name,
                content_type: attachment.content_type,
                content_id: attachment.content_id,
                inline: attachment.inline,
                size: attachment.bytes.len(),
                path,
            })
        };
        write_copy(message, copies)?;
        Ok(Self {
            entry: Entry::new(message, copies),
            headers,
            text,
            html,
            links,
            attachments: attachments
                .into_iter()
                .enumerate()
                .map(file)
                .collect::<Result<_, _>>()?,
        })
    }

    /// For people: the envelope, the header fields, the text, and what else there is.
    pub(super) fn page(&self, message: &StoredMessage) -> Result<String, std::fmt::Error> {
        let mut page = String::new();
        let entry = &self.entry;
        let shown = |text: &str| visible_line(text).into_owned();
        writeln!(page, "id        {}", entry.id)?;
        writeln!(page, "received  {}", entry.received_at)?;
        writeln!(page, "from      <{}>", shown(&entry.envelope_from))?;
        for to in &entry.envelope_to {
            writeln!(page, "to        <{}>", shown(to))?;
        }
        let trace: Vec<&str> = message.trace.lines().map(str::trim).collect();
        writeln!(page, "arrived   {}", shown(&trace.join(" ")))?;
        for file in &self.attachments {
            let name = shown(file.name.as_deref().unwrap_or("(no name)"));
            let (kind, path) = (shown(&file.content_type), file.path.display());
            writeln!(
                page,
                "attached  {name}, {kind}, {} bytes: {path}",
                file.size
            )?;
        }
        page.push('\n');
        for (field, written) in self.headers.iter().zip(written(message)) {
            // As it was folded, where nothing had to be decoded.
            if written.contains("=?") {
                writeln!(page, "{}: {}", shown(&field.name), shown(&field.value))?;
            } else {
                writeln!(page, "{}", written.trim_end())?;
            }
        }
        page.push('\n');
        let body = self.text.as_deref().or(self.html.as_deref());
        page.push_str(body.unwrap_or_default());
        if !page.ends_with('\n') {
            page.push('\n');
        }
        Ok(page)
    }
}

/// The header fields as they were written, folded.
fn written(message: &StoredMessage) -> Vec<String> {
    let text = String::from_utf8_lossy(&message.raw).replace("\r\n", "\n");
    let head = text.split("\n\n").next().unwrap_or_default();
    let mut fields: Vec<String> = Vec::new();
    for line in head.split_inclusive('\n') {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// Where this machine's copies of the messages of `lab` are.
pub(super) fn copies(session: &Session, lab: &str) -> anyhow::Result<PathBuf> {
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

/// Where the copy of a message is, or will be.
pub(super) fn copy(copies: &Path, id: &str) -> PathBuf {
    copies.join(format!("{id}.eml"))
}

/// Makes the copy of a message where there is none.
pub(super) fn write_copy(message: &StoredMessage, copies: &Path) -> Result<(), Unwritable> {
    write_whole(&copy(copies, &message.id), &message.raw)
}

/// Whole or not at all: another `inbox list` may read it at the same time.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Unwritable> {
    if path.exists() {
        return Ok(());
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::write(&beside, bytes);
    written
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|source| Unwritable {
            to: path.to_owned(),
            source,
        })
}
