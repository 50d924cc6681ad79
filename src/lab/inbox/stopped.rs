//! The messages of a sink that does not run: the engine hands out its files.

use std::io::Read;

use super::stored::StoredMessage;
use super::{FOLDER, Sink};
use crate::lab::Error;

/// All of them, in the order of their names.
pub(super) async fn messages(sink: &Sink) -> Result<Vec<StoredMessage>, Error> {
    let Some(tar) = sink.engine.download(&sink.container, FOLDER).await? else {
        return Ok(Vec::new());
    };
    let unreadable = |reason: std::io::Error| Error::Inbox {
        id: FOLDER.to_owned(),
        reason: reason.to_string(),
    };
    let mut messages = Vec::new();
    let mut archive = tar::Archive::new(tar.as_ref());
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?;
        let name = name.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(unreadable)?;
        messages.push(StoredMessage::parse(&name, &bytes)?);
    }
    messages.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(messages)
}
