//! How long commands take, from their start to their end.

use std::time::Instant;

use crate::figure::Figure;
use crate::lab::{Child, Lab, Run, program};

/// The seconds that `work` takes, and what it returns.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let result = work();
    (started.elapsed().as_secs_f64(), result)
}

/// `up` with the images there, `up` again, `down`.
pub(crate) fn of_lab(runs: usize) -> Vec<Figure> {
    let (mut first, mut second, mut down) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        eprintln!("up and down {} of {runs}", run + 1);
        let lab = Lab::new(&format!("time{run}"));
        first.push(timed(|| lab.relaykit(&["up"]).succeeded()).0);
        second.push(timed(|| lab.relaykit(&["up"]).succeeded()).0);
        down.push(timed(|| lab.relaykit(&["down"]).succeeded()).0);
    }
    vec![
        Figure::new(
            "up, images there, login and delivery proved",
            "s",
            first,
            Some(2.0),
        ),
        Figure::new("up again, nothing changed", "s", second, Some(0.5)),
        Figure::new("down", "s", down, Some(2.0)),
    ]
}

/// `--help`, with the start of the process.
pub(crate) fn of_help(runs: usize) -> Figure {
    let help = || timed(|| Run::of(program(&["--help"])).succeeded()).0 * 1000.0;
    // The first brings the program into memory.
    help();
    let values = (0..runs * 4).map(|_| help()).collect();
    Figure::new("--help", "ms", values, Some(20.0))
}

/// `test`: its time, and its own peak memory.
pub(crate) fn of_test(runs: usize) -> Vec<Figure> {
    let (mut seconds, mut peaks) = (Vec::new(), Vec::new());
    for run in 0..runs {
        eprintln!("test {} of {runs}", run + 1);
        let lab = Lab::new(&format!("test{run}"));
        let (took, peak) = timed(|| {
            let mut test = Child::start(lab.command(&["test"]));
            let mut peak = 0;
            // The kernel keeps the highest value: the last look before the end counts.
            while test.runs() {
                peak = peak.max(high_water_mark(test.id()).unwrap_or(0));
                crate::lab::block_on(async {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                });
            }
            test.end().succeeded();
            peak
        });
        seconds.push(took);
        peaks.push(f64::from(peak) / 1024.0);
    }
    vec![
        Figure::new(
            "test, with its own labs up and down",
            "s",
            seconds,
            Some(10.0),
        ),
        Figure::new(
            "memory of relaykit itself during test, peak",
            "MiB",
            peaks,
            Some(50.0),
        ),
    ]
}

/// The most resident memory that a process has had, in KiB (proc(5): `VmHWM`).
fn high_water_mark(process: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
