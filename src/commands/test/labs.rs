//! The labs that a run needs, each brought up while checks already run in
//! others, and taken down when no check needs it any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span};

use super::super::Session;
use super::super::exit::Usage;
use super::super::labs::tell_stand_ins;
use super::super::watch::Watcher;
use super::Told;
use super::lanes::{self, Stage};
use crate::certs::{self, Names};
use crate::checks::{self, Check, Options, Site};
use crate::cli::Test;
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::engine::Shells;
use crate::lab::{self, Standing, Workshop};
use crate::plan::{Plan, Role};
use crate::progress::{Event, Progress};
use crate::report::RunReport;

/// How many labs come up at once. More would all be late; the first is to be used early.
const UP_AT_ONCE: usize = 3;

/// What a run of checks needs.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session,
    pub(super) arguments: &'a Test,
    pub(super) workshop: &'a Workshop,
    pub(super) spec: &'a Spec,
    pub(super) checks: &'a [&'static Check],
    pub(super) options: Options,
}

impl Run<'_> {
    /// Runs the checks in labs of their own, or in the lab of `--lab`. Whatever
    /// comes of it, nothing is left behind that was not to be kept.
    pub(super) async fn run(&self, told: &mut Told<'_>) -> anyhow::Result<RunReport> {
        match &self.arguments.lab {
            Some(name) => self.in_standing(name, told).await,
            None => self.in_own(told).await,
        }
    }

    async fn in_standing(&self, name: &str, told: &mut Told<'_>) -> anyhow::Result<RunReport> {
        let plan = Plan::new(Resolved::new(self.spec.clone(), Purpose::Lab), name);
        let names = lab::certificate_names(&plan);
        let folder = self.session.store()?.folder(name);
        let certificates = certs::foresee(&folder, name, &names, Timestamp::now())?;
        let attached = lab::attach(plan, certificates, self.workshop).await;
        let running = attached.map_err(|error| match error {
            lab::Error::Impossible(text) => anyhow::Error::new(Usage(text)),
            other => other.into(),
        })?;
        let queued = lab::queue(&running).await?;
        lab::release_brake(&running).await?;
        let shells = Arc::new(Shells::new(running.engine.clone()));
        let sites = vec![Site::there(Arc::new(checks::target(
            &running, false, &shells,
        )?))];
        let report = self.check(sites, told).await;
        lab::apply_brake(&running).await?;
        // The inbox keeps what arrived, to be looked at; the queue would go on trying.
        lab::clear_queue(&running, &queued).await?;
        Ok(report)
    }

    async fn in_own(&self, told: &mut Told<'_>) -> anyhow::Result<RunReport> {
        let run = run_name();
        let stop = self.session.cancel.child_token();
        let room = Semaphore::new(UP_AT_ONCE);
        let laboratories = checks::laboratories(self.spec, self.checks);
        if !laboratories.is_empty() {
            // Of what relay.yaml says: a variant's next hops are nobody's.
            let resolved = Resolved::new(self.spec.clone(), Purpose::Proof);
            tell_stand_ins(self.session, &resolved);
        }
        let mut sites = Vec::new();
        let mut stages = Vec::new();
        for laboratory in laboratories {
            let (arrive, arrival) = oneshot::channel();
            let (depart, departure) = oneshot::channel();
            let arrival = async { arrival.await.ok() }.boxed();
            sites.push(Site::coming(laboratory.clone(), arrival, depart));
            stages.push(Stage {
                laboratory,
                arrive,
                departure,
            });
        }
        let labs = lanes::share_out(stages, self.arguments.keep);
        let labs = labs.into_iter().enumerate().map(|(index, stages)| {
            let name = format!("test-{run}-{}", index + 1);
            let keep = self.arguments.keep;
            let watcher = if keep { None } else { Watcher::start(&name) };
            self.stand(name, stages, watcher, &room, &stop)
        });
        let (report, labs) = tokio::join!(self.check(sites, told), join_all(labs));
        self.tell_kept(&labs);
        let failed = labs.into_iter().filter_map(Result::err).find(|error| {
            let interrupted = error.downcast_ref::<lab::Error>();
            !matches!(interrupted, Some(lab::Error::Interrupted))
        });
        failed.map_or(Ok(report), Err)
    }

    async fn check(&self, sites: Vec<Site>, told: &mut Told<'_>) -> RunReport {
        let cancel = &self.session.cancel;
        checks::run_at(self.checks, sites, self.options, cancel, |event| {
            told.tell(event);
        })
        .await
    }

    /// One lab from its beginning to its end; its name where it is kept.
    async fn stand(
        &self,
        name: String,
        stages: Vec<Stage>,
        watcher: Option<Watcher>,
        room: &Semaphore,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<String>> {
        let lived = Box::pin(self.live(&name, stages, room, stop)).await;
        if lived.is_err() {
            stop.cancel();
        }
        if self.arguments.keep {
            return lived.map(|()| Some(name));
        }
        lab::down(self.workshop.engine.as_ref(), &name, true).await?;
        if let Some(watcher) = watcher {
            watcher.release().await;
        }
        lived.map(|()| None)
    }

    /// Lets a lab be one laboratory after the other, each until no check needs it.
    async fn live(
        &self,
        name: &str,
        stages: Vec<Stage>,
        room: &Semaphore,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut up: Option<Standing> = None;
        let planned = info_span!("plan", lab = name).in_scope(|| lanes::plan(name, stages));
        let names = lanes::names(&planned);
        for (stage, plan) in planned {
            let laboratory = stage.laboratory.name;
            let mut standing = match up.take() {
                Some(standing) if standing.running().plan == plan => standing,
                last => {
                    let turn = room.acquire().instrument(info_span!("turn", lab = name));
                    let _turn = turn.await?;
                    if stop.is_cancelled() {
                        return Err(lab::Error::Interrupted.into());
                    }
                    Box::pin(self.bring_up(plan, &names, last, stop)).await?
                }
            };
            let disposable = stage.laboratory.disposable;
            let target = checks::target(standing.running(), disposable, standing.shells())?;
            info!(lab = name, laboratory, disposable, "can be used");
            // Nobody waits for it when the run was interrupted.
            drop(stage.arrive.send(Arc::new(target)));
            // It ends with the run at the latest, whether or not it was told.
            drop(stage.departure.await);
            if disposable {
                standing.disturb();
            }
            up = Some(standing);
        }
        Ok(())
    }

    /// A lab anew, or what the `last` one becomes. It keeps its certificates, which are for
    /// all `names` that it will have, so that nothing changes but what the plan changes.
    async fn bring_up(
        &self,
        plan: Plan,
        names: &BTreeMap<Role, Names>,
        last: Option<Standing>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Standing> {
        let workshop = Workshop {
            progress: warnings_only(self.session),
            cancel: stop.clone(),
            ..self.workshop.clone()
        };
        let now = Timestamp::now();
        if let Some(last) = last {
            let certificates = last.running().certificates.clone();
            return Ok(last.become_plan(plan, certificates, &workshop).await?);
        }
        let certificates = if self.arguments.keep {
            let store = self.session.store()?;
            store.remember(&plan.name, &plan.resolved.spec.lab.users)?;
            certs::keep(&store.folder(&plan.name), &plan.name, names, now)?
        } else {
            certs::issue(&plan.name, names, now)?
        };
        Ok(Standing::up(plan, certificates, &workshop).await?)
    }

    fn tell_kept(&self, labs: &[anyhow::Result<Option<String>>]) {
        for name in labs.iter().flatten().flatten() {
            let line = format!(
                "kept: relaykit status, relaykit logs --lab {name}, relaykit down --lab {name} --volumes"
            );
            self.session.progress.report(Event::Warning { line });
        }
    }
}

/// A name that no other run has.
pub(in crate::commands) fn run_name() -> String {
    let now = Timestamp::now().subsec_microsecond();
    format!("{:x}{now:05x}", std::process::id())
}

/// For labs whose parts would go by the same names: only what a person must know.
pub(in crate::commands) fn warnings_only(session: &Session) -> Progress {
    let progress = session.progress.clone();
    Progress::new(move |event| {
        if matches!(event, Event::Warning { .. } | Event::Failure { .. }) {
            progress.report(event);
        }
    })
}
