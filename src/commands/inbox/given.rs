//! Which messages a `wait` has given already: an empty file each, beside the copies of
//! the messages, and gone with them. Making a file that must be new is one step for the
//! system, so that of two programs that wait at once only one gets a message.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::exit::Unwritable;
use crate::lab::Head;

/// The messages of one lab that were given.
pub(super) struct Given(PathBuf);

impl Given {
    /// Those of the lab whose copies are in `copies`.
    pub(super) fn of(copies: &Path) -> Self {
        Self(copies.to_owned())
    }

    /// The ids of all that were given.
    pub(super) fn ids(&self) -> HashSet<String> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        names
            .filter_map(|name| Some(name.strip_suffix(".given")?.to_owned()))
            .collect()
    }

    /// Marks `message` as given; `false` where it was given before.
    pub(super) fn claim(&self, message: &Head) -> Result<bool, Unwritable> {
        let to = self.mark(message);
        let made = OpenOptions::new().write(true).create_new(true).open(&to);
        match made {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(Unwritable { to, source }),
        }
    }

    /// Takes it back: whoever waited did not get it.
    pub(super) fn release(&self, message: &Head) {
        drop(std::fs::remove_file(self.mark(message)));
    }

    fn mark(&self, message: &Head) -> PathBuf {
        self.0.join(format!("{}.given", message.id))
    }
}
