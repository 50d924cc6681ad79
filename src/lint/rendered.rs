//! The tables that relaykit renders, as the relay has them.

use std::collections::BTreeMap;

use crate::audit::Tables;
use crate::container::{Content, File};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Files of a relay, and where all others are read from.
pub struct Rendered<'a> {
    files: BTreeMap<String, String>,
    elsewhere: &'a dyn Tables,
}

impl<'a> Rendered<'a> {
    /// Of the files of a container.
    #[must_use]
    pub fn of(files: &[File], elsewhere: &'a dyn Tables) -> Self {
        let text = |file: &File| {
            let text = match &file.content {
                Content::Text(text) => text.clone(),
                Content::Secret(secret) => masked(secret.reveal()),
                Content::Gateway(_) => "the network's gateway\n".to_owned(),
                _ => return None,
            };
            Some((file.path.clone(), text))
        };
        Self {
            files: files.iter().filter_map(text).collect(),
            elsewhere,
        }
    }

    /// The file of that name in Postfix's folder.
    fn postfix(&self, name: &str) -> &str {
        let path = format!("/etc/relaykit/postfix/{name}");
        self.files.get(&path).map_or("", String::as_str)
    }

    /// main.cf.
    #[must_use]
    pub fn main_cf(&self) -> &str {
        self.postfix("main.cf")
    }

    /// master.cf.
    #[must_use]
    pub fn master_cf(&self) -> &str {
        self.postfix("master.cf")
    }
}

impl Tables for Rendered<'_> {
    fn text(&self, kind: &str, path: &str) -> Option<String> {
        match self.files.get(path) {
            Some(text) => Some(text.clone()),
            None => self.elsewhere.text(kind, path),
        }
    }
}

/// A table of passwords with its keys alone.
#[must_use]
pub fn masked(table: &str) -> String {
    let line = |line: &str| match line.split_whitespace().next() {
        Some(key) if !line.starts_with('#') => format!("{key} {MASK}\n"),
        _ => format!("{line}\n"),
    };
    table.lines().map(line).collect()
}
