//! The labs that are measured: made for this run, or up already.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::Session;
use super::super::exit::Usage;
use super::super::labs::{
    can_be_logged_in_to, configured, image_settings, images, spec_of_lab, tell_stand_ins, workshop,
};
use super::super::test::{run_name, warnings_only};
use super::super::watch::Watcher;
use super::asked::Asked;
use super::host;
use crate::bench::{Kind, Sink, Subject, measurable};
use crate::certs;
use crate::cli::{Bench, Versus};
use crate::config;
use crate::counterparts::{Purpose, Resolved};
use crate::engine::Engine;
use crate::lab::{self, Readiness, Running, Workshop};
use crate::plan::Plan;

/// What this run has made, and takes down again.
#[derive(Default)]
pub(super) struct Made(Vec<(Arc<dyn Engine>, String, Option<Watcher>)>);

impl Made {
    /// What was asked about.
    pub(super) async fn first(
        &mut self,
        session: &Session,
        arguments: &Bench,
        asked: &Asked,
    ) -> anyhow::Result<Subject> {
        match (&arguments.host, &arguments.lab) {
            (Some(place), _) => host::subject(session, arguments, asked, place).await,
            (None, Some(name)) => standing(session, arguments, asked, name).await,
            (None, None) => self.own(session, arguments, asked).await,
        }
    }

    /// What it is compared with.
    pub(super) async fn second(
        &mut self,
        session: &Session,
        arguments: &Bench,
        asked: &Asked,
        other: &Versus,
    ) -> anyhow::Result<Subject> {
        match other {
            Versus::Host(place) => host::subject(session, arguments, asked, place).await,
            Versus::Lab(name) => standing(session, arguments, asked, name).await,
            Versus::ByHand | Versus::Plain => {
                Err(Usage("this reference is not there yet".to_owned()).into())
            }
        }
    }

    /// A lab of this run's own.
    async fn own(
        &mut self,
        session: &Session,
        arguments: &Bench,
        asked: &Asked,
    ) -> anyhow::Result<Subject> {
        let spec = configured(session, &arguments.which)?;
        spec.as_ref().map_or(Ok(()), can_be_logged_in_to)?;
        let spec = spec.unwrap_or_else(config::built_in);
        let spec = measurable(spec, asked.listener, asked.sink, asked.clients());
        let engine = session.engine().await?;
        let name = format!("bench-{}", run_name());
        let plan = Plan::new(Resolved::new(spec, Purpose::Lab), &name);
        tell_stand_ins(session, &plan.resolved);
        let plan = match asked.sink {
            Sink::Counter => plan.with_counter(),
            Sink::Inbox => plan,
        };
        let settings = image_settings(session, &arguments.images, false);
        let images = images(session, &engine, &plan.images(), &settings).await?;
        let certificates = certs::issue(&name, &lab::certificate_names(&plan), Timestamp::now())?;
        let workshop = Workshop {
            // The first message is the proof; what takes it may be no sink with an inbox.
            readiness: Readiness::Started,
            progress: warnings_only(session),
            ..workshop(session, engine.clone(), images, String::new())
        };
        let task = session.progress.start(&format!("lab {name}"));
        self.0.push((engine, name.clone(), Watcher::start(&name)));
        let running = lab::up(plan, certificates, &workshop).await?.running;
        task.finish();
        subject(&running, Kind::Own, asked.sink, asked)
    }

    /// Takes down all of it.
    pub(super) async fn take_down(self) -> anyhow::Result<()> {
        let mut result = Ok(());
        for (engine, name, watcher) in self.0 {
            let removed = lab::down(engine.as_ref(), &name, true).await;
            if let Some(watcher) = watcher {
                watcher.release().await;
            }
            result = result.and(removed.map(drop));
        }
        Ok(result?)
    }
}

/// A lab that is up.
async fn standing(
    session: &Session,
    arguments: &Bench,
    asked: &Asked,
    name: &str,
) -> anyhow::Result<Subject> {
    let configured = configured(session, &arguments.which)?;
    let engine = session.engine().await?;
    let spec = spec_of_lab(session, configured, name, engine.as_ref(), false).await?;
    let plan = Plan::new(Resolved::new(spec, Purpose::Lab), name);
    let settings = image_settings(session, &arguments.images, false);
    let images = images(session, &engine, &plan.images(), &settings).await?;
    let store = session.store()?;
    let workshop = workshop(session, engine, images, store.id()?);
    let names = lab::certificate_names(&plan);
    let certificates = certs::foresee(&store.folder(name), name, &names, Timestamp::now())?;
    let attached = lab::attach(plan, certificates, &workshop).await;
    let running = attached.map_err(|error| match error {
        lab::Error::Impossible(text) => anyhow::Error::new(Usage(text)),
        other => other.into(),
    })?;
    subject(&running, Kind::Lab, Sink::Inbox, asked)
}

fn subject(running: &Running, kind: Kind, sink: Sink, asked: &Asked) -> anyhow::Result<Subject> {
    let token = &asked.series.load.token;
    let subject = Subject::of_lab(running, kind, sink, asked.listener, asked.recipients, token);
    subject.map_err(|why| Usage(format!("the lab {}: {why}", running.plan.name)).into())
}
