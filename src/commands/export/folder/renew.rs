//! A bundle that is there already: what relaykit wrote is replaced, and what somebody
//! changed by hand is not.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::manifest::{self, MANIFEST, digest};
use super::{create_folders, sync_folders};
use crate::commands::unified::unified;
use crate::export::{Bundle, BundleFile, Text};

/// A file of a bundle that is there already, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Renewed {
    /// Below the bundle's folder.
    pub(in crate::commands) path: String,
    /// `added`, `changed` or `removed`.
    pub(in crate::commands) change: &'static str,
    /// In the unified form; `None`: there is a password in it.
    pub(in crate::commands) diff: Option<String>,
}

/// Makes the bundle in `output` this one. What is there and is not in its list of what
/// relaykit wrote stays.
///
/// # Errors
/// When no bundle is there, when a file of it was changed by hand (nothing is written
/// then), or when the system refuses.
pub(super) fn renew(bundle: &Bundle, output: &Path) -> Result<Vec<Renewed>> {
    let known = manifest::read(output)?;
    let mut renewed = Vec::new();
    let mut by_hand = Vec::new();
    for BundleFile { path, mode, text } in &bundle.files {
        let there = read(&output.join(path))?;
        let new = text.reveal().as_bytes();
        let ours = there.as_ref().is_none_or(|(bytes, _)| {
            bytes == new || known.get(path).is_some_and(|known| *known == digest(bytes))
        });
        if !ours {
            by_hand.push(path.clone());
            continue;
        }
        let change = match &there {
            None => "added",
            Some((bytes, was)) if bytes == new && was == mode => continue,
            Some(_) => "changed",
        };
        let old = there.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned());
        renewed.push(Renewed {
            path: path.clone(),
            change,
            diff: difference(path, old.as_deref(), Some(text)),
        });
    }
    for (path, digest_then) in &known {
        let stays = |file: &BundleFile| file.path == *path;
        if path == manifest::IMAGE || bundle.files.iter().any(stays) {
            continue;
        }
        let Some((bytes, mode)) = read(&output.join(path))? else {
            continue;
        };
        if digest(&bytes) != *digest_then {
            by_hand.push(path.clone());
            continue;
        }
        let old = String::from_utf8_lossy(&bytes).into_owned();
        // Nobody but its owner reads it.
        let secret = mode.trailing_zeros() >= 6;
        renewed.push(Renewed {
            path: path.clone(),
            change: "removed",
            diff: (!secret).then(|| unified(&format!("old/{path}"), "/dev/null", &old, "")),
        });
    }
    if !by_hand.is_empty() {
        return Err(changed_by_hand(&by_hand));
    }
    write(bundle, output, &renewed)?;
    let mut listed = manifest::of(bundle);
    if let Some(image) = known.get(manifest::IMAGE) {
        listed.insert(manifest::IMAGE.to_owned(), image.clone());
    }
    list(output, &listed)?;
    sync_folders(output)?;
    Ok(renewed)
}

/// Writes the list of what relaykit wrote anew.
pub(super) fn list(output: &Path, listed: &BTreeMap<String, String>) -> Result<()> {
    replace(
        &output.join(MANIFEST),
        0o600,
        manifest::text(listed).as_bytes(),
    )
}

fn difference(path: &str, old: Option<&str>, new: Option<&Text>) -> Option<String> {
    let new = match new {
        Some(Text::Secret(_)) => return None,
        Some(Text::Open(text)) => text.as_str(),
        None => "",
    };
    let was = old.map_or_else(|| "/dev/null".to_owned(), |_| format!("old/{path}"));
    Some(unified(
        &was,
        &format!("new/{path}"),
        old.unwrap_or_default(),
        new,
    ))
}

fn changed_by_hand(paths: &[String]) -> Error {
    let text = format!(
        "a bundle is there, and these files of it are not as relaykit wrote them: {}; nothing was \
         written. Bring what was changed into relay.yaml and remove these files, or name another \
         folder",
        paths.join(", ")
    );
    Error::new(ErrorKind::AlreadyExists, text)
}

/// Content and mode; `None`: there is no such file.
fn read(path: &Path) -> Result<Option<(Vec<u8>, u32)>> {
    match fs::read(path) {
        Ok(bytes) => {
            let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
            Ok(Some((bytes, mode)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(bundle: &Bundle, output: &Path, renewed: &[Renewed]) -> Result<()> {
    for one in renewed {
        let path = output.join(&one.path);
        let file = bundle.files.iter().find(|file| file.path == one.path);
        match file {
            Some(file) => {
                create_folders(path.parent().unwrap_or(output))?;
                replace(&path, file.mode, file.text.reveal().as_bytes())?;
            }
            None => fs::remove_file(&path)?,
        }
    }
    Ok(())
}

/// Beside it first, then under its name: a reader sees the old file or the new one.
fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // The first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    written
}

/// Whether a bundle of relaykit's is at `output`.
pub(super) fn is_bundle(output: &Path) -> bool {
    output.join(MANIFEST).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::export::folder::write as export;
    use crate::secret::Secret;

    fn bundle(files: &[(&str, &str)]) -> Bundle {
        let file = |(path, text): &(&str, &str)| BundleFile {
            path: (*path).to_owned(),
            mode: if path.contains("secret") {
                0o600
            } else {
                0o644
            },
            text: if path.contains("secret") {
                Text::Secret(Secret::new(*text))
            } else {
                Text::Open((*text).to_owned())
            },
        };
        Bundle {
            files: files.iter().map(file).collect(),
        }
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn what_was_written_is_replaced_and_what_is_the_operators_stays() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("out");
        export(
            &bundle(&[("a", "1\n"), ("d/b", "2\n"), ("secret", "x\n")]),
            &output,
        )
        .unwrap();
        fs::write(output.join("override.yaml"), "mine").unwrap();
        let next = bundle(&[("a", "1\n"), ("d/c", "3\n"), ("secret", "y\n")]);
        let renewed = export(&next, &output).unwrap().unwrap();
        let told: Vec<_> = renewed
            .iter()
            .map(|r| (r.path.as_str(), r.change))
            .collect();
        assert_eq!(
            told,
            [("d/c", "added"), ("secret", "changed"), ("d/b", "removed")]
        );
        assert_eq!(renewed[1].diff, None, "a secret is not shown");
        assert!(renewed[0].diff.as_ref().unwrap().contains("+3\n"));
        assert!(renewed[2].diff.as_ref().unwrap().contains("-2\n"));
        assert_eq!(read(&output.join("secret")), "y\n");
        assert_eq!(read(&output.join("override.yaml")), "mine");
        assert!(!output.join("d/b").exists());
        // And again: nothing is left to do.
        assert_eq!(export(&next, &output).unwrap().unwrap(), []);
    }

    #[test]
    fn what_was_changed_by_hand_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("out");
        export(&bundle(&[("a", "1"), ("b", "1"), ("c", "1")]), &output).unwrap();
        fs::write(output.join("a"), "mine").unwrap();
        fs::write(output.join("c"), "mine too").unwrap();
        let error = export(&bundle(&[("a", "2"), ("b", "2")]), &output).unwrap_err();
        assert!(error.to_string().contains("wrote them: a, c;"), "{error}");
        assert_eq!(read(&output.join("b")), "1");
        // What is there as it is to be is right, whoever wrote it.
        fs::write(output.join("a"), "2").unwrap();
        fs::remove_file(output.join("c")).unwrap();
        export(&bundle(&[("a", "2"), ("b", "2")]), &output).unwrap();
        assert_eq!(read(&output.join("b")), "2");
    }
}
