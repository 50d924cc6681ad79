//! One client: a connection, as long as it is kept, and what is done on it.

use std::time::Duration;

use tokio::time::Instant;

use super::load::{Load, Target};
use super::message::Messages;
use super::step::{Step, Taken};
use super::tally::{Attempt, End};
use crate::smtp::{Capabilities, Connect, Error, Failure, Reply, Security, Session};

/// The name in EHLO.
const NAME: &str = "bench.relaykit.invalid";
/// The characters of an error that are kept: what is the same is counted together.
const LONGEST_ERROR: usize = 160;

/// Why a turn did not end well.
struct Refused(Step, String);

/// What all clients do.
pub(super) struct Job {
    pub(super) target: Target,
    pub(super) load: Load,
    pub(super) messages: Messages,
}

/// A client of a target.
pub(super) struct Client<'a> {
    job: &'a Job,
    open: Option<Open>,
}

/// A connection that is open and ready for the next message.
struct Open {
    session: Session,
    sent: u64,
}

/// A turn under way.
struct Turn {
    taken: Vec<Taken>,
    /// When the message was to be sent.
    intended: Instant,
    connections: u64,
    logins: u64,
}

impl<'a> Client<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self { job, open: None }
    }

    /// Sends a message that was to be sent at `intended`, or only logs in.
    pub(super) async fn turn(&mut self, intended: Instant) -> Attempt {
        let mut turn = Turn {
            taken: vec![(Step::Wait, intended.elapsed())],
            intended,
            connections: 0,
            logins: 0,
        };
        let end = match self.take(&mut turn).await {
            Ok(()) => End::Well,
            Err(Refused(step, reply)) => {
                // What is not understood any more is not used any more.
                self.open = None;
                End::Badly(step, reply)
            }
        };
        Attempt {
            taken: turn.taken,
            connections: turn.connections,
            logins: turn.logins,
            sends: !self.job.load.logins_only,
            end,
        }
    }

    /// Says goodbye where a connection is still open.
    pub(super) async fn leave(self) {
        if let Some(Open { session, .. }) = self.open {
            // Nothing depends on it any more.
            drop(session.quit().await);
        }
    }

    async fn take(&mut self, turn: &mut Turn) -> Result<(), Refused> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open {
                session: self.job.begin(turn).await?,
                sent: 0,
            },
        };
        if self.job.load.logins_only {
            return quit(&mut open.session, turn).await;
        }
        self.job.send(&mut open.session, turn).await?;
        open.sent += 1;
        if open.sent < self.job.load.per_connection {
            self.open = Some(open);
            return Ok(());
        }
        quit(&mut open.session, turn).await
    }
}

impl Job {
    /// Connects, secures and logs in.
    async fn begin(&self, turn: &mut Turn) -> Result<Session, Refused> {
        let options = Connect {
            timeout: self.load.timeout,
            nagle: self.load.nagle,
            ..Connect::default()
        };
        let began = Instant::now();
        let session = Session::connect(self.target.address, &options).await;
        let mut session = session.map_err(|error| unheard(Step::Connect, &error))?;
        turn.took(Step::Connect, began);
        turn.connections += 1;
        if let Security::Wrapper(tls) = &self.target.security {
            let began = Instant::now();
            let shaken = session.handshake(tls).await.map(drop);
            shaken.map_err(|error| unheard(Step::Tls, &error))?;
            turn.took(Step::Tls, began);
        }
        let began = Instant::now();
        let greeting = session.greeting().await;
        turn.demand(Step::Greeting, began, 220, greeting)?;
        let mut offered = ehlo(&mut session, turn, Step::Ehlo).await?;
        if let Security::StartTls(tls) = &self.target.security {
            if !offered.starttls() {
                return Err(Refused(Step::Tls, "STARTTLS is not offered".to_owned()));
            }
            let began = Instant::now();
            let secured = session.starttls(tls).await.map(drop);
            secured.map_err(|error| unheard(Step::Tls, &error))?;
            turn.took(Step::Tls, began);
            offered = ehlo(&mut session, turn, Step::EhloAgain).await?;
        }
        if let Some(login) = &self.target.login {
            let has = |name: &str| {
                let mut mechanisms = offered.auth_mechanisms().iter();
                mechanisms.any(|mechanism| mechanism.eq_ignore_ascii_case(name))
            };
            let began = Instant::now();
            let reply = if has("PLAIN") {
                session.auth_plain("", &login.user, &login.password).await
            } else if has("LOGIN") {
                session.auth_login(&login.user, &login.password).await
            } else {
                let missing = "neither AUTH PLAIN nor AUTH LOGIN is offered";
                return Err(Refused(Step::Auth, missing.to_owned()));
            };
            turn.demand(Step::Auth, began, 235, reply)?;
            turn.logins += 1;
            turn.took(Step::Login, turn.intended);
        }
        Ok(session)
    }

    /// One transaction, a command at a time as smtp-source(1) and many libraries do.
    async fn send(&self, session: &mut Session, turn: &mut Turn) -> Result<(), Refused> {
        let mail = format!("MAIL FROM:<{}>", self.target.sender);
        command(session, turn, Step::Mail, &mail, 250).await?;
        for recipient in &self.target.recipients {
            let rcpt = format!("RCPT TO:<{recipient}>");
            command(session, turn, Step::Rcpt, &rcpt, 250).await?;
        }
        command(session, turn, Step::Data, "DATA", 354).await?;
        // Made before the clock runs.
        let content = self.messages.next();
        let began = Instant::now();
        let written = session.write_raw(&content).await;
        written.map_err(|error| unheard(Step::End, &error))?;
        let reply = session.read_reply().await;
        turn.demand(Step::End, began, 250, reply)?;
        turn.took(Step::Message, turn.intended);
        Ok(())
    }
}

async fn ehlo(session: &mut Session, turn: &mut Turn, step: Step) -> Result<Capabilities, Refused> {
    let began = Instant::now();
    let offered = session.ehlo(NAME).await;
    let offered = offered.map_err(|error| unheard(step, &error))?;
    turn.demand(step, began, 250, Ok(offered.reply.clone()))?;
    Ok(offered)
}

async fn quit(session: &mut Session, turn: &mut Turn) -> Result<(), Refused> {
    command(session, turn, Step::Quit, "QUIT", 221).await
}

async fn command(
    session: &mut Session,
    turn: &mut Turn,
    step: Step,
    line: &str,
    code: u16,
) -> Result<(), Refused> {
    let began = Instant::now();
    let reply = session.command(line).await;
    turn.demand(step, began, code, reply)
}

impl Turn {
    fn took(&mut self, step: Step, since: Instant) {
        self.taken.push((step, since.elapsed()));
    }

    /// Counts a step that ended with `code`.
    fn demand(
        &mut self,
        step: Step,
        began: Instant,
        code: u16,
        reply: Result<Reply, Error>,
    ) -> Result<(), Refused> {
        let reply = reply.map_err(|error| unheard(step, &error))?;
        if reply.code != code {
            return Err(Refused(step, shortened(&reply.to_string())));
        }
        self.took(step, began);
        Ok(())
    }
}

/// No reply: what came instead.
fn unheard(step: Step, error: &Error) -> Refused {
    let words = match &error.failure {
        Failure::Refused(reply) => reply.to_string(),
        Failure::Timeout { waited, .. } => {
            let seconds = Duration::as_secs_f64(waited);
            format!("no reply within {seconds} s")
        }
        failure => failure.to_string(),
    };
    Refused(step, shortened(&words))
}

fn shortened(words: &str) -> String {
    match words.char_indices().nth(LONGEST_ERROR) {
        Some((end, _)) => format!("{}...", &words[..end]),
        None => words.to_owned(),
    }
}
