//! `relaykit verify --signer`: a report is believed as it was signed, and in no other form.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "only a part of it is used here")]
#[path = "lab/program.rs"]
mod program;
#[allow(dead_code, reason = "only a part of it is used here")]
#[path = "lab/schema.rs"]
mod schema;

use std::os::unix::fs::PermissionsExt as _;

use program::{Run, program};
use relaykit::report::Signer;
use serde_json::json;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use tempfile::TempDir;

/// A folder with a report `r.json`, the keys `key`, `key.pub`, `other.pub`, and the
/// report's signature.
struct Signed(TempDir);

impl Signed {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let report = json!({
            "relaykit": "0.0.1", "started_at": "2026-11-30T12:00:00Z",
            "subject": {"identity": {
                "configuration": "", "configuration_sha256": "", "checks_sha256": "", "files": [],
            }},
        });
        for (name, seed) in [("key", 1), ("other", 2)] {
            let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
            place.write(name, &key.to_openssh(LineEnding::LF).unwrap());
            let public = key.public_key().to_openssh().unwrap();
            place.write(&format!("{name}.pub"), &public);
        }
        place.write("r.json", &report.to_string());
        let signer = Signer::read(&place.0.path().join("key")).unwrap();
        let signature = signer.sign(report.to_string().as_bytes()).unwrap();
        place.write("r.json.sig", &signature);
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn relaykit(&self, arguments: &[&str]) -> Run {
        let mut command = program(arguments);
        command
            .current_dir(self.0.path())
            .env("DOCKER_HOST", "unix:///nowhere/engine.sock");
        Run::of(command)
    }

    fn verify(&self, signer: &str) -> Run {
        self.relaykit(&["verify", "r.json", "--signer", signer, "--format", "json"])
    }
}

#[test]
fn a_signed_report_is_compared_and_its_signer_told() {
    let place = Signed::new();
    // The report is of another relay: that is seen after the signature, and on stdout.
    let told = place.verify("key.pub").ended_with(10).json();
    schema::is_a("verify", &told);
    assert!(
        told["signed_by"].as_str().unwrap().contains("SHA256:"),
        "{told}"
    );
    let text = place.relaykit(&["verify", "r.json", "--signer", "key.pub"]);
    assert!(text.ended_with(10).stdout.starts_with("signed by "));
}

#[test]
fn a_changed_byte_another_signer_and_no_signature_are_told_and_nothing_is_compared() {
    let place = Signed::new();
    let refused = |run: Run, why: &str| {
        let run = run.ended_with(10);
        assert!(run.stderr.contains(why) && run.stdout.is_empty(), "{run}");
    };
    refused(place.verify("other.pub"), "none of the signers");
    let report = std::fs::read_to_string(place.0.path().join("r.json")).unwrap();
    place.write("r.json", &report.replace("0.0.1", "0.0.2"));
    refused(place.verify("key.pub"), "bytes were changed");
    place.write("r.json", &report);
    place.write("r.json.sig", "");
    refused(place.verify("key.pub"), "no SSH signature");
    std::fs::remove_file(place.0.path().join("r.json.sig")).unwrap();
    refused(
        place.verify("key.pub"),
        "there is no signature in r.json.sig",
    );
}

#[test]
fn a_key_that_cannot_sign_is_told_before_anything_is_made() {
    let place = Signed::new();
    let sign = |key| place.relaykit(&["test", "--json", "new.json", "--sign", key]);
    let run = sign("key.pub").ended_with(2);
    assert!(run.stderr.contains("ssh-keygen -t ed25519"), "{run}");
    let run = sign("nowhere").ended_with(2);
    assert!(
        run.stderr.contains("reading the key nowhere failed"),
        "{run}"
    );
    assert!(!place.0.path().join("new.json").exists());
    let run = place.relaykit(&["test", "--sign", "key"]).ended_with(2);
    assert!(run.stderr.contains("--json"), "{run}");
}

/// The old report stays whole then, and its signature with it.
#[test]
fn a_run_that_ends_before_its_first_result_leaves_the_last_report_signed() {
    let place = Signed::new();
    // There is no engine.
    let run = place.relaykit(&["test", "--json", "r.json", "--sign", "key"]);
    run.ended_with(4);
    assert!(place.verify("key.pub").ended_with(10).stderr.is_empty());
}

/// What relaykit signs, `ssh-keygen -Y verify` reads, and the other way round.
#[test]
fn ssh_keygen_reads_the_same_signatures() {
    let place = Signed::new();
    let folder = place.0.path();
    let key = std::fs::read_to_string(folder.join("key.pub")).unwrap();
    place.write("signers", &format!("audit {key}\n"));
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.join("key"), private).unwrap();
    let keygen = |arguments: &str, input: &str| {
        let mut command = std::process::Command::new("ssh-keygen");
        command.args(arguments.split(' ')).current_dir(folder);
        let input = std::fs::File::open(folder.join(input)).unwrap();
        command.stdin(input).output().unwrap()
    };
    let verify = "-Y verify -f signers -I audit -n relaykit-report -s r.json.sig";
    let run = keygen(verify, "r.json");
    assert!(run.status.success(), "{run:?}");
    assert!(!keygen(verify, "signers").status.success());
    std::fs::remove_file(folder.join("r.json.sig")).unwrap();
    let run = keygen("-Y sign -f key -n relaykit-report r.json", "signers");
    assert!(run.status.success(), "{run:?}");
    let told = place.verify("signers").ended_with(10).json();
    assert!(told["signed_by"].as_str().unwrap().starts_with("audit "));
}
