//! What a long operation tells while it runs. The rooms below only report
//! facts; a terminal or a pipe decides how they look.

use std::sync::Arc;
use std::time::Duration;

/// A fact about a running operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `task` has begun, for example `image relay`.
    Started {
        /// A short stable name, unique within one operation.
        task: String,
    },
    /// Something `task` said: a line of a build, a count of packages.
    Note {
        /// The task it belongs to.
        task: String,
        /// One line without a newline.
        line: String,
    },
    /// `task` has ended well.
    Finished {
        /// The task it belongs to.
        task: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// Something that failed beside what was asked for, and that a person has to repair.
    Failure {
        /// One line without a newline.
        line: String,
    },
    /// Something a person should know although nothing failed.
    Warning {
        /// One line without a newline.
        line: String,
    },
}

/// Where events go. Cheap to clone; may be called from any thread.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Event) + Send + Sync>);

impl Progress {
    /// Sends every event to `sink`.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops every event.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Reports `event`.
    pub fn report(&self, event: Event) {
        (self.0)(event);
    }

    /// Reports the start of `task`; the value returned reports its end.
    #[must_use]
    pub fn start(&self, task: &str) -> Task {
        self.report(Event::Started {
            task: task.to_owned(),
        });
        Task {
            progress: self.clone(),
            name: task.to_owned(),
            started: std::time::Instant::now(),
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// One running task, from [`Progress::start`].
#[derive(Debug)]
pub struct Task {
    progress: Progress,
    name: String,
    started: std::time::Instant,
}

impl Task {
    /// Reports a line of this task.
    pub fn note(&self, line: impl Into<String>) {
        self.progress.report(Event::Note {
            task: self.name.clone(),
            line: line.into(),
        });
    }

    /// Reports that the task has ended well.
    pub fn finish(self) {
        self.progress.report(Event::Finished {
            elapsed: self.started.elapsed(),
            task: self.name,
        });
    }
}
