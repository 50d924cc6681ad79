//! No engine, and an engine that this user may not use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::lab::{Run, program};

/// Every command that needs an engine.
const COMMANDS: &[&[&str]] = &[
    &["up"],
    &["up", "--dry-run"],
    &["test"],
    &["build"],
    &["status"],
    &["logs"],
    &["down"],
    &["inbox", "list"],
    &["inbox", "wait"],
];

/// `relaykit ARGUMENTS` in `folder`, with the engine at `socket`.
fn command(folder: &Path, socket: &Path, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command
        .current_dir(folder)
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env("RELAYKIT_STATE", folder.join("state"));
    command
}

#[test]
fn no_engine_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nobody.sock");
    for arguments in COMMANDS {
        let run = Run::of(command(folder.path(), &socket, arguments))
            .ended_with(4)
            .says(&[
                "error: no container engine answers at unix://",
                "nobody.sock",
                "start Docker",
            ]);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
    assert!(!folder.path().join("state").exists());
}

#[test]
fn a_socket_without_anybody_behind_it_is_no_engine_either() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("left-behind.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let run = Run::of(command(folder.path(), &socket, &["up"])).ended_with(4);
    run.says(&["no container engine answers", "left-behind.sock", "refused"]);
}

#[test]
fn no_permission_names_the_group() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("closed.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    let mut up = if is_root() {
        // Nothing is closed to root: a copy that everybody can read runs as nobody.
        let copy = folder.path().join("relaykit");
        fs::copy(env!("CARGO_BIN_EXE_relaykit"), &copy).unwrap();
        let mut up = Command::new(copy);
        up.arg("up").uid(65534).gid(65534);
        up
    } else {
        program(&["up"])
    };
    up.current_dir(folder.path())
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env("RELAYKIT_STATE", folder.path().join("state"));
    let run = Run::of(up).ended_with(4);
    run.says(&[
        "no permission to use the container engine",
        "closed.sock",
        "group",
    ]);
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

#[test]
fn a_context_that_does_not_exist_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = program(&["status"]);
    up.current_dir(folder.path())
        .env_remove("DOCKER_HOST")
        .env("DOCKER_CONFIG", folder.path())
        .env("DOCKER_CONTEXT", "elsewhere")
        .env("RELAYKIT_STATE", folder.path().join("state"));
    Run::of(up)
        .ended_with(4)
        .says(&["elsewhere", "does not exist", "docker context ls"]);
}
