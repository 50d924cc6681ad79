//! `status` and `logs`.

use crate::lab::{Lab, is_a};
use crate::up::keys;

#[test]
fn status_has_what_up_printed_and_the_health_of_each_container() {
    let lab = Lab::new("status");
    let up = lab.up();
    let status = || {
        let all = lab.run(&["status", "--format", "json"]).succeeded().json();
        let mine = all
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["lab"] == lab.name.as_str())
            .cloned();
        mine.unwrap_or_else(|| panic!("{} is not in {all}", lab.name))
    };
    let found = status();
    for key in keys(&up).into_iter().filter(|key| *key != "elapsed_ms") {
        assert_eq!(found[key], up[key], "{key}");
    }
    assert!(found["elapsed_ms"].is_u64());
    let running =
        serde_json::json!({"relay": "running", "directory": "running", "sink": "running"});
    assert_eq!(found["health"], running);
    let human = lab.run(&["status"]).succeeded().stdout;
    assert!(
        human.contains(&format!("{}  relay.relaykit.test", lab.name)),
        "{human}"
    );

    let engine = crate::lab::engine();
    let stop = engine.stop(
        up["containers"]["sink"].as_str().unwrap(),
        std::time::Duration::ZERO,
    );
    crate::lab::block_on(stop).unwrap();
    let health = status()["health"]["sink"].as_str().unwrap().to_owned();
    assert!(health.starts_with("exited ("), "{health}");
}

#[test]
fn ports_that_are_open_to_all_are_told_by_up_and_by_status() {
    let lab = Lab::new("open");
    let text =
        crate::lab::configuration("").replace("submissions: 0", "submissions: 0, bind: 0.0.0.0");
    lab.write("relay.yaml", &text);
    let told = "  0.0.0.0      the relay's ports are open on every address of the engine's host";
    let line = |run: crate::lab::Run| run.succeeded().stdout.lines().any(|line| line == told);
    assert!(line(lab.relaykit(&["up"])));
    assert!(line(lab.run(&["status"])));
    let up = lab.up();
    assert_eq!(up["bind"], "0.0.0.0");
    let at = up["endpoints"]["submission"].as_str().unwrap();
    assert!(!at.starts_with("0.0.0.0:"), "nobody connects to {at}");

    lab.configure("");
    assert!(!line(lab.relaykit(&["up"])));
}

#[test]
fn logs_are_of_all_roles_of_one_or_followed_to_the_end() {
    let lab = Lab::new("logs");
    let mut before = lab.relaykit(&["logs"]);
    before = before.ended_with(2).says(&["is not up"]);
    assert_eq!(before.stdout, "");
    lab.up();

    let all = lab.relaykit(&["logs"]).succeeded().stdout;
    for line in ["relay     | ", "directory | ", "sink      | "] {
        assert!(all.lines().any(|l| l.starts_with(line)), "{line}: {all}");
    }
    assert!(all.contains("status=sent"), "{all}");
    let one = lab.relaykit(&["logs", "directory"]).succeeded().stdout;
    assert!(
        one.lines().all(|line| line.starts_with("directory | ")),
        "{one}"
    );
    assert!(one.contains("slapd starting"), "{one}");
    lab.relaykit(&["logs", "postfix"])
        .ended_with(2)
        .says(&["relay", "directory", "sink"]);

    let mut followed = lab.start(&["logs", "--follow"]);
    assert!(followed.says("status=sent"));
    assert!(followed.runs());
    lab.relaykit(&["down"]).succeeded();
    let end = followed.end().succeeded();
    assert!(end.stdout.contains("sink      | "), "{end}");
}

#[test]
fn logs_into_a_closed_pipe_end_quietly() {
    let lab = Lab::new("pipe");
    lab.up();
    let line = format!(
        "'{}' logs --follow --lab {} | head -n 1; echo \"${{PIPESTATUS[0]}}\"",
        env!("CARGO_BIN_EXE_relaykit"),
        lab.name
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &line]).env("RELAYKIT_STATE", lab.state());
    let run = crate::lab::Run::of(bash).succeeded();
    assert_eq!(run.stdout.lines().last(), Some("0"), "{run}");
    assert_eq!(run.stderr, "");
}

#[test]
fn what_a_lab_prints_as_json_has_its_published_shape() {
    let lab = Lab::new("shapes");
    let json = |arguments: &[&str]| {
        let all = [arguments, &["--format", "json"]].concat();
        lab.relaykit(&all).succeeded().json()
    };
    is_a("up_dry_run", &json(&["up", "--dry-run"]));
    is_a("up", &json(&["up"]));
    let status = lab.run(&["status", "--format", "json"]).succeeded().json();
    let mine = status
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["lab"] == lab.name.as_str());
    is_a("status", &mine.cloned().collect());
    is_a(
        "build",
        &lab.run(&["build", "--format", "json"]).succeeded().json(),
    );
    let logs = lab
        .relaykit(&["logs", "--format", "json"])
        .succeeded()
        .stdout;
    assert!(logs.contains("\"role\":\"directory\""), "{logs}");
    for line in logs.lines() {
        is_a("logs", &serde_json::from_str(line).unwrap());
    }
    is_a("down", &json(&["down"]));
}
