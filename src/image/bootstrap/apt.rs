//! The host's own apt configuration, if it has one: where its Debian mirror is
//! (sources.list(5)) and which proxy leads there (apt.conf(5)).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deb822_fast::Deb822;

/// Addresses in a host's apt configuration that may be Debian archives, best first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// Candidates for the main archive.
    pub(super) main: Vec<String>,
    /// Candidates for the security archive.
    pub(super) security: Vec<String>,
}

/// One `deb` entry.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    uri: String,
    suite: String,
    components: Vec<String>,
}

/// Suites that only Debian has. A host with another system may name a mirror
/// that serves Debian too, so the others are candidates as well, later ones.
const DEBIAN_SUITES: [&str; 12] = [
    "trixie",
    "stable",
    "bookworm",
    "oldstable",
    "bullseye",
    "oldoldstable",
    "forky",
    "testing",
    "sid",
    "unstable",
    "duke",
    "experimental",
];

impl Sources {
    /// Reads `sources.list` and `sources.list.d` below `folder` (`/etc/apt`).
    /// What is not there or not readable counts as empty.
    pub(super) fn read(folder: &Path) -> Self {
        let mut entries = one_line(&text(&folder.join("sources.list")));
        for file in files(&folder.join("sources.list.d")) {
            match file.extension().and_then(|e| e.to_str()) {
                Some("list") => entries.extend(one_line(&text(&file))),
                Some("sources") => entries.extend(deb822(&text(&file))),
                _ => {}
            }
        }
        Self::sort(entries)
    }

    fn sort(entries: Vec<Entry>) -> Self {
        let usable = |entry: &Entry| {
            (entry.uri.starts_with("http://") || entry.uri.starts_with("https://"))
                && entry
                    .components
                    .iter()
                    .any(|component| component == "main" || component == "updates/main")
        };
        let (mut debian, mut others, mut security) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries.into_iter().filter(usable) {
            let uri = entry.uri.trim_end_matches('/').to_owned();
            let release = entry.suite.split(['-', '/']).next().unwrap_or_default();
            let is_debian = DEBIAN_SUITES.contains(&release);
            if entry.suite.ends_with("-security") || entry.suite.ends_with("/updates") {
                if is_debian {
                    security.push(uri);
                }
            } else if is_debian {
                debian.push(uri);
            } else {
                // The mirror of a derivative often has Debian beside it.
                if let Some((parent, _)) = uri.rsplit_once('/')
                    && !parent.ends_with('/')
                {
                    others.push(format!("{parent}/debian"));
                }
                others.push(uri);
            }
        }
        debian.append(&mut others);
        Self {
            main: distinct(debian),
            security: distinct(security),
        }
    }
}

fn distinct(uris: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    uris.into_iter()
        .filter(|uri| seen.insert(uri.clone()))
        .collect()
}

/// `deb [option=value ...] URI SUITE COMPONENT...`
fn one_line(text: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let mut rest = line.trim().strip_prefix("deb")?;
        if !rest.starts_with(char::is_whitespace) {
            return None;
        }
        rest = rest.trim_start();
        if let Some(options) = rest.strip_prefix('[') {
            rest = options.split_once(']')?.1;
        }
        let mut words = rest.split_whitespace().map(str::to_owned);
        Some(Entry {
            uri: words.next()?,
            suite: words.next()?,
            components: words.collect(),
        })
    };
    text.lines().filter_map(entry).collect()
}

fn deb822(text: &str) -> Vec<Entry> {
    let Ok(paragraphs) = text.parse::<Deb822>() else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    for fields in paragraphs.iter() {
        let words = |name| {
            let value = fields.get(name).unwrap_or_default();
            value
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let enabled = !words("Enabled")
            .iter()
            .any(|word| word.eq_ignore_ascii_case("no"));
        if !enabled || !words("Types").iter().any(|word| word == "deb") {
            continue;
        }
        for uri in words("URIs") {
            for suite in words("Suites") {
                entries.push(Entry {
                    uri: uri.clone(),
                    suite,
                    components: words("Components"),
                });
            }
        }
    }
    entries
}

/// The value of `Acquire::http::Proxy`, or of its `https` sibling, in
/// `apt.conf` and `apt.conf.d` below `folder`; the last one wins. `DIRECT` means none.
pub(super) fn proxy(folder: &Path, scheme: &str) -> Option<String> {
    let mut all = String::new();
    for file in files(&folder.join("apt.conf.d")) {
        all.push_str(&text(&file));
        all.push('\n');
    }
    all.push_str(&text(&folder.join("apt.conf")));
    let wanted = format!("acquire::{scheme}::proxy");
    let value = settings(&all)
        .into_iter()
        .rfind(|(name, _)| *name == wanted)?
        .1;
    (!value.is_empty() && value != "DIRECT").then_some(value)
}

/// Names in lower case, scopes joined by `::`, and values.
fn settings(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut scopes: Vec<String> = Vec::new();
    let mut name = String::new();
    let mut value = None;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '#' => rest = skip_past(rest, "\n"),
            '/' if rest.starts_with('/') => rest = skip_past(rest, "\n"),
            '/' if rest.starts_with('*') => rest = skip_past(rest, "*/"),
            '"' => {
                let end = rest.find('"').unwrap_or(rest.len());
                value = Some(rest[..end].to_owned());
                rest = skip_past(rest, "\"");
            }
            '{' => scopes.push(std::mem::take(&mut name)),
            '}' => drop(scopes.pop()),
            ';' => {
                let own = std::mem::take(&mut name);
                if let Some(value) = value.take() {
                    let scope = scopes.iter().map(String::as_str);
                    let path: Vec<_> = scope.chain([own.as_str()]).collect();
                    found.push((path.join("::").to_lowercase(), value));
                }
            }
            other if other.is_whitespace() => {}
            other => name.push(other),
        }
    }
    found
}

fn skip_past<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn reads_one_line_sources_with_options_and_comments() {
        let list = "# deb http://commented.example/debian trixie main\n\
            deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian/ bookworm main contrib # why\n\
            deb-src http://source.example/debian trixie main\n\
            deb http://mirror.example/debian-security bookworm-security main\n\
            deb cdrom:[Debian]/ trixie main\n\
            deb http://old.example/security bullseye/updates main\n";
        let folder = folder(&[("sources.list", list)]);
        let sources = Sources::read(folder.path());
        assert_eq!(sources.main, ["http://mirror.example/debian"]);
        assert_eq!(
            sources.security,
            [
                "http://mirror.example/debian-security",
                "http://old.example/security"
            ]
        );
    }

    #[test]
    fn reads_deb822_sources() {
        let sources = "# a comment\nTypes: deb deb-src\nURIs: http://one.example/debian\n https://two.example/debian\n\
            Suites: trixie trixie-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
            Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main\n\n\
            Types: deb\nURIs: http://one.example/debian-security\nSuites: trixie-security\nComponents: main\n";
        let folder = folder(&[
            ("sources.list.d/debian.sources", sources),
            ("sources.list.d/x.save", "deb http://n.example a main"),
        ]);
        let sources = Sources::read(folder.path());
        assert_eq!(
            sources.main,
            ["http://one.example/debian", "https://two.example/debian"]
        );
        assert_eq!(sources.security, ["http://one.example/debian-security"]);
    }

    #[test]
    fn debian_entries_come_before_those_of_other_systems() {
        let list = "deb http://mirror.example/ubuntu noble main\n\
            deb http://vendor.example/tool nodistro other\n\
            deb http://debian.example/debian stable main\n";
        let folder = folder(&[("sources.list", list)]);
        assert_eq!(
            Sources::read(folder.path()).main,
            [
                "http://debian.example/debian",
                "http://mirror.example/debian",
                "http://mirror.example/ubuntu"
            ]
        );
    }

    #[test]
    fn a_host_without_apt_has_no_sources_and_no_proxy() {
        let folder = folder(&[]);
        assert_eq!(Sources::read(folder.path()), Sources::default());
        assert_eq!(proxy(folder.path(), "http"), None);
    }

    #[test]
    fn finds_the_proxy_in_every_notation() {
        for (text, expected) in [
            (
                "Acquire::http::Proxy \"http://p.example:3142\";",
                Some("http://p.example:3142"),
            ),
            (
                "Acquire { http { Proxy \"http://p.example:1/\"; }; };",
                Some("http://p.example:1/"),
            ),
            ("acquire::HTTP::proxy \"DIRECT\";", None),
            (
                "// Acquire::http::Proxy \"http://no.example\";\n/* Acquire::http::Proxy \"http://no.example\"; */",
                None,
            ),
            ("Acquire::https::Proxy \"http://tls.example\";", None),
            (
                "APT::Install-Recommends \"0\";\nAcquire::http::Proxy::other.example \"DIRECT\";",
                None,
            ),
        ] {
            let folder = folder(&[("apt.conf.d/01proxy", text)]);
            assert_eq!(proxy(folder.path(), "http").as_deref(), expected, "{text}");
        }
    }
}
