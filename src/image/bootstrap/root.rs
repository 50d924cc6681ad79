//! What a base's root holds before its packages are unpacked.

use std::fmt::Write as _;

use tar::{EntryType, Header};

use super::archive::Archive;
use crate::image::context::{self, File};

/// The folder inside that the bootstrap uses and removes.
pub(super) const WORK: &str = "bootstrap";

/// Merged /usr: what dpkg itself cannot make, since it runs through these links.
const LINKS: [(&str, &str); 3] = [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib")];

const FOLDERS: [(&str, u32); 18] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("etc/apt", 0o755),
    ("etc/apt/sources.list.d", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/lib", 0o755),
    ("usr/lib64", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
    ("var/lib", 0o755),
    ("var/lib/dpkg", 0o755),
    (WORK, 0o700),
];

/// A whole tar: folders, the links of merged /usr, the base's own files and where its packages come from. There are no users:
/// base-passwd's script makes the tables where there are none.
pub(super) fn skeleton(architecture: &str, archives: &[Archive]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode) in FOLDERS {
        let mut header = header(EntryType::Directory, mode, 0);
        tar.append_data(&mut header, path, std::io::empty())?;
    }
    // Only this architecture's loader is named below /lib64.
    let lib64 = (architecture == "amd64").then_some(("lib64", "usr/lib64"));
    for (path, target) in LINKS.into_iter().chain(lib64) {
        tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)?;
    }
    let sources = sources(archives);
    append(
        &mut tar,
        "etc/apt/sources.list.d/debian.sources",
        0o644,
        sources.as_bytes(),
    )?;
    for file in own_files() {
        let path = file.path.trim_start_matches("rootfs/");
        append(&mut tar, path, file.mode(), file.bytes)?;
    }
    append(
        &mut tar,
        &format!("{WORK}/configure"),
        0o755,
        CONFIGURE.as_bytes(),
    )?;
    tar.into_inner()
}

/// Unpacks and configures the packages.
const CONFIGURE: &str = include_str!("../../../images/base/configure");

/// The base's files as the container sees them.
fn own_files() -> impl Iterator<Item = &'static File> {
    context::files(crate::plan::Image::Base)
        .iter()
        .filter(|file| file.path.starts_with("rootfs/"))
}

/// The folders that dpkg is told to leave out, such as `/usr/share/man/`. What
/// it is told to keep below them is unpacked by it later.
pub(super) fn excluded() -> Vec<String> {
    let text = own_files().filter(|file| file.path.contains("/dpkg.cfg.d/"));
    let lines = text.flat_map(|file| std::str::from_utf8(file.bytes).unwrap_or_default().lines());
    let folder = |line: &str| {
        Some(
            line.strip_prefix("path-exclude=")?
                .strip_suffix('*')?
                .to_owned(),
        )
    };
    lines.filter_map(folder).collect()
}

/// sources.list(5) for apt inside the base.
fn sources(archives: &[Archive]) -> String {
    let mut text = String::new();
    for Archive { uri, suites } in archives {
        let suites = suites.join(" ");
        let _ = write!(
            text,
            "{}Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
            if text.is_empty() { "" } else { "\n" }
        );
    }
    text
}

/// `bytes` as an entry of a tar, without the end mark.
pub(super) fn entry(path: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::with_capacity(bytes.len() + 2048));
    append(&mut tar, path, 0o644, bytes)?;
    let mut tar = tar.into_inner()?;
    tar.truncate(tar.len().saturating_sub(context::TAR_END.len()));
    Ok(tar)
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = header(EntryType::Regular, mode, bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_inside_asks_the_same_archives() {
        let archives = [
            Archive {
                uri: "http://m.example/debian".into(),
                suites: vec!["trixie", "trixie-updates"],
            },
            Archive {
                uri: "http://m.example/debian-security".into(),
                suites: vec!["trixie-security"],
            },
        ];
        let text = sources(&archives);
        let paragraphs: deb822_fast::Deb822 = text.parse().unwrap();
        let suites: Vec<_> = paragraphs
            .iter()
            .map(|p| p.get("Suites").unwrap())
            .collect();
        assert_eq!(suites, ["trixie trixie-updates", "trixie-security"]);
        assert!(
            text.contains("URIs: http://m.example/debian-security\n"),
            "{text}"
        );
    }

    #[test]
    fn documentation_is_left_out_and_programs_are_not() {
        let excluded = excluded();
        assert!(
            excluded.contains(&"/usr/share/man/".to_owned()),
            "{excluded:?}"
        );
        assert!(
            excluded
                .iter()
                .all(|folder| folder.starts_with("/usr/share/") && folder.ends_with('/'))
        );
    }

    #[test]
    fn the_loader_of_amd64_is_below_lib64() {
        let links = |architecture| {
            let tar = skeleton(architecture, &[]).unwrap();
            let mut tar = tar::Archive::new(tar.as_slice());
            let entries = tar.entries().unwrap().map(Result::unwrap);
            entries
                .filter(|e| e.header().entry_type() == EntryType::Symlink)
                .count()
        };
        assert_eq!((links("amd64"), links("arm64")), (4, 3));
    }
}
