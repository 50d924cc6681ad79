//! `relaykit doctor`: what a lab needs, tried.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::lab::{Lab, Run, is_a, left_of};

/// What `doctor` says of `what`.
fn of<'a>(said: &'a Value, what: &str) -> &'a Value {
    let all = said.as_array().unwrap();
    all.iter()
        .find(|one| one["what"] == what)
        .unwrap_or_else(|| panic!("nothing about {what}: {said:#}"))
}

/// What `doctor` printed for `lab`, which ended with `code` and left nothing of its trial.
#[track_caller]
fn examined(lab: &Lab, code: i32) -> Value {
    let child = lab.start(&["doctor", "--format", "json"]);
    let trial = format!("doctor-{:x}", child.id());
    let said = child.end().ended_with(code).json();
    assert_eq!(left_of(&trial), Vec::<String>::new());
    said
}

#[test]
fn all_is_tried_and_nothing_is_left() {
    let lab = Lab::new("doctor");
    let said = examined(&lab, 0);
    is_a("doctor", &said);
    for what in [
        "networks",
        "container",
        "published ports",
        "clock",
        "state folder",
    ] {
        assert_eq!(of(&said, what)["state"], "ok", "{said:#}");
    }
    assert!(
        of(&said, "engine")["found"]
            .as_str()
            .unwrap()
            .contains("API 1.")
    );
    let human = lab.relaykit(&["doctor"]).succeeded();
    assert!(human.stdout.contains("ok       clock "), "{human:?}");
}

#[test]
fn a_port_of_another_program_is_named_and_those_of_the_lab_are_its_own() {
    let lab = Lab::new("doctor-ports");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    lab.write(
        "relay.yaml",
        &format!("version: 1\nlisteners: {{smtp: 0, submission: {port}, submissions: 0}}\nlab: {{ldaps: 0}}\n"),
    );
    let said = examined(&lab, 4);
    let ports = of(&said, "ports");
    assert_eq!(ports["state"], "fault");
    assert_eq!(ports["found"], format!("another program has {port}"));
    // All else is tried all the same.
    assert_eq!(of(&said, "published ports")["state"], "ok", "{said:#}");

    drop(taken);
    lab.up();
    let said = examined(&lab, 0);
    assert_eq!(of(&said, "ports")["state"], "ok", "{said:#}");
    assert!(
        of(&said, "ports")["found"]
            .as_str()
            .unwrap()
            .ends_with("is up and has them")
    );
}

#[test]
fn what_cannot_be_made_is_a_fault_with_the_engines_words() {
    let lab = Lab::new("doctor-network");
    lab.write(
        "relay.yaml",
        "version: 1\nlisteners: {smtp: 0, submission: 0, submissions: 0}\n\
         lab: {ldaps: 0, networks: [nobody-made-this]}\n",
    );
    let said = examined(&lab, 4);
    let networks = of(&said, "networks");
    assert_eq!(networks["state"], "fault");
    assert_eq!(
        networks["found"],
        "lab.networks: the engine has no network nobody-made-this"
    );
    assert!(
        networks["repair"]
            .as_str()
            .unwrap()
            .contains("docker network ls")
    );
}

#[test]
fn without_images_it_says_what_it_did_not_try() {
    let lab = Lab::new("doctor-images");
    let mut command = lab.command(&["doctor", "--format", "json"]);
    command.env("RELAYKIT_NAMESPACE", "relaykit-nobody-made-these");
    let said = Run::of(command).succeeded().json();
    assert_eq!(of(&said, "images")["state"], "warning");
    assert!(
        said.as_array()
            .unwrap()
            .iter()
            .all(|one| one["what"] != json!("container"))
    );
}
