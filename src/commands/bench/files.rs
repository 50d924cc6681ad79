//! The files that a run writes.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use super::super::exit::Unwritable;
use crate::bench::{self, Report};
use crate::cli::Bench;
use crate::visible::visible_json;

/// Which, and where.
pub(super) struct Files {
    json: Option<PathBuf>,
    html: Option<PathBuf>,
}

impl Files {
    /// Finds out before anything is measured whether they can be written. What is in them
    /// stays until there is something else.
    pub(super) fn open(arguments: &Bench) -> Result<Self, Unwritable> {
        for path in [&arguments.json, &arguments.html].into_iter().flatten() {
            let there = path.exists();
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.map_err(|source| unwritable(path, source))?;
            if !there {
                std::fs::remove_file(path).map_err(|source| unwritable(path, source))?;
            }
        }
        Ok(Self {
            json: arguments.json.clone(),
            html: arguments.html.clone(),
        })
    }

    pub(super) fn write(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(path) = &self.json {
            let json = format!("{}\n", serde_json::to_string_pretty(report)?);
            write(path, visible_json(&json).as_bytes())?;
        }
        if let Some(path) = &self.html {
            write(path, &bench::html(report))?;
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Unwritable> {
    std::fs::write(path, bytes).map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: std::io::Error) -> Unwritable {
    let to = path.to_owned();
    Unwritable { to, source }
}
