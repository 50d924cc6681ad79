//! `relaykit config render --diff`: what a change would do, told before it is made.

use crate::lab::{Lab, is_a};

const DIFF: [&str; 3] = ["config", "render", "--diff"];

#[test]
fn a_change_is_shown_before_it_is_made() {
    let lab = Lab::new("difference");
    let run = lab.relaykit(&DIFF);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("is not up"), "{}", run.stderr);

    lab.up();
    let run = lab.relaykit(&DIFF);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.starts_with("nothing would change"), "{run:?}");

    lab.write("next-hop", "not-to-be-shown\n");
    lab.configure(
        "relay: {message_size_limit: 5MiB}\n\
         outbound: {next_hop: '[smtp.example.net]', credentials: {user: relay, password_file: next-hop}}\n",
    );
    let run = lab.relaykit(&DIFF);
    assert_eq!(run.code, Some(10), "{run:?}");
    for line in [
        "the container of the relay would be made anew\n",
        "--- runs/relay/etc/relaykit/postfix/main.cf\n+++ relay.yaml/relay/etc/relaykit/postfix/main.cf\n@@ ",
        "\n-message_size_limit = 26214400\n+message_size_limit = 5242880\n",
        "relay:/etc/relaykit/postfix/next_hop_password: added; it holds a secret, not shown\n",
    ] {
        assert!(run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("not-to-be-shown"), "{}", run.stdout);
    let narrowed = lab.relaykit(&[&DIFF[..], &["master.cf"]].concat());
    assert!(
        !narrowed.stdout.contains("message_size_limit"),
        "{narrowed:?}"
    );

    let json = lab.relaykit(&[&DIFF[..], &["--format", "json"]].concat());
    assert_eq!(json.code, Some(10), "{json:?}");
    let json = serde_json::from_str(&json.stdout).unwrap();
    is_a("config_render_diff", &json);
    assert_eq!(json["containers"]["relay"], "replace");

    // As told, so done.
    lab.up();
    assert_eq!(lab.relaykit(&DIFF).code, Some(0));
}
