//! The reports of a real run, by the built program, on a real engine.

use serde_json::Value;

use crate::lab::{Lab, is_a};
use crate::{json, junit};

#[test]
fn a_proof_writes_every_report() {
    // Images and a folder; the run brings up labs of its own.
    let lab = Lab::new("reports");
    let files = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html"];
    let test = ["test", "protocol.vrfy_and_expn_tell_nothing", "--prove"];
    let run = lab.run(&[&test[..], &files].concat()).succeeded();
    let written = |name: &str| std::fs::read_to_string(lab.folder().join(name)).unwrap();

    let report: Value = serde_json::from_str(&written("r.json")).unwrap();
    json::is_valid(&report);
    let subject = &report["subject"];
    assert_eq!(subject["kind"], "lab");
    for listener in subject["listeners"].as_array().unwrap() {
        assert_eq!(
            listener["tls"]["objections"],
            serde_json::json!([]),
            "{listener}"
        );
        assert_eq!(
            listener["tls"]["certificate"]["names"][0],
            subject["hostname"]
        );
    }
    let packages = subject["containers"][0]["packages"].as_array().unwrap();
    assert!(
        packages.iter().any(|p| p["name"] == "postfix"),
        "{packages:?}"
    );
    let proof = &report["summary"]["sabotages"];
    assert!(proof["planted"].as_u64() > Some(0), "{proof}");
    assert_eq!(proof["planted"], proof["detected"]);
    let counts = format!("sabotages: {0} planted, {0} detected", proof["planted"]);
    assert!(run.stdout.contains(&counts), "{run}");

    for check in report["checks"].as_array().unwrap() {
        for said in ["expected", "observed"] {
            assert_ne!(check[said], "", "{check:#}");
        }
        assert_ne!(check["rows"], serde_json::json!([]), "{check:#}");
        assert_ne!(check["transcript"], serde_json::json!([]), "{check:#}");
    }

    junit::is_valid(&written("r.xml"));
    let page = written("r.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("passes 1 check"));
}

/// The kinds and names of what `relaykit verify` found.
fn told(verified: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = verified["differences"].as_array().unwrap().iter();
    all.map(|one| (text(&one["kind"]), text(&one["name"])))
        .collect()
}

#[test]
fn a_report_knows_its_lab_again_and_what_has_changed_in_it() {
    let lab = Lab::new("verified");
    lab.up();
    // That nothing has drifted in a lab that people brought up, is seen there too.
    lab.relaykit(&["test", "drift", "--json", "r.json"])
        .succeeded();
    let same = lab
        .relaykit(&["verify", "r.json", "--format", "json"])
        .succeeded()
        .json();
    is_a("verify", &same);
    assert_eq!((&same["same"], told(&same)), (&Value::Bool(true), vec![]));

    // Another relay.yaml, while the lab is as it was.
    lab.configure("privacy: {show_login: false}\n");
    let run = lab
        .relaykit(&["verify", "r.json", "--format", "json"])
        .ended_with(10);
    let differences = told(&run.json());
    let has = |kind: &str, name: &str| {
        differences
            .iter()
            .any(|(k, n)| k == kind && n.contains(name))
    };
    assert!(
        has("configuration", "show_login") && has("file", "login_header_checks"),
        "{run}"
    );
    assert!(!has("running file", ""), "{run}");

    // The lab is brought to it.
    lab.up();
    let run = lab.relaykit(&["verify", "r.json"]).ended_with(10);
    let line = "running file relay:/etc/relaykit/postfix/login_header_checks";
    assert!(run.stdout.contains(line), "{run}");
    lab.run(&["verify", "relay.yaml"]).ended_with(2);
    lab.run(&["verify", "r.json", "--lab", "no-such-lab"])
        .ended_with(2);
}
