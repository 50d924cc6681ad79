//! An engine behind ssh, with an sshd of the test's own in front of the real engine.
//! Without an engine these tests fail; without an sshd they say that they tested nothing.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../lab/mod.rs"]
mod lab;

mod far;

use std::os::unix::process::CommandExt;
use std::process::Command;

use far::{Far, alias};
use lab::{Child, Door, Lab, Run, submit, until};
use relaykit::smtp::Message;

/// `relaykit ARGUMENTS` for `lab`, with the engine at `address`.
fn command(far: &Far, lab: &Lab, address: &str, arguments: &[&str]) -> Command {
    let all = arguments.first() == Some(&"status");
    let of_lab: &[&str] = if all { &[] } else { &["--lab", &lab.name] };
    let mut command = lab.command(&[arguments, of_lab].concat());
    far.is_where(&mut command, address);
    command
}

#[test]
fn a_lab_lives_behind_ssh_with_one_login_for_each_command() {
    // One more than this that has not logged in yet, and sshd hangs up.
    let Some(far) = Far::start("MaxStartups 1") else {
        return;
    };
    let lab = Lab::new("ssh");
    let port = far.address_with_port();
    let run = |address: &str, arguments: &[&str]| {
        let before = far.logins();
        let run = Run::of(command(&far, &lab, address, arguments)).succeeded();
        assert_eq!(far.logins() - before, 1, "{arguments:?}: {run}");
        assert_eq!(far.left(), Vec::<String>::new(), "{arguments:?}");
        run.json()
    };
    let alias = alias();
    let up = run(&alias, &["up", "--format", "json"]);
    let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org").build();
    submit(&up, Door::Submission, &message).unwrap();
    let list = run(
        &port,
        &["inbox", "wait", "--timeout", "1m", "--format", "json"],
    );
    assert!(list.is_object(), "{list}");
    let status = run(&port, &["status", "--format", "json"]);
    assert!(status.to_string().contains(&lab.name), "{status}");
    run(&alias, &["down", "--volumes", "--format", "json"]);
    lab.assert_nothing_is_left();
}

#[test]
fn a_host_that_is_not_known_or_not_the_same_is_refused() {
    let Some(mut far) = Far::start("") else {
        return;
    };
    let lab = Lab::without_images("sshkey");
    let status = |far: &Far| Run::of(command(far, &lab, &alias(), &["status"])).ended_with(4);
    far.knows("");
    status(&far).says(&[
        "ssh does not get through to the container engine at ssh://far",
        "Host key verification failed",
        "log in once with `ssh far`, and compare the fingerprint",
    ]);
    assert_eq!(far.logins(), 0);
    let other = far.make_key("other");
    far.knows(&other);
    status(&far).says(&[
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "find out why the host has another key than before",
    ]);
    assert_eq!(far.logins(), 0);
    assert_eq!(far.left(), Vec::<String>::new());
}

#[test]
fn a_login_that_is_refused_and_a_socket_that_is_not_there_say_what_to_do() {
    let Some(far) = Far::start("") else {
        return;
    };
    let lab = Lab::without_images("sshno");
    let address = format!("ssh://far{}", far.path("nobody.sock"));
    Run::of(command(&far, &lab, &address, &["status"]))
        .ended_with(4)
        .says(&["there is no socket", "nobody.sock there"]);
    far.lets_nobody_in();
    Run::of(command(&far, &lab, &alias(), &["status"]))
        .ended_with(4)
        .says(&["Permission denied", "see that `ssh far` logs in"]);
    assert_eq!(far.left(), Vec::<String>::new());
}

#[test]
fn a_way_that_breaks_leaves_nothing_of_ssh() {
    let Some(far) = Far::start("") else {
        return;
    };
    let lab = Lab::new("sshend");
    for signal in ["INT", "KILL"] {
        let mut up = command(&far, &lab, &alias(), &["up"]);
        // As on a terminal, where Ctrl-C goes to all that a command line started.
        let mut up = Child::start({
            up.process_group(0);
            up
        });
        until("objects", || (!lab.objects().is_empty()).then_some(()));
        assert_ne!(far.left(), Vec::<String>::new());
        match signal {
            "INT" => signal_group(&up, signal),
            _ => up.signal(signal),
        }
        let ended = up.end();
        match signal {
            "INT" => drop(ended.ended_with(130)),
            _ => assert_eq!(ended.signal, Some(9)),
        }
        if signal == "INT" {
            assert_eq!(lab::left_of(&lab.name), Vec::<String>::new());
            assert_eq!(far.left(), Vec::<String>::new());
        }
        // After a kill another process cleans up behind, over a login of its own.
        until("an engine without leftovers", || {
            lab.objects().is_empty().then_some(())
        });
        until("no ssh that is left", || {
            far.left().is_empty().then_some(())
        });
    }
}

fn signal_group(child: &Child, signal: &str) {
    let group = format!("-{}", child.id());
    let sent = Command::new("kill")
        .args(["-s", signal, "--", &group])
        .status();
    assert!(sent.unwrap().success());
}
