//! `relaykit test --lab`: a lab that is up, and stays.

use crate::lab::Lab;

#[test]
fn a_lab_that_is_up_is_checked_and_left_as_it_was() {
    let lab = Lab::new("attached");
    lab.up();
    let before = lab.container_ids();
    let run = lab.relaykit(&["test", "--format", "json"]).ended_with(0);
    let report = run.json();
    assert!(
        report["summary"]["passed"].as_u64().unwrap() >= 40,
        "{report}"
    );
    let skipped = |id: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .any(|c| c["id"] == id && c["outcome"] == "skipped")
    };
    assert!(skipped("privacy.login_hides_every_client"), "XCLIENT");
    assert_eq!(lab.container_ids(), before);
    let queue = lab.exec("relay", None, &["postqueue", "-j"]);
    assert_eq!(queue.stdout, "");
}

#[test]
fn a_failure_shows_the_relays_own_words_about_that_session() {
    let lab = Lab::new("evidence");
    lab.configure("postfix: {main: {smtp_helo_name: somebody.example}}\n");
    lab.up();
    let run = lab.relaykit(&["test", "outbound.relay_names_itself", "auth"]);
    let text = run.ended_with(10).stdout;
    let (_, log) = text.split_once("relay log").expect("a log");
    assert!(log.contains(": client=unknown["), "{log}");
    assert!(log.contains("sasl_username=alice"), "{log}");
    assert!(log.contains("status=sent"), "{log}");
    // Another check's, at the same time.
    assert!(!log.contains("authentication failed"), "{log}");
}

#[test]
fn limits_of_a_lab_that_is_up_are_no_fault_of_its_relay() {
    let lab = Lab::new("limits");
    lab.configure("limits: {messages_per_login_per_hour: 2}\n");
    lab.up();
    let filters = [
        "test",
        "--format",
        "json",
        "protocol.eight",
        "protocol.blind",
    ];
    let report = lab.relaykit(&filters).ended_with(0).json();
    let outcome = |id: &str| {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["id"] == id).unwrap();
        let words = |key: &str| check[key].as_str().unwrap().to_owned();
        (words("outcome"), words("observed"))
    };
    let (skipped, why) = outcome("protocol.eight_bits_stay_eight_bits");
    assert_eq!(skipped, "skipped", "{why}");
    let key = "limits.messages_per_login_per_hour is reached";
    assert!(why.starts_with(key), "{why}");
}
