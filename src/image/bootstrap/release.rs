//! The signed index of a suite: `InRelease`, in the format of the Debian
//! archive (DebianRepository/Format in the Debian wiki).

use std::collections::BTreeMap;

use deb822_fast::{Deb822, Paragraph};
use jiff::Timestamp;

use super::openpgp::CLOCK_SKEW;
use crate::image::Error;

/// A verified `InRelease`.
#[derive(Debug)]
pub(super) struct Release {
    /// Path below the suite's folder to SHA-256 and bytes.
    files: BTreeMap<String, Listed>,
    by_hash: bool,
    separate_all: bool,
}

/// A file as a signed index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Where it is, below the index's own folder.
    pub(super) path: String,
    /// Lower-case hexadecimal digits.
    pub(super) sha256: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Release {
    /// Reads the verified text of an `InRelease` and holds it against what was
    /// asked for: another suite, an expired index and one of the future are refused.
    pub(super) fn parse(text: &str, codename: &str, now: Timestamp) -> Result<Self, String> {
        let paragraphs: Deb822 = text
            .parse()
            .map_err(|e| format!("it cannot be read: {e}"))?;
        let mut paragraphs = paragraphs.iter();
        let (Some(fields), None) = (paragraphs.next(), paragraphs.next()) else {
            return Err("it is not one paragraph".to_owned());
        };
        let named = fields.get("Codename").unwrap_or_default();
        if named != codename {
            return Err(format!("it is the index of {named:?}, not of {codename:?}"));
        }
        check_dates(fields, now)?;
        let files = listed(
            fields
                .get("SHA256")
                .ok_or("it lists no SHA-256 checksums")?,
        )?;
        let says = |name, word| {
            fields
                .get(name)
                .unwrap_or_default()
                .split_whitespace()
                .any(|w| w == word)
        };
        Ok(Self {
            files,
            by_hash: says("Acquire-By-Hash", "yes"),
            separate_all: says("Architectures", "all")
                && !says("No-Support-for-Architecture-all", "Packages"),
        })
    }

    /// The indexes of the component `main` that matter to `architecture`. Where
    /// the archive offers it their paths are by hash, so that an archive that is
    /// being updated does not change under us.
    pub(super) fn packages(&self, architecture: &str) -> Result<Vec<Listed>, String> {
        let mut indexes = vec![architecture];
        if self.separate_all {
            indexes.push("all");
        }
        indexes
            .into_iter()
            .map(|index| {
                let folder = format!("main/binary-{index}");
                let path = format!("{folder}/Packages.xz");
                let mut file = self
                    .files
                    .get(&path)
                    .cloned()
                    .ok_or_else(|| format!("it does not list {path}"))?;
                if self.by_hash {
                    file.path = format!("{folder}/by-hash/SHA256/{}", file.sha256);
                }
                Ok(file)
            })
            .collect()
    }
}

fn check_dates(fields: &Paragraph, now: Timestamp) -> Result<(), String> {
    let date = |name| match fields.get(name) {
        Some(text) => parse_date(text)
            .map(Some)
            .ok_or_else(|| format!("its {name} {text:?} is no date")),
        None => Ok(None),
    };
    let made = date("Date")?.ok_or("it has no Date")?;
    if made > now + CLOCK_SKEW {
        return Err(format!("it is of the future ({made}, and it is {now})"));
    }
    match date("Valid-Until")? {
        Some(until) if until < now => Err(format!("it expired on {until}, and it is {now}")),
        _ => Ok(()),
    }
}

/// RFC 2822 with the zone's name that the archive writes.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace(" UTC", " +0000");
    Some(jiff::fmt::rfc2822::parse(&text).ok()?.timestamp())
}

fn listed(field: &str) -> Result<BTreeMap<String, Listed>, String> {
    let lines = field.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [sha256, size, path] = words[..] else {
                return Err(format!("its line {line:?} is not checksum, size and path"));
            };
            let size = size
                .parse()
                .map_err(|_| format!("its line {line:?} has no size"))?;
            let sha256 = sha256.to_ascii_lowercase();
            if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!("its line {line:?} has no SHA-256"));
            }
            let path = path.to_owned();
            Ok((path.clone(), Listed { path, sha256, size }))
        })
        .collect()
}

impl Listed {
    /// Whether `bytes` are this file, byte for byte; `url` is for the error.
    pub(super) fn check(&self, file: &str, url: &str, bytes: &[u8]) -> Result<(), Error> {
        use sha2::{Digest, Sha256};
        let mismatch = |actual| Error::Mismatch {
            file: file.to_owned(),
            url: url.to_owned(),
            expected: format!("{} bytes with SHA-256 {}", self.size, self.sha256),
            actual,
        };
        if bytes.len() as u64 != self.size {
            return Err(mismatch(format!("{} bytes", bytes.len())));
        }
        let actual = crate::image::context::hex(&Sha256::digest(bytes));
        if actual != self.sha256 {
            return Err(mismatch(format!("SHA-256 {actual}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
