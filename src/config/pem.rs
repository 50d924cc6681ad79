//! PEM files that `relay.yaml` names: certificates and keys.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::files::exposed_to_others;
use super::problem::{Refusal, quoted};

/// What a PEM file must contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pem {
    Certificate,
    /// Certificates of whoever is believed; the path may be that of a folder of such files.
    Authorities,
    /// Certificates of whoever signs clients' certificates.
    ClientAuthorities,
    Key,
}

/// More authorities than a house has of its own: a list of the public ones has over a
/// hundred.
const PUBLIC: usize = 40;

fn count(text: &str) -> usize {
    text.matches("-----BEGIN CERTIFICATE-----").count()
}

/// The text of a PEM file.
pub(super) fn text(path: &Path) -> std::io::Result<String> {
    let mut text = Vec::new();
    // A bundle of all the world's authorities has a quarter of a megabyte.
    std::fs::File::open(path)?
        .take(4 << 20)
        .read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The certificates, PEM, of those who are believed: those of a file as they stand or, of a
/// folder, those of every file in it, each once. Nothing else of a folder's files is in it.
///
/// # Errors
/// When it cannot be read.
pub fn read_authorities(path: &Path) -> std::io::Result<String> {
    if !path.is_dir() {
        return std::fs::read_to_string(path);
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    // The links that c_rehash(1) makes are the same files again.
    files.retain(|file| file.is_file());
    files.sort();
    let mut all: Vec<String> = Vec::new();
    for file in files {
        for certificate in certificates(&text(&file)?) {
            if !all.contains(&certificate) {
                all.push(certificate);
            }
        }
    }
    Ok(all.concat())
}

/// The certificates in a PEM text, each with its two marks.
fn certificates(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let after = text.split(BEGIN).skip(1);
    let bodies = after.filter_map(|rest| Some(rest.split_once(END)?.0));
    bodies.map(|body| format!("{BEGIN}{body}{END}\n")).collect()
}

/// That a folder has a certificate in it.
fn look_at_folder(path: &Path) -> Result<(), Refusal> {
    let shown = quoted(&path.display().to_string());
    let found = read_authorities(path)
        .map_err(|error| Refusal::new(format!("cannot read the folder {shown}: {error}")))?;
    if found.is_empty() {
        let why = format!("no file in the folder {shown} has a PEM certificate");
        return Err(Refusal::new(why).hint("put the certificates of the CAs there, in PEM"));
    }
    Ok(())
}

/// Looks into a PEM file that exists. One that does not may be on the machine that
/// an export is for, so its absence says nothing here.
pub(super) fn look_at_pem(path: &Path, expected: Pem) -> Result<Option<Refusal>, Refusal> {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok(None);
    };
    let shown = quoted(&path.display().to_string());
    if metadata.is_dir() && expected == Pem::Authorities {
        return look_at_folder(path).map(|()| None);
    }
    if !metadata.is_file() {
        return Err(Refusal::new(format!(
            "{shown} is not a regular file, expected a PEM file"
        )));
    }
    let text = text(path).map_err(|error| Refusal::new(format!("cannot read {shown}: {error}")))?;
    let has = |what: &str| {
        text.lines()
            .any(|l| l.starts_with("-----BEGIN ") && l.contains(what))
    };
    let (certificate, key) = (has("CERTIFICATE-----"), has("PRIVATE KEY-----"));
    match expected {
        Pem::Certificate | Pem::Authorities | Pem::ClientAuthorities if !certificate => {
            let why = Refusal::new(format!("{shown} contains no PEM certificate"));
            Err(if key {
                why.hint("it is a private key: are the two swapped?")
            } else {
                why
            })
        }
        Pem::Key if !key => {
            let why = Refusal::new(format!("{shown} contains no PEM private key"));
            Err(if certificate {
                why.hint("it is a certificate: are the two swapped?")
            } else {
                why
            })
        }
        Pem::Key if has("ENCRYPTED PRIVATE KEY-----") => Err(Refusal::new(format!(
            "the private key {shown} is encrypted"
        ))
        .hint("nobody can type its passphrase when the relay starts: store it without one")),
        Pem::Key => Ok(exposed_to_others(path, &metadata)),
        Pem::ClientAuthorities if count(&text) > PUBLIC => Err(Refusal::new(format!(
            "{shown} has {} authorities in it, as the lists of public ones have: everybody can \
             get a certificate of one of those",
            count(&text)
        ))
        .hint("write the path of the CA that signs your own clients' certificates")),
        Pem::Certificate | Pem::Authorities | Pem::ClientAuthorities => Ok(None),
    }
}
