//! Builds that fail, containers that end.

use relaykit::engine::{ImportRequest, whole};

use crate::lab::{Door, Lab, block_on, engine, submit};

/// An image without a shell, let alone apt; removed with this value.
struct Tiny(String);

impl Tiny {
    fn new() -> Self {
        let tiny = Self(format!("relaykit-t{}/tiny:1", std::process::id()));
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        tar.append_data(&mut header, "etc/motd", &b"tiny\n"[..])
            .unwrap();
        let request = ImportRequest {
            reference: tiny.0.clone(),
            tar: whole(tar.into_inner().unwrap().into()),
            changes: Vec::new(),
        };
        block_on(engine().import(request)).unwrap();
        tiny
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        drop(block_on(engine().remove_image(&self.0)));
    }
}

#[test]
fn a_base_that_runs_nothing_is_told_with_the_image() {
    let lab = Lab::without_images("build");
    let tiny = Tiny::new();
    for command in [
        &["up", "--base", &tiny.0, "--lab", &lab.name][..],
        &["build", "--base", &tiny.0],
    ] {
        let run = lab.run(command).ended_with(4);
        let run = run.says(&["error: building the image ", &tiny.0, "/bin/sh"]);
        assert_eq!(run.stdout, "");
    }
    lab.assert_nothing_is_left();
}

#[test]
fn a_build_that_fails_shows_its_last_lines() {
    let lab = Lab::new("unbuilt");
    // A relay cannot be made of a relay: its users are there already.
    let images = lab.run(&["build"]).succeeded().stdout;
    let base = images.lines().find_map(|line| line.strip_prefix("relay "));
    let run = lab.run(&["build", "--base", base.unwrap().trim()]);
    run.ended_with(4).says(&[
        "error: building the image ",
        "its script ended with code 9",
        "  groupadd: group 'postfix' already exists",
    ]);
    lab.assert_nothing_is_left();
}

#[test]
fn a_base_that_does_not_exist_is_told_by_its_name() {
    let lab = Lab::without_images("base");
    let base = format!("relaykit-t{}.invalid/nothing:1", std::process::id());
    let run = lab.relaykit(&["up", "--base", &base]).ended_with(4);
    run.says(&["error:", &base]);
    lab.assert_nothing_is_left();
}

/// Postfix does not start with an address that the container does not have.
const BROKEN: &str = "postfix: {main: {inet_interfaces: 192.0.2.1}}\n";

#[test]
fn a_container_that_ends_shows_its_last_lines() {
    let lab = Lab::new("ends");
    lab.configure(BROKEN);
    let run = lab.relaykit(&["up"]).ended_with(5);
    let run = run.says(&[
        "the relay ended with exit code",
        "no local interface found for 192.0.2.1",
    ]);
    assert_eq!(run.stdout, "");
    lab.assert_nothing_is_left();
    let run = lab.run(&["test", "auth."]).ended_with(5);
    run.says(&[
        "the relay ended with exit code",
        "no local interface found for 192.0.2.1",
    ]);
}

#[test]
fn a_lab_that_was_there_is_left_to_be_looked_at() {
    let lab = Lab::new("spoiled");
    let up = lab.up();
    let message = relaykit::smtp::Message::from_to("alice@relay.relaykit.test", "bob@example.org");
    submit(&up, Door::Submission, &message.build()).unwrap();
    lab.relaykit(&["inbox", "wait", "--timeout", "2m"])
        .succeeded();
    lab.configure(BROKEN);
    lab.relaykit(&["up"])
        .ended_with(5)
        .says(&["no local interface found for 192.0.2.1"]);
    let log = lab.relaykit(&["logs", "relay"]).succeeded().stdout;
    assert!(
        log.contains("no local interface found for 192.0.2.1"),
        "{log}"
    );
    assert_eq!(lab.inbox().len(), 1, "nothing of its mail is lost");
    lab.configure("");
    lab.up();
}
