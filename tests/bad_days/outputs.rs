//! Outputs that cannot be written: a full disk.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;

use crate::lab::{Lab, Run};

const FULL: &str = "No space left on device";

#[test]
fn a_result_that_cannot_be_written_is_told() {
    let lab = Lab::new("stdout");
    let mut up = lab.command(&["config", "validate"]);
    up.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let run = Run::of(up).ended_with(6);
    run.says(&["error: writing stdout failed", FULL]);
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_nothing_is_left() {
    let lab = Lab::new("report");
    for path in ["/dev/full", "no/such/folder/report.json"] {
        let test = crate::lab::Child::start(lab.command(&["test", "auth.", "--json", path]));
        let id = test.id();
        let run = test.end().ended_with(6);
        run.says(&["error:", path]);
        assert_eq!(crate::lab::left_of_test(id), Vec::<String>::new());
    }
}

#[test]
fn a_full_state_folder_is_told_and_nothing_is_left() {
    let lab = Lab::new("state");
    fs::create_dir_all(lab.kept()).unwrap();
    symlink("/dev/full", lab.kept().join("people.json")).unwrap();
    let run = lab.relaykit(&["up"]).ended_with(6);
    run.says(&["error: writing", "people.json", FULL]);
    lab.assert_nothing_is_left();
}

#[test]
fn a_state_folder_that_cannot_be_made_is_told_and_nothing_is_left() {
    let lab = Lab::new("folder");
    fs::write(lab.state(), "in the way").unwrap();
    let run = lab.relaykit(&["up"]).ended_with(6);
    run.says(&["error: creating", "state"]);
    lab.assert_nothing_is_left();
    fs::remove_file(lab.state()).unwrap();
}
