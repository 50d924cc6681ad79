//! A message in, and the inbox as the contract has it.

use std::path::Path;

use relaykit::render::NO_CLIENT;
use relaykit::smtp::Message;
use serde_json::json;

use crate::lab::{Door, Lab, is_a, submit, submit_in};
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

    let list = lab.relaykit(&["inbox", "list", "--format", "json"]);
    is_a("inbox_list", &list.succeeded().json());
    let id = messages[0].0["id"].as_str().unwrap();
    let show = ["inbox", "show", &id[..6], "--format", "json"];
    let shown = lab.relaykit(&show).succeeded().json();
    is_a("inbox_show", &shown);
    assert_eq!(shown["text"], ".a dot\n\nÄ, in eight bits\n");

    let unknown = lab.relaykit(&["inbox", "show", "no-such-id"]);
    unknown.ended_with(2).says(&["no-such-id", "inbox list"]);
    let cleared = lab
        .relaykit(&["inbox", "clear", "--format", "json"])
        .succeeded();
    assert_eq!(cleared.json(), json!({"removed": 2}));
    is_a("inbox_clear", &cleared.json());
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

#[test]
fn a_wait_gives_what_one_waits_for_and_each_message_once() {
    let lab = Lab::new("given");
    let up = lab.up();
    let send = |from: &str, to: &str, subject: &str| {
        let message = Message::from_to(from, to).subject(subject).build();
        submit_in((from, to), &up, Door::Submission, &message).unwrap();
    };
    let wait = |options: &[&str]| {
        let all = [
            &["inbox", "wait", "--timeout", "30s", "--format", "json"],
            options,
        ]
        .concat();
        lab.relaykit(&all).succeeded().json()
    };
    let none = |options: &[&str]| {
        let all = [&["inbox", "wait", "--timeout", "200ms"], options].concat();
        lab.relaykit(&all).ended_with(5).says(&["inbox list"]);
    };
    send("a@example.org", "one@example.org", "welcome");
    send("b@example.org", "two@example.org", "welcome");
    send(
        "c@example.org",
        "three@example.org",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    );
    let began = "10m";
    assert_eq!(
        lab.relaykit(&[
            "inbox",
            "wait",
            "--count",
            "3",
            "--since",
            began,
            "--timeout",
            "30"
        ])
        .succeeded()
        .stdout
        .lines()
        .count(),
        3
    );
    lab.relaykit(&["inbox", "clear"]).succeeded();

    // All have come before anybody waits, and are waited for in another order.
    send("a@example.org", "one@example.org", "welcome");
    send("b@example.org", "two@example.org", "welcome");
    send(
        "c@example.org",
        "three@example.org",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    );
    let decoded = wait(&["--subject", "Grüße"]);
    is_a("inbox_wait", &decoded);
    assert_eq!(decoded["subject"], "Grüße");
    assert_eq!(
        wait(&["--to", "TWO@example.org"])["envelope_from"],
        "b@example.org"
    );
    none(&["--subject", "welcome", "--to", "two@example.org"]);
    assert_eq!(
        wait(&["--subject", "welcome"])["envelope_from"],
        "a@example.org"
    );
    none(&[]);

    // The next test's message is not the last one's.
    send("a@example.org", "one@example.org", "welcome");
    let next = wait(&["--from", "a@example.org"]);
    assert_eq!(next["subject"], "welcome");
    assert_eq!(lab.inbox().last().unwrap()["id"], next["id"]);

    let all = wait(&["--since", began, "--count", "4"]);
    is_a("inbox_list", &all);
    assert_eq!(all, serde_json::Value::from(lab.inbox()));
    none(&["--since", "2100-01-01T00:00:00Z"]);
    // Too few have come: nobody has been given those that have.
    send("d@example.org", "four@example.org", "last");
    let few = ["inbox", "wait", "--count", "2", "--timeout", "2s"];
    lab.relaykit(&few).ended_with(5).says(&["1 of 2"]);
    assert_eq!(wait(&[])["subject"], "last");
}

#[test]
fn what_a_sender_wrote_does_not_reach_the_terminal() {
    let lab = Lab::new("hostile");
    let up = lab.up();
    let written = "=?utf-8?q?a=1B]0;owned=07_=C2=9B31m_=E2=80=AEtxt=0D=0Aforged__line?=";
    let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org")
        .subject(written)
        .body("\u{1b}[2Jgone \u{202e}evil\n")
        .build();
    submit(&up, Door::Submission, &message).unwrap();
    let line = lab
        .relaykit(&["inbox", "wait", "--timeout", "30s"])
        .succeeded()
        .stdout;
    assert_eq!(line.lines().count(), 1, "{line:?}");
    let id = line.split(' ').next().unwrap();
    let mut outputs = vec![line.clone()];
    for arguments in [
        &["inbox", "list"][..],
        &["inbox", "list", "--format", "json"],
        &["inbox", "show", id],
        &["inbox", "show", id, "--format", "json"],
        &["logs"],
    ] {
        outputs.push(lab.relaykit(arguments).succeeded().stdout);
    }
    for output in &outputs {
        let drives = |c: char| c != '\n' && c != '\t' && (c.is_control() || c == '\u{202e}');
        assert!(!output.contains(drives), "{output:?}");
    }
    let shown = lab.relaykit(&["inbox", "show", id, "--format", "json"]);
    let shown = shown.succeeded().json();
    assert_eq!(
        shown["text"], "\u{1b}[2Jgone \u{202e}evil\n",
        "JSON means what was written"
    );
}
