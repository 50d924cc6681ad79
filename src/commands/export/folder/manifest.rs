//! The list of what relaykit wrote into a bundle, in the form that sha256sum(1) checks.

use std::collections::BTreeMap;
use std::fs;
use std::io::Result;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::export::Bundle;

/// Its name. It is its owner's alone: who knows the digest of a password can try guesses.
pub(super) const MANIFEST: &str = ".relaykit.sha256";

/// The archive of the image, which is not a file of the bundle's own.
pub(in crate::commands) const IMAGE: &str = "image.tar";

/// The digest of these bytes, in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Path to digest of the files of a bundle.
pub(super) fn of(bundle: &Bundle) -> BTreeMap<String, String> {
    let files = bundle.files.iter();
    files
        .map(|file| (file.path.clone(), digest(file.text.reveal().as_bytes())))
        .collect()
}

/// As the file has it.
pub(super) fn text(listed: &BTreeMap<String, String>) -> String {
    let lines = listed.iter();
    let lines: Vec<String> = lines
        .map(|(path, digest)| format!("{digest}  {path}\n"))
        .collect();
    lines.concat()
}

/// What the list in `output` says.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(output: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(output.join(MANIFEST))?;
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines
        .map(|(digest, path)| (path.to_owned(), digest.to_owned()))
        .collect())
}
