//! Golden files: a folder for each plan, a file for each container.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use relaykit::plan::{Container, Content, Plan};

use crate::sample;

#[test]
fn rendered_files_are_as_the_golden_ones() {
    let mut stale = Vec::new();
    for (name, plan) in sample::plans() {
        compare(&mut stale, name, "topology", &topology(&plan));
        for container in &plan.containers {
            compare(&mut stale, name, container.role.name(), &files(container));
        }
    }
    assert!(
        stale.is_empty(),
        "these differ; look at them, then write them anew with RELAYKIT_UPDATE_SNAPSHOTS=1:\n{}",
        stale.join("\n")
    );
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, not the library's"
)]
fn compare(stale: &mut Vec<String>, plan: &str, part: &str, text: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/render");
    let path = root.join(plan).join(format!("{part}.txt"));
    if std::env::var_os("RELAYKIT_UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (is, was))) = text
        .lines()
        .chain(["(end)"])
        .zip(golden.lines().chain(["(end)"]))
        .enumerate()
        .find(|(_, (is, was))| is != was)
    {
        stale.push(format!(
            "{}, line {}:\n  golden   {was}\n  rendered {is}",
            path.display(),
            number + 1
        ));
    }
}

/// Everything but the files.
fn topology(plan: &Plan) -> String {
    let mut bare = plan.clone();
    for container in &mut bare.containers {
        container.files.clear();
    }
    format!(
        "{:#?}\n{:#?}\n{:#?}\n",
        bare.networks, bare.volumes, bare.containers
    )
}

/// The files of a container one after the other; passwords are shown, since they
/// are the samples' own.
fn files(container: &Container) -> String {
    let mut text = String::new();
    for file in &container.files {
        let (uid, gid) = file.owner;
        writeln!(text, "==== {} {:o} {uid}:{gid}", file.path, file.mode).unwrap();
        match &file.content {
            Content::Text(content) => text.push_str(content),
            Content::Secret(content) => {
                writeln!(text, "(secret)").unwrap();
                text.push_str(content.reveal());
            }
            other => writeln!(text, "{other:?}").unwrap(),
        }
        text.push('\n');
    }
    text
}
