//! A whole run: every pace, in every round, against every subject in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cpu::{self, Cpu};
use super::load::{Bounds, Load, Pace};
use super::point::{Measured, measure, per_second};
use super::report::{Point, ms, rounded};
use super::step::Step;
use super::subject::{Subject, Watch};
use crate::engine;

/// How often processes are looked at. Those of Postfix live for a hundred messages or more.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long nothing may arrive before what is missing counts as not delivered.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is measured, in which order.
#[derive(Debug, Clone)]
pub struct Series {
    /// What each client does.
    pub load: Load,
    /// The paces, each a point of the curve.
    pub paces: Vec<Pace>,
    /// How long each point runs.
    pub bounds: Bounds,
    /// How long it runs before that.
    pub warm_up: Duration,
    /// How often all of it is done.
    pub rounds: usize,
}

/// Why a run ended without figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a single message was taken over, or login made: there is nothing to measure.
    #[error("{target} at {address} cannot be measured: {step}: {reply}\n  {advice}")]
    Unfit {
        /// The target's name.
        target: String,
        /// Where it is.
        address: String,
        /// Where it failed.
        step: &'static str,
        /// What was said there.
        reply: String,
        /// What to do.
        advice: &'static str,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// What looks into a container.
    #[error("looking into the containers of {target} failed: {source}")]
    Inside {
        /// The target's name.
        target: String,
        /// What went wrong.
        source: std::io::Error,
    },
}

impl Series {
    /// Measures; tells each point once it is there. An interruption ends it early, with
    /// the points until then.
    ///
    /// # Errors
    /// When a subject takes nothing at all, or cannot be looked into.
    pub async fn run(
        &self,
        subjects: &[Subject],
        cancel: &CancellationToken,
        mut tell: impl FnMut(&Point),
    ) -> Result<Vec<Point>, Error> {
        let mut watched = Vec::new();
        for subject in subjects {
            let mut inside = Watched::start(subject).await?;
            self.try_out(subject, cancel).await?;
            let sent = u64::from(!self.load.logins_only);
            inside.settle(sent).await.map_err(|source| Error::Inside {
                target: subject.target.name.clone(),
                source,
            })?;
            watched.push((subject, inside));
        }
        let mut points = Vec::new();
        for round in 1..=self.rounds {
            for pace in &self.paces {
                // Who comes second finds a warmer machine, or a more tired one: in turns.
                if watched.len() > 1 && round > 1 {
                    watched.reverse();
                }
                for (subject, watched) in &mut watched {
                    if cancel.is_cancelled() {
                        return Ok(points);
                    }
                    let point = self.point(subject, watched, *pace, round, cancel).await?;
                    tell(&point);
                    points.push(point);
                }
            }
        }
        Ok(points)
    }

    /// One message, or one login. What does not do that once is not measured.
    async fn try_out(&self, subject: &Subject, cancel: &CancellationToken) -> Result<(), Error> {
        let bounds = Bounds {
            messages: Some(1),
            time: self.load.timeout,
        };
        let once = Pace::Closed { clients: 1 };
        let tried = measure(&subject.target, &self.load, once, bounds, cancel).await;
        let Some(error) = tried.tally.errors().into_iter().next() else {
            return Ok(());
        };
        Err(Error::Unfit {
            target: subject.target.name.clone(),
            address: subject.target.address.to_string(),
            step: error.step.name(),
            reply: error.reply,
            advice: advice(error.step),
        })
    }

    async fn point(
        &self,
        subject: &Subject,
        watched: &mut Watched,
        pace: Pace,
        round: usize,
        cancel: &CancellationToken,
    ) -> Result<Point, Error> {
        let inside = |source| Error::Inside {
            target: subject.target.name.clone(),
            source,
        };
        let (target, load) = (&subject.target, &self.load);
        let warm_up = Bounds {
            messages: self.bounds.messages,
            time: self.warm_up,
        };
        let warmed = if self.warm_up.is_zero() {
            0
        } else {
            measure(target, load, pace, warm_up, cancel)
                .await
                .tally
                .accepted
        };
        watched.settle(warmed).await.map_err(inside)?;
        let before = watched.watch.cpu().await.map_err(inside)?;
        let own = cpu::own();
        let measured = {
            let mut measuring = Box::pin(measure(target, load, pace, self.bounds, cancel));
            loop {
                tokio::select! {
                    measured = &mut measuring => break measured,
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
                // Within a look nothing is lost: the clients are tasks of their own.
                drop(watched.watch.cpu().await.map_err(inside)?);
            }
        };
        let own = own.and_then(|before| Some(cpu::own()?.saturating_sub(before)));
        let delivery = watched.deliveries(&measured).await.map_err(inside)?;
        let after = watched.watch.cpu().await.map_err(inside)?;
        let units = if load.logins_only {
            measured.tally.logins
        } else {
            measured.tally.accepted
        };
        let nothing = BTreeMap::new();
        let cpu = after.iter().map(|(role, after)| {
            let before = before.get(role).unwrap_or(&nothing);
            (role.clone(), Cpu::between(before, after, units))
        });
        Ok(Point {
            warm_up_accepted: warmed,
            cpu: cpu.collect(),
            generator_cpu_ms: own.and_then(|own| u64::try_from(own.as_millis()).ok()),
            delivered: delivery.map(|(count, _)| count),
            delivered_per_second: delivery.map(|(count, time)| rounded(per_second(count, time))),
            ..seen(&subject.target.name, round, pace, &measured)
        })
    }
}

/// What the clients saw of a point.
fn seen(target: &str, round: usize, pace: Pace, measured: &Measured) -> Point {
    let tally = &measured.tally;
    let (kind, rate) = pace.told();
    let asked = tally
        .times(Step::Message)
        .or_else(|| tally.times(Step::Login));
    Point {
        target: target.to_owned(),
        round,
        kind,
        clients: pace.clients(),
        rate,
        window_ms: ms(measured.window),
        begun: tally.turns,
        accepted: tally.accepted,
        warm_up_accepted: 0,
        delivered: None,
        logins: tally.logins,
        connections: tally.connections,
        failed: tally.failed,
        unstarted: tally.unstarted,
        accepted_per_second: rounded(measured.accepted_per_second()),
        delivered_per_second: None,
        logins_per_second: rounded(measured.logins_per_second()),
        latency: tally.latency(),
        curve: asked.map(super::tally::Times::curve).unwrap_or_default(),
        per_second: tally.per_second.clone(),
        errors: tally.errors(),
        cpu: BTreeMap::new(),
        generator_cpu_ms: None,
    }
}

/// What to do where not even the first message is taken.
fn advice(step: Step) -> &'static str {
    match step {
        Step::Connect | Step::Greeting => "look whether it is up, and whether this is its port",
        Step::Tls => "name its authority with --ca, and its name with --name where it has another",
        Step::Auth => "look at --user and --password-file, and at the relay's log",
        Step::Rcpt => "name a recipient that it takes mail for with --recipient",
        _ => "the relay's log may say why",
    }
}

/// A subject that is looked into, and how many messages have arrived there.
struct Watched {
    watch: Watch,
    arrived: u64,
}

impl Watched {
    async fn start(subject: &Subject) -> Result<Self, Error> {
        let mut watched = Self {
            watch: Watch::start(subject).await?,
            arrived: 0,
        };
        if let Some(probe) = watched.watch.arrivals() {
            let count = probe.count().await;
            watched.arrived = count.map_err(|source| Error::Inside {
                target: subject.target.name.clone(),
                source,
            })?;
        }
        Ok(watched)
    }

    /// Waits until what was sent before has come out, so that it is not counted with what
    /// comes, and does not take its CPU.
    async fn settle(&mut self, sent: u64) -> std::io::Result<()> {
        if let Some(probe) = self.watch.arrivals() {
            let wanted = self.arrived + sent;
            self.arrived = probe.arrived(wanted, PATIENCE).await?.0;
        }
        Ok(())
    }

    /// How many of the measured messages came out, and how long it took from the start
    /// until the last of them was there; `None`: nobody can look, or nothing was sent.
    async fn deliveries(
        &mut self,
        measured: &Measured,
    ) -> std::io::Result<Option<(u64, Duration)>> {
        let Some(probe) = self.watch.arrivals() else {
            return Ok(None);
        };
        if measured.tally.accepted == 0 {
            return Ok(None);
        }
        let wanted = self.arrived + measured.tally.accepted;
        let (count, last): (u64, Instant) = probe.arrived(wanted, PATIENCE).await?;
        let delivered = count.saturating_sub(self.arrived);
        self.arrived = count;
        Ok(Some((delivered, last.duration_since(measured.began))))
    }
}
