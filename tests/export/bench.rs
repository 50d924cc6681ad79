//! What these tests work with: the program, Compose, folders of files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::program;

/// `export compose` of the relay.yaml `file` to `output`.
pub(crate) fn export(file: &Path, output: &Path) -> Command {
    let mut command = program(&["export", "compose", "-f"]);
    command.arg(file).arg("--output").arg(output);
    command
}

/// Runs `command`, which has to succeed; what it printed on stdout.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a program said.
pub(crate) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Each Compose that is installed, as a command line.
pub(crate) fn composes() -> Vec<Vec<&'static str>> {
    let known = [vec!["docker", "compose"], vec!["docker-compose"]];
    let answers = |words: &Vec<&str>| {
        let version = Command::new(words[0])
            .args(&words[1..])
            .arg("version")
            .output();
        version.is_ok_and(|output| output.status.success())
    };
    let found: Vec<_> = known.into_iter().filter(answers).collect();
    assert!(
        !found.is_empty(),
        "neither `docker compose` nor `docker-compose` answers: install Docker Compose \
         (docker-compose-v2, docker-compose-plugin or docker-compose, as your system calls it)"
    );
    found
}

/// The files below `folder` by their paths, with what is in them.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(below, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}
