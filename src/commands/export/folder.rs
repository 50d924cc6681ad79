//! A bundle as a folder: whole or not there, whatever happens meanwhile.

mod manifest;
mod renew;

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::export::{Bundle, BundleFile};

pub(super) use manifest::IMAGE;
pub(super) use renew::Renewed;

/// The bundle's own folder: there are passwords below it.
const OWNER_ONLY: u32 = 0o700;

/// Folders below it: the relay's unprivileged processes pass through them when
/// they are mounted.
const PASSABLE: u32 = 0o755;

/// How many folders that a killed run left beside `output` are passed over.
const MOST_LEFT: u32 = 100;

/// Writes `bundle` to the folder `output`: beside it first, then, when all of it is on the
/// disk, under its name (rename(2)). Where a bundle is there already, what differs in it
/// is replaced file by file, and told.
///
/// # Errors
/// When there is something else at `output` already, a bundle there was changed by hand,
/// its parent is missing, or the system refuses. Nothing is left of a new one then.
pub(super) fn write(bundle: &Bundle, output: &Path) -> Result<Option<Vec<Renewed>>> {
    let Some(name) = output.file_name() else {
        return Err(Error::other(
            "it has no name of its own; name a folder that is not there yet",
        ));
    };
    if renew::is_bundle(output) {
        return renew::renew(bundle, output).map(Some);
    }
    if output.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let parent = output
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let text = format!("{} is not a folder; make it first", parent.display());
        return Err(Error::other(text));
    }
    let beside = create_beside(parent, name)?;
    let written = fill(bundle, &beside).and_then(|()| publish(&beside, output));
    match written {
        Ok(()) => sync(parent).map(|()| None),
        Err(error) => Err(match fs::remove_dir_all(&beside) {
            Ok(()) => error,
            Err(also) => Error::new(
                error.kind(),
                format!("{error}; removing {} failed too: {also}", beside.display()),
            ),
        }),
    }
}

/// A new folder that only its owner can enter, from its first moment on.
fn create_beside(parent: &Path, name: &std::ffi::OsStr) -> Result<PathBuf> {
    for number in 0..MOST_LEFT {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{number}.new", std::process::id()));
        let beside = parent.join(hidden);
        match DirBuilder::new().mode(OWNER_ONLY).create(&beside) {
            Ok(()) => return Ok(beside),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let text = "unfinished folders of earlier runs are beside it (.NAME.NUMBER.new); remove them";
    Err(Error::other(text))
}

fn fill(bundle: &Bundle, folder: &Path) -> Result<()> {
    for BundleFile { path, mode, text } in &bundle.files {
        create(&folder.join(path), folder, *mode, text.reveal())?;
    }
    let list = manifest::text(&manifest::of(bundle));
    create(&folder.join(manifest::MANIFEST), folder, 0o600, &list)?;
    fs::set_permissions(folder, Permissions::from_mode(OWNER_ONLY))?;
    sync_folders(folder)
}

/// Owner-only from the first moment; then as the plan says, whatever the umask.
fn create(path: &Path, folder: &Path, mode: u32, text: &str) -> Result<()> {
    create_folders(path.parent().unwrap_or(folder))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Whether the list of what relaykit wrote into the bundle at `output` has `path`.
pub(super) fn noted(output: &Path, path: &str) -> Result<bool> {
    Ok(manifest::read(output)?.contains_key(path))
}

/// Adds `path` to that list, by its SHA-256.
pub(super) fn note(output: &Path, path: &str, digest: &[u8]) -> Result<()> {
    let mut listed = manifest::read(output)?;
    listed.insert(path.to_owned(), manifest::hexadecimal(digest));
    renew::list(output, &listed)
}

fn create_folders(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(PASSABLE))
}

/// rename(2) replaces an empty folder and nothing else.
fn publish(beside: &Path, output: &Path) -> Result<()> {
    fs::rename(beside, output).map_err(|error| match error.kind() {
        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            exists()
        }
        _ => error,
    })
}

fn exists() -> Error {
    let text = "it is there already, and is no bundle of relaykit's; name another folder, or remove it first";
    Error::new(ErrorKind::AlreadyExists, text)
}

fn sync_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

/// The names in a folder are on the disk.
fn sync(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Text;
    use crate::secret::Secret;

    fn bundle(paths: &[&str]) -> Bundle {
        let file = |path: &&str| BundleFile {
            path: (*path).to_owned(),
            mode: if path.contains("secret") {
                0o600
            } else {
                0o644
            },
            text: Text::Secret(Secret::new(format!("in {path}"))),
        };
        Bundle {
            files: paths.iter().map(file).collect(),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn everything_is_there_with_its_mode() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("out");
        write(
            &bundle(&["README.md", "config/a/b", "config/secret"]),
            &output,
        )
        .unwrap();
        assert_eq!(
            fs::read_to_string(output.join("config/a/b")).unwrap(),
            "in config/a/b"
        );
        let modes = ["", "README.md", "config", "config/a", "config/secret"];
        let modes = modes.map(|path| mode(&output.join(path)));
        assert_eq!(modes, [0o700, 0o644, 0o755, 0o755, 0o600], "{modes:?}");
        assert_eq!(names(root.path()), ["out"]);
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("folder");
        let file = root.path().join("file");
        let link = root.path().join("link");
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "mine").unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for output in [&folder, &file, &link] {
            let error = write(&bundle(&["a"]), output).unwrap_err();
            assert!(error.to_string().contains("there already"), "{error}");
            // Also when it appears while the bundle is being written.
            let beside = root.path().join("beside");
            fs::create_dir(&beside).unwrap();
            if output != &folder {
                let error = publish(&beside, output).unwrap_err();
                assert!(error.to_string().contains("there already"), "{error}");
            }
            fs::remove_dir(&beside).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn nothing_is_left_of_a_bundle_that_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        // A file where a folder is needed.
        let error = write(&bundle(&["a", "a/b"]), &root.path().join("out")).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn a_folder_without_a_place_is_refused_in_words() {
        let root = tempfile::tempdir().unwrap();
        let error = write(&bundle(&["a"]), &root.path().join("no/out")).unwrap_err();
        assert!(error.to_string().contains("make it first"), "{error}");
        let error = write(&bundle(&["a"]), Path::new("..")).unwrap_err();
        assert!(error.to_string().contains("no name"), "{error}");
    }

    #[test]
    fn what_a_killed_run_left_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("out");
        let left = create_beside(root.path(), output.file_name().unwrap()).unwrap();
        assert_eq!(mode(&left), 0o700);
        write(&bundle(&["a"]), &output).unwrap();
        assert!(left.is_dir() && output.is_dir());
    }
}
