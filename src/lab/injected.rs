//! What the files of a container hold when nobody has touched them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Error;
use super::definition::{Piece, piece};
use crate::certs::Certificates;
use crate::plan::Container;

/// The SHA-256 of each injected file of `container` in hexadecimal, by its path. Left out
/// are those that name a network's gateway, which only the engine knows.
///
/// # Errors
/// When a file of the operator's cannot be read.
pub fn injected(
    container: &Container,
    certificates: &Certificates,
) -> Result<BTreeMap<String, String>, Error> {
    let mut digests = BTreeMap::new();
    for file in &container.files {
        if let Piece::Bytes(bytes) = piece(&file.content, certificates)? {
            digests.insert(file.path.clone(), sha256(&bytes));
        }
    }
    Ok(digests)
}

/// SHA-256 in hexadecimal, as sha256sum(1) prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
