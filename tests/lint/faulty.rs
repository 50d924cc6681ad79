//! Configurations that people of other mail relay images have had trouble with, written as
//! relay.yaml: each is found before anything is started.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::lint;

/// What a fixture says of itself.
fn said<'a>(text: &'a str, what: &str) -> &'a str {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("# {what}: ")));
    line.unwrap_or_else(|| panic!("a fixture without `# {what}:`\n{text}"))
}

#[test]
fn each_is_found_before_start_by_the_rule_that_it_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/faulty");
    let mut sources = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (from, by) = (said(&text, "from"), said(&text, "found by"));
        let (repository, number) = from.split_once('#').unwrap();
        assert!(
            repository.contains('/') && number.parse::<u32>().is_ok(),
            "{from}"
        );
        assert!(said(&text, "fault").ends_with('.'), "{from}");
        assert!(sources.insert(from.to_owned()), "{from} is there twice");
        let place = tempfile::tempdir().unwrap();
        let run = lint(place.path(), &text, &["--format", "json"]);
        if let Some(words) = by.strip_prefix("validate: ") {
            assert_eq!(run.code, Some(3), "{}: {run:?}", path.display());
            assert!(
                run.stderr.contains(words),
                "{}: {}",
                path.display(),
                run.stderr
            );
            continue;
        }
        assert_eq!(run.code, Some(10), "{}: {run:?}", path.display());
        let value: Value = serde_json::from_str(&run.stdout).unwrap();
        let findings = value["findings"].as_array().unwrap();
        let found: Vec<&str> = findings
            .iter()
            .map(|f| f["rule"].as_str().unwrap())
            .collect();
        assert!(found.contains(&by), "{}: {found:?}", path.display());
    }
    assert!(sources.len() >= 20, "{}", sources.len());
}
