//! Readiness with evidence: a real login over TLS has succeeded, and the
//! message it submitted has come out of the relay at the sink, over TLS and
//! without a trace of the client.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::select_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::inbox::{Feed, READINESS};
use super::{Error, Readiness, Running, Workshop, started};
use crate::config::{Listener, Received, SenderLogin};
use crate::engine::{ContainerFacts, Engine, LogRequest};
use crate::plan::{Container, Plan, Role};
use crate::render;
use crate::smtp::{Connect, Failure, Login, Message, Security, SubmitOptions, TlsSettings, submit};

/// Between two tries of a login. Nothing tells when saslauthd has its socket.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// How many of a container's last lines are evidence.
const LAST_LINES: usize = 15;

/// How many are looked through for [`FATAL`] ones before these: a daemon that ends is
/// not the last to speak where others start beside it.
const LOOKED_THROUGH: usize = 200;

/// In a line of Postfix that says why it gives up (msg(3)).
const FATAL: [&str; 2] = [": fatal: ", ": panic: "];

/// The name that the message is sent from: it must not come out at the sink.
const CLIENT_NAME: &str = "readiness-client.invalid";

/// What was still wrong, and whose log may tell why.
pub(super) struct Missing {
    pub(super) what: String,
    pub(super) role: Role,
}

/// Waits until the lab is ready.
///
/// # Errors
/// [`Error::NotReady`] at the deadline, [`Error::Ended`] as soon as a container
/// ends, [`Error::Interrupted`] on Ctrl-C, and [`Error::Impossible`] when the
/// relay is ready and does not keep its promise.
pub(super) async fn wait(running: &Running, workshop: &Workshop) -> Result<(), Error> {
    let task = workshop.progress.start(match workshop.readiness {
        Readiness::Proved => "login over TLS, message at the next hop",
        Readiness::Started => "daemons started",
    });
    let ready = async {
        match workshop.readiness {
            Readiness::Proved => prove(running, workshop).await,
            Readiness::Started => started::wait(running, workshop).await,
        }
    };
    while_it_runs(running, workshop, ready).await?;
    task.finish();
    Ok(())
}

/// Waits for `ready`, as long as no container ends.
///
/// # Errors
/// Those of `ready`, [`Error::Ended`] as soon as a container ends, and
/// [`Error::Interrupted`] on Ctrl-C.
pub(super) async fn while_it_runs(
    running: &Running,
    workshop: &Workshop,
    ready: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
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

/// Waits until a login over TLS has succeeded and its message has reached the sink.
///
/// # Errors
/// As [`wait`], but for a container that ends.
pub(super) async fn prove(running: &Running, workshop: &Workshop) -> Result<(), Error> {
    let deadline = Instant::now() + workshop.ready_within;
    let feed = running.inbox.feed();
    let options = options(running)?;
    let mut missing = Missing {
        what: "nothing was tried yet".to_owned(),
        role: Role::Relay,
    };
    loop {
        match timeout_at(deadline, submit(&options)).await {
            Ok(Ok(_)) => break,
            Ok(Err(error)) => {
                missing.what = error.to_string();
                if matches!(error.failure, Failure::Tls { .. }) && is_final(&error.to_string()) {
                    return Err(not_ready(&missing, workshop, &running.plan).await);
                }
            }
            Err(_) => return Err(not_ready(&missing, workshop, &running.plan).await),
        }
        if Instant::now() >= deadline {
            return Err(not_ready(&missing, workshop, &running.plan).await);
        }
        sleep(TRY_AGAIN).await;
    }
    arrived(running, workshop, &feed, options.message.token(), deadline).await
}

/// A certificate that does not fit will not fit a moment later.
fn is_final(error: &str) -> bool {
    error.contains("certificate")
}

/// One message by login through the first listener that has logins.
fn options(running: &Running) -> Result<SubmitOptions, Error> {
    let spec = &running.plan.spec;
    let listeners = [Listener::Submission, Listener::Submissions, Listener::Smtp];
    let usable = |listener: &Listener| {
        let address = running.endpoints.get(listener.name())?;
        spec.auth
            .listeners
            .contains(listener)
            .then_some((*listener, *address))
    };
    let (listener, address) = listeners
        .iter()
        .find_map(usable)
        .ok_or_else(|| Error::Impossible("no listener offers a login".to_owned()))?;
    let user = spec.lab.users.first();
    let user = user.ok_or_else(|| Error::Impossible("lab.users is empty".to_owned()))?;
    let tls = TlsSettings::trusting(&spec.hostname, &running.certificates.authority.certificate);
    let tls = match running.client_certificate()? {
        Some(issued) => tls.client_certificate(issued.certificate, issued.key),
        None => tls,
    };
    let sender = match spec.relay.sender_login {
        SenderLogin::Any => format!("readiness@{}", spec.hostname),
        SenderLogin::Own => render::CHECKED_SENDER.to_owned(),
    };
    Ok(SubmitOptions {
        address,
        security: match listener {
            Listener::Submissions => Security::Wrapper(tls),
            Listener::Submission | Listener::Smtp => Security::StartTls(tls),
        },
        login: Some(Login {
            user: user.name.clone(),
            password: user.password.clone(),
        }),
        client_name: CLIENT_NAME.to_owned(),
        message: Message::from_to(&sender, READINESS).build(),
        sender,
        recipients: vec![READINESS.to_owned()],
        connect: Connect::default(),
    })
}

async fn arrived(
    running: &Running,
    workshop: &Workshop,
    feed: &Feed,
    token: &str,
    deadline: Instant,
) -> Result<(), Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    let contains = |raw: &[u8], what: &str| raw.windows(what.len()).any(|w| w == what.as_bytes());
    let message = feed
        .wait(left, |message| contains(&message.raw, token))
        .await?;
    let Some(message) = message else {
        let what = "a login succeeded, and the message it submitted did not reach the sink";
        let missing = Missing {
            what: what.to_owned(),
            role: Role::Relay,
        };
        return Err(not_ready(&missing, workshop, &running.plan).await);
    };
    let hides = running.plan.spec.privacy.received != Received::Keep;
    if hides && contains(&message.raw, CLIENT_NAME) {
        return Err(Error::Impossible(
            "the relay works and is not anonymous: the client's name reached the next hop\n  check postfix.main and postfix.master in relay.yaml for what overrides the rendered configuration".to_owned(),
        ));
    }
    Ok(())
}

/// That the deadline passed.
pub(super) async fn not_ready(missing: &Missing, workshop: &Workshop, plan: &Plan) -> Error {
    let container = plan.container(missing.role).map_or("", |c| c.name.as_str());
    Error::NotReady {
        within: workshop.ready_within,
        last: missing.what.clone(),
        role: missing.role,
        log: last_lines(workshop.engine.as_ref(), container).await,
    }
}

/// That `container` has ended, with its last lines.
pub(super) async fn ended(
    container: &Container,
    facts: Option<&ContainerFacts>,
    workshop: &Workshop,
) -> Error {
    Error::Ended {
        role: container.role,
        exit_code: facts.and_then(|f| f.exit_code).unwrap_or(-1),
        log: last_lines(workshop.engine.as_ref(), &container.name).await,
    }
}

/// The last lines of a log, and before them those that say why a daemon gave up; each
/// indented.
async fn last_lines(engine: &dyn Engine, container: &str) -> String {
    let request = LogRequest {
        follow: false,
        tail: Some(LOOKED_THROUGH),
        since: None,
    };
    telling(&log_lines(engine, container, request).await)
}

fn telling(log: &str) -> String {
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let (early, last) = lines.split_at(lines.len().saturating_sub(LAST_LINES));
    let is_fatal = |line: &&&str| FATAL.iter().any(|word| line.contains(word));
    early.iter().filter(is_fatal).chain(last).copied().collect()
}

/// Lines of a container's log, each indented: evidence for a message.
pub async fn log_lines(engine: &dyn Engine, container: &str, request: LogRequest) -> String {
    let mut lines = engine.logs(container, request);
    let mut text = String::new();
    while let Some(line) = lines.next().await {
        let line = line.unwrap_or_else(|e| e.to_string());
        text.push_str("    ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_shown_however_much_is_said_after_it() {
        let noise = |amount: usize| "    saslauthd[17] :forked child\n".repeat(amount);
        let reason = "    postfix/postsuper[24]: fatal: parameter inet_interfaces\n";
        let log = format!("{}{reason}{}", noise(3), noise(LAST_LINES));
        assert_eq!(telling(&log), format!("{reason}{}", noise(LAST_LINES)));
        let log = format!("{}{reason}", noise(20));
        assert_eq!(telling(&log), format!("{}{reason}", noise(LAST_LINES - 1)));
        assert_eq!(telling(""), "");
    }
}
