//! A lab of one test's own: brought up by the built program, on ports that the
//! kernel picks, with its state in a folder of its own, and removed when the
//! test ends, however it ends. Without an engine such a test fails and says so.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of this"
)]

mod engine;
mod mail;
mod program;
mod schema;
mod workshop;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use relaykit::engine::{ExecOutput, Kind, Labels, Object, labels};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use engine::{block_on, engine, settled, until};
pub(crate) use mail::{Door, submit, submit_in};
pub(crate) use program::{Child, Run, program};
pub(crate) use schema::{is_a, lines_of_the_log};
pub(crate) use workshop::workshop;

/// A relay.yaml with ports that the kernel picks; `more` is appended.
pub(crate) fn configuration(more: &str) -> String {
    format!(
        "version: 1\nlisteners: {{smtp: 0, submission: 0, submissions: 0}}\nlab: {{ldaps: 0, users: [{{name: alice, password: wonderland}}]}}\n{more}"
    )
}

/// A name and a folder for one lab. Nothing of it is on the engine until the
/// test brings it up; whatever carries its label is removed with this value.
pub(crate) struct Lab {
    pub(crate) name: String,
    folder: TempDir,
}

impl Lab {
    /// A lab that only this test has, with the images for it on the engine.
    pub(crate) fn new(name: &str) -> Self {
        images();
        Self::without_images(name)
    }

    /// The same for a test that does not get as far as a container.
    pub(crate) fn without_images(name: &str) -> Self {
        engine();
        let lab = Self {
            name: format!("t{}-{name}", std::process::id()),
            folder: tempfile::tempdir().unwrap(),
        };
        lab.configure("");
        lab
    }

    /// Writes relay.yaml: kernel-picked ports, alice, and `more`.
    pub(crate) fn configure(&self, more: &str) {
        self.write("relay.yaml", &configuration(more));
    }

    /// Writes a file into the folder in which relaykit is run.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// The folder in which relaykit is run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `RELAYKIT_STATE`.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What relaykit keeps of this lab on this machine.
    pub(crate) fn kept(&self) -> PathBuf {
        self.state().join("labs").join(&self.name)
    }

    /// `relaykit ARGUMENTS`, not run yet, in this lab's folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = program(arguments);
        command
            .current_dir(self.folder.path())
            .env("RELAYKIT_STATE", self.state());
        command
    }

    /// Runs `relaykit ARGUMENTS` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    /// Runs `relaykit ARGUMENTS --lab NAME` to its end.
    pub(crate) fn relaykit(&self, arguments: &[&str]) -> Run {
        self.run(&[arguments, &["--lab", &self.name]].concat())
    }

    /// Starts `relaykit ARGUMENTS --lab NAME`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Child::start(self.command(&[arguments, &["--lab", &self.name]].concat()))
    }

    /// Brings it up and returns what `up --format json` printed.
    pub(crate) fn up(&self) -> Value {
        self.relaykit(&["up", "--format", "json"])
            .succeeded()
            .json()
    }

    /// Everything on the engine with this lab's label.
    pub(crate) fn objects(&self) -> Vec<Object> {
        block_on(engine().list(&labels::of_lab(&self.name))).unwrap()
    }

    /// Fails unless nothing on the engine carries this lab's label, or its name
    /// without the label, which no `down` would find.
    #[track_caller]
    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(left_of(&self.name), Vec::<String>::new());
    }

    /// The id of each of its containers, by name.
    pub(crate) fn container_ids(&self) -> Vec<(String, String)> {
        let objects = self.objects().into_iter();
        let containers = objects.filter(|object| object.kind == Kind::Container);
        let mut ids: Vec<_> = containers.map(|object| (object.name, object.id)).collect();
        ids.sort();
        ids
    }

    /// The name of the container of `role`.
    pub(crate) fn container(&self, role: &str) -> String {
        format!("relaykit-{}-{role}", self.name)
    }

    /// What `inbox list` has.
    pub(crate) fn inbox(&self) -> Vec<Value> {
        let list = self
            .relaykit(&["inbox", "list", "--format", "json"])
            .succeeded()
            .json();
        list.as_array().unwrap().clone()
    }

    /// Runs a program in the container of `role` as `user`; as root where that is `None`.
    pub(crate) fn exec(&self, role: &str, user: Option<&str>, argv: &[&str]) -> ExecOutput {
        block_on(engine().exec(&self.container(role), argv, user)).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let cleared = self.relaykit(&["down", "--volumes"]);
        // A test that panics already has its message; one that passed must clear up.
        let fine = cleared.code == Some(0) || std::thread::panicking();
        assert!(fine, "taking down {} failed: {cleared}", self.name);
    }
}

/// Objects as a failed assertion shows them.
pub(crate) fn described(objects: &[Object]) -> Vec<String> {
    objects
        .iter()
        .map(|object| format!("{:?} {}", object.kind, object.name))
        .collect()
}

/// What the labs of the `relaykit test` with this process id have left on the engine.
pub(crate) fn left_of_test(process: u32) -> Vec<String> {
    described(&objects_of_test(process))
}

/// Everything that belongs to the labs of the `relaykit test` with this process
/// id. Their names are `test-PPPPFFFFF-N`: the id, a fraction of a second.
pub(crate) fn objects_of_test(process: u32) -> Vec<Object> {
    let prefix = format!("test-{process:x}");
    objects(|lab| {
        let rest = lab.strip_prefix(&prefix);
        rest.is_some_and(|rest| rest.as_bytes().get(5) == Some(&b'-'))
    })
}

/// What is on the engine of the lab of this name.
pub(crate) fn left_of(lab: &str) -> Vec<String> {
    let below = format!("{lab}-");
    described(&objects(|name| name == lab || name.starts_with(&below)))
}

/// Everything whose label, or whose name after `relaykit-`, is one of a lab's.
fn objects(is: impl Fn(&str) -> bool) -> Vec<Object> {
    let mut objects = block_on(engine().list(&Labels::new())).unwrap();
    objects.retain(|object| {
        let label = object.labels.get(labels::LAB).map(String::as_str);
        label
            .or_else(|| object.name.strip_prefix("relaykit-"))
            .is_some_and(&is)
    });
    objects
}

/// Where `up` says that `name` answers.
pub(crate) fn endpoint(up: &Value, name: &str) -> std::net::SocketAddr {
    let address = up["endpoints"][name].as_str();
    address
        .unwrap_or_else(|| panic!("no endpoint {name} in {up}"))
        .parse()
        .unwrap()
}

/// The lab CA's certificate that `up` names.
pub(crate) fn ca(up: &Value) -> String {
    std::fs::read_to_string(up["ca_certificate"].as_str().unwrap()).unwrap()
}

/// Makes sure, once in each test program, that the images are on the engine.
fn images() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        engine();
        let folder = tempfile::tempdir().unwrap();
        let mut build = program(&["build"]);
        build
            .current_dir(folder.path())
            .env("RELAYKIT_STATE", folder.path().join("state"));
        Run::of(build).succeeded();
    });
}
