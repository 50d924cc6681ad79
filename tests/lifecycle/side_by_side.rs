//! Labs and test runs beside each other.

use relaykit::smtp::Message;

use crate::lab::{Door, Lab, submit};

#[test]
fn two_labs_and_two_test_runs_do_not_disturb_each_other() {
    let labs = [Lab::new("left"), Lab::new("right")];
    let ups = std::thread::scope(|scope| {
        let ups = labs.each_ref().map(|lab| scope.spawn(|| lab.up()));
        ups.map(|up| up.join().unwrap())
    });
    let containers = labs.each_ref().map(Lab::container_ids);

    let tests = labs.each_ref().map(|lab| {
        let command = lab.command(&["test", "--format", "json", "auth.", "tls."]);
        crate::lab::Child::start(command)
    });
    for (up, subject) in ups.iter().zip(["to the left", "to the right"]) {
        let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org");
        submit(up, Door::Submission, &message.subject(subject).build()).unwrap();
    }
    for test in tests {
        let id = test.id();
        let report = test.end().succeeded().json();
        assert_eq!(report["summary"]["failed"], 0, "{report}");
        assert!(
            report["summary"]["passed"].as_u64().is_some_and(|n| n > 10),
            "{report}"
        );
        assert_eq!(crate::lab::left_of_test(id), Vec::<String>::new());
    }

    for ((lab, containers), subject) in labs
        .iter()
        .zip(containers)
        .zip(["to the left", "to the right"])
    {
        assert_eq!(lab.container_ids(), containers);
        lab.relaykit(&["inbox", "wait", "--timeout", "2m"])
            .succeeded();
        let subjects: Vec<_> = lab
            .inbox()
            .into_iter()
            .map(|entry| entry["subject"].clone())
            .collect();
        assert_eq!(subjects, [subject]);
    }
}

#[test]
fn a_test_of_a_lab_that_is_up_leaves_it_running() {
    let lab = Lab::new("attached");
    lab.up();
    let before = lab.container_ids();
    lab.relaykit(&["test", "auth."]).succeeded();
    assert_eq!(lab.container_ids(), before);
}

#[test]
fn two_ups_of_one_lab_wait_for_each_other() {
    let lab = Lab::new("twins");
    let twins = [
        lab.start(&["up", "--format", "json"]),
        lab.start(&["up", "--format", "json"]),
    ];
    let [first, second] = twins.map(|twin| twin.end().succeeded().json());
    assert_eq!(first["endpoints"], second["endpoints"]);
    assert_eq!(lab.container_ids().len(), 3);
}

#[test]
fn labs_without_a_file_have_ports_of_their_own_and_keep_them() {
    let (first, second) = (Lab::new("one"), Lab::new("two"));
    for lab in [&first, &second] {
        std::fs::remove_file(lab.folder().join("relay.yaml")).unwrap();
    }
    let state = first.state();
    let up = |lab: &Lab| {
        let mut command = lab.command(&["up", "--format", "json", "--lab", &lab.name]);
        command.env("RELAYKIT_STATE", &state);
        crate::lab::Run::of(command).succeeded().json()
    };
    let (one, two) = (up(&first), up(&second));
    for name in ["smtp", "submission", "submissions", "ldaps"] {
        assert_ne!(one["endpoints"][name], two["endpoints"][name], "{name}");
    }
    let before = second.container_ids();
    assert_eq!(up(&second)["endpoints"], two["endpoints"]);
    assert_eq!(second.container_ids(), before);
    first.relaykit(&["test", "auth.plaintext"]).succeeded();
}

#[test]
fn a_lab_of_another_state_folder_is_not_replaced() {
    let lab = Lab::new("theirs");
    lab.up();
    let before = lab.container_ids();
    for arguments in [&["up"][..], &["up", "--dry-run"], &["test", "auth."]] {
        let mut command = lab.command(&[arguments, &["--lab", &lab.name]].concat());
        command.env("RELAYKIT_STATE", lab.folder().join("another"));
        let run = crate::lab::Run::of(command).ended_with(2);
        run.says(&["another state folder", "--lab", "relaykit down"]);
    }
    assert_eq!(lab.container_ids(), before);
}
