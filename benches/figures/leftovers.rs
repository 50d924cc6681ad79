//! What interrupted runs leave.

use std::time::Duration;

use rand::Rng;

use crate::figure::Figure;
use crate::lab::{Child, Lab, block_on, left_of, left_of_test, settled};

/// Everything that is left after `runs` of `up` and `test`, ended at random
/// moments by Ctrl-C or by SIGKILL.
pub(crate) fn after(runs: usize) -> Figure {
    let mut left = Vec::new();
    for run in 0..runs {
        let lab = Lab::new(&format!("left{run}"));
        let (command, longest) = if run % 4 < 2 {
            ("up", 2500)
        } else {
            ("test", 8000)
        };
        let signal = if run % 2 == 0 { "INT" } else { "KILL" };
        let moment = Duration::from_millis(rand::thread_rng().gen_range(0..longest));
        eprintln!(
            "interrupted run {} of {runs}: {command}, {signal} after {moment:?}",
            run + 1
        );
        let mut child = if command == "up" {
            lab.start(&["up"])
        } else {
            Child::start(lab.command(&["test"]))
        };
        let id = child.id();
        block_on(async { tokio::time::sleep(moment).await });
        child.signal(signal);
        let end = child.end();
        if command == "up" && end.code == Some(0) {
            lab.relaykit(&["down", "--volumes"]).succeeded();
        }
        // Who was killed is cleaned up behind by another process.
        let now = || [left_of(&lab.name), left_of_test(id)].concat();
        left.extend(if signal == "KILL" {
            settled(now)
        } else {
            now()
        });
    }
    for object in &left {
        eprintln!("left: {object}");
    }
    let count = u32::try_from(left.len()).unwrap();
    let name = format!("objects left by {runs} runs interrupted at random");
    Figure::new(&name, "", vec![f64::from(count)], Some(0.0))
}
