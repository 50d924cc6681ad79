//! Readiness with evidence: every listener that is on does what it is for, a login over
//! TLS has succeeded, and the message it submitted has come out of the relay at the sink.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join_all, select_all};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument as _, debug, info, info_span};

use super::finding::{Finding, contains, findings};
use super::inbox::Feed;
use super::listening::{Trial, Trouble, trials};
use super::missing::{Missing, ended, not_ready};
use super::{Error, Readiness, Running, StoredMessage, Workshop, started};
use crate::diagnostics::{Open, within_of};
use crate::engine::{self, LogRequest};
use crate::plan::Role;
use crate::smtp::{Reply, SubmitOptions, Submitted, submit};

/// Between two tries of a login. Nothing tells when saslauthd has its socket.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// How long what else is missing may take once master(8) has given up a service for a
/// minute: that service will not be there in time, and may not be needed.
const AFTER_THROTTLING: Duration = Duration::from_secs(10);

/// Between two flushes of the queue. Postfix itself would wait for five minutes.
const FLUSH_AGAIN: Duration = Duration::from_secs(1);

/// How many old lines of the relay's log are read: those of a moment ago.
const A_MOMENT: usize = 100;

/// Ends when a host takes connections on port 25, or after some seconds.
const LISTENS: &str = r"
use IO::Socket::INET;
my ($host, $seconds) = @ARGV;
alarm $seconds;
until (IO::Socket::INET->new(PeerAddr => $host, PeerPort => 25, Timeout => 1)) {
    select undef, undef, undef, 0.05;
}
";

/// Waits until the lab is ready; what the relay was seen to do wrong all the same.
///
/// # Errors
/// [`Error::NotReady`] at the deadline or when it is certain that nothing will change,
/// [`Error::Ended`] as soon as a container ends, [`Error::Interrupted`] on Ctrl-C.
pub(super) async fn wait(running: &Running, workshop: &Workshop) -> Result<Vec<Finding>, Error> {
    let task = workshop.progress.start(match workshop.readiness {
        Readiness::Proved => "login over TLS, message at the next hop",
        Readiness::Started => "daemons started",
    });
    let ready = async {
        match workshop.readiness {
            Readiness::Proved => prove(running, workshop).await,
            Readiness::Started => started::wait(running, workshop).await.map(|()| Vec::new()),
        }
    };
    let ready = ready.instrument(info_span!("readiness"));
    let findings = Box::pin(while_it_runs(running, workshop, ready)).await?;
    task.finish();
    Ok(findings)
}

/// Waits for `ready`, as long as no container ends.
///
/// # Errors
/// Those of `ready`, [`Error::Ended`] as soon as a container ends, and
/// [`Error::Interrupted`] on Ctrl-C.
pub(super) async fn while_it_runs<T>(
    running: &Running,
    workshop: &Workshop,
    ready: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let engine = workshop.engine.as_ref();
    let containers = &running.plan.containers;
    let ends = containers.iter().map(|container| {
        Box::pin(async move {
            drop(engine.wait(&container.name).await);
            container
        })
    });
    tokio::select! {
        ready = ready => ready,
        (container, _, _) = select_all(ends) => {
            let facts = engine.inspect(&container.name).await?;
            Err(ended(container, facts.as_ref(), workshop).await)
        }
        () = workshop.cancel.cancelled() => Err(Error::Interrupted),
    }
}

/// Waits until every listener does what it is for and a message that came by login has
/// reached the sink.
///
/// # Errors
/// As [`wait`], but for a container that ends.
pub(super) async fn prove(running: &Running, workshop: &Workshop) -> Result<Vec<Finding>, Error> {
    let began = Instant::now();
    let trials = trials(running)?;
    let proof = Proof {
        running,
        workshop,
        missing: Mutex::default(),
    };
    for trial in &trials {
        proof.misses(trial.name(), "it was not tried yet".to_owned());
    }
    let (tell, deferred) = watch::channel(Vec::new());
    let end = proof.as_long_as_it_may_be(began + workshop.ready_within, &tell);
    let open = match within_of(end, proof.of(&trials, deferred)).await {
        Ok(proved) => match proved? {
            Some(message) => return Ok(findings(running, &message)),
            None => Open::default(),
        },
        Err(open) => open,
    };
    Err(not_ready(&proof.missing(), open, began, workshop, &running.plan).await)
}

/// A proof under way.
struct Proof<'a> {
    running: &'a Running,
    workshop: &'a Workshop,
    /// What was tried and does not work yet, and why.
    missing: Mutex<BTreeMap<String, String>>,
}

impl Proof<'_> {
    fn misses(&self, what: String, why: String) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.insert(what, why);
    }

    fn has(&self, what: &str) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.remove(what);
    }

    fn missing(&self) -> Missing {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = missing.iter().map(|(what, why)| format!("{what}: {why}"));
        Missing {
            what: lines.collect::<Vec<_>>().join("\n  "),
            role: Role::Relay,
        }
    }

    /// The message that has come out at the sink; `None` where it is certain that
    /// none will.
    async fn of(
        &self,
        trials: &[Trial],
        deferred: watch::Receiver<Vec<String>>,
    ) -> Result<Option<std::sync::Arc<StoredMessage>>, Error> {
        let feed = self.running.inbox.feed();
        let open = join_all(
            trials
                .iter()
                .map(|trial| self.open(trial).instrument(trial.span())),
        );
        let sink = self.sink_listens().instrument(info_span!("sink listens"));
        let (open, listens) = futures_util::join!(open, sink);
        listens?;
        if open.contains(&false) {
            return Ok(None);
        }
        let Some(options) = trials.first().and_then(Trial::message) else {
            return Err(Error::Impossible("no listener offers a login".to_owned()));
        };
        let what = "a message by login".to_owned();
        let submitted = self
            .submit(&options, &what)
            .instrument(info_span!("submission"));
        let Some(submitted) = submitted.await else {
            return Ok(None);
        };
        self.misses(what.clone(), "it has not reached the sink".to_owned());
        let queue_id = submitted.queue_id.unwrap_or_default();
        let arrival = async {
            tokio::select! {
                message = self.arrives(&feed, options.message.token()) => message,
                error = self.flush_if_deferred(&queue_id, deferred, &what) => Err(error),
            }
        };
        arrival.instrument(info_span!("arrival", queue_id)).await
    }

    /// Tries until the message is taken; `None` where it never will be.
    async fn submit(&self, options: &SubmitOptions, what: &str) -> Option<Submitted> {
        loop {
            match submit(options).await {
                Ok(submitted) => return Some(submitted),
                Err(error) => {
                    debug!(%error, "again");
                    self.misses(what.to_owned(), error.to_string());
                    // The login has worked: this is a rule about messages.
                    if error.failure.reply().is_some_and(Reply::is_permanent) {
                        return None;
                    }
                }
            }
            sleep(TRY_AGAIN).await;
        }
    }

    /// Tries until it works; whether it may ever.
    async fn open(&self, trial: &Trial) -> bool {
        for tries in 1_u32.. {
            match trial.once().await {
                Ok(()) => {
                    info!(tries, "does what it is for");
                    self.has(&trial.name());
                    return true;
                }
                Err(Trouble { what, is_final }) => {
                    debug!(tries, is_final, what, "not yet");
                    self.misses(trial.name(), what);
                    if is_final {
                        return false;
                    }
                }
            }
            sleep(TRY_AGAIN).await;
        }
        false
    }

    /// Waits until the relay can reach the sink: mail that it cannot deliver at once
    /// waits for minutes.
    async fn sink_listens(&self) -> Result<(), engine::Error> {
        let plan = &self.running.plan;
        let (relay, sink) = (plan.container(Role::Relay), plan.container(Role::Sink));
        let (Some(relay), Some(sink)) = (relay, sink) else {
            return Ok(());
        };
        let together =
            |n: &&crate::plan::Attachment| relay.networks.iter().any(|r| r.network == n.network);
        let place = sink.networks.iter().find(together);
        let Some(name) = place.and_then(|place| place.aliases.first()) else {
            return Ok(());
        };
        let what = "the sink".to_owned();
        self.misses(what.clone(), "it does not take connections yet".to_owned());
        let seconds = self.workshop.ready_within.as_secs().max(1).to_string();
        let argv = ["perl", "-e", LISTENS, name, &seconds];
        let output = self.workshop.engine.exec(&relay.name, &argv, None).await?;
        if output.exit_code == 0 {
            self.has(&what);
        } else {
            self.misses(
                what,
                format!("nobody could see it: {}", output.stderr.trim()),
            );
        }
        Ok(())
    }

    async fn arrives(
        &self,
        feed: &Feed,
        token: &str,
    ) -> Result<Option<std::sync::Arc<StoredMessage>>, Error> {
        let is_it = |message: &StoredMessage| contains(&message.raw, token);
        feed.wait(self.workshop.ready_within, is_it).await
    }

    /// Has the relay try again at once what it could not deliver; ends with the engine.
    async fn flush_if_deferred(
        &self,
        queue_id: &str,
        mut deferred: watch::Receiver<Vec<String>>,
        what: &str,
    ) -> Error {
        let mark = format!("]: {queue_id}: ");
        let mut seen = 0;
        loop {
            let line = {
                let lines = deferred.borrow_and_update();
                let line = lines[seen..]
                    .iter()
                    .rfind(|line| line.contains(&mark))
                    .cloned();
                seen = lines.len();
                line
            };
            if let Some(line) = line {
                let why = line.split_once(&mark).map_or("", |(_, why)| why);
                self.misses(what.to_owned(), format!("it waits in the relay: {why}"));
                info!(why, "deferred: the queue is flushed");
                if let Some(relay) = self.running.plan.container(Role::Relay) {
                    let argv = ["postqueue", "-f"];
                    let flushed = self.workshop.engine.exec(&relay.name, &argv, None).await;
                    if let Err(error) = flushed {
                        return error.into();
                    }
                }
                sleep(FLUSH_AGAIN).await;
            } else if deferred.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits for the deadline, or for the moment from which on waiting is in vain. Tells
    /// of mail that the relay could not deliver.
    async fn as_long_as_it_may_be(&self, mut deadline: Instant, tell: &watch::Sender<Vec<String>>) {
        let relay = self.running.plan.container(Role::Relay);
        let request = LogRequest {
            follow: true,
            tail: Some(A_MOMENT),
            since: None,
        };
        let name = relay.map_or("", |relay| relay.name.as_str());
        let mut lines = self.workshop.engine.logs(name, request).fuse();
        loop {
            tokio::select! {
                () = sleep_until(deadline) => return,
                Some(Ok(line)) = lines.next() => {
                    if engine::is_throttling(&line) {
                        info!(line, "a service is given up for a minute");
                        deadline = deadline.min(Instant::now() + AFTER_THROTTLING);
                    }
                    if line.contains("status=deferred") {
                        tell.send_modify(|lines| lines.push(line));
                    }
                }
            }
        }
    }
}
