//! What the relay's image and its running container take.

use relaykit::engine::ImageFacts;

use crate::figure::Figure;
use crate::lab::{Lab, Run, block_on, engine, program};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Image above its base, setuid and setgid files, memory at rest.
pub(crate) fn of_relay() -> Vec<Figure> {
    eprintln!("sizes");
    let lab = Lab::new("size");
    let above = relay_above_base();
    lab.up();
    let find = ["find", "/", "-xdev", "-perm", "/6000", "-type", "f"];
    let found = lab.exec("relay", None, &find);
    assert_eq!(found.exit_code, 0, "{found:?}");
    let setuid = bytes(found.stdout.lines().count() as u64);
    let memory = memory_at_rest(&lab) / MEBIBYTE;
    vec![
        Figure::new("relay image above its base", "MB", vec![above], Some(50.0)),
        Figure::new(
            "setuid and setgid files in the relay",
            "",
            vec![setuid],
            Some(0.0),
        ),
        Figure::new(
            "memory of the relay at rest",
            "MiB",
            vec![memory],
            Some(30.0),
        ),
    ]
}

/// A count of bytes or files as a figure; far below where a float loses some.
#[allow(clippy::cast_precision_loss, reason = "no image has 2^52 bytes")]
fn bytes(count: u64) -> f64 {
    count as f64
}

fn relay_above_base() -> f64 {
    let images = Run::of(program(&["build", "--format", "json"]))
        .succeeded()
        .json();
    let relay = image(images["relay"].as_str().unwrap());
    let base = image(&relay.labels["org.opencontainers.image.base.name"]);
    bytes(relay.size - base.size) / 1e6
}

fn image(reference: &str) -> ImageFacts {
    let found = block_on(engine().image(reference)).unwrap();
    found.unwrap_or_else(|| panic!("{reference} is not on the engine"))
}

/// What the container's cgroup has in use, without pages of files that the kernel
/// may drop at any time; as `docker stats` counts.
fn memory_at_rest(lab: &Lab) -> f64 {
    let read = |paths: &str| {
        let script = format!("cat {paths} 2>/dev/null");
        lab.exec("relay", None, &["sh", "-c", &script]).stdout
    };
    let folder = "/sys/fs/cgroup";
    // cgroup v2, else v1.
    let in_use = read(&format!(
        "{folder}/memory.current || cat {folder}/memory/memory.usage_in_bytes"
    ));
    let statistics = read(&format!(
        "{folder}/memory.stat || cat {folder}/memory/memory.stat"
    ));
    let inactive = ["total_inactive_file ", "inactive_file "]
        .iter()
        .find_map(|name| {
            statistics
                .lines()
                .find_map(|line| line.strip_prefix(name)?.parse().ok())
        });
    let (in_use, inactive): (u64, Option<u64>) = (in_use.trim().parse().unwrap(), inactive);
    bytes(in_use - inactive.unwrap())
}
