//! What is refused before anybody is asked anything.

use std::os::unix::fs::PermissionsExt as _;

use crate::lab::{Run, program};

/// Runs `relaykit check ARGUMENTS` in an empty folder with a password file of this mode.
fn check(arguments: &[&str], mode: u32) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "wonderland\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let mut command = program(&[&["check"], arguments].concat());
    command
        .current_dir(folder.path())
        .env("DOCKER_HOST", "unix:///nowhere/engine.sock");
    Run::of(command)
}

#[test]
fn it_lists_what_any_relay_can_be_asked_without_an_engine() {
    let all = check(&["relay.example", "--list"], 0o600)
        .succeeded()
        .stdout;
    assert!(all.contains("relay.nobody_relays_without_login"), "{all}");
    // Needs containers; needs relay.yaml.
    assert!(!all.contains("runtime."), "{all}");
    assert!(
        !all.contains("auth.mechanisms_are_those_configured"),
        "{all}"
    );
}

#[test]
fn a_password_that_everybody_can_read_is_not_used() {
    let login = [
        "127.0.0.1",
        "--user",
        "alice",
        "--password-file",
        "password",
    ];
    check(&login, 0o644).ended_with(2).says(&["chmod 600"]);
    check(&login[..3], 0o600)
        .ended_with(2)
        .says(&["--password-file"]);
}

#[test]
fn mail_to_somebody_needs_a_login() {
    let run = check(&["127.0.0.1", "--recipient", "me@example.org"], 0o600);
    run.ended_with(2).says(&["--user"]);
}

#[test]
fn a_port_of_no_known_meaning_is_asked_about() {
    let run = check(&["127.0.0.1:2525"], 0o600);
    run.ended_with(2).says(&["smtp=2525"]);
}

#[test]
fn a_host_where_nothing_answers_is_told_at_once() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let run = check(&[&format!("127.0.0.1:smtp={port}")], 0o600);
    run.ended_with(5).says(&["no port of 127.0.0.1 answers"]);
}
