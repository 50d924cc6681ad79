//! The figures that the project promises, measured with the built program on a
//! real engine, each beside its limit:
//!
//! ```sh
//! cargo bench --bench figures [-- --runs N] [--interrupted N] [--from-nothing]
//! ```
//!
//! `--from-nothing` adds the whole way from an engine without images, under a
//! namespace of its own, with the time of each stage; it takes minutes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures and prints; what goes wrong ends it"
)]

#[path = "../../tests/lab/mod.rs"]
mod lab;

mod figure;
mod leftovers;
mod scratch;
mod sink;
mod size;
mod time;

/// What the command line asks for.
struct Options {
    runs: usize,
    interrupted: usize,
    from_nothing: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            runs: 5,
            interrupted: 20,
            from_nothing: false,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments
                    .next()
                    .and_then(|n| n.parse().ok())
                    .filter(|n| *n > 0);
                number.ok_or_else(|| format!("{argument} needs a number from 1"))
            };
            match argument.as_str() {
                "--runs" => options.runs = number()?,
                "--interrupted" => options.interrupted = number()?,
                "--from-nothing" => options.from_nothing = true,
                // cargo bench says this to every benchmark.
                "--bench" => {}
                other => {
                    return Err(format!(
                        "{other}: --runs N, --interrupted N, --from-nothing"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn main() {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return;
        }
    };
    let mut figures = time::of_lab(options.runs);
    figures.push(time::of_help(options.runs));
    figures.extend(time::of_test(options.runs));
    figures.extend(size::of_relay());
    figures.extend(sink::of_sink(options.runs));
    figures.push(leftovers::after(options.interrupted));
    if options.from_nothing {
        figures.extend(scratch::of_everything());
    }
    print!("{}", figure::table(&figures));
    let missed = figures
        .iter()
        .filter(|figure| figure.is_met() == Some(false))
        .count();
    println!("\n{} runs each; {missed} limits not met", options.runs);
}
