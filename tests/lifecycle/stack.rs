//! A PAM service file of the operator's own: what it says counts in a lab, and what the
//! relay cannot run is told before anything is brought up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relaykit::smtp::{Connect, Session, TlsSettings};
use serde_json::Value;

use crate::lab::{Lab, block_on, ca, endpoint};

/// The README's.
fn stack() -> String {
    let readme = include_str!("../../README.md");
    let (_, text) = readme.split_once("conditions beside the password").unwrap();
    let (_, text) = text.split_once("```text\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    assert!(text.contains("notin mallory"), "{text}");
    text.to_owned()
}

const CONFIGURATION: &str = "version: 1
listeners: {smtp: 0, submission: 0, submissions: 0}
auth: {pam: {users_file: users/accounts, stack: relay.pam}}
lab: {users: [{name: alice, password: wonderland}, {name: mallory, password: looking-glass}]}
";

fn login(up: &Value, name: &str, password: &str) -> u16 {
    block_on(async {
        let tls = TlsSettings::trusting("relay.relaykit.test", ca(up));
        let connect = Connect::wrapper(tls);
        let session = Session::connect(endpoint(up, "submissions"), &connect).await;
        let mut session = session.unwrap();
        session.greeting().await.unwrap();
        session.ehlo("client.example").await.unwrap();
        let pair = STANDARD.encode(format!("\0{name}\0{password}"));
        let reply = session.command(&format!("AUTH PLAIN {pair}")).await;
        reply.unwrap().code
    })
}

#[test]
fn a_stack_of_the_operators_own_counts_and_is_proved() {
    let lab = Lab::new("stack");
    lab.write("relay.yaml", CONFIGURATION);
    lab.write("relay.pam", &stack());
    let up = lab.up();
    assert_eq!(login(&up, "alice", "wonderland"), 235);
    assert_eq!(login(&up, "alice", "looking-glass"), 535);
    // The password is right, and the account is not admitted.
    assert_eq!(login(&up, "mallory", "looking-glass"), 535);
    let checks = ["test", "auth.users_file", "auth.wrong_password_is_refused"];
    lab.relaykit(&checks).succeeded();
    let mounted = lab.exec(
        "relay",
        None,
        &[
            "sh",
            "-c",
            "cat /etc/relaykit/pam; echo x >>/etc/relaykit/pam",
        ],
    );
    assert_eq!(mounted.stdout, stack());
    assert!(mounted.stderr.contains("Read-only"), "{mounted:?}");
}

#[test]
fn modules_that_are_named_as_there_are_in_the_image() {
    let lab = Lab::new("modules");
    lab.write("relay.yaml", CONFIGURATION);
    lab.write("relay.pam", &format!("{}auth required zzz\n", stack()));
    let refused = lab.run(&["config", "validate"]).ended_with(3);
    let refused = refused.says(&["auth.pam.stack", "line 4", "no module zzz"]);
    let (_, named) = refused.stderr.split_once("zzz, but ").unwrap();
    let named = named.lines().next().unwrap().split(", ");
    let named: Vec<&str> = named
        .filter(|name| name.rsplit('.').next() == Some("so"))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    lab.write("relay.pam", &stack());
    lab.up();
    let there = lab
        .exec("relay", None, &["sh", "-c", "ls /usr/lib/*/security"])
        .stdout;
    for module in named {
        assert!(
            there.lines().any(|line| line == module),
            "{module}: {there}"
        );
    }
}
