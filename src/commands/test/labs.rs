//! The labs that a run needs, brought up side by side and taken down.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::super::Session;
use super::super::exit::Usage;
use super::super::labs::{check_name, tell_stand_ins};
use super::super::watch::Watcher;
use crate::certs;
use crate::checks::{self, Check, Target};
use crate::cli::Test;
use crate::config::Spec;
use crate::lab::{self, Running, Workshop};
use crate::plan::{Plan, Purpose};
use crate::progress::{Event, Progress};
use crate::render;

/// The labs of one run.
pub(super) struct Labs {
    targets: Vec<Arc<Target>>,
    running: Vec<Running>,
    watchers: Vec<Watcher>,
    /// Whether they are this run's own.
    own: bool,
    /// What was in the queue of a lab that stays.
    queued: Vec<lab::Queued>,
}

impl Labs {
    /// Brings up what `checks` need, or finds the lab of `--lab`.
    pub(super) async fn bring_up(
        session: &Session,
        arguments: &Test,
        spec: Spec,
        checks: &[&'static Check],
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        match &arguments.lab {
            Some(name) => Self::attach(session, name, spec, workshop).await,
            None => Self::make(session, arguments.keep, spec, checks, workshop).await,
        }
    }

    /// Against what the checks are run; a check takes the first that has what it needs.
    pub(super) fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    async fn attach(
        session: &Session,
        name: &str,
        spec: Spec,
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        check_name(name)?;
        let plan = render::complete(Plan::lab(spec, name, Purpose::Lab));
        let names = lab::certificate_names(&plan);
        let folder = session.store()?.folder(name);
        let certificates = certs::foresee(&folder, name, &names, Timestamp::now())?;
        let running =
            lab::attach(plan, certificates, workshop)
                .await
                .map_err(|error| match error {
                    lab::Error::Impossible(text) => anyhow::Error::new(Usage(text)),
                    other => other.into(),
                })?;
        Ok(Self {
            queued: lab::queue(&running).await?,
            targets: vec![Arc::new(checks::target(&running, false)?)],
            running: vec![running],
            watchers: Vec::new(),
            own: false,
        })
    }

    async fn make(
        session: &Session,
        keep: bool,
        spec: Spec,
        checks: &[&'static Check],
        workshop: &Workshop,
    ) -> anyhow::Result<Self> {
        let run = run_name();
        let mut labs = Self {
            targets: vec![],
            running: vec![],
            watchers: vec![],
            own: true,
            queued: vec![],
        };
        let laboratories = checks::laboratories(&spec, checks);
        let plans: Vec<Plan> = laboratories
            .iter()
            .enumerate()
            .map(|(index, laboratory)| {
                let name = format!("test-{run}-{}", index + 1);
                let spec = laboratory.spec.clone();
                render::complete(Plan::lab(spec, &name, Purpose::Proof))
            })
            .collect();
        if let Some(plan) = plans.first() {
            tell_stand_ins(session, plan);
        }
        if !keep {
            labs.watchers = plans
                .iter()
                .filter_map(|plan| Watcher::start(&plan.name))
                .collect();
        }
        // One line for each lab.
        let workshop = &Workshop {
            progress: warnings_only(session),
            ..workshop.clone()
        };
        let brought = join_all(plans.into_iter().map(async |plan| {
            let task = session.progress.start(&format!("lab {}", plan.name));
            let names = lab::certificate_names(&plan);
            let now = Timestamp::now();
            let certificates = if keep {
                let store = session.store()?;
                store.remember(&plan.name, &plan.spec.lab.users)?;
                certs::keep(&store.folder(&plan.name), &plan.name, &names, now)?
            } else {
                certs::issue(&plan.name, &names, now)?
            };
            let running = lab::up(plan, certificates, workshop).await?.running;
            task.finish();
            Ok::<_, anyhow::Error>(running)
        }));
        let mut failed = None;
        for result in brought.await {
            match result {
                Ok(running) => labs.running.push(running),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            labs.take_down(session, false).await?;
            return Err(error);
        }
        match labs
            .running
            .iter()
            .zip(&laboratories)
            .map(|(running, laboratory)| checks::target(running, laboratory.disposable))
            .collect::<Result<Vec<_>, _>>()
        {
            Ok(targets) => labs.targets = targets.into_iter().map(Arc::new).collect(),
            Err(error) => {
                labs.take_down(session, false).await?;
                return Err(error.into());
            }
        }
        Ok(labs)
    }

    /// Removes what this run made, unless it is to be kept.
    pub(super) async fn take_down(self, session: &Session, keep: bool) -> anyhow::Result<()> {
        // The feeds of the inboxes end with the targets, before their containers do.
        drop(self.targets);
        if keep {
            for running in &self.running {
                let name = &running.plan.name;
                let line = format!(
                    "kept: relaykit status, relaykit logs --lab {name}, relaykit down --lab {name} --volumes"
                );
                session.progress.report(Event::Warning { line });
            }
        } else if self.own {
            let downs = self
                .running
                .iter()
                .map(|running| lab::down(running.engine.as_ref(), &running.plan.name, true));
            let results = join_all(downs).await;
            results.into_iter().collect::<Result<Vec<_>, _>>()?;
        } else if let Some(running) = self.running.first() {
            // The inbox keeps what arrived, to be looked at; the queue would go on trying.
            lab::clear_queue(running, &self.queued).await?;
        }
        for watcher in self.watchers {
            watcher.release().await;
        }
        Ok(())
    }
}

/// A name that no other run has.
pub(super) fn run_name() -> String {
    let now = Timestamp::now().subsec_microsecond();
    format!("{:x}{now:05x}", std::process::id())
}

/// For labs whose parts would go by the same names: only what a person must know.
pub(super) fn warnings_only(session: &Session) -> Progress {
    let progress = session.progress.clone();
    Progress::new(move |event| {
        if matches!(event, Event::Warning { .. }) {
            progress.report(event);
        }
    })
}
