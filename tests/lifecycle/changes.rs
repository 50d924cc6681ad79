//! After a change of relay.yaml, `up` applies just the change.

use std::time::Duration;

use relaykit::smtp::{Connect, Message, Session};
use serde_json::Value;

use crate::lab::{Door, Lab, block_on, endpoint, engine, submit};

/// The `SIZE` that the relay offers (RFC 1870).
fn size(up: &Value) -> Option<u64> {
    block_on(async {
        let options = Connect::default();
        let mut session = Session::connect(endpoint(up, "smtp"), &options)
            .await
            .unwrap();
        session.greeting().await.unwrap();
        session.ehlo("client.test").await.unwrap().size()
    })
}

fn message(subject: &str) -> Message {
    Message::from_to("alice@relay.relaykit.test", "bob@example.org")
        .subject(subject)
        .build()
}

#[test]
fn just_the_relay_is_replaced_and_its_queue_is_kept() {
    let lab = Lab::new("change");
    let up = lab.up();
    assert_eq!(size(&up), Some(25 << 20));
    submit(&up, Door::Submission, &message("before the change")).unwrap();
    lab.relaykit(&["inbox", "wait", "--timeout", "2m"])
        .succeeded();
    let before = lab.container_ids();

    block_on(engine().stop(&lab.container("sink"), Duration::from_secs(10))).unwrap();
    submit(&up, Door::Submission, &message("kept in the queue")).unwrap();

    lab.configure("relay: {message_size_limit: 5MiB}\n");
    let up = lab.up();
    assert_eq!(size(&up), Some(5 << 20), "the change is in the relay");
    let after = lab.container_ids();
    let kept = |role: &str| {
        let id = |ids: &[(String, String)]| {
            ids.iter()
                .find(|(name, _)| *name == lab.container(role))
                .unwrap()
                .1
                .clone()
        };
        id(&before) == id(&after)
    };
    assert_eq!(
        [kept("relay"), kept("directory"), kept("sink")],
        [false, true, true],
        "{before:?} {after:?}"
    );

    let wait = [
        "inbox",
        "wait",
        "--subject",
        "kept in the queue",
        "--timeout",
        "2m",
    ];
    lab.relaykit(&wait).succeeded();
    assert_eq!(lab.inbox().len(), 2, "what had arrived stays");
}

#[test]
fn a_person_of_the_directory_is_added_and_can_log_in() {
    let lab = Lab::new("people");
    lab.up();
    let before = lab.container_ids();
    let two = "version: 1\nlisteners: {smtp: 0, submission: 0, submissions: 0}\nlab: {ldaps: 0, users: [{name: carol, password: another}, {name: alice, password: wonderland}]}\n";
    lab.write("relay.yaml", two);
    let up = lab.up();
    let after = lab.container_ids();
    let changed: Vec<&str> = before
        .iter()
        .filter(|container| !after.contains(container))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(changed, [lab.container("directory")]);
    // `up` proved itself with the first person, so carol can; alice still can.
    submit(&up, Door::Submission, &message("still there")).unwrap();
}

#[test]
fn a_container_that_was_stopped_is_started_again() {
    let lab = Lab::new("stopped");
    lab.up();
    let before = lab.container_ids();
    block_on(engine().stop(&lab.container("relay"), Duration::from_secs(10))).unwrap();
    lab.up();
    assert_eq!(lab.container_ids(), before);
}
