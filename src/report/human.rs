//! The view for people: on a terminal the running checks with their time below
//! the finished ones, in a pipe one plain line for each finished check; at the
//! end the counts and every failure in full.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{CheckRecord, Event, Fact, Outcome, RunReport};

/// Whether lines are coloured. The caller knows the terminal and `NO_COLOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// Whether what runs now is drawn on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Spinners with elapsed time: stderr is a terminal.
    Live,
    /// Nothing: stderr is a pipe or a file.
    Silent,
}

/// Writes the view of one run.
pub struct Human {
    out: Box<dyn Write + Send>,
    colours: Colours,
    live: Option<Live>,
    finished: usize,
    selected: usize,
}

struct Live {
    bars: MultiProgress,
    running: BTreeMap<&'static str, ProgressBar>,
}

impl Human {
    /// Finished lines and the summary go to `out`; live progress goes to stderr.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, colours: Colours, progress: Progress) -> Self {
        let live = (progress == Progress::Live).then(|| Live {
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
        });
        Self {
            out,
            colours,
            live,
            finished: 0,
            selected: 0,
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// What the writer says, for example that a pipe was closed.
    pub fn show(&mut self, event: &Event) -> io::Result<()> {
        match &event.fact {
            Fact::RunStarted {
                selected,
                registered,
                jobs,
            } => {
                self.selected = *selected;
                let line = format!(
                    "    Starting {selected} of {registered} checks, up to {jobs} at once\n"
                );
                self.write(&line)
            }
            Fact::CheckStarted { id } => {
                if let Some(live) = &mut self.live {
                    live.start(id);
                }
                Ok(())
            }
            Fact::CheckFinished { record, .. } => {
                self.finished += 1;
                if let Some(live) = &mut self.live {
                    live.end(record.id);
                }
                let line = finished_line(record, self.colours);
                self.write(&line)
            }
            Fact::RunFinished { report } => {
                if let Some(live) = &mut self.live {
                    live.end_all();
                }
                let text = summary(report, self.selected, self.colours);
                self.write(&text)
            }
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let out = &mut self.out;
        let mut write = || {
            out.write_all(text.as_bytes())?;
            out.flush()
        };
        match &self.live {
            Some(live) => live.bars.suspend(write),
            None => write(),
        }
    }
}

impl Live {
    fn start(&mut self, id: &'static str) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("     {spinner} [{elapsed:>8}] {msg}") {
            bar.set_style(style);
        }
        bar.set_message(id);
        bar.enable_steady_tick(Duration::from_millis(100));
        self.running.insert(id, bar);
    }

    fn end(&mut self, id: &str) {
        if let Some(bar) = self.running.remove(id) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn end_all(&mut self) {
        let running: Vec<_> = self.running.keys().copied().collect();
        for id in running {
            self.end(id);
        }
    }
}

fn finished_line(record: &CheckRecord, colours: Colours) -> String {
    let word = painted(&record.outcome, colours);
    let why = match &record.outcome {
        Outcome::Skipped { why } => format!("  {}", first_line(why)),
        _ => String::new(),
    };
    let seconds = record.duration.as_secs_f64();
    format!("{word} [{seconds:>8.3}s] {}{why}\n", record.id)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The outcome's word, right-aligned in 12 columns before it is coloured.
fn painted(outcome: &Outcome, colours: Colours) -> String {
    let (word, code) = match outcome {
        Outcome::Pass => ("PASS", "1;32"),
        Outcome::Fail { .. } => ("FAIL", "1;31"),
        Outcome::Skipped { .. } => ("SKIP", "1;33"),
        Outcome::Broken { .. } => ("BROKEN", "1;35"),
    };
    match colours {
        Colours::On => format!("\u{1b}[{code}m{word:>12}\u{1b}[0m"),
        Colours::Off => format!("{word:>12}"),
    }
}

fn summary(report: &RunReport, selected: usize, colours: Colours) -> String {
    let mut text = format!("{}\n", "─".repeat(12));
    for check in &report.checks {
        if matches!(check.outcome, Outcome::Fail { .. } | Outcome::Broken { .. }) {
            text.push_str(&in_full(check, colours));
        }
    }
    let counts = report.summary();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "     Summary [{:>8.3}s] {} of {selected} checks: {} passed, {} failed, {} skipped, {} broken",
        report.elapsed.as_secs_f64(),
        report.checks.len(),
        counts.passed,
        counts.failed,
        counts.skipped,
        counts.broken,
    );
    if report.interrupted {
        text.push_str("             interrupted; not run:");
        for id in &report.not_run {
            text.push_str("\n               ");
            text.push_str(id);
        }
        text.push('\n');
    }
    text
}

fn in_full(check: &CheckRecord, colours: Colours) -> String {
    let mut text = format!("{} {}\n", painted(&check.outcome, colours), check.id);
    let mut section = |name: &str, body: &str| {
        for (number, line) in body.lines().enumerate() {
            let label = if number == 0 { name } else { "" };
            text.push_str(format!("             {label:<10} {line}").trim_end());
            text.push('\n');
        }
    };
    section("check", check.title);
    section("citation", check.citation);
    match &check.outcome {
        Outcome::Fail { expected, observed } => {
            section("expected", expected);
            section("observed", observed);
        }
        Outcome::Broken { why } | Outcome::Skipped { why } => section("because", why),
        Outcome::Pass => {}
    }
    section("transcript", &check.transcript.join("\n"));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::run::tests::{fail, record, report};
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn view(run: &RunReport, colours: Colours) -> String {
        let paper = Paper::default();
        let mut human = Human::new(Box::new(paper.clone()), colours, Progress::Silent);
        let so_far = Arc::new(run.clone());
        let mut facts = vec![Fact::RunStarted {
            selected: run.checks.len() + run.not_run.len(),
            registered: 9,
            jobs: 8,
        }];
        for record in &run.checks {
            facts.push(Fact::CheckStarted { id: record.id });
            facts.push(Fact::CheckFinished {
                record: record.clone(),
                so_far: so_far.clone(),
            });
        }
        facts.push(Fact::RunFinished { report: so_far });
        for fact in facts {
            human.show(&Event::now(fact)).unwrap();
        }
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_run_in_a_pipe_reads_like_this() {
        let skipped = Outcome::Skipped {
            why: "the target names no user".into(),
        };
        let run = report(vec![
            record("auth.a", Outcome::Pass),
            record("auth.b", skipped),
            record("tls.c", fail()),
        ]);
        let expected = "    Starting 3 of 9 checks, up to 8 at once
        PASS [   0.012s] auth.a
        SKIP [   0.012s] auth.b  the target names no user
        FAIL [   0.012s] tls.c
────────────
        FAIL tls.c
             check      AUTH waits for TLS
             citation   row 16
             expected   no AUTH
             observed   AUTH PLAIN
             transcript C: EHLO me
                        S: 250-AUTH PLAIN

     Summary [   1.234s] 3 of 3 checks: 1 passed, 1 failed, 1 skipped, 0 broken
";
        assert_eq!(view(&run, Colours::Off), expected);
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        let run = report(vec![record("auth.a", Outcome::Pass)]);
        assert!(view(&run, Colours::On).contains("\u{1b}[1;32m        PASS\u{1b}[0m"));
        assert!(!view(&run, Colours::Off).contains('\u{1b}'));
    }

    #[test]
    fn an_interrupted_run_names_what_was_not_run() {
        let mut run = report(vec![record("auth.a", Outcome::Pass)]);
        run.interrupted = true;
        run.not_run = vec!["tls.c"];
        let text = view(&run, Colours::Off);
        assert!(text.contains("1 of 2 checks"), "{text}");
        assert!(
            text.ends_with("interrupted; not run:\n               tls.c\n"),
            "{text}"
        );
    }
}
