//! `relaykit test --prove`.

use serde_json::{Value, json};

use crate::lab::{Child, Lab, left_of_test};

/// The checks of a JSON report.
fn checks(report: &Value) -> &Vec<Value> {
    report["checks"].as_array().unwrap()
}

/// `id: sabotage: what was observed` of each that was not detected.
fn undetected(report: &Value) -> Vec<String> {
    let mut missed = Vec::new();
    for check in checks(report) {
        for planted in check["sabotages"].as_array().unwrap() {
            if planted["detected"] != true {
                missed.push(format!(
                    "{}: {}: {}",
                    check["id"], planted["name"], planted["observed"]
                ));
            }
        }
    }
    missed
}

#[test]
fn every_check_passes_and_sees_each_of_its_sabotages() {
    let lab = Lab::new("prove");
    let run = lab.run(&["test", "--prove", "--json", "report.json"]);
    let text = std::fs::read_to_string(lab.folder().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(undetected(&report), Vec::<String>::new());
    for check in checks(&report) {
        assert_eq!(check["outcome"], "pass", "{check}");
        let planted = check["sabotages"].as_array().unwrap().len();
        assert!(planted > 0, "no sabotage was planted for {}", check["id"]);
    }
    run.succeeded();
}

#[test]
fn checks_are_proved_against_the_relay_of_ones_own_relay_yaml() {
    let lab = Lab::new("provehide");
    lab.configure("privacy: {received: hide}\n");
    let filters = [
        "privacy.login_hides_this_client",
        "privacy.short_form",
        "privacy.earlier_trace_stays",
        "privacy.mail_without_login_keeps_its_trace",
    ];
    let arguments = [&["test", "--prove", "--json", "report.json"], &filters[..]].concat();
    let run = lab.run(&arguments);
    let text = std::fs::read_to_string(lab.folder().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(undetected(&report), Vec::<String>::new());
    assert_eq!(checks(&report).len(), 5);
    for check in checks(&report) {
        assert_eq!(check["outcome"], "pass", "{check}");
        let planted = check["sabotages"].as_array().unwrap().len();
        assert!(planted > 0, "no sabotage was planted for {}", check["id"]);
    }
    let counts = json!({"planted": 4, "detected": 4, "not_planted": 3});
    assert_eq!(report["summary"]["sabotages"], counts);
    // Mistakes in what that relay has not are told, not tried.
    let left_out = report["not_planted"].as_array().unwrap();
    let names: Vec<_> = left_out.iter().map(|u| &u["sabotage"]).collect();
    let rewriting = [
        "no header checks",
        "no header checks on the mixed port",
        "port 25 is taken for a login port",
    ];
    assert_eq!(names, rewriting);
    let told = "sabotages: 4 planted, 4 detected, 3 not planted";
    assert!(run.succeeded().stdout.contains(told));
}

#[test]
fn an_interruption_among_sabotages_leaves_nothing() {
    let lab = Lab::new("proveint");
    let mut test = Child::start(lab.command(&["test", "--prove", "tls."]));
    let id = test.id();
    assert!(
        test.says("TLS is off"),
        "a sabotage is told as it is judged"
    );
    test.signal("INT");
    let run = test.end();
    assert_eq!(run.code, Some(130), "{run}");
    assert_eq!(left_of_test(id), Vec::<String>::new());
}
