//! Every problem with its place and its words; [`problems`] shows a file as a
//! person would see it.

mod combinations;
mod files;
mod ldap;
mod outbound;
mod promises;
mod routes;
mod schema;
mod structure;
mod table;
mod values;
mod whole;

use std::path::Path;

use super::{Loaded, Problems, Spec, Warning, load_bytes};

const BASE: &str = "/etc/operator";

fn loaded(text: &str) -> Result<Loaded, Problems> {
    load_bytes(text.as_bytes(), "relay.yaml", Path::new(BASE))
}

/// The meaning of a file that has to be right.
fn spec(text: &str) -> Spec {
    match loaded(text) {
        Ok(loaded) => loaded.spec,
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

/// `line:column: path: message` of each problem, then of each warning.
fn told(text: &str) -> Vec<String> {
    let (problems, warnings) = match loaded(text) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems.problems, problems.warnings),
    };
    let shown = problems.iter().map(ToString::to_string);
    let warned = warnings.iter().map(|warning| Warning(warning).to_string());
    shown
        .chain(warned)
        .map(|line| line.replacen("relay.yaml:", "", 1))
        .collect()
}

/// Holds a file against exactly these lines.
#[track_caller]
fn problems(text: &str, expected: &[&str]) {
    assert_eq!(told(text), expected, "\n{text}");
}

/// One value against a part of the one problem that it must have, at the column
/// where it is written. `{}` in `file` is its place.
#[track_caller]
fn refused(file: &str, path: &str, values: &[(&str, &str)]) {
    for (value, expected) in values {
        let text = format!("version: 1\n{}", file.replace("{}", value));
        let told = told(&text);
        assert_eq!(told.len(), 1, "{text}\n{told:#?}");
        let column = file.split("{}").next().unwrap().chars().count() + 1;
        let place = format!("2:{column}: {path}: ");
        let message = told[0]
            .strip_prefix(&place)
            .unwrap_or_else(|| panic!("{place} in {told:?}"));
        assert!(message.contains(expected), "{value}: {message}");
    }
}

/// Values that are taken without a word.
#[track_caller]
fn taken(file: &str, values: &[&str]) {
    for value in values {
        let text = format!("version: 1\n{}", file.replace("{}", value));
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}
