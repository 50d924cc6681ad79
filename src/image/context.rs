//! The build contexts: `images/` as it was when this program was built.

use std::collections::BTreeSet;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::engine::Labels;
use crate::plan::Image;

/// The end of a tar: two empty blocks.
pub(super) const TAR_END: [u8; 1024] = [0; 1024];

/// A file of a build context.
#[derive(Debug)]
pub(super) struct File {
    /// Below the context's folder.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) bytes: &'static [u8],
}

impl File {
    /// Permission bits: a script may be run, as its first line says.
    pub(super) fn mode(&self) -> u32 {
        if self.bytes.starts_with(b"#!") {
            0o755
        } else {
            0o644
        }
    }
}

/// Embeds files of a folder below `images/`.
macro_rules! embed {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(File {
            path: $path,
            bytes: include_bytes!(concat!("../../images/", $folder, "/", $path)),
        }),*]
    };
}

/// Every file of `images/base` but what only people read (`.md`), in order; a
/// test holds these lists to the folders.
const BASE: &[File] = embed!("base":
    "configure",
    "keys/trixie-automatic.gpg",
    "keys/trixie-security-automatic.gpg",
    "keys/trixie-stable.gpg",
    "rootfs/etc/apt/apt.conf.d/90relaykit",
    "rootfs/etc/dpkg/dpkg.cfg.d/90relaykit",
);

/// Every file of `images/relay`, in order.
const RELAY: &[File] = embed!("relay":
    "Dockerfile",
    "rootfs/etc/default/postfix",
    "rootfs/etc/s6/services/.s6-svscan/finish",
    "rootfs/etc/s6/services/accounts/run",
    "rootfs/etc/s6/services/certificate/run",
    "rootfs/etc/s6/services/guard/run",
    "rootfs/etc/s6/services/inbox/run",
    "rootfs/etc/s6/services/limits/run",
    "rootfs/etc/s6/services/postfix/finish",
    "rootfs/etc/s6/services/postfix/log/run",
    "rootfs/etc/s6/services/postfix/run",
    "rootfs/etc/s6/services/saslauthd/down-signal",
    "rootfs/etc/s6/services/saslauthd/finish",
    "rootfs/etc/s6/services/saslauthd/run",
    "rootfs/usr/lib/postfix/sbin/smtpd",
    "rootfs/usr/libexec/relaykit/accounts",
    "rootfs/usr/libexec/relaykit/certificate",
    "rootfs/usr/libexec/relaykit/guard",
    "rootfs/usr/libexec/relaykit/health",
    "rootfs/usr/libexec/relaykit/inbox",
    "rootfs/usr/libexec/relaykit/init",
    "rootfs/usr/libexec/relaykit/limits",
    "rootfs/usr/share/relaykit/certificate/Judge.pm",
    "rootfs/usr/share/relaykit/guard/Accounts.pm",
    "rootfs/usr/share/relaykit/guard/Backend.pm",
    "rootfs/usr/share/relaykit/guard/Brake.pm",
    "rootfs/usr/share/relaykit/guard/Connection.pm",
    "rootfs/usr/share/relaykit/guard/Directory.pm",
    "rootfs/usr/share/relaykit/guard/Log.pm",
    "rootfs/usr/share/relaykit/guard/Logins.pm",
    "rootfs/usr/share/relaykit/guard/Loop.pm",
    "rootfs/usr/share/relaykit/guard/Owners.pm",
    "rootfs/usr/share/relaykit/guard/Refusals.pm",
    "rootfs/usr/share/relaykit/guard/Saslauthd.pm",
    "rootfs/usr/share/relaykit/guard/Search.pm",
    "rootfs/usr/share/relaykit/guard/Settings.pm",
    "rootfs/usr/share/relaykit/inbox/Arrivals.pm",
    "rootfs/usr/share/relaykit/inbox/Clock.pm",
    "rootfs/usr/share/relaykit/inbox/Receiver.pm",
    "rootfs/usr/share/relaykit/inbox/Report.pm",
    "rootfs/usr/share/relaykit/inbox/Store.pm",
    "rootfs/usr/share/relaykit/postfix-main.cf",
);

/// Every file of `images/directory`, in order.
const DIRECTORY: &[File] = embed!("directory":
    "Dockerfile",
    "rootfs/usr/libexec/relaykit/init",
);

/// Every file of `images/by-hand`, in order.
const BY_HAND: &[File] = embed!("by-hand":
    "Dockerfile",
    "rootfs/by-hand/header_checks",
    "rootfs/by-hand/main.cf.append",
    "rootfs/by-hand/saslauthd.conf",
    "rootfs/by-hand/smtpd.conf",
    "rootfs/by-hand/start",
);

/// The files of an image's context.
pub(super) fn files(image: Image) -> &'static [File] {
    match image {
        Image::Base => BASE,
        Image::Relay => RELAY,
        Image::Directory => DIRECTORY,
        Image::ByHand => BY_HAND,
    }
}

/// The first 12 digits of a digest of everything that an image is made from.
pub(super) fn digest(recipe: &str, files: &[File], inputs: &[(&str, &str)]) -> String {
    let mut hash = Sha256::new();
    // Every part with its length before it: no two lists of parts run together
    // into the same bytes.
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(recipe.as_bytes());
    // A file's mode follows from its bytes; `recipe` stands for that rule.
    for file in files {
        part(file.path.as_bytes());
        part(file.bytes);
    }
    for (name, value) in inputs {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    hex(&hash.finalize())[..12].to_owned()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text of an image's Dockerfile; a test holds that there is one.
pub(super) fn dockerfile(files: &[File]) -> &'static str {
    let file = files.iter().find(|file| file.path == "Dockerfile");
    file.and_then(|file| std::str::from_utf8(file.bytes).ok())
        .unwrap_or_default()
}

/// What is below `rootfs/`, as a tar of the root, with the folders above each file.
pub(super) fn root(files: &[File]) -> std::io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for file in files {
        let Some(path) = file.path.strip_prefix("rootfs/") else {
            continue;
        };
        for (slash, _) in path.match_indices('/') {
            let folder = &path[..slash];
            if folders.insert(folder) {
                append(&mut tar, EntryType::Directory, folder, 0o755, &[])?;
            }
        }
        append(&mut tar, EntryType::Regular, path, file.mode(), file.bytes)?;
    }
    Ok(Bytes::from(tar.into_inner()?))
}

/// A tar of one file.
pub(super) fn one_file(path: &str, mode: u32, bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, EntryType::Regular, path, mode, bytes)?;
    Ok(Bytes::from(tar.into_inner()?))
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    kind: EntryType,
    path: &str,
    mode: u32,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    // A fixed time: the same files are the same layer.
    header.set_mtime(0);
    tar.append_data(&mut header, path, bytes)
}

/// The `LABEL` instruction, in one line; none without labels.
pub(super) fn label_instruction(labels: &Labels) -> Option<String> {
    let quote = |text: &str| {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$");
        format!("\"{escaped}\"")
    };
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{}={}", quote(name), quote(value)))
        .collect();
    (!pairs.is_empty()).then(|| format!("LABEL {}", pairs.join(" ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, (Vec<u8>, bool)>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            assert!(
                !kind.is_symlink(),
                "{}: links cannot be embedded",
                path.display()
            );
            if kind.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_none_or(|extension| extension != "md") {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let executable = entry.metadata().unwrap().permissions().mode() & 0o111 != 0;
                found.insert(name, (std::fs::read(&path).unwrap(), executable));
            }
        }
    }

    #[test]
    fn labels_are_one_instruction_and_mean_what_they_say() {
        let labels = Labels::from([
            ("a.b".to_owned(), "x \"y\" $z \\".to_owned()),
            ("c".to_owned(), "d".to_owned()),
        ]);
        assert_eq!(
            label_instruction(&labels).as_deref(),
            Some("LABEL \"a.b\"=\"x \\\"y\\\" \\$z \\\\\" \"c\"=\"d\"")
        );
        assert_eq!(label_instruction(&Labels::new()), None);
    }

    #[test]
    fn the_lists_hold_exactly_what_is_in_the_folders() {
        for image in [Image::Base, Image::Relay, Image::Directory, Image::ByHand] {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("images")
                .join(image.name());
            let mut found = BTreeMap::new();
            walk(&root, &root, &mut found);
            let listed = files(image)
                .iter()
                .map(|file| file.path)
                .collect::<Vec<_>>();
            let there = found.keys().map(String::as_str).collect::<Vec<_>>();
            assert_eq!(
                listed,
                there,
                "src/image/context.rs lists images/{}",
                image.name()
            );
            for file in files(image) {
                let (bytes, executable) = &found[file.path];
                assert_eq!(bytes, file.bytes, "{}", file.path);
                assert_eq!(
                    *executable,
                    file.mode() == 0o755,
                    "{}: `#!` and the mode",
                    file.path
                );
            }
        }
    }

    #[test]
    fn the_digest_changes_with_every_input() {
        let file = |path, bytes| [File { path, bytes }];
        let of = |recipe, files: &[File], inputs: &[(&str, &str)]| digest(recipe, files, inputs);
        let digests = [
            of("1", &file("a", b"x"), &[("base", "id")]),
            of("2", &file("a", b"x"), &[("base", "id")]),
            of("1", &file("b", b"x"), &[("base", "id")]),
            of("1", &file("a", b"y"), &[("base", "id")]),
            of("1", &file("a", b"#!x"), &[("base", "id")]),
            of("1", &file("a", b"x"), &[("base", "other")]),
            of("1", &file("a", b"x"), &[("base", "id"), ("more", "")]),
            of("1", &file("ax", b""), &[("base", "id")]),
        ];
        for (i, left) in digests.iter().enumerate() {
            assert_eq!(left.len(), 12);
            for right in &digests[..i] {
                assert_ne!(left, right);
            }
        }
        assert_eq!(digests[0], of("1", &file("a", b"x"), &[("base", "id")]));
    }

    #[test]
    fn a_script_stays_one_in_the_tar_and_each_folder_comes_before_its_files() {
        let file = |path, bytes| File { path, bytes };
        let files = [
            file("Dockerfile", b"FROM x\n".as_slice()),
            file("rootfs/etc/data", b"data"),
            file("rootfs/usr/libexec/run", b"#!/bin/sh\n"),
        ];
        let tar = root(&files).unwrap();
        let mut tar = tar::Archive::new(tar.as_ref());
        let entries: Vec<_> = tar
            .entries()
            .unwrap()
            .map(Result::unwrap)
            .map(|entry| {
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap())
            })
            .collect();
        let expected = [
            ("etc", 0o755),
            ("etc/data", 0o644),
            ("usr", 0o755),
            ("usr/libexec", 0o755),
            ("usr/libexec/run", 0o755),
        ];
        assert_eq!(
            entries,
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
        assert_eq!(dockerfile(&files), "FROM x\n");
    }

    #[test]
    fn the_dockerfiles_are_such_as_are_carried_out_here() {
        for image in [Image::Relay, Image::Directory, Image::ByHand] {
            let recipe = crate::image::dockerfile::read(dockerfile(files(image))).unwrap();
            assert!(recipe.copies_root && recipe.says_entrypoint, "{image:?}");
            assert_eq!(recipe.steps.len(), 1, "one layer: {image:?}");
        }
    }
}
