//! Holds the house to its plan: rooms import downwards only, and only the
//! rooms that say so touch an engine's client, a certificate's maker, a file.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources has to fail"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree};

/// From the roof to the ground. A room may import from any room below its
/// floor, and not from its own floor.
const FLOORS: &[&[&str]] = &[
    &["commands"],
    &["cli"],
    &["proof"],
    &["bench", "checks", "export"],
    &["report", "lab"],
    &["image", "smtp", "certs"],
    &["engine"],
    &["lint", "mutation"],
    &["plan"],
    &["render"],
    &["counterparts"],
    &["config", "container"],
    &["accounts", "audit", "diagnostics"],
    &["requirements", "secret", "progress", "visible"],
];

/// Crates that only some rooms may name.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("bollard", &["engine"]),
    // The scripted servers of smtp's own tests need a certificate too.
    ("rcgen", &["certs", "config", "smtp"]),
    ("saphyr_parser", &["config"]),
    ("pgp", &["image"]),
    ("ssh_key", &["report"]),
    ("clap", &["cli", "commands"]),
    // Everybody opens spans; one room knows what becomes of them.
    ("tracing_subscriber", &["diagnostics"]),
];

/// Rooms that do no I/O, and what would be I/O.
const PURE: &[&str] = &[
    "audit",
    "container",
    "counterparts",
    "plan",
    "render",
    "export",
    "lint",
    "mutation",
];
const IO: &[&str] = &[
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::process",
    "std::env",
    "tokio",
];

/// A file of the library: its room, where it is, and every path that its code names, as
/// in `std::fs::read` and `crate::config::Spec`. Tests within it are not read.
struct Source {
    room: String,
    path: PathBuf,
    lines: usize,
    names: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path.strip_prefix(&root).unwrap().with_extension("");
                let parts = inside
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned());
                let module: Vec<String> = parts.collect();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source {
                    room: module[0].clone(),
                    lines: text.lines().count(),
                    names: names(&text, module),
                    path,
                });
            }
        }
    }
    found
}

/// What the code of a file names, by the names of the modules down to it.
fn names(text: &str, mut module: Vec<String>) -> Vec<String> {
    let last = module.last().map(String::as_str);
    if matches!(last, Some("mod" | "lib" | "main")) {
        module.pop();
    }
    let mut names = Names {
        module,
        found: Vec::new(),
    };
    names.visit_file(&syn::parse_file(text).unwrap());
    names.found
}

struct Names {
    /// The module that is being read, from the crate's root.
    module: Vec<String>,
    found: Vec<String>,
}

impl Names {
    /// With `self` and `super` resolved as far as they can be.
    fn found(&mut self, path: &[String]) {
        let (start, rest) = match path.first().map(String::as_str) {
            Some("self" | "super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let kept = self.module.len().saturating_sub(up);
                let skipped = up.max(1);
                let above = [&["crate".to_owned()], &self.module[..kept]].concat();
                (above, &path[skipped.min(path.len())..])
            }
            _ => (Vec::new(), path),
        };
        self.found.push([&start, rest].concat().join("::"));
    }

    fn tree(&mut self, above: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let above = [above, &[path.ident.to_string()]].concat();
                self.tree(&above, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(above, tree)),
            UseTree::Name(name) => self.found(&[above, &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.found(&[above, &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.found(above),
        }
    }
}

/// `#[cfg(test)]`: what stands behind it is no part of the library.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = |cfg: syn::Path| cfg.is_ident("test");
        attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(test)
    })
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.found(&parts);
        visit::visit_path(self, path);
    }

    /// What a macro makes of its tokens nobody knows here; a path in them is one all the
    /// same.
    fn visit_macro(&mut self, call: &'ast Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || "_:".contains(c))) {
            let parts: Vec<String> = word.split("::").map(str::to_owned).collect();
            if parts.len() > 1 {
                self.found(&parts);
            }
        }
        visit::visit_macro(self, call);
    }
}

/// Whether a path is `name` or in it.
fn is_in(path: &str, name: &str) -> bool {
    let rest = path.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The room that a path leads to.
fn room(path: &str) -> Option<&str> {
    path.strip_prefix("crate::")?.split("::").next()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn rooms_import_downwards() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.room == "main" || source.room == "lib" {
            continue;
        }
        let file = source.path.display();
        let Some(here) = floor(&source.room) else {
            wrong.push(format!("{file} is in no room of this test's list"));
            continue;
        };
        for import in source.names.iter().filter_map(|name| room(name)) {
            match floor(import) {
                _ if import == source.room => {}
                Some(there) if there > here => {}
                _ => wrong.push(format!("{file} imports {import}")),
            }
        }
    }
    assert!(wrong.is_empty(), "upwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_list_is_there() {
    let sources = sources();
    for room in FLOORS.iter().flat_map(|floor| floor.iter()).chain(PURE) {
        let there = sources.iter().any(|source| source.room == *room);
        assert!(there, "{room} is no room");
    }
}

#[test]
fn some_crates_are_kept_to_their_rooms() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (name, rooms) in KEPT_TO {
        let named = |source: &&Source| source.names.iter().any(|path| is_in(path, name));
        let naming: Vec<&Source> = sources.iter().filter(named).collect();
        for source in &naming {
            if source.room != "main" && !rooms.contains(&source.room.as_str()) {
                wrong.push(format!("{} names {name}", source.path.display()));
            }
        }
        // A guard that matches nothing guards nothing.
        for room in *rooms {
            if !naming.iter().any(|source| source.room == *room) {
                wrong.push(format!("{room} may name {name}, and does not"));
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
    let sources = sources();
    let mut wrong = Vec::new();
    for word in IO {
        let named = |source: &&Source| source.names.iter().any(|path| is_in(path, word));
        let naming: Vec<&Source> = sources.iter().filter(named).collect();
        for source in &naming {
            if PURE.contains(&source.room.as_str()) {
                wrong.push(format!("{} names {word}", source.path.display()));
            }
        }
        if naming.is_empty() {
            wrong.push(format!("nobody names {word}, which guards nothing"));
        }
    }
    assert!(wrong.is_empty(), "I/O in pure rooms:\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: BTreeMap<_, _> = sources()
        .into_iter()
        .map(|source| (source.path, source.lines))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "over 400 lines: {long:#?}");
}

#[test]
fn names_are_found_wherever_they_stand() {
    let text = "use crate::{a, b::{c, d as e}, f::*};
        use super::super::g::h;
        #[cfg(test)]
        mod tests { use crate::hidden; }
        fn x(y: i::J) { crate::k::l(); println!(\"{}\", crate::m::n()); }
        mod inner { use super::o; use super::super::super::p::q; }
        #[cfg(test)]
        use crate::hidden;
        static R: &std::fs::File = &S;
        // crate::hidden
        const T: &str = \"crate::hidden\";";
    let module = ["one", "two"].map(str::to_owned).into();
    let found = names(text, module);
    for name in [
        "crate::a",
        "crate::b::c",
        "crate::b::d",
        "crate::f",
        "crate::g::h",
        "i::J",
        "crate::k::l",
        "crate::m::n",
        "crate::one::two::o",
        "crate::p::q",
        "std::fs::File",
    ] {
        assert!(found.iter().any(|path| path == name), "{name}: {found:#?}");
    }
    assert!(
        !found.iter().any(|path| path.contains("hidden")),
        "{found:#?}"
    );
    assert_eq!(room("crate::p::q"), Some("p"));
    assert!(is_in("std::fs::File", "std::fs") && !is_in("std::fsx", "std::fs"));
}
