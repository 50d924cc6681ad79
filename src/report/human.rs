//! The view for people: on a terminal what runs now with its time below what is
//! finished, in a pipe one plain line for each thing finished; a failure is told
//! when it happens, and again in full at the end, with the counts.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{Event, Fact, Outcome};

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
    /// What runs now, and since when.
    running: BTreeMap<String, Timestamp>,
    selected: usize,
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
            live: (progress == Progress::Live).then(Live::default),
            running: BTreeMap::new(),
            selected: 0,
            down: BTreeSet::new(),
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
                registered,
                jobs,
            } => {
                self.selected = *selected;
                format!("    Starting {selected} of {registered} checks, up to {jobs} at once\n")
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
                self.end(record.id, event.at);
                let known = |outcome: &Outcome| matches!(outcome, Outcome::Broken { why } if self.down.contains(why));
                text::finished(record, known(&record.outcome), colours)
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
            Fact::RunFinished { report } => {
                self.running.clear();
                if let Some(live) = &mut self.live {
                    live.end_all();
                }
                text::summary(report, self.selected, colours)
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
#[derive(Default)]
struct Live {
    bars: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
}

impl Live {
    fn start(&mut self, what: &str) {
        let bar = self.bars.add(ProgressBar::new_spinner());
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
    }
}

#[cfg(test)]
mod tests;
