//! Against relays that bench makes itself.

use crate::lab::{Child, Lab, block_on, engine};
use crate::schema::is_valid;
use relaykit::engine::labels;

/// What the labs of the `relaykit bench` with this process id have left on the engine.
fn left(process: u32) -> Vec<String> {
    let objects = block_on(engine().list(&labels::of_any_lab())).unwrap();
    let own = format!("-bench-{process:x}");
    let names = objects.into_iter().map(|object| object.name);
    names.filter(|name| name.contains(&own)).collect()
}

#[test]
fn a_counting_next_hop_and_a_relay_by_hand_are_made_and_taken_down() {
    let lab = Lab::new("benchown");
    let arguments = [
        "bench",
        "--clients",
        "2",
        "--messages",
        "6",
        "--warm-up",
        "0s",
        "--versus",
        "by-hand",
        "--rounds",
        "1",
        "--format",
        "json",
    ];
    let child = Child::start(lab.command(&arguments));
    let process = child.id();
    let report = child.end().succeeded().json();
    is_valid(&report);
    let points = report["points"].as_array().unwrap();
    assert_eq!(points.len(), 2, "{report:#}");
    for point in points {
        assert_eq!(
            (point["accepted"].as_u64(), point["delivered"].as_u64()),
            (Some(6), Some(6)),
            "{report:#}"
        );
        assert_eq!(point["logins"], 6);
        let sink = &point["cpu"]["sink"]["groups"];
        assert!(
            sink.as_array()
                .unwrap()
                .iter()
                .any(|group| group["name"] == "smtp-sink"),
            "{sink:#}"
        );
    }
    assert_eq!(report["targets"][0]["kind"], "own");
    assert_eq!(report["targets"][1]["kind"], "reference");
    assert_eq!(report["ratios"][0]["to"], "by-hand");
    assert_eq!(left(process), Vec::<String>::new());
}
