//! `compose/` in the repository: the bundle of a sample relay.yaml.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use relaykit::render::NO_CLIENT;

use crate::bench::{composes, export, files, succeed};

fn compose() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compose")
}

#[allow(clippy::disallowed_methods, reason = "a switch of this test")]
fn update() -> bool {
    std::env::var_os("RELAYKIT_UPDATE_SNAPSHOTS").is_some()
}

#[test]
fn the_sample_is_what_export_writes() {
    let root = tempfile::tempdir().unwrap();
    let output = root.path().join("bundle");
    let mut export = export(&compose().join("relay.yaml"), &output);
    succeed(export.env_remove("RELAYKIT_NAMESPACE"));
    let (kept, written) = (compose().join("bundle"), files(&output));
    if update() {
        drop(fs::remove_dir_all(&kept));
        for (path, text) in &written {
            let path = kept.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let kept = files(&kept);
    let stale: Vec<_> = kept
        .keys()
        .chain(written.keys())
        .filter(|path| kept.get(*path) != written.get(*path))
        .collect();
    assert!(
        stale.is_empty(),
        "compose/bundle is not what export writes now; \
         RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test export sample\nwrites it anew: {stale:?}"
    );
}

#[test]
fn nothing_of_the_lab_and_of_this_machine_is_in_it() {
    let foreign = [
        "sink",
        "//directory",
        "test ca",
        "lab ca",
        "wonderland",
        "alice",
        "xclient",
        "relaykit.test",
        "dc=relaykit",
        "relaykit-default",
        "dev.relaykit",
        "127.0.0.1",
        "/tmp/",
        "/home/",
        env!("CARGO_MANIFEST_DIR"),
    ];
    for (path, text) in files(&compose().join("bundle")) {
        // What every trace header of mail by login begins with.
        let text = text.replace(NO_CLIENT, "").to_lowercase();
        for word in foreign {
            assert!(
                !text.contains(&word.to_lowercase()),
                "{} has {word}",
                path.display()
            );
        }
    }
}

#[test]
fn every_compose_that_is_here_understands_it() {
    for words in composes() {
        let read = succeed(
            Command::new(words[0])
                .args(&words[1..])
                .current_dir(compose().join("bundle"))
                .arg("config"),
        );
        let read: serde_yaml::Value = serde_yaml::from_str(&read).unwrap();
        let relay = &read["services"]["relay"];
        assert_eq!(relay["read_only"], true, "{words:?}");
        assert_eq!(relay["cap_drop"][0], *"ALL", "{words:?}");
        assert_eq!(relay["ports"].as_sequence().unwrap().len(), 3, "{words:?}");
        assert_eq!(
            relay["volumes"].as_sequence().unwrap().len(),
            11,
            "{words:?}"
        );
    }
}
