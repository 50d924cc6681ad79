//! Progress on stderr: live on a terminal, plain lines in a pipe.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::Level;

use crate::cli::{LogFormat, Told};
use crate::diagnostics;
use crate::progress::{Event, Progress};
use crate::visible::{visible, visible_json, visible_line};

/// stderr, shared by everything that tells a person something.
#[derive(Clone)]
pub(super) struct Display(Arc<Inner>);

struct Inner {
    live: Option<MultiProgress>,
    color: bool,
    manner: Manner,
    tasks: Mutex<BTreeMap<String, ProgressBar>>,
}

/// How things are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// To a person.
    Plain,
    /// Errors alone.
    Quiet,
    /// Each line an object, as diagnostics are: what is wrong, and no progress.
    Objects,
}

impl Display {
    pub(super) fn new(color: bool, told: Told) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let manner = match told {
            Told {
                log_format: Some(LogFormat::Json),
                ..
            } => Manner::Objects,
            Told { quiet: true, .. } => Manner::Quiet,
            _ => Manner::Plain,
        };
        let live = terminal && manner == Manner::Plain;
        Self(Arc::new(Inner {
            live: live.then(MultiProgress::new),
            color: color && terminal,
            manner,
            tasks: Mutex::default(),
        }))
    }

    /// The live lines, for whoever draws some of its own; `None` where there are none.
    pub(super) fn live(&self) -> Option<&MultiProgress> {
        self.0.live.as_ref()
    }

    /// Whether progress is told at all.
    pub(super) fn tells_progress(&self) -> bool {
        self.0.manner == Manner::Plain
    }

    /// A sink for the events of the rooms below.
    pub(super) fn progress(&self) -> Progress {
        let display = self.clone();
        Progress::new(move |event| display.event(event))
    }

    /// Takes the live lines off the terminal.
    pub(super) fn clear(&self) {
        for (_, bar) in std::mem::take(&mut *self.tasks()) {
            bar.finish_and_clear();
        }
    }

    pub(super) fn error(&self, message: &str) {
        if self.0.manner == Manner::Objects {
            return self.write(&diagnostics::line(Level::ERROR, message));
        }
        let message = visible(message);
        self.write(&format!("{} {message}", self.paint("error:", "1;31")));
    }

    pub(super) fn warn(&self, message: &str) {
        match self.0.manner {
            Manner::Plain => self.insist(message),
            Manner::Objects => self.write(&diagnostics::line(Level::WARN, message)),
            Manner::Quiet => {}
        }
    }

    /// A warning that whoever wants it quiet has to see, too.
    pub(super) fn insist(&self, message: &str) {
        if self.0.manner == Manner::Objects {
            return self.warn(message);
        }
        let message = visible(message);
        self.write(&format!("{} {message}", self.paint("warning:", "1;33")));
    }

    /// A line that stays, and may hold what a stranger said.
    pub(super) fn line(&self, line: &str) {
        if self.tells_progress() {
            self.write(&visible(line));
        }
    }

    /// A line of the diagnostics, which are fit for a terminal.
    pub(super) fn log(&self, line: &str) {
        self.write(line);
    }

    /// An error for a script, the last line of stderr.
    pub(super) fn json(&self, json: &str) {
        self.write(&visible_json(json));
    }

    fn write(&self, line: &str) {
        // In one piece: other processes and threads write there, too.
        let line = format!("{line}\n");
        let tell = || drop(std::io::stderr().lock().write_all(line.as_bytes()));
        match &self.0.live {
            Some(bars) => bars.suspend(tell),
            None => tell(),
        }
    }

    fn event(&self, event: Event) {
        match event {
            Event::Failure { line } => self.insist(&line),
            Event::Warning { line } => self.warn(&line),
            _ if !self.tells_progress() => {}
            Event::Started { task } => self.started(task),
            Event::Note { task, line } => self.note(&task, &line),
            Event::Finished { task, elapsed } => self.finished(&task, elapsed),
        }
    }

    fn started(&self, task: String) {
        let Some(live) = &self.0.live else {
            return;
        };
        let bar = live.add(ProgressBar::new_spinner().with_style(style()));
        bar.set_prefix(task.clone());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.tasks().insert(task, bar);
    }

    fn note(&self, task: &str, line: &str) {
        match self.tasks().get(task) {
            Some(bar) => bar.set_message(visible_line(line).into_owned()),
            None => self.line(&format!("  {task}: {line}")),
        }
    }

    fn finished(&self, task: &str, elapsed: Duration) {
        if let Some(bar) = self.tasks().remove(task) {
            bar.finish_and_clear();
        }
        let seconds = elapsed.as_secs_f64();
        let task = visible(task);
        self.write(&format!(
            "{} {task} ({seconds:.2} s)",
            self.paint("✓", "32")
        ));
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.0.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {elapsed:>4}  {wide_msg:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
