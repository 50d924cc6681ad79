//! `relaykit init`: each file that it writes works as it stands, or says what it lacks.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "lab/mod.rs"]
mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lab::{Lab, Run, is_a, program};
use serde_json::Value;

/// A folder in which relaykit is run, far from any engine.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = program(arguments);
        command
            .current_dir(self.0.path())
            .env("DOCKER_HOST", "unix:///nowhere/engine.sock")
            .env("RELAYKIT_STATE", self.path("state"));
        Run::of(command)
    }

    fn init(&self, arguments: &[&str]) -> Value {
        let all = [&["init", "--format", "json"], arguments].concat();
        let json = self.run(&all).succeeded().json();
        is_a("init", &json);
        json
    }
}

#[test]
fn a_lab_comes_up_from_what_is_written() {
    for (auth, containers) in [
        ("ldap", &["directory", "relay", "sink"] as &[&str]),
        ("users", &["relay", "sink"]),
    ] {
        let lab = Lab::new(&format!("init-{auth}"));
        lab.run(&["init", "--auth", auth, "--output", "relay.yaml", "--force"])
            .succeeded();
        lab.run(&["config", "validate"]).succeeded();
        // Another lab may have these on the machine of the test.
        let file = lab.folder().join("relay.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let ports = [
            "smtp: 2525",
            "submission: 2587",
            "submissions: 2465",
            "ldaps: 2636",
        ];
        let text = ports.iter().fold(text, |text, port| {
            let free = format!("{}: 0", port.split_once(':').unwrap().0);
            text.replace(port, &free)
        });
        fs::write(&file, text).unwrap();
        let up = lab.up();
        let up: Vec<&String> = up["containers"].as_object().unwrap().keys().collect();
        assert_eq!(up, containers);
        lab.relaykit(&["test", "auth.documents_pair_logs_in"])
            .succeeded();
    }
}

/// What `validate` names, by key.
fn named(run: &Run) -> Vec<String> {
    let marked = |line: &str| line.contains("still to be filled in");
    let lines = run.stderr.lines().filter(|line| marked(line));
    let is_key = |part: &&str| !part.contains("error") && !part.contains("relay.yaml");
    let keys = lines.filter_map(|line| line.split(": ").find(is_key));
    keys.map(str::to_owned).collect()
}

#[test]
fn production_names_what_is_to_be_filled_in_until_it_is() {
    for auth in ["ldap", "users"] {
        let place = Place::new();
        let json = place.init(&["--production", "--auth", auth]);
        let fill_in: Vec<&str> = json["fill_in"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap())
            .collect();
        assert!(fill_in.len() >= 3, "{fill_in:?}");
        let answers = [
            ("hostname: FILL-IN", "hostname: relay.example.org"),
            ("[FILL-IN]", "['ldaps://ldap.example.org']"),
            (
                "search_base: FILL-IN",
                "search_base: 'ou=Staff,dc=example,dc=org'",
            ),
            ("cert: FILL-IN", "cert: cert.pem"),
            ("key: FILL-IN", "key: key.pem"),
            ("next_hop: FILL-IN", "next_hop: '[smtp.example.net]:587'"),
        ];
        for (mark, answer) in answers {
            let before = named(&place.run(&["config", "validate"]).ended_with(3));
            let text = place.text("relay.yaml");
            if !text.contains(mark) {
                assert_eq!(auth, "users", "{mark}");
                continue;
            }
            fs::write(place.path("relay.yaml"), text.replace(mark, answer)).unwrap();
            let after = named(&place.run(&["config", "validate"]));
            assert_eq!(
                after.len() + 1,
                before.len(),
                "{mark}: {before:?}, {after:?}"
            );
        }
        place.run(&["config", "validate"]).succeeded();
        let export = ["export", "compose", "--output", "bundle"];
        if auth == "users" {
            place
                .run(&export)
                .ended_with(3)
                .says(&["auth.pam.users_file", "nobody is in that file"]);
            fs::write(place.path("secret"), "a password of carol's\n").unwrap();
            place
                .run(&["users", "add", "carol", "--password-file", "secret"])
                .succeeded();
        }
        place.run(&export).succeeded();
    }
}

#[test]
fn what_is_there_is_left_alone() {
    let place = Place::new();
    fs::write(place.path("relay.yaml"), "version: 1\n# mine\n").unwrap();
    place
        .run(&["init", "--auth", "users"])
        .ended_with(6)
        .says(&["there already", "--force"]);
    assert_eq!(place.text("relay.yaml"), "version: 1\n# mine\n");
    assert!(!place.path("users").exists());

    fs::write(place.path("secret"), "a password of carol's\n").unwrap();
    let carol = [
        "--auth",
        "users",
        "--force",
        "--user",
        "carol",
        "--password-file",
        "secret",
    ];
    place.init(&carol);
    assert!(!place.text("relay.yaml").contains("mine"));
    let people = place.text("users/accounts");
    assert!(people.contains("\ncarol:$y$"), "{people}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.path("users/accounts")), 0o600);
    // To write relay.yaml anew forgets nobody.
    place.init(&["--auth", "users", "--force"]);
    assert_eq!(place.text("users/accounts"), people);
    assert!(
        place
            .run(&["users", "list"])
            .succeeded()
            .stdout
            .contains("carol")
    );
}

#[test]
fn somebody_to_begin_with_is_of_a_users_file() {
    let place = Place::new();
    place
        .run(&["init", "--user", "carol"])
        .ended_with(2)
        .says(&["--auth users"]);
    // No terminal, and no password anywhere else.
    place
        .run(&["init", "--auth", "users", "--user", "carol"])
        .ended_with(2)
        .says(&["--password-file"]);
    assert!(!place.path("relay.yaml").exists() && !place.path("users/accounts").exists());
}
