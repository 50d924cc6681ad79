//! The catalogue in the documentation against the registry.

use std::collections::BTreeSet;

use relaykit::{checks, report, requirements};

use crate::fresh::is_fresh;

#[test]
fn the_catalogue_in_the_docs_is_the_registry() {
    let entries = checks::entries(checks::all());
    is_fresh("CHECKS.md", &report::catalogue(&entries));
}

#[test]
fn the_rows_in_the_docs_have_the_checks_that_cite_them() {
    let entries = checks::entries(checks::all());
    is_fresh("ROWS.md", &report::rows(&entries));
}

#[test]
fn every_row_that_a_check_cites_is_there() {
    let page = report::rows(&checks::entries(checks::all()));
    for check in checks::all() {
        for source in check.citation.split("; ").filter(|s| s.starts_with("row ")) {
            let heading = format!("\n## Row {}\n", &source["row ".len()..]);
            assert!(page.contains(&heading), "{} cites {source}", check.id);
        }
    }
}

#[test]
fn the_requirements_in_the_docs_have_the_checks_that_hold_them() {
    let entries = checks::entries(checks::all());
    is_fresh("REQUIREMENTS.md", &report::requirements(&entries));
}

#[test]
fn the_mutants_in_the_docs_have_the_reasons() {
    is_fresh("MUTANTS.md", &report::mutants());
}

#[test]
fn the_checks_that_hold_requirements_are_there() {
    let known: BTreeSet<&str> = checks::all().map(|check| check.id).collect();
    for named in requirements::all() {
        for id in named.requirement.answer.checks() {
            assert!(
                known.contains(id),
                "{} is held by {id}, which is no check",
                named.id
            );
        }
    }
}
