//! What must be true of every entry of the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::check::{Change, Check};
use super::need::Need;
use super::{AREAS, all};
use crate::config::{self, Says, Shown};

/// Files of this room that hold no checks.
const NOT_AREAS: &[&str] = &[
    "check",
    "in_lab",
    "mod",
    "evidence",
    "invariants",
    "need",
    "runner",
    "selection",
    "subject",
    "survey",
    "target",
    "testing",
    "variants",
    "verdict",
    "knocking",
    "ports",
    "identity",
    "said",
    "probe",
];

#[test]
fn every_file_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
    let mut files = BTreeSet::new();
    for path in entries(&folder) {
        let name = stem(&path);
        if NOT_AREAS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files.extend(entries(&path).iter().map(|p| format!("{name}/{}", stem(p))));
        } else {
            files.insert(name);
        }
    }
    let registered: BTreeSet<String> = AREAS.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(files, registered, "files of src/checks against AREAS");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_file_has_checks_and_only_of_its_area() {
    for (file, checks) in AREAS {
        assert!(!checks.is_empty(), "{file} has no checks");
        let area = file.split('/').next().unwrap();
        for check in *checks {
            assert_eq!(check.area(), area, "{} in {file}", check.id);
        }
    }
}

#[test]
fn ids_are_unique() {
    let mut seen = BTreeSet::new();
    for check in all() {
        assert!(seen.insert(check.id), "{} is there twice", check.id);
    }
}

#[test]
fn ids_are_an_area_and_words_with_underscores() {
    let word = |w: &str| {
        !w.is_empty()
            && w.starts_with(|c: char| c.is_ascii_lowercase())
            && w.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    for check in all() {
        let parts: Vec<_> = check.id.split('.').collect();
        assert_eq!(parts.len(), 2, "{}", check.id);
        assert!(word(parts[0]), "{}", check.id);
        assert!(
            parts[1].split('_').count() > 1,
            "{}: say what holds",
            check.id
        );
        assert!(parts[1].split('_').all(word), "{}", check.id);
    }
}

#[test]
fn titles_are_one_short_line_without_a_full_stop() {
    for Check { id, title, .. } in all() {
        assert_eq!(title.trim(), *title, "{id}");
        assert!((10..=90).contains(&title.chars().count()), "{id}: {title}");
        assert!(!title.contains('\n') && !title.ends_with('.'), "{id}");
    }
}

#[test]
fn citations_are_of_a_known_form() {
    for check in all() {
        assert!(!check.citation.is_empty(), "{}", check.id);
        for source in check.citation.split("; ") {
            assert!(is_citation(source), "{}: {source:?}", check.id);
        }
    }
}

fn is_citation(source: &str) -> bool {
    let words: Vec<_> = source.split(' ').collect();
    let digits = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_digit());
    let section = |w: &str| !w.is_empty() && w.split('.').all(digits);
    match words.as_slice() {
        ["row", row] => digits(row),
        ["RFC", number, "section", at] => digits(number) && section(at),
        ["Postfix", page] => !page.is_empty(),
        // A manual page with its section.
        ["Linux" | "Cyrus" | "Debian" | "OpenLDAP" | "s6", page] => page.ends_with(')'),
        [cve] => cve.strip_prefix("CVE-").is_some_and(|rest| {
            rest.split_once('-')
                .is_some_and(|(y, n)| digits(y) && digits(n))
        }),
        _ => false,
    }
}

#[test]
fn a_citation_without_its_place_is_refused() {
    for right in [
        "row 16",
        "RFC 5321 section 4.4",
        "CVE-2011-0411",
        "Postfix mynetworks",
        "Cyrus saslauthd(8)",
    ] {
        assert!(is_citation(right), "{right}");
    }
    for wrong in [
        "row",
        "row x",
        "RFC 5321",
        "RFC 5321 section",
        "CVE-2011",
        "Postfix",
        "me",
    ] {
        assert!(!is_citation(wrong), "{wrong}");
    }
}

#[test]
fn sabotages_of_a_check_have_names_of_their_own() {
    for check in all() {
        let names: BTreeSet<_> = check.sabotages.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), check.sabotages.len(), "{}", check.id);
        assert!(names.iter().all(|name| !name.is_empty()), "{}", check.id);
    }
}

/// A check that cannot be seen to fail proves nothing, and a failure without a
/// reason or a repair helps nobody.
#[test]
fn every_check_is_explained_and_has_a_sabotage_that_it_sees() {
    for check in all() {
        assert!(check.about.ends_with('.'), "{}: about", check.id);
        assert!(check.repair.ends_with('.'), "{}: repair", check.id);
        assert!(!check.sabotages.is_empty(), "{}: no sabotage", check.id);
        for sabotage in check.sabotages {
            assert!(
                !sabotage.changes.is_empty(),
                "{}: {}",
                check.id,
                sabotage.name
            );
            assert!(!sabotage.sees.is_empty(), "{}: {}", check.id, sabotage.name);
        }
    }
}

/// A sabotage is planted once for all checks that name it.
#[test]
fn sabotages_of_one_name_change_the_same() {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for check in all() {
        for sabotage in check.sabotages {
            let changes: Vec<_> = sabotage.changes.iter().map(told).collect();
            let changes = changes.join("; ");
            let first = known
                .entry(sabotage.name)
                .or_insert_with(|| changes.clone());
            assert_eq!(*first, changes, "{}: {:?}", check.id, sabotage.name);
        }
    }
}

/// A change without the addresses of functions, which say nothing.
fn told(change: &Change) -> String {
    let text = format!("{change:?}");
    match text.split_once("(0x") {
        Some((kind, _)) => kind.to_owned(),
        None => text,
    }
}

#[test]
fn needs_are_not_said_twice() {
    for check in all() {
        let needs: BTreeSet<_> = check.needs.iter().map(|need| need.text()).collect();
        assert_eq!(needs.len(), check.needs.len(), "{}", check.id);
    }
}

/// The settings that a need names, and what they are to say.
fn settings(need: &Need) -> Vec<(&'static str, Says)> {
    match *need {
        Need::Setting(key, says) | Need::Seen(key, says) => vec![(key, says)],
        Need::Settings(all) => all.to_vec(),
        _ => Vec::new(),
    }
}

/// The words of needs and sabotages are those of relay.yaml: a value that a key cannot
/// have, or is shown otherwise, would be asked for in vain.
#[test]
fn needs_and_changes_name_settings_and_their_values() {
    let as_shown = |key: &str, value: &str| {
        let mut spec = config::built_in();
        let set = config::set(&mut spec, key, value);
        assert!(set.is_ok(), "{key}: {value}: {set:?}");
        let shown = config::value(&spec, key).map(|shown| shown.to_string());
        assert_eq!(shown.as_deref(), Some(value), "{key}");
    };
    let needs = |needs: &[Need]| {
        for (key, says) in needs.iter().flat_map(settings) {
            match says {
                Says::Is(value) => as_shown(key, value),
                Says::OneOf(values) => values.iter().for_each(|value| as_shown(key, value)),
                _ => assert!(config::value(&config::built_in(), key).is_some(), "{key}"),
            }
        }
    };
    let mut changed = 0;
    for check in all() {
        needs(check.needs);
        for change in check.sabotages.iter().flat_map(|sabotage| sabotage.changes) {
            match *change {
                Change::Given(need) => needs(&[need]),
                Change::Setting(key, value) => {
                    let set = config::set(&mut config::built_in(), key, value);
                    assert!(set.is_ok(), "{key}: {value}: {set:?}");
                    changed += 1;
                }
                Change::Turned(key) => {
                    let value = config::value(&config::built_in(), key);
                    assert!(matches!(value, Some(Shown::Flag(_))), "{key}");
                }
                _ => {}
            }
        }
    }
    assert!(changed > 3, "{changed}");
}
