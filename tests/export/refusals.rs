//! What cannot be exported, and what is left of the try: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::bench::{export, said, succeed};
use crate::lab::{is_a, program};

/// The least that a relay in production needs.
const LEAST: &str = "\
version: 1
hostname: relay.example.org
auth: {ldap: {servers: [ldaps://ldap.example.org], search_base: 'dc=example,dc=org', ca: system}}
tls: {certificate: {cert: /etc/example/relay.pem, key: /etc/example/relay.key}}
outbound: {next_hop: '[smtp.example.net]:587'}
";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refused(command: &mut Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    let said = said(&output);
    for word in words {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
}

#[test]
fn the_built_in_lab_is_refused_with_all_that_it_lacks() {
    let root = tempfile::tempdir().unwrap();
    let mut command = program(&["export", "compose", "--output", "out"]);
    command.current_dir(root.path());
    let keys = [
        "hostname:",
        "auth.ldap.servers:",
        "auth.ldap.search_base:",
        "auth.ldap.ca:",
        "tls.certificate:",
        "outbound.next_hop:",
    ];
    refused(&mut command, 3, &keys);
    assert_eq!(names(root.path()), [""; 0]);
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let (file, output) = (root.path().join("relay.yaml"), root.path().join("out"));
    fs::write(&file, LEAST).unwrap();
    fs::create_dir(&output).unwrap();
    fs::write(output.join("mine"), "mine").unwrap();
    refused(&mut export(&file, &output), 6, &["there already"]);
    assert_eq!(names(&output), ["mine"]);
    assert_eq!(names(root.path()), ["out", "relay.yaml"]);
}

#[test]
fn a_bundle_is_renewed_and_what_was_changed_by_hand_is_not() {
    let root = tempfile::tempdir().unwrap();
    let (file, output) = (root.path().join("relay.yaml"), root.path().join("out"));
    fs::write(&file, LEAST).unwrap();
    succeed(&mut export(&file, &output));
    let told = succeed(&mut export(&file, &output));
    assert!(told.contains("is up to date"), "{told}");
    fs::write(output.join("compose.override.yaml"), "mine").unwrap();
    fs::write(
        &file,
        format!("{LEAST}relay: {{message_size_limit: 7MiB}}\n"),
    )
    .unwrap();
    let told = succeed(&mut export(&file, &output));
    for line in [
        "--- old/config/postfix/main.cf\n",
        "-message_size_limit = 26214400\n",
        "+message_size_limit = 7340032\n",
        "--force-recreate",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    fs::write(output.join("compose.yaml"), "mine").unwrap();
    fs::write(&file, LEAST).unwrap();
    let by_hand = ["not as relaykit wrote them: compose.yaml;"];
    refused(&mut export(&file, &output), 6, &by_hand);
    let main = fs::read_to_string(output.join("config/postfix/main.cf")).unwrap();
    assert!(main.contains("message_size_limit = 7340032"), "{main}");
}

#[test]
fn an_authority_goes_along_and_has_to_be_here() {
    let root = tempfile::tempdir().unwrap();
    let (file, output) = (root.path().join("relay.yaml"), root.path().join("out"));
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/directory-ca.pem");
    fs::write(&file, LEAST.replace("ca: system", "ca: my-ca.pem")).unwrap();
    refused(
        &mut export(&file, &output),
        3,
        &["my-ca.pem", "bring it to this machine"],
    );
    assert_eq!(names(root.path()), ["relay.yaml"]);
    let mut validate = program(&["config", "validate", "-f"]);
    let told = said(&validate.arg(&file).output().unwrap());
    for missing in [
        "my-ca.pem is not on this machine",
        "/etc/example/relay.key is not",
    ] {
        assert!(told.contains(missing), "{missing}: {told}");
    }
    fs::copy(&authority, root.path().join("my-ca.pem")).unwrap();
    succeed(&mut export(&file, &output));
    let taken = fs::read(output.join("config/tls/directory-ca.pem")).unwrap();
    assert_eq!(taken, fs::read(&authority).unwrap());
    let compose = fs::read_to_string(output.join("compose.yaml")).unwrap();
    assert!(!compose.contains("my-ca.pem"), "{compose}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("relay.yaml");
    fs::write(&file, LEAST).unwrap();
    refused(
        &mut export(&file, &root.path().join("no/out")),
        6,
        &["no/out", "make it first"],
    );
    refused(
        &mut export(&file, &file.join("out")),
        6,
        &["relay.yaml is not a folder"],
    );
    refused(
        &mut export(&file, Path::new("/proc/out")),
        6,
        &["/proc/out"],
    );
    assert_eq!(names(root.path()), ["relay.yaml"]);
}

#[test]
fn a_target_that_is_not_registered_is_a_mistake_of_usage() {
    refused(
        &mut program(&["export", "sendmail", "--output", "out"]),
        2,
        &["compose"],
    );
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("relay.yaml");
    fs::write(&file, LEAST).unwrap();
    for umask in ["000", "077"] {
        let output = root.path().join(umask);
        let inner = export(&file, &output);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "umask $0; exec \"$@\"", umask])
            .arg(inner.get_program());
        succeed(shell.args(inner.get_args()));
        let modes = [
            "",
            "compose.yaml",
            "config/postfix",
            "config/saslauthd.conf",
        ]
        .map(|path| {
            fs::metadata(output.join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o7777
        });
        assert_eq!(
            modes.map(|mode| format!("{mode:o}")),
            ["700", "644", "755", "600"],
            "{umask}"
        );
    }
}

#[test]
fn a_script_learns_what_was_written() {
    let root = tempfile::tempdir().unwrap();
    let (file, output) = (root.path().join("relay.yaml"), root.path().join("out"));
    fs::write(&file, LEAST).unwrap();
    let told = succeed(export(&file, &output).args(["--format", "json"]));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["output"], *output.to_str().unwrap());
    assert_eq!(told["name"], "relay-example-org");
    for path in told["files"].as_array().unwrap() {
        assert!(output.join(path.as_str().unwrap()).is_file(), "{path}");
    }
    is_a("export", &told);
}
