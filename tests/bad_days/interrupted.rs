//! Ctrl-C and SIGTERM, at moments that events tell and at random ones.

use std::time::Duration;

use rand::Rng;
use relaykit::engine::Kind;

use crate::lab::{Child, Lab, Run, block_on, left_of_test, objects_of_test, until};

type Moment = fn(&Lab, &mut Child) -> bool;

/// Moments of `up`, from its first object to the proof of readiness.
const MOMENTS: &[(&str, Moment)] = &[
    ("the first object", |lab, _| !lab.objects().is_empty()),
    ("the relay's container", |lab, _| {
        lab.objects()
            .iter()
            .any(|object| object.name == lab.container("relay"))
    }),
    ("a container that runs", |lab, _| {
        lab.objects()
            .iter()
            .any(|o| o.kind == Kind::Container && o.state == "running")
    }),
    ("the relay's start", |_, up| up.says("✓ relay")),
];

fn cleaned_up(run: Run, moment: &str) {
    assert_eq!(run.code, Some(130), "at {moment}: {run}");
    run.says(&["interrupted: cleaning up"]);
}

#[test]
fn up_leaves_nothing_at_any_moment() {
    let lab = Lab::new("int");
    for (moment, reached) in MOMENTS {
        for signal in ["INT", "TERM"] {
            let mut up = lab.start(&["up"]);
            until(moment, || {
                (reached(&lab, &mut up) || !up.runs()).then_some(())
            });
            up.signal(signal);
            let run = up.end();
            assert_eq!(run.stdout, "", "{run}");
            cleaned_up(run, moment);
            lab.assert_nothing_is_left();
        }
    }
    lab.up();
}

#[test]
fn test_leaves_nothing_at_any_moment() {
    let lab = Lab::new("intest");
    for (what, signal) in [("objects", "INT"), ("running", "TERM"), ("PASS", "INT")] {
        let mut test = Child::start(lab.command(&["test"]));
        let id = test.id();
        let running = || {
            objects_of_test(id)
                .iter()
                .any(|object| object.state == "running")
        };
        until(what, || match what {
            "objects" => (!objects_of_test(id).is_empty()).then_some(()),
            "running" => running().then_some(()),
            line => test.says(line).then_some(()),
        });
        test.signal(signal);
        cleaned_up(test.end(), what);
        assert_eq!(left_of_test(id), Vec::<String>::new(), "at {what}");
    }
}

#[test]
fn a_test_that_is_taking_down_its_labs_ends_that() {
    let lab = Lab::new("intend");
    let mut test = Child::start(lab.command(&["test", "auth."]));
    let id = test.id();
    assert!(test.says("Summary"));
    test.signal("INT");
    let run = test.end();
    assert!(matches!(run.code, Some(0 | 130)), "{run}");
    assert_eq!(left_of_test(id), Vec::<String>::new());
}

#[test]
fn random_moments_leave_nothing() {
    let lab = Lab::new("random");
    for signal in ["INT", "TERM", "HUP", "INT", "TERM"] {
        let after = Duration::from_millis(rand::thread_rng().gen_range(0..2500));
        let mut up = lab.start(&["up"]);
        // Time that passes is what this is about.
        block_on(async { tokio::time::sleep(after).await });
        up.signal(signal);
        let run = up.end();
        if run.code == Some(0) {
            lab.relaykit(&["down", "--volumes"]).succeeded();
        } else {
            // Before it can listen to a signal, that just ends it.
            assert!(
                run.code == Some(130) || run.signal.is_some(),
                "after {after:?}: {run}"
            );
        }
        lab.assert_nothing_is_left();
    }
}

#[test]
fn waiting_for_mail_can_be_interrupted() {
    let lab = Lab::new("intwait");
    lab.up();
    let mut follow = lab.start(&["logs", "--follow"]);
    assert!(follow.says("status=sent"));
    follow.signal("INT");
    follow.end().ended_with(130);
    let mut wait = lab.start(&["inbox", "wait", "--timeout", "10m"]);
    // It says nothing; whether its handler is there shows in what it ignores.
    until("a process that handles SIGINT", || {
        handles_interrupt(wait.id()).then_some(())
    });
    wait.signal("INT");
    wait.end().ended_with(130);
    assert_eq!(lab.container_ids().len(), 3);
}

/// Whether the process has a handler for SIGINT (proc(5): `SigCgt`).
fn handles_interrupt(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
}
