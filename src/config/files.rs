//! Files that `relay.yaml` names.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::problem::{Refusal, quoted};
use super::syntax;
use crate::accounts::Accounts;

/// A password and its newline are far below this.
const LARGEST: u64 = 64 << 10;

/// `text` as an absolute path if `base` is one: relative to `base`, without `.` parts.
pub(super) fn resolve(base: &Path, text: &str) -> Result<PathBuf, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("found nothing, expected the path of a file"));
    }
    if text.starts_with('~') {
        let why = format!("found {}: no shell replaces the `~` here", quoted(text));
        return Err(Refusal::new(why).hint("write the whole path"));
    }
    let joined = base.join(text);
    Ok(joined
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect())
}

/// The one line of a password file, without its line end; and a warning if others
/// on this machine can read it.
pub(super) fn read_password(path: &Path) -> Result<(String, Option<Refusal>), Refusal> {
    let shown = quoted(&path.display().to_string());
    let metadata = std::fs::metadata(path).map_err(|error| {
        Refusal::new(format!("cannot read the password file {shown}: {error}"))
            .hint("relative paths start at the folder of relay.yaml")
    })?;
    if !metadata.is_file() {
        let why = format!("the password file {shown} is not a regular file");
        return Err(Refusal::new(why).hint("it is read more than once, so a pipe will not do"));
    }
    let bytes = read(path)
        .map_err(|error| Refusal::new(format!("cannot read the password file {shown}: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Refusal::new(format!(
            "the password file {shown} is larger than 64 KiB"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Refusal::new(format!("the password file {shown} is not UTF-8")))?;
    // Editors of another system put a mark before the text, which is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Refusal::new(format!("the password file {shown} is empty")));
    }
    if line.chars().any(char::is_control) {
        let why = format!("the password file {shown} has a second line or a control character");
        return Err(Refusal::new(why).hint("the password is the only line of its file"));
    }
    Ok((line.to_owned(), exposed_to_others(path, &metadata)))
}

/// How many people are in a users file, and a warning about what is unwise. One that is
/// not there yet has nobody in it.
pub(super) fn read_users(path: &Path) -> Result<(usize, Option<Refusal>), Refusal> {
    let shown = quoted(&path.display().to_string());
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let why = Refusal::new(format!(
                "the users file {shown} is not there, so it has nobody"
            ));
            return Ok((0, Some(why.hint("`relaykit users add NAME` makes it"))));
        }
        Err(error) => {
            let why = format!("cannot read the users file {shown}: {error}");
            return Err(Refusal::new(why));
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Refusal::new(format!("the users file {shown} is not UTF-8")))?;
    let accounts = Accounts::parse(&text).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Refusal::new(format!("the users file {shown}: {}", lines.join("; ")))
            .hint("`relaykit users` writes it as it must be")
    })?;
    let exposed = std::fs::metadata(path).ok();
    let warning = exposed.and_then(|metadata| exposed_to_others(path, &metadata));
    Ok((accounts.iter().count(), warning.or_else(|| beside(path))))
}

/// The text of a PAM service file that the relay can run.
pub(super) fn read_stack(path: &Path) -> Result<String, Refusal> {
    let shown = quoted(&path.display().to_string());
    let why = |why: &str| Refusal::new(format!("the PAM service file {shown}: {why}"));
    let bytes = read(path).map_err(|error| {
        why(&error.to_string()).hint("relative paths start at the folder of relay.yaml")
    })?;
    if bytes.len() as u64 > LARGEST {
        return Err(why("it is larger than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| why("it is not UTF-8"))?;
    match syntax::stack(&text) {
        Ok(()) => Ok(text),
        Err(refusal) => Err(why(&refusal.message)),
    }
}

/// The folder of a users file is mounted into the relay's container, whole.
fn beside(path: &Path) -> Option<Refusal> {
    let folder = path.parent()?;
    let name = path.file_name()?;
    let entries = std::fs::read_dir(folder).ok()?;
    let mut others = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name());
    let other = others.find(|other| other != name && !other.to_string_lossy().starts_with('.'))?;
    let why = Refusal::new(format!(
        "an exported relay sees the whole folder of this file, and {} is in it, too",
        quoted(&other.to_string_lossy())
    ));
    Some(why.hint("give the users file a folder of its own: users/accounts"))
}

/// What files of a certificate have in their names at the end.
const OF_CERTIFICATES: [&str; 7] = ["pem", "crt", "cer", "key", "csr", "p12", "conf"];

/// What an exported relay would see, or not find, in the folder of a certificate's `files`,
/// which it is shown whole.
pub(super) fn folder_of_certificate(files: &[&PathBuf]) -> Option<Refusal> {
    for path in files {
        let folder = path.parent()?;
        let (real, within) = (path.canonicalize().ok()?, folder.canonicalize().ok()?);
        if real.parent() != Some(&within) {
            let shown = quoted(&path.display().to_string());
            let why = Refusal::new(format!(
                "{shown} is a link that leads out of its folder, and an exported relay sees this folder \
                 alone"
            ));
            return Some(
                why.hint("name the file that it leads to, or copy that here at each renewal"),
            );
        }
    }
    let entries = std::fs::read_dir(files.first()?.parent()?).ok()?;
    let mut others = entries.filter_map(Result::ok).map(|entry| entry.path());
    let other = others.find(|other| {
        let hidden = other
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let end = other.extension().and_then(std::ffi::OsStr::to_str);
        !hidden && !end.is_some_and(|end| OF_CERTIFICATES.contains(&end))
    })?;
    let why = Refusal::new(format!(
        "an exported relay sees the whole folder of the certificate, and {} is in it, too",
        quoted(&other.file_name()?.to_string_lossy())
    ));
    Some(why.hint("give the certificate and its key a folder of their own"))
}

/// At most a little more than [`LARGEST`], whatever the file has become meanwhile.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
pub(super) fn exposed_to_others(path: &Path, metadata: &std::fs::Metadata) -> Option<Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| {
        let shown = path.display();
        Refusal::new(format!(
            "everybody on this machine can read {shown} (mode {mode:04o})"
        ))
        .hint(format!("chmod 600 {shown}"))
    })
}

#[cfg(not(unix))]
pub(super) fn exposed_to_others(_: &Path, _: &std::fs::Metadata) -> Option<Refusal> {
    None
}
