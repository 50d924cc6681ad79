//! `relaykit config lint`, as people and scripts see it, and faults that people have had.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "only a part of it is used here")]
#[path = "../lab/program.rs"]
mod program;
#[path = "../lab/schema.rs"]
mod schema;

mod faulty;

use std::path::Path;

use program::{Run, program};
use serde_json::Value;

/// Runs `relaykit config lint` on a file with this text.
fn lint(folder: &Path, yaml: &str, more: &[&str]) -> Run {
    std::fs::write(folder.join("relay.yaml"), yaml).unwrap();
    let arguments = [&["config", "lint"], more].concat();
    let mut command = program(&arguments);
    command
        .current_dir(folder)
        .env("DOCKER_HOST", "unix:///nowhere/engine.sock")
        .env("RELAYKIT_STATE", folder.join("state"));
    Run::of(command)
}

#[test]
fn a_finding_is_told_with_its_place_and_ends_with_ten() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "version: 1\npostfix:\n  main:\n    always_bcc: archive@example.org\n";
    let run = lint(folder.path(), yaml, &[]);
    assert_eq!(run.code, Some(10), "{run:?}");
    let line =
        "relay.yaml:4:17: critical: every message is copied to archive@example.org [copied]\n";
    assert!(run.stdout.starts_with(line), "{}", run.stdout);
}

#[test]
fn what_is_accepted_is_told_and_ends_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "version: 1\npostfix:\n  main: {always_bcc: archive@example.org}\n  accept: [copied, held]\n";
    let run = lint(folder.path(), yaml, &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for words in [
        "Accepted by postfix.accept:\n",
        "[copied]",
        "nothing of that kind is found",
    ] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
}

#[test]
fn json_has_its_published_shape() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("aliases");
    std::fs::write(&table, "# c\na@example.org b@example.org\n").unwrap();
    let yaml = format!(
        "version: 1\npostfix:\n  main:\n    virtual_alias_maps: texthash:{}\n    \
         smtpd_client_restrictions: inline:{{192.0.2.1=REJECT}}\n  accept: [held]\n",
        table.display()
    );
    let run = lint(folder.path(), &yaml, &["--format", "json"]);
    assert_eq!(run.code, Some(10), "{run:?}");
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    schema::is_a("config_lint", &value);
    let finding = &value["findings"][0];
    assert_eq!(finding["rule"], "redirected");
    assert_eq!(
        finding["does"],
        "mail to a@example.org goes to b@example.org"
    );
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&2.into(), &1.into())
    );
    assert_eq!(finding["file"], table.display().to_string());
    assert_eq!(value["told"][0]["does"], "a client of 192.0.2.1 is refused");
    assert_eq!(value["idle"][0], "held");
}

#[test]
fn a_file_without_overrides_has_nothing_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let run = lint(folder.path(), "version: 1\n", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "no findings\n"));
}
