//! `down`: what stays is what it says that stays.

use relaykit::engine::labels;
use relaykit::smtp::Message;

use crate::lab::{Door, Lab, described, submit};

#[test]
fn queue_and_inbox_stay_and_nothing_else() {
    let lab = Lab::new("down");
    let up = lab.up();
    let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org").build();
    submit(&up, Door::Submission, &message).unwrap();
    lab.relaykit(&["inbox", "wait", "--timeout", "2m"])
        .succeeded();
    let arrived = lab.inbox();
    let all: Vec<String> = lab
        .objects()
        .into_iter()
        .map(|object| object.name)
        .collect();

    let down = lab
        .relaykit(&["down", "--format", "json"])
        .succeeded()
        .json();
    let left = lab.objects();
    let volume = |name: &str| format!("Volume relaykit-{}-{name}", lab.name);
    let mut names = described(&left);
    names.sort();
    assert_eq!(names, [volume("relay-spool"), volume("sink-inbox")]);
    assert!(left.iter().all(|object| labels::is_kept(&object.labels)));
    let mut told: Vec<String> = ["containers", "networks", "volumes"]
        .iter()
        .flat_map(|kind| down[kind].as_array().unwrap())
        .map(|name| name.as_str().unwrap().to_owned())
        .chain(left.iter().map(|object| object.name.clone()))
        .collect();
    let mut all = all;
    all.sort();
    told.sort();
    assert_eq!(told, all, "it tells all that it removed");

    lab.up();
    assert_eq!(lab.inbox(), arrived, "the inbox has come back");

    lab.relaykit(&["down", "--volumes"]).succeeded();
    lab.assert_nothing_is_left();
    let again = lab.relaykit(&["down", "--volumes"]).succeeded();
    again.says(&["there was nothing to take down"]);
}
