//! `--save`: the relay's image as an archive that `docker load` takes.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::folder::{IMAGE, note, noted};
use crate::engine::ByteStream;

/// Writes the archive into the bundle at `output`, and notes it there as relaykit's.
///
/// # Errors
/// When something else is at its place, when the engine ends before the archive does, or
/// when the system refuses. Half an archive is not left.
pub(super) async fn save(mut archive: ByteStream, output: &Path) -> Result<u64> {
    let path = output.join(IMAGE);
    if path.symlink_metadata().is_ok() && !noted(output, IMAGE)? {
        let text = format!("{} is there, and relaykit did not write it", path.display());
        return Err(Error::new(ErrorKind::AlreadyExists, text));
    }
    let beside = output.join(format!(".{IMAGE}.{}.new", std::process::id()));
    let written = async {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        while let Some(piece) = archive.next().await {
            let piece = piece?;
            hash.update(&piece);
            size += piece.len() as u64;
            file.write_all(&piece)?;
        }
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        note(output, IMAGE, &hash.finalize())?;
        Ok(size)
    }
    .await;
    if written.is_err() {
        // The first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    written
}
