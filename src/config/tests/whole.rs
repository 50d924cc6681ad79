use std::path::Path;

use super::super::{built_in, load, load_bytes};
use super::loaded;
use super::table::examples;

/// The example of the contract, as it stands there.
const CONTRACT: &str = include_str!("contract.yaml");

#[test]
fn the_contracts_example_is_the_default() {
    let loaded = loaded(CONTRACT).unwrap();
    assert_eq!(loaded.spec, built_in());
    assert_eq!(loaded.warnings, []);
}

#[test]
fn no_beginning_of_a_file_is_a_panic() {
    let base = Path::new("/");
    let mut refused = 0;
    let examples = examples();
    for end in 0..=examples.len() {
        refused += usize::from(load_bytes(&examples.as_bytes()[..end], "f", base).is_err());
    }
    assert!(refused > 1000, "{refused}");
    for end in 0..CONTRACT.len() {
        // A stray character in place of another, a different one each time.
        let odd = ["", "\t", "[", "\"", "&", "\u{0}", "- ", "}", ": ", "\n"][end % 10];
        if let (Some(head), Some(tail)) = (CONTRACT.get(..end), CONTRACT.get(end + 1..)) {
            let _ = load(&format!("{head}{odd}{tail}"), "f", base);
        }
    }
}

#[test]
fn problems_are_shown_and_counted() {
    let problems =
        loaded("version: 1\nlisteners: {bind: 0.0.0.0}\nhostname: x\nnope: 1\n").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "relay.yaml:3:11: hostname: found `x`: only one label, expected a fully qualified host name such as relay.example.com; add the domain: `x.example.com`\n\
         relay.yaml:4:1: nope: unknown key `nope`; valid here: version, hostname, listeners, relay, auth, tls, privacy, outbound, limits, postfix, lab\n\
         relay.yaml:2:13: warning: listeners.bind: the lab's ports are open to others, and its passwords stand in relay.yaml; write 127.0.0.1\n\
         relay.yaml: 2 problems, 1 warning"
    );
    let json = serde_json::to_value(&problems.problems[1]).unwrap();
    assert_eq!(json["file"], "relay.yaml");
    assert_eq!((&json["line"], &json["column"]), (&4.into(), &1.into()));
    assert_eq!(json["path"], "nope");
    assert_eq!(json["message"], "unknown key `nope`");
}
