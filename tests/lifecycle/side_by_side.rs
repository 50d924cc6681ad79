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
