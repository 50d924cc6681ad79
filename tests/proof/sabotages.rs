//! `relaykit test --prove`.

use relaykit::checks::{Change, Check, Context, Judged, Options, Sabotage};
use relaykit::config::built_in;
use relaykit::lab::{self, Readiness};
use relaykit::plan::Role;
use relaykit::proof::{self, Request};
use relaykit::report::Severity;
use serde_json::{Value, json};

use crate::lab::{Child, Lab, block_on, left_of_test, workshop};

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
    let counts = json!({"planted": 4, "detected": 4, "not_planted": 4});
    let mut told = report["summary"]["sabotages"].clone();
    let took = told.as_object_mut().unwrap().remove("elapsed_ms");
    assert!(took.unwrap().as_u64().unwrap() > 0);
    assert_eq!(told, counts);
    // Mistakes in what that relay has not are told, not tried.
    let left_out = report["not_planted"].as_array().unwrap();
    let names: Vec<_> = left_out.iter().map(|u| &u["sabotage"]).collect();
    let rewriting = [
        "no header checks",
        "no header checks on the mixed port",
        "port 25 is taken for a login port",
        "the rules of the mixed port know plain recipients alone",
    ];
    assert_eq!(names, rewriting);
    let told = "sabotages: 4 planted, 4 detected, 4 not planted";
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

/// Settings that the built-in lab has not, and that decide what a right relay says.
const OWN: &str = r"version: 1
listeners: {smtp: 0, submission: 0, submissions: 0}
relay: {sender_login: own, message_size_limit: 20KiB}
auth: {mechanisms: [plain], outlook_compatible: false}
limits: {connections_per_client: 3, messages_per_login_per_hour: 5}
lab: {ldaps: 0, users: [{name: root, password: wonderland}, {name: test, password: test}]}
";

#[test]
fn a_right_relay_passes_whatever_its_relay_yaml_says() {
    let lab = Lab::new("own");
    lab.write("relay.yaml", OWN);
    let filters = [
        "auth.identities",
        "auth.nobody_acts",
        "auth.refusals_read_alike",
        "auth.outlook",
        "outbound.every_domain",
        "outbound.next_hop_gets_the_login",
        "privacy.login_hides_every_client",
        "privacy.login_is_not_shown",
        "privacy.odd_logins",
        "tls.messages",
    ];
    let arguments = [&["test", "--format", "json"], &filters[..]].concat();
    let report = lab.run(&arguments).succeeded().json();
    assert_eq!(report["summary"]["passed"], filters.len(), "{report}");
}

const fn planted(name: &'static str, changes: &'static [Change]) -> Sabotage {
    Sabotage {
        name,
        changes,
        sees: "",
    }
}

/// Another directory, a relay with other files, a lab that does not come up, and once
/// more the relay that was there first.
const ONE_AFTER_THE_OTHER: &[Sabotage] = &[
    planted(
        "a comment",
        &[Change::File(Role::Directory, "slapd.conf", "# one")],
    ),
    planted(
        "small messages",
        &[Change::Main("message_size_limit", "12345")],
    ),
    planted(
        "a directory that cannot start",
        &[Change::File(
            Role::Directory,
            "slapd.conf",
            "no such keyword",
        )],
    ),
    planted(
        "another comment",
        &[Change::File(Role::Directory, "slapd.conf", "# two")],
    ),
];

#[test]
fn a_lab_that_did_not_come_up_is_no_beginning_of_the_next() {
    let workshop = workshop(Readiness::Started);
    let name = format!("t{}-fails", std::process::id());
    let check: &'static Check = Box::leak(Box::new(Check {
        id: "directory.starts",
        title: "A directory that starts",
        citation: "row 8",
        severity: Severity::High,
        sabotages: ONE_AFTER_THE_OTHER,
        ..Check::by(&|_: Context| async { Judged::Continue(()) })
    }));
    let (judgements, limit) = block_on(async {
        let request = Request {
            spec: &built_in(),
            checks: &[check],
            labs: std::slice::from_ref(&name),
            workshop: &workshop,
            options: Options::default(),
        };
        let judgements = proof::prove(&request, |_| ()).await;
        let engine = workshop.engine.as_ref();
        let relay = format!("relaykit-{name}-relay");
        let argv = ["postconf", "-h", "message_size_limit"];
        let limit = engine.exec(&relay, &argv, None).await;
        lab::down(engine, &name, true).await.unwrap();
        (judgements.unwrap(), limit.unwrap().stdout)
    });
    let seen = judgements.iter().map(|judgement| {
        let (_, planted) = &judgement.claims[0];
        let failed = planted.observed.contains("the lab did not come up");
        (judgement.name, failed)
    });
    let expected = ONE_AFTER_THE_OTHER
        .iter()
        .map(|sabotage| (sabotage.name, sabotage.name.contains("cannot start")));
    assert_eq!(seen.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(limit.trim(), "26214400", "the limit of the second");
}
