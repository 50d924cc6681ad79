//! The view for people: on a terminal what runs now with its time below what is
//! finished, in a pipe one plain line for each thing finished; a failure is told
//! when it happens, and again in full at the end, with the counts.

mod mutants;
mod requirements;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{Event, Fact, Outcome, Summary};

/// Whether lines are coloured. The caller knows the terminal and `NO_COLOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// Whether what runs now is drawn on stderr.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Spinners with elapsed time, among these: stderr is a terminal. Whoever else writes
    /// there has to go through them.
    Live(MultiProgress),
    /// Nothing: stderr is a pipe or a file.
    Silent,
}

/// Writes the view of one run.
pub struct Human {
    out: Box<dyn Write + Send>,
    colours: Colours,
    live: Option<Live>,
    /// What runs now, and since when.
    running: BTreeMap<String, Timestamp>,
    selected: usize,
    /// Whether checks that were never begun are named at the end alone.
    skipped_once: bool,
    /// Whether a check that passes says what it expected and what it saw.
    passed_too: bool,
    /// The causes for which ports are down, once told.
    down: BTreeSet<String>,
}

impl Human {
    /// Finished lines and the summary go to `out`; live progress goes to stderr.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, colours: Colours, progress: Progress) -> Self {
        Self {
            out,
            colours,
            live: match progress {
                Progress::Live(bars) => Some(Live::among(bars)),
                Progress::Silent => None,
            },
            running: BTreeMap::new(),
            selected: 0,
            skipped_once: false,
            passed_too: false,
            down: BTreeSet::new(),
        }
    }

    /// Names the checks that do not suit the relay once, at the end, by their reasons: a
    /// stranger's relay is not asked most of them.
    #[must_use]
    pub fn naming_skipped_once(self) -> Self {
        Self {
            skipped_once: true,
            ..self
        }
    }

    /// Says of checks that pass, too, what they expected and what they saw.
    #[must_use]
    pub fn showing_what_passed(self) -> Self {
        Self {
            passed_too: true,
            ..self
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// What the writer says, for example that a pipe was closed.
    pub fn show(&mut self, event: &Event) -> io::Result<()> {
        let colours = self.colours;
        let text = match &event.fact {
            Fact::RunStarted {
                selected,
                able,
                registered,
                jobs,
            } => {
                self.selected = *selected;
                if let Some(live) = &mut self.live {
                    live.count(*selected);
                }
                let at_once = match jobs {
                    1 => "one at a time".to_owned(),
                    jobs => format!("up to {jobs} at once"),
                };
                format!("    Starting {able} of {registered} checks, {at_once}\n")
            }
            Fact::LabReady {
                lab,
                laboratory,
                after,
            } => text::ready(lab, laboratory, *after, colours),
            Fact::PortDown { down } => {
                self.down.insert(down.cause());
                text::down(down, colours)
            }
            Fact::CheckStarted { id } => {
                self.start((*id).to_owned(), event.at);
                return Ok(());
            }
            Fact::CheckFinished { record, .. } => {
                let began = self.running.contains_key(record.id);
                self.end(record.id, event.at);
                if let Some(live) = &mut self.live {
                    live.finished(&record.outcome);
                }
                if self.skipped_once && !began && matches!(record.outcome, Outcome::Skipped { .. })
                {
                    return Ok(());
                }
                let known = |outcome: &Outcome| matches!(outcome, Outcome::Broken { why } if self.down.contains(why));
                text::finished(record, known(&record.outcome), self.passed_too, colours)
            }
            Fact::ProofStarted { sabotages } => {
                let word = if *sabotages == 1 {
                    "sabotage"
                } else {
                    "sabotages"
                };
                format!("     Proving {sabotages} {word}\n")
            }
            Fact::SabotagePlanted { name, laboratory } => {
                self.start(text::plant(name, laboratory), event.at);
                return Ok(());
            }
            Fact::SabotageJudged {
                name,
                laboratory,
                claims,
                unclaimed,
            } => {
                let plant = text::plant(name, laboratory);
                let took = self.end(&plant, event.at);
                text::judged(&plant, took, claims, unclaimed, colours)
            }
            Fact::MutationStarted {
                mutants,
                possible,
                dropped,
                seed,
            } => mutants::started(*mutants, *possible, *dropped, *seed),
            Fact::MutantPlanted { number, title } => {
                self.start(mutants::plant(*number, title), event.at);
                return Ok(());
            }
            Fact::MutantJudged { tried } => {
                let took = self.end(&mutants::plant(tried.number, &tried.title), event.at);
                mutants::judged(tried, took, colours)
            }
            Fact::RunFinished { report } => {
                self.running.clear();
                if let Some(live) = &mut self.live {
                    live.end_all();
                }
                let requirements = requirements::of_profile(report, colours);
                let summary = text::summary(report, self.selected, self.skipped_once, colours);
                // The last line is the run's, whatever it was about.
                format!("{requirements}{summary}")
            }
        };
        self.write(&text)
    }

    fn start(&mut self, what: String, at: Timestamp) {
        if let Some(live) = &mut self.live {
            live.start(&what);
        }
        self.running.insert(what, at);
    }

    /// How long it took; zero for what was never started.
    fn end(&mut self, what: &str, at: Timestamp) -> Duration {
        if let Some(live) = &mut self.live {
            live.end(what);
        }
        let started = self.running.remove(what);
        let took = started.and_then(|started| at.duration_since(started).try_into().ok());
        took.unwrap_or_default()
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

/// The spinners.
struct Live {
    bars: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
    /// `34/207`, below what runs.
    total: Option<ProgressBar>,
    counts: Summary,
}

impl Live {
    fn among(bars: MultiProgress) -> Self {
        Self {
            bars,
            running: BTreeMap::new(),
            total: None,
            counts: Summary::default(),
        }
    }

    fn count(&mut self, checks: usize) {
        let bar = ProgressBar::new(checks.try_into().unwrap_or(u64::MAX));
        let template = "     Running [{elapsed:>8}] {pos}/{len} checks{msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        self.total = Some(self.bars.add(bar));
    }

    fn finished(&mut self, outcome: &Outcome) {
        self.counts.add(outcome);
        if let Some(total) = &self.total {
            total.inc(1);
            let Summary { failed, broken, .. } = self.counts;
            let told = [(failed, "failed"), (broken, "broken")];
            let told = told.iter().filter(|(count, _)| *count > 0);
            let told: Vec<_> = told
                .map(|(count, word)| format!(", {count} {word}"))
                .collect();
            total.set_message(told.concat());
        }
    }

    fn start(&mut self, what: &str) {
        let bar = ProgressBar::new_spinner();
        let bar = match &self.total {
            Some(total) => self.bars.insert_before(total, bar),
            None => self.bars.add(bar),
        };
        if let Ok(style) = ProgressStyle::with_template("     {spinner} [{elapsed:>8}] {msg}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.running.insert(what.to_owned(), bar);
    }

    fn end(&mut self, what: &str) {
        if let Some(bar) = self.running.remove(what) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn end_all(&mut self) {
        for (_, bar) in std::mem::take(&mut self.running) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
            self.bars.remove(&total);
        }
    }
}

#[cfg(test)]
mod tests;
