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
use crate::bench::{Kind, Place, Sink, Subject, measurable};
use crate::certs;
use crate::cli::{Bench, Versus};
use crate::config::{self, Listener};
use crate::counterparts::{Purpose, Resolved};
use crate::engine::Engine;
use crate::lab::{self, Readiness, Running, Workshop};
use crate::plan::{Plan, Reference};

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
            Versus::ByHand => {
                let reference = Reference::ByHand;
                self.reference(session, arguments, asked, reference).await
            }
            Versus::Plain => {
                let reference = Reference::Plain;
                self.reference(session, arguments, asked, reference).await
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
        let resolved = Resolved::new(spec, Purpose::Lab);
        tell_stand_ins(session, &resolved);
        let plan = Plan::new(resolved, &format!("bench-{}", run_name()));
        let running = self.bring_up(session, arguments, asked, plan).await?;
        let place = Place {
            name: "relaykit".to_owned(),
            kind: Kind::Own,
            sink: asked.sink,
            listener: asked.listener,
        };
        subject(&running, place, asked)
    }

    /// What others would have in the place of our relay, beside a directory and a next hop
    /// such as ours has.
    async fn reference(
        &mut self,
        session: &Session,
        arguments: &Bench,
        asked: &Asked,
        reference: Reference,
    ) -> anyhow::Result<Subject> {
        let listener = match reference {
            Reference::ByHand if asked.listener == Listener::Smtp => {
                let text = "--versus by-hand has logins: --listener submission or submissions; for port 25 there is --versus plain";
                return Err(Usage(text.to_owned()).into());
            }
            Reference::ByHand => asked.listener,
            Reference::Plain => Listener::Smtp,
        };
        let mut spec = measurable(config::built_in(), listener, asked.sink, asked.clients());
        Reference::HOSTNAME.clone_into(&mut spec.hostname);
        let name = format!("bench-{}-{}", run_name(), reference.name());
        let plan = Plan::new(Resolved::new(spec, Purpose::Lab), &name).with_reference(reference);
        let running = self.bring_up(session, arguments, asked, plan).await?;
        let place = Place {
            name: reference.name().to_owned(),
            kind: Kind::Reference,
            sink: asked.sink,
            listener,
        };
        subject(&running, place, asked)
    }

    async fn bring_up(
        &mut self,
        session: &Session,
        arguments: &Bench,
        asked: &Asked,
        plan: Plan,
    ) -> anyhow::Result<Running> {
        let plan = match asked.sink {
            Sink::Counter => plan.with_counter(),
            Sink::Inbox => plan,
        };
        let engine = session.engine().await?;
        let name = plan.name.clone();
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
        Ok(running)
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
    let place = Place {
        name: name.to_owned(),
        kind: Kind::Lab,
        sink: Sink::Inbox,
        listener: asked.listener,
    };
    subject(&running, place, asked)
}

fn subject(running: &Running, place: Place, asked: &Asked) -> anyhow::Result<Subject> {
    let token = &asked.series.load.token;
    let subject = Subject::of_lab(running, place, asked.recipients, token);
    subject.map_err(|why| Usage(format!("the lab {}: {why}", running.plan.name)).into())
}
