//! What `-v`, `-q`, `RUST_LOG` and `--log-format` tell of real labs.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::lab::{Lab, Run, lines_of_the_log};

/// People with passwords that stand nowhere else, and a login at the next hop.
const SECRETS: &str = "outbound: {next_hop: \"[smtp.example.net]:587\", credentials: {user: me, password_file: next-hop}}\n";
const PEOPLE: &str = "version: 1\nlisteners: {smtp: 0, submission: 0, submissions: 0}\nlab: {ldaps: 0, users: [{name: alice, password: aW0nder_land}, {name: bob, password: bUilder+bob}]}\n";

fn with_secrets(name: &str) -> Lab {
    let lab = Lab::new(name);
    lab.write("next-hop", "nEXt-hop-s3cret\n");
    lab.write("relay.yaml", &format!("{PEOPLE}{SECRETS}"));
    lab
}

#[track_caller]
fn tells_no_secret(run: &Run, users: &[(String, String)]) {
    let passwords = users.iter().map(|(_, password)| password.clone());
    let mut secrets: Vec<String> = passwords.collect();
    secrets.push("nEXt-hop-s3cret".to_owned());
    for (name, password) in users {
        secrets.push(BASE64_STANDARD.encode(format!("\0{name}\0{password}")));
        secrets.push(BASE64_STANDARD.encode(password));
    }
    secrets.push("PRIVATE KEY".to_owned());
    for secret in secrets {
        let line = run.stderr.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
    // As arrays of numbers, as bytes are printed by whoever does not know better.
    let numbers = format!("{:?}", "aW0nder_land".as_bytes());
    assert!(!run.stderr.contains(numbers.trim_matches(['[', ']'])));
}

fn traced(lab: &Lab, arguments: &[&str]) -> Run {
    let mut command = lab.command(arguments);
    command.env("RUST_LOG", "trace");
    Run::of(command)
}

#[test]
fn no_password_is_told_however_much_is_told() {
    let lab = with_secrets("secrets");
    let up = traced(&lab, &["up", "--lab", &lab.name, "--format", "json"]).succeeded();
    let users: Vec<(String, String)> = up.json()["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| {
            [&user["name"], &user["password"]].map(|text| text.as_str().unwrap().to_owned())
        })
        .map(|[name, password]| (name, password))
        .collect();
    assert_eq!(users.len(), 2);
    tells_no_secret(&up, &users);
    for words in [
        "TRACE",
        "smtp the reply to AUTH",
        "engine upload",
        "[bollard::docker]",
    ] {
        assert!(up.stderr.contains(words), "it tells little: {words}");
    }
    let wanted = [
        "auth.documents_pair_logs_in",
        "auth.wrong_password",
        "outbound.login",
        "runtime.sasl",
    ];
    let test = traced(&lab, &[&["test"][..], &wanted].concat());
    tells_no_secret(&test.succeeded(), &users);
}

/// What a terminal shows of `relaykit ARGUMENTS`, line by line, with all that has scrolled by.
fn on_a_terminal(lab: &Lab, arguments: &[&str]) -> Vec<String> {
    let relaykit = lab.command(&[arguments, &["--lab", &lab.name]].concat());
    let words = std::iter::once(relaykit.get_program()).chain(relaykit.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    // script(1) runs it on a terminal of its own.
    let mut script = Command::new("script");
    script
        .args([
            "-qec",
            &format!("stty rows 30 cols 200; exec {}", words.join(" ")),
            "/dev/null",
        ])
        .current_dir(lab.folder())
        .env("RELAYKIT_STATE", lab.state())
        .env("TERM", "xterm")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    let output = script.output().unwrap();
    let size = |cells: u16| cells.try_into().unwrap();
    let mut terminal = vt100::Parser::new(size(30), size(200), 100_000);
    terminal.process(&output.stdout);
    let mut lines = Vec::new();
    terminal.screen_mut().set_scrollback(usize::MAX);
    let above = terminal.screen().scrollback();
    for line in (0..=above).rev() {
        terminal.screen_mut().set_scrollback(line);
        let rows = terminal.screen().rows(0, 200);
        lines.extend(rows.take(if line == 0 { 30 } else { 1 }));
    }
    lines
}

#[test]
fn lines_and_the_live_view_leave_each_other_alone() {
    let lab = Lab::new("terminal");
    let lines = on_a_terminal(&lab, &["up", "-vv"]);
    let text = lines.join("\n");
    let begins = |line: &str| {
        let (time, rest) = line.split_at_checked(9).unwrap_or(("", line));
        let is_time = time.trim().parse::<f64>().is_ok();
        is_time
            && ["INFO ", "DEBUG "]
                .iter()
                .any(|level| rest.starts_with(level))
    };
    let told = lines
        .iter()
        .filter(|line| line.contains("INFO ") || line.contains("DEBUG "));
    let (whole, torn): (Vec<_>, Vec<_>) = told.partition(|line| begins(line));
    assert_eq!(torn, Vec::<&String>::new(), "{text}");
    assert!(whole.len() > 50, "{text}");
    for words in [
        "The lab",
        "✓ relay",
        "command up: done in",
        "Where the time went",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(words)),
            "{words}: {text}"
        );
    }
    // Nothing live is left, nor drawn into.
    let spinner = |line: &&String| line.contains(['⠁', '⠂', '⠄', '⡀', '⢀', '⠠', '⠐', '⠈']);
    assert_eq!(lines.iter().find(spinner), None, "{text}");
}

/// What is printed but for how long it took.
fn timeless(run: &Run) -> Value {
    let mut json = run.json();
    json["elapsed_ms"].take();
    json
}

#[test]
fn the_options_say_how_much_is_told_and_stdout_stays_the_same() {
    let lab = Lab::new("options");
    let up = |options: &[&str]| {
        let run = lab.relaykit(&[&["up", "--format", "json"], options].concat());
        run.succeeded()
    };
    let made = up(&["-vv", "--log-format", "json"]);
    let plain = up(&[]);
    let printed = timeless(&plain);
    assert!(
        plain.stderr.contains('✓') && !plain.stderr.contains("INFO"),
        "{plain}"
    );
    for (options, told, untold) in [
        (&["-q"][..], &[][..], &["✓"][..]),
        (
            &["-v"],
            &["✓", "INFO ", "Where the time went", "readiness"],
            &["DEBUG"],
        ),
        (&["-vv"], &["✓", "DEBUG ", "engine list "], &["TRACE"]),
        (&["--log-format", "text"], &["INFO ", "✓"], &["DEBUG"]),
    ] {
        let run = up(options);
        assert_eq!(timeless(&run), printed, "{options:?}");
        for words in told {
            assert!(run.stderr.contains(words), "{options:?} {words}: {run}");
        }
        for words in untold {
            assert!(!run.stderr.contains(words), "{options:?} {words}: {run}");
        }
        assert_eq!(told.is_empty(), run.stderr.is_empty(), "{options:?}: {run}");
    }
    let mut command = lab.command(&["up", "--lab", &lab.name, "-vv"]);
    command.env("RUST_LOG", "relaykit::lab=info");
    let run = Run::of(command).succeeded();
    assert!(
        run.stderr.contains("INFO ") && !run.stderr.contains("DEBUG"),
        "{run}"
    );

    // A lab that was made, and is taken down again, has asked for most of what can be asked.
    let down = lab.relaykit(&["down", "--volumes", "-vv", "--log-format", "json"]);
    let mut lines = lines_of_the_log(&made.stderr);
    lines.extend(lines_of_the_log(&down.succeeded().stderr));
    let ended = lines.iter().filter(|line| line.get("elapsed_ms").is_some());
    let spans = ended.map(|line| line["spans"].as_array().unwrap().last().unwrap());
    let spans: Vec<(&str, &Value)> = spans
        .map(|span| (span["name"].as_str().unwrap(), &span["fields"]))
        .collect();
    let names: BTreeSet<&str> = spans.iter().map(|(name, _)| *name).collect();
    for name in [
        "command",
        "images",
        "lab",
        "networks and volumes",
        "creation",
        "files",
        "start",
        "readiness",
        "listener",
        "submission",
        "arrival",
        "down",
    ] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    let requests = spans
        .iter()
        .filter(|(name, _)| matches!(*name, "engine" | "follow"));
    let requests: BTreeSet<&str> = requests
        .filter_map(|(_, fields)| fields["request"].as_str())
        .collect();
    for request in [
        "capacity",
        "converse",
        "create_container",
        "create_network",
        "create_volume",
        "exec",
        "gateway",
        "greeting",
        "image",
        "images",
        "inspect",
        "list",
        "logs",
        "own_container",
        "remove",
        "start",
        "upload",
        "wait",
    ] {
        assert!(requests.contains(request), "{request}: {requests:?}");
    }
    let relay = lab.container("relay");
    let of_relay = |(_, fields): &&(&str, &Value)| fields["container"] == relay.as_str();
    assert!(spans.iter().filter(of_relay).count() > 3);
}

#[test]
fn a_check_that_is_not_passed_and_each_step_of_a_run_can_be_read_from_the_lines() {
    let lab = Lab::new("broken");
    lab.configure(super::ready::NO_GREETING);
    let run = lab.run(&[
        "test",
        "relay.nobody_relays_without_login",
        "--format",
        "json",
        "--log-format",
        "json",
    ]);
    let run = run.ended_with(12);
    let lines = lines_of_the_log(&run.stderr);
    let check = lines.iter().find(|line| {
        let last = line["spans"].as_array().unwrap().last();
        line.get("elapsed_ms").is_some() && last.is_some_and(|span| span["name"] == "check")
    });
    let check = check.unwrap()["spans"].as_array().unwrap().last().unwrap();
    assert_eq!(
        check["fields"]["check"],
        "relay.nobody_relays_without_login"
    );
    assert_eq!(check["fields"]["outcome"], "broken");
    let why = lines
        .iter()
        .find(|line| line["message"] == "not passed")
        .unwrap();
    let said = why["fields"]["why"].as_str().unwrap();
    assert!(said.contains("fatal: "), "{why}");
    let port = lines.iter().find(|line| {
        let spans = line["spans"].as_array().unwrap();
        line.get("elapsed_ms").is_some()
            && spans
                .last()
                .is_some_and(|span| span["name"] == "port" && span["fields"]["listener"] == "smtp")
    });
    // Ten seconds of patience with the one that is down.
    assert!(
        port.unwrap()["elapsed_ms"].as_f64().unwrap() > 9000.0,
        "{port:?}"
    );
}
