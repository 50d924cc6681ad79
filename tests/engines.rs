//! The script that tries other engines: that it is one, and says what it does. What it
//! does takes minutes, and is a job of the workflow.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines")
}

fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    (output, String::from_utf8(said).unwrap())
}

#[test]
fn the_scripts_can_be_read_by_their_shells() {
    for (shell, script) in [("bash", "run"), ("sh", "serve")] {
        let (ended, said) = output(Command::new(shell).arg("-n").arg(folder().join(script)));
        assert!(ended.status.success(), "{script}: {said}");
    }
}

#[test]
fn the_script_tells_its_engines_and_the_workflow_tries_all_of_them() {
    let run = folder().join("run");
    let (ended, help) = output(Command::new(&run).arg("--help"));
    assert!(ended.status.success(), "{help}");
    let (ended, said) = output(Command::new(&run).arg("kubernetes"));
    assert_eq!(ended.status.code(), Some(2), "{said}");
    let (_, engines) = said.trim().rsplit_once(": ").unwrap();

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workflow = std::fs::read_to_string(root.join(".github/workflows/ci.yml")).unwrap();
    let (_, matrix) = workflow.split_once("engine: [").unwrap();
    let (matrix, _) = matrix.split_once(']').unwrap();
    assert_eq!(matrix, engines.replace(' ', ", "));

    let serve = std::fs::read_to_string(folder().join("serve")).unwrap();
    for engine in engines.split(' ') {
        assert!(help.contains(&format!("  {engine} ")), "{help}");
        assert!(serve.contains(&format!("\n{engine})\n")), "{engine}");
    }
}
