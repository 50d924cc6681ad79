//! A lab as anybody on the network sees it.

use serde_json::Value;

use crate::lab::{Lab, endpoint};

/// `HOST:smtp=...` of a lab's published ports.
fn place(up: &Value) -> String {
    let port = |name| endpoint(up, name).port();
    format!(
        "127.0.0.1:smtp={},submission={},submissions={}",
        port("smtp"),
        port("submission"),
        port("submissions")
    )
}

/// Runs `relaykit check` against a lab as alice.
fn check(lab: &Lab, up: &Value, more: &[&str]) -> crate::lab::Run {
    use std::os::unix::fs::PermissionsExt as _;
    let password = lab.folder().join("alice.password");
    std::fs::write(&password, "wonderland\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let place = place(up);
    let mut arguments = vec!["check", &place, "--per-minute", "100000"];
    let ca = up["ca_certificate"].as_str().unwrap();
    arguments.extend(["--ca", ca, "--name", "relay.relaykit.test"]);
    arguments.extend(["--user", "alice", "--password-file", "alice.password"]);
    arguments.extend(more);
    lab.run(&arguments)
}

#[test]
fn a_right_relay_passes_as_a_stranger_and_nobody_gets_mail() {
    let lab = Lab::new("stranger");
    let up = lab.up();
    let before = lab.inbox().len();
    let run = check(&lab, &up, &["--format", "json"]).ended_with(0);
    let run = run.says(&["one at a time", "logs in as alice", "no mail to anybody"]);
    let report = run.json();
    assert!(
        report["summary"]["passed"].as_u64().unwrap() >= 25,
        "{report}"
    );
    assert!(!run.stdout.contains("wonderland") && !run.stderr.contains("wonderland"));
    assert_eq!(lab.inbox().len(), before);
    let queue = lab.exec("relay", None, &["postqueue", "-j"]);
    assert_eq!(queue.stdout, "");
}

#[test]
fn who_is_named_gets_one_message() {
    let lab = Lab::new("named");
    let up = lab.up();
    let named = [
        "--recipient",
        "me@named.example",
        "--sender",
        "alice@own.example",
    ];
    let only = [&["relay.login_reaches"], &named[..]].concat();
    check(&lab, &up, &only)
        .ended_with(0)
        .says(&["one message from alice@own.example"]);
    let wait = lab.relaykit(&["inbox", "wait", "--subject", "relaykit", "--format", "json"]);
    let message = wait.succeeded().stdout;
    assert!(message.contains("me@named.example"), "{message}");
}

#[test]
fn a_password_is_not_sent_where_no_certificate_is_believed() {
    let lab = Lab::new("unbelieved");
    let up = lab.up();
    check(&lab, &up, &["--list"]).succeeded();
    let place = place(&up);
    let login = ["--user", "alice", "--password-file", "alice.password"];
    let arguments = [&["check", place.as_str()], &login[..]].concat();
    lab.run(&arguments)
        .ended_with(12)
        .says(&["is not sent", "--ca FILE"]);
    let log = lab.relaykit(&["logs", "relay"]).succeeded().stdout;
    assert!(!log.contains("auth failure"), "{log}");
}

#[test]
fn a_limit_ends_it() {
    let lab = Lab::new("limited");
    lab.configure("postfix: {main: {smtpd_client_connection_rate_limit: \"12\", smtpd_client_event_limit_exceptions: \"\", anvil_rate_time_unit: 1h}}\n");
    let up = lab.up();
    let run = check(&lab, &up, &["--format", "json"]).ended_with(12);
    let report = run.json();
    let checks = report["checks"].as_array().unwrap();
    let broken: Vec<_> = checks.iter().filter(|c| c["outcome"] == "broken").collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    let log = lab.relaykit(&["logs", "relay"]).succeeded().stdout;
    let refused = log.matches("Connection rate limit exceeded").count();
    // Two sessions of a table may be under way when the limit is met.
    assert!((1..=2).contains(&refused), "{refused} of {log}");
}

#[test]
fn what_a_stranger_does_without_is_one_finding_or_none() {
    let lab = Lab::new("without");
    lab.configure(
        "auth: {mechanisms: [plain]}\npostfix: {main: {smtpd_tls_security_level: none}}\n",
    );
    let up = lab.up();
    let run = check(&lab, &up, &["--format", "json"]).ended_with(10);
    let report = run.json();
    let checks = report["checks"].as_array().unwrap();
    let ids = |outcome: &str| -> Vec<&str> {
        let found = checks.iter().filter(|c| c["outcome"] == outcome);
        found.map(|c| c["id"].as_str().unwrap()).collect()
    };
    // Port 25 has no STARTTLS; that nobody offers LOGIN is no failure.
    assert_eq!(
        ids("fail"),
        ["tls.starttls_is_offered_in_clear"],
        "{report}"
    );
    assert!(ids("skipped").contains(&"auth.login_mechanism_logs_in"));
    assert!(ids("pass").contains(&"auth.documents_pair_logs_in"));
    assert!(ids("pass").contains(&"tls.old_versions_are_refused"));
}
