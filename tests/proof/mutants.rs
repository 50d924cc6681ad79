//! `relaykit test --mutate`.

use relaykit::config::built_in;
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::mutation::{Mutant, Operator, Random, mutants};
use relaykit::plan::Plan;
use serde_json::Value;

use crate::lab::{Lab, Run};

/// All mutants of the relay without a relay.yaml.
fn all() -> Vec<Mutant> {
    let plan = |purpose| Plan::new(Resolved::new(built_in(), purpose), "t");
    mutants(&plan(Purpose::Proof), &plan(Purpose::Lab)).0
}

fn id(operator: Operator, place: &str) -> String {
    let all = all();
    let mut meant = all
        .iter()
        .filter(|m| m.operator == operator && m.place == place);
    meant.next().unwrap().id.clone()
}

/// What came of the mutants of a run, and the report.
fn tried(lab: &Lab, arguments: &[&str]) -> (Vec<Value>, Run) {
    let run = lab.run(&[&["test", "--json", "report.json"], arguments].concat());
    let text = std::fs::read_to_string(lab.folder().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    (report["mutation"]["tried"].as_array().unwrap().clone(), run)
}

#[test]
fn a_mutant_is_seen_by_the_check_that_is_for_it_and_survives_another() {
    let lab = Lab::new("mutant");
    let id = id(Operator::FlipValue, "disable_vrfy_command");
    let (seen, run) = tried(
        &lab,
        &["--mutant", &id, "protocol.vrfy_and_expn_tell_nothing"],
    );
    run.succeeded();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["id"], id);
    assert_eq!(seen[0]["fate"], "seen");
    assert_eq!(seen[0]["by"], "protocol.vrfy_and_expn_tell_nothing");

    let (survived, run) = tried(&lab, &["--mutant", &id, "auth.wrong_password"]);
    assert_eq!(run.code, Some(10), "{run}");
    assert_eq!(survived[0]["fate"], "survived");
    let diff = "-disable_vrfy_command = yes\n+disable_vrfy_command = no\n";
    assert_eq!(survived[0]["diff"], diff);
    assert!(
        run.stdout.contains(&format!("relaykit test --mutant {id}")),
        "{run}"
    );
}

#[test]
fn a_seed_decides_which_mutants_are_tried() {
    let lab = Lab::new("mutate");
    let arguments = [
        "--mutate",
        "2",
        "--seed",
        "5",
        "protocol.vrfy_and_expn_tell_nothing",
    ];
    let (seen, run) = tried(&lab, &arguments);
    let mut expected = all();
    Random::new(5).shuffle(&mut expected);
    let expected: Vec<&str> = expected.iter().take(2).map(|m| m.id.as_str()).collect();
    let ids: Vec<_> = seen.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, expected);
    assert!(run.stdout.contains("Mutating 2 of "), "{run}");
    assert!(run.stdout.contains("--seed 5"), "{run}");
}

#[test]
fn a_mutant_that_is_none_is_a_wrong_use() {
    let lab = Lab::new("nomutant");
    let run = lab.run(&["test", "--mutant", "00000000"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("has no mutant 00000000"), "{run}");
}
