//! Binary packages: deb(5).

use std::io::{Read, Write};

use tar::EntryType;

/// Bits that let a program run as somebody else than its caller.
const SET_ID: u32 = 0o6000;

/// The data member of a `.deb` as entries of a tar, without the end mark, so
/// that several can be put behind each other. Entries below one of the `excluded`
/// folders (`/usr/share/doc/`) are left out, and no file is setuid or setgid.
pub(super) fn data_entries(deb: &[u8], excluded: &[String]) -> Result<Vec<u8>, String> {
    let mut archive = ar::Archive::new(deb);
    let mut is_package = false;
    while let Some(member) = archive.next_entry() {
        let mut member = member.map_err(|e| e.to_string())?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        match name.trim_end_matches('/') {
            "debian-binary" => {
                let mut version = String::new();
                member
                    .read_to_string(&mut version)
                    .map_err(|e| e.to_string())?;
                if !version.starts_with("2.") {
                    return Err(format!("it is a package of format {:?}", version.trim()));
                }
                is_package = true;
            }
            _ if !is_package => return Err("it is no Debian package".to_owned()),
            "data.tar.xz" => {
                return copy_entries(liblzma::read::XzDecoder::new(member), excluded);
            }
            "data.tar" => return copy_entries(member, excluded),
            name if name.starts_with("data.tar.") => {
                return Err(format!(
                    "its data is compressed as {name}, Debian 13 uses xz"
                ));
            }
            _ => {}
        }
    }
    Err("it has no data".to_owned())
}

fn copy_entries(data: impl Read, excluded: &[String]) -> Result<Vec<u8>, String> {
    let mut source = tar::Archive::new(data);
    let mut target = tar::Builder::new(Vec::new());
    for entry in source.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        copy_entry(&mut entry, &mut target, excluded).map_err(|e| e.to_string())?;
    }
    let mut bytes = target.into_inner().map_err(|e| e.to_string())?;
    // The builder's end mark: two empty blocks.
    bytes.truncate(bytes.len().saturating_sub(1024));
    Ok(bytes)
}

fn copy_entry<R: Read, W: Write>(
    entry: &mut tar::Entry<'_, R>,
    target: &mut tar::Builder<W>,
    excluded: &[String],
) -> std::io::Result<()> {
    let path = entry.path()?.into_owned();
    let absolute = format!("/{}", path.to_string_lossy().trim_start_matches("./"));
    if absolute == "/" || excluded.iter().any(|folder| absolute.starts_with(folder)) {
        return Ok(());
    }
    let mut header = entry.header().clone();
    header.set_mode(header.mode()? & !SET_ID);
    match header.entry_type() {
        EntryType::Symlink | EntryType::Link => {
            let Some(link) = entry.link_name()? else {
                return Err(std::io::Error::other("a link in it leads nowhere"));
            };
            target.append_link(&mut header, path, link)
        }
        _ => target.append_data(&mut header, path, entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(entries: &[(&str, EntryType, u32, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, mode, data) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            match kind {
                EntryType::Symlink | EntryType::Link => {
                    header.set_size(0);
                    tar.append_link(&mut header, path, data).unwrap();
                }
                _ => {
                    header.set_size(data.len() as u64);
                    tar.append_data(&mut header, path, data.as_bytes()).unwrap();
                }
            }
        }
        tar.into_inner().unwrap()
    }

    fn deb(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut deb = ar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
            deb.append(&header, *bytes).unwrap();
        }
        deb.into_inner().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        liblzma::read::XzEncoder::new(bytes, 0)
            .read_to_end(&mut packed)
            .unwrap();
        packed
    }

    fn listing(entries: &[u8]) -> Vec<(String, u32, String)> {
        let whole = [entries, &[0; 1024]].concat();
        let mut tar = tar::Archive::new(whole.as_slice());
        let entries = tar.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let link = entry
                .link_name()
                .unwrap()
                .map(|l| l.to_string_lossy().into_owned());
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (
                path,
                entry.header().mode().unwrap(),
                link.unwrap_or_default(),
            )
        });
        entries.collect()
    }

    #[test]
    fn files_come_out_without_set_id_bits_and_documentation() {
        let long = format!("./usr/share/{}", "long/".repeat(40));
        let data = tar(&[
            ("./", EntryType::Directory, 0o755, ""),
            ("./usr/bin/su", EntryType::Regular, 0o4755, "program"),
            ("./usr/bin/pager", EntryType::Symlink, 0o777, "more"),
            ("./usr/bin/twin", EntryType::Link, 0o755, "./usr/bin/su"),
            (
                "./usr/share/doc/su/README",
                EntryType::Regular,
                0o644,
                "text",
            ),
            (&format!("{long}file"), EntryType::Regular, 0o644, "far"),
        ]);
        let deb = deb(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar.xz", b"?"),
            ("data.tar.xz", &xz(&data)),
        ]);
        let entries = data_entries(&deb, &["/usr/share/doc/".to_owned()]).unwrap();
        let found = listing(&entries);
        let paths: Vec<_> = found
            .iter()
            .map(|(path, ..)| path.trim_start_matches("./").to_owned())
            .collect();
        let far = format!("{}file", long.trim_start_matches("./"));
        assert_eq!(
            paths,
            ["usr/bin/su", "usr/bin/pager", "usr/bin/twin", far.as_str()]
        );
        assert_eq!(found[0].1, 0o755);
        assert_eq!(found[1].2, "more");
        assert!(found[2].2.ends_with("usr/bin/su"));
    }

    #[test]
    fn what_is_no_package_is_refused_with_the_reason() {
        let data = tar(&[("./a", EntryType::Regular, 0o644, "a")]);
        for (bytes, reason) in [
            (b"not an archive at all".to_vec(), ""),
            (deb(&[("data.tar", &data)]), "no Debian package"),
            (
                deb(&[("debian-binary", b"3.0\n"), ("data.tar", &data)]),
                "format \"3.0\"",
            ),
            (deb(&[("debian-binary", b"2.0\n")]), "no data"),
            (
                deb(&[("debian-binary", b"2.0\n"), ("data.tar.zst", &data)]),
                "data.tar.zst",
            ),
            (
                deb(&[("debian-binary", b"2.0\n"), ("data.tar.xz", b"not xz")]),
                "",
            ),
        ] {
            let error = data_entries(&bytes, &[]).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
