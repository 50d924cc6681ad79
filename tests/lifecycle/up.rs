//! What `up` prints is true, and works when it is pasted.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use relaykit::smtp::{Connect, Session, TlsSettings};
use serde_json::{Value, json};

use crate::lab::{Child, Lab, block_on, ca, endpoint, engine};

/// The names in an object, in order.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn json_has_the_contracts_shape_and_every_endpoint_answers() {
    let lab = Lab::new("shape");
    let run = lab.relaykit(&["up", "--format", "json"]).succeeded();
    assert!(
        run.stderr.contains("login over TLS"),
        "progress is on stderr: {run}"
    );
    let up = run.json();
    let expected = [
        "bind",
        "ca_certificate",
        "containers",
        "elapsed_ms",
        "endpoints",
        "hostname",
        "lab",
        "users",
    ];
    assert_eq!(
        keys(&up).into_iter().collect::<BTreeSet<_>>(),
        expected.into()
    );
    assert_eq!(up["lab"], lab.name.as_str());
    assert_eq!(up["hostname"], "relay.relaykit.test");
    assert_eq!(up["bind"], "127.0.0.1");
    assert_eq!(
        up["users"],
        json!([{"name": "alice", "password": "wonderland"}])
    );
    assert!(up["elapsed_ms"].as_u64().is_some_and(|ms| ms > 0), "{up}");
    let ca_path = std::path::Path::new(up["ca_certificate"].as_str().unwrap());
    assert!(
        ca_path.is_absolute() && ca_path.starts_with(lab.state()),
        "{up}"
    );

    assert_eq!(keys(&up["containers"]), ["directory", "relay", "sink"]);
    for role in ["relay", "directory", "sink"] {
        assert_eq!(up["containers"][role], lab.container(role).as_str());
        let facts = block_on(engine().inspect(&lab.container(role)))
            .unwrap()
            .unwrap();
        assert!(facts.running, "{role}: {facts:?}");
    }

    assert_eq!(
        keys(&up["endpoints"]),
        ["ldaps", "smtp", "submission", "submissions"]
    );
    block_on(async {
        let relay = TlsSettings::trusting("relay.relaykit.test", ca(&up));
        let directory = TlsSettings::trusting("directory", ca(&up));
        for (name, wrapper) in [
            ("smtp", None),
            ("submission", None),
            ("submissions", Some(relay)),
        ] {
            let options = Connect {
                wrapper,
                ..Connect::default()
            };
            let mut session = Session::connect(endpoint(&up, name), &options)
                .await
                .unwrap();
            let greeting = session.greeting().await.unwrap();
            assert_eq!(greeting.code, 220, "{name}");
            assert!(
                greeting.text().starts_with("relay.relaykit.test"),
                "{name}: {greeting:?}"
            );
        }
        let ldaps = Session::connect(endpoint(&up, "ldaps"), &Connect::wrapper(directory)).await;
        assert_eq!(ldaps.unwrap().tls().unwrap().name, Ok(()));
    });
}

#[test]
fn a_second_up_changes_nothing() {
    let lab = Lab::new("twice");
    let first = lab.up();
    let containers = lab.container_ids();
    assert_eq!(containers.len(), 3);
    let second = lab.up();
    assert_eq!(lab.container_ids(), containers);
    for key in ["endpoints", "ca_certificate", "users", "containers"] {
        assert_eq!(second[key], first[key]);
    }
}

#[test]
fn a_dry_run_tells_all_and_makes_nothing() {
    let lab = Lab::new("dry");
    let run = lab.relaykit(&["up", "--dry-run"]).succeeded();
    for role in ["relay", "directory", "sink"] {
        let would =
            |line: &str| line.contains(&lab.container(role)) && line.ends_with(" would be created");
        assert!(run.stdout.lines().any(would), "{role}: {run}");
    }
    lab.assert_nothing_is_left();
    assert!(!lab.state().exists());

    lab.up();
    let run = lab
        .relaykit(&["up", "--dry-run", "--format", "json"])
        .succeeded();
    let keep = json!({"relay": "keep", "directory": "keep", "sink": "keep"});
    assert_eq!(run.json()["containers"], keep);
    lab.configure("relay: {message_size_limit: 5MiB}\n");
    let before = lab.container_ids();
    let run = lab
        .relaykit(&["up", "--dry-run", "--format", "json"])
        .succeeded();
    assert_eq!(run.json()["containers"]["relay"], "replace");
    assert_eq!(lab.container_ids(), before);
}

/// The lines that `up` printed below `Try it:` and that begin with `program`;
/// a line that ends in a backslash goes on in the next.
fn printed(human: &str, program: &str) -> Vec<String> {
    let joined = human.replace("\\\n", " ");
    let lines = joined
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(program));
    lines.map(str::to_owned).collect()
}

fn is_there(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    found.unwrap().status.success()
}

#[test]
fn the_printed_openssl_lines_and_the_base64_pair_log_in() {
    assert!(
        is_there("openssl"),
        "openssl is missing on this machine: the lines cannot be tried"
    );
    let lab = Lab::new("openssl");
    let human = lab.relaykit(&["up"]).succeeded().stdout;
    let pair = printed(&human, "AUTH PLAIN ").concat();
    let lines = printed(&human, "openssl ");
    assert_eq!(lines.len(), 2, "{human}");
    for line in lines {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec {line}")])
            .stdin(Stdio::piped());
        let mut client = Child::start(command);
        // With -starttls the greeting is openssl's own; its last EHLO line is shown.
        let first = if line.contains("-starttls") {
            "250 "
        } else {
            "220 "
        };
        let mut answers = |what: &str| assert!(client.says(what), "{line}: no {what:?}");
        answers(first);
        client.write("EHLO me\n");
        assert!(client.says("250 "), "{line}: no reply to EHLO");
        client.write(&format!("{pair}\n"));
        assert!(client.says("235 2.7.0"), "{line}: the pair does not log in");
        client.write("QUIT\n");
        client.end().succeeded();
    }
}

#[test]
fn the_printed_swaks_line_sends_a_message() {
    if !is_there("swaks") {
        // Past the test's captured output: what was not tested must be seen.
        #[allow(clippy::explicit_write, reason = "tests capture what eprintln! writes")]
        writeln!(
            std::io::stderr(),
            "\nNOT TESTED: the printed swaks line; install swaks for it"
        )
        .unwrap();
        return;
    }
    let lab = Lab::new("swaks");
    let human = lab.relaykit(&["up"]).succeeded().stdout;
    let lines = printed(&human, "swaks ");
    assert_eq!(lines.len(), 1, "{human}");
    let sent = Command::new("sh").args(["-c", &lines[0]]).output().unwrap();
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stdout)
    );
    let arrived = lab.relaykit(&["inbox", "wait", "--timeout", "2m", "--format", "json"]);
    assert_eq!(
        arrived.succeeded().json()["envelope_to"],
        json!(["bob@example.org"])
    );
}
