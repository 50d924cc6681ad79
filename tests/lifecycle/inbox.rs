//! A message in, and the inbox as the contract has it.

use std::path::Path;

use relaykit::render::NO_CLIENT;
use relaykit::smtp::Message;
use serde_json::json;

use crate::lab::{Door, Lab, submit};
use crate::up::keys;

fn message(subject: &str) -> Message {
    Message::from_to("alice@relay.relaykit.test", "bob@example.org")
        .subject(subject)
        .body(".a dot\n\nÄ, in eight bits\n")
        .build()
}

#[test]
fn both_doors_lead_to_the_inbox() {
    let lab = Lab::new("inbox");
    let up = lab.up();
    assert_eq!(
        lab.inbox(),
        Vec::<serde_json::Value>::new(),
        "the proof of readiness is not shown"
    );

    let wait = [
        "inbox",
        "wait",
        "--timeout",
        "2m",
        "--format",
        "json",
        "--subject",
    ];
    let began = jiff::Timestamp::now();
    let mut messages = Vec::new();
    for (door, subject) in [
        (Door::Submission, "first of two"),
        (Door::Submissions, "second of two"),
    ] {
        let message = message(subject);
        submit(&up, door, &message).unwrap();
        let entry = lab
            .relaykit(&[&wait[..], &[subject]].concat())
            .succeeded()
            .json();
        assert_eq!(entry["subject"], subject);
        messages.push((entry, message));
    }

    let listed = lab.inbox();
    let entries: Vec<_> = messages.iter().map(|(entry, _)| entry.clone()).collect();
    assert_eq!(listed, entries, "oldest first, as `wait` printed them");
    for (entry, message) in &messages {
        let expected = [
            "envelope_from",
            "envelope_to",
            "id",
            "raw_path",
            "received_at",
            "size",
            "subject",
        ];
        let mut names = keys(entry);
        names.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(entry["envelope_from"], "alice@relay.relaykit.test");
        assert_eq!(entry["envelope_to"], json!(["bob@example.org"]));
        let received_at: jiff::Timestamp = entry["received_at"].as_str().unwrap().parse().unwrap();
        assert!(received_at >= began && received_at <= jiff::Timestamp::now());

        let id = entry["id"].as_str().unwrap();
        let show = ["inbox", "show", id, "--raw", "--lab", &lab.name];
        let raw = lab.command(&show).output().unwrap();
        assert!(raw.status.success());
        assert_eq!(entry["size"], raw.stdout.len());
        let trace = message
            .trace_in(&raw.stdout)
            .expect("the message is there byte for byte");
        let trace = String::from_utf8(trace.to_vec()).unwrap();
        assert_eq!(trace.matches("Received:").count(), 1, "{trace}");
        let rest = trace.strip_prefix("Received: ").expect(&trace);
        let rest = rest.strip_prefix(NO_CLIENT).expect(&trace);
        assert!(
            !rest.contains("client.test") && !rest.contains('['),
            "{trace}"
        );

        let copy = Path::new(entry["raw_path"].as_str().unwrap());
        assert!(copy.starts_with(lab.kept()), "{entry}");
        assert_eq!(std::fs::read(copy).unwrap(), raw.stdout);
        let shown = lab.relaykit(&["inbox", "show", id]).succeeded().stdout;
        assert!(shown.contains("to        <bob@example.org>"), "{shown}");
    }

    let unknown = lab.relaykit(&["inbox", "show", "no-such-id"]);
    unknown.ended_with(2).says(&["no-such-id", "inbox list"]);
    let cleared = lab
        .relaykit(&["inbox", "clear", "--format", "json"])
        .succeeded();
    assert_eq!(cleared.json(), json!({"removed": 2}));
    let copies = messages
        .iter()
        .map(|(entry, _)| entry["raw_path"].as_str().unwrap());
    assert!(copies.into_iter().all(|copy| !Path::new(copy).exists()));
    assert_eq!(lab.inbox(), Vec::<serde_json::Value>::new());
}

#[test]
fn waiting_ends_with_the_message_or_with_the_time() {
    let lab = Lab::new("wait");
    let up = lab.up();
    let late = lab.relaykit(&["inbox", "wait", "--subject", "never", "--timeout", "100ms"]);
    late.ended_with(5).says(&["never", "100ms"]);

    let mut waiting = lab.start(&["inbox", "wait", "--subject", "wanted", "--timeout", "2m"]);
    submit(&up, Door::Submission, &message("another")).unwrap();
    submit(&up, Door::Submission, &message("the wanted one")).unwrap();
    assert!(waiting.says("the wanted one"));
    let run = waiting.end().succeeded();
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    assert_eq!(lab.inbox().len(), 2);

    lab.relaykit(&["down"]).succeeded();
    let gone = lab.relaykit(&["inbox", "list"]).ended_with(2);
    gone.says(&[&lab.name, "is not up"]);
}
