//! Which messages a `wait` has given already: an empty file each, beside the copies of
//! the messages, and gone with them. Making a file that must be new is one step for the
//! system, so that of two programs that wait at once only one gets a message.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::exit::Unwritable;
use crate::lab::StoredMessage;

/// The messages of one lab that were given.
pub(super) struct Given(PathBuf);

impl Given {
    /// Those of the lab whose copies are in `copies`.
    pub(super) fn of(copies: &Path) -> Self {
        Self(copies.to_owned())
    }

    /// Marks `message` as given; `false` where it was given before.
    pub(super) fn claim(&self, message: &StoredMessage) -> Result<bool, Unwritable> {
        let to = self.mark(message);
        let made = OpenOptions::new().write(true).create_new(true).open(&to);
        match made {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(Unwritable { to, source }),
        }
    }

    /// Takes it back: whoever waited did not get it.
    pub(super) fn release(&self, message: &StoredMessage) {
        drop(std::fs::remove_file(self.mark(message)));
    }

    fn mark(&self, message: &StoredMessage) -> PathBuf {
        self.0.join(format!("{}.given", message.id))
    }
}
