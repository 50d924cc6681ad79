//! Holds the house to its plan: rooms import downwards only, and only the
//! rooms that say so touch an engine's client, a certificate's maker, a file.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources has to fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the roof to the ground. A room may import from any room below its
/// floor, and not from its own floor.
const FLOORS: &[&[&str]] = &[
    &["commands"],
    &["cli"],
    &["proof"],
    &["checks", "export"],
    &["report", "lab"],
    &["image", "smtp", "certs"],
    &["engine"],
    &["plan"],
    &["render"],
    &["counterparts"],
    &["config", "container"],
    &["accounts", "diagnostics"],
    &["secret", "progress", "visible"],
];

/// What only some rooms may name.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("bollard::", &["engine"]),
    // The scripted servers of smtp's own tests need a certificate too.
    ("rcgen::", &["certs", "smtp"]),
    ("saphyr::", &["config"]),
    ("pgp::", &["image"]),
    ("clap::", &["cli", "commands"]),
    // Everybody opens spans; one room knows what becomes of them.
    ("tracing_subscriber::", &["diagnostics"]),
];

/// Rooms that do no I/O, and words that would be I/O.
const PURE: &[&str] = &["container", "counterparts", "plan", "render", "export"];
const IO: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "tokio::",
    "std::env",
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path
                    .strip_prefix(&root)
                    .unwrap()
                    .components()
                    .next()
                    .unwrap();
                let name = inside.as_os_str().to_string_lossy();
                let name = name.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push((name, path, text));
            }
        }
    }
    found
}

/// The text without comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that `text` imports: `crate::room`, `crate::{room, ...}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let names = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |group| top_level(group.split_once(';').map_or(group, |(group, _)| group)),
        );
        for name in names {
            let end = name
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            rooms.insert(name[..end].to_owned());
        }
    }
    rooms
}

/// The parts of `a, b::{c, d}, e}` that commas of the outermost level divide.
fn top_level(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(group[start..].trim());
    parts
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn rooms_import_downwards() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if room == "main" || room == "lib" {
            continue;
        }
        let Some(here) = floor(&room) else {
            wrong.push(format!(
                "{} is in no room of this test's list",
                path.display()
            ));
            continue;
        };
        for import in imports(&code(&text)) {
            if import == room {
                continue;
            }
            match floor(&import) {
                Some(there) if there > here => {}
                _ => wrong.push(format!("{} imports {import}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "upwards:\n{}", wrong.join("\n"));
}

#[test]
fn some_crates_are_kept_to_their_rooms() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        for (name, rooms) in KEPT_TO {
            if room != "main" && !rooms.contains(&room.as_str()) && code(&text).contains(name) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "out of their rooms:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn pure_rooms_do_no_io() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        let code = code(&text);
        for word in IO
            .iter()
            .filter(|word| PURE.contains(&room.as_str()) && code.contains(**word))
        {
            wrong.push(format!("{} names {word}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "I/O in pure rooms:\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: BTreeMap<_, _> = sources()
        .into_iter()
        .map(|(_, path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "over 400 lines: {long:#?}");
}

#[test]
fn imports_are_understood() {
    let text = "use crate::{a, b::{c, d}, e};\nuse crate::f::g;\nfn x() { crate::h(); }";
    let rooms: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(rooms, ["a", "b", "e", "f", "h"]);
}
