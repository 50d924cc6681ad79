//! The labs in which sabotages and mutants are planted, side by side.

use super::super::Session;
use super::super::watch::Watcher;
use super::labs::{run_name, warnings_only};
use crate::checks::Options;
use crate::lab::{self, Workshop};

/// How many are planted side by side: a lab comes up by the work of both cores, and waits
/// for deadlines of checks without any.
const SIDE_BY_SIDE: usize = 5;

/// Labs of one run, each with a watcher that takes it down where this process cannot.
pub(super) struct Slots {
    /// Their names.
    pub(super) labs: Vec<String>,
    /// What they are made with; it tells warnings alone.
    pub(super) workshop: Workshop,
    watchers: Vec<Watcher>,
}

impl Slots {
    /// For as many as `plants`, in names with this `letter`. Nothing is made yet.
    pub(super) fn begin(
        session: &Session,
        workshop: &Workshop,
        letter: char,
        plants: usize,
    ) -> Self {
        let run = run_name();
        let labs: Vec<String> = (1..=SIDE_BY_SIDE.min(plants))
            .map(|n| format!("test-{run}-{letter}{n}"))
            .collect();
        Self {
            watchers: labs.iter().filter_map(|lab| Watcher::start(lab)).collect(),
            labs,
            workshop: Workshop {
                progress: warnings_only(session),
                ..workshop.clone()
            },
        }
    }

    /// How checks are run there: nobody reads of their failures more than their own words.
    pub(super) fn options() -> Options {
        Options {
            logs: false,
            ..Options::default()
        }
    }

    /// Takes all of them down.
    pub(super) async fn take_down(self) -> anyhow::Result<()> {
        let engine = self.workshop.engine.as_ref();
        let downs = self.labs.iter().map(|lab| lab::down(engine, lab, true));
        let results = futures_util::future::join_all(downs).await;
        results.into_iter().collect::<Result<Vec<_>, _>>()?;
        for watcher in self.watchers {
            watcher.release().await;
        }
        Ok(())
    }
}
