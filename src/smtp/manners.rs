//! How a client behaves towards somebody else's server: it keeps to a pace, takes
//! a limit for an answer, and completes no message to an address that nobody named.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant, sleep_until};
use tracing::{Instrument as _, debug_span};

use super::{Failure, Reply};

/// How many connections may follow each other at once before the pace counts.
const BURST: u32 = 20;

/// What a server says that has had enough of a client. A session's own limit
/// (`too many errors`) says nothing about the next one.
const LIMITS: [&str; 11] = [
    "too many connections",
    "too many concurrent",
    "too many sessions",
    "too many new",
    "too many recipients from",
    "too many auth",
    "too much mail",
    "rate limit",
    "throttl",
    "slow down",
    "ports are busy",
];

/// Manners towards one server. Clones share all of it: what one session is told,
/// the next ones heed.
#[derive(Debug, Clone)]
pub struct Manners(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pace: Pace,
    recipients: Vec<String>,
    state: Mutex<State>,
}

/// How fast to connect, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Connections a minute, after the first few.
    pub per_minute: u32,
    /// Connections in all.
    pub most: usize,
}

#[derive(Debug)]
struct State {
    /// When the next connection would be due if there were no burst.
    due: Instant,
    connections: usize,
    open: BTreeSet<SocketAddr>,
    stopped: Option<String>,
    declined: Option<String>,
}

impl Manners {
    /// Messages may be completed to `recipients` alone.
    #[must_use]
    pub fn new(pace: Pace, recipients: Vec<String>) -> Self {
        Self(Arc::new(Shared {
            pace,
            recipients,
            state: Mutex::new(State {
                due: Instant::now(),
                connections: 0,
                open: BTreeSet::new(),
                stopped: None,
                declined: None,
            }),
        }))
    }

    /// Why no further connection is made.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.state().stopped.clone()
    }

    /// What has not been done since this was asked last, for it would not be polite.
    #[must_use]
    pub fn take_declined(&self) -> Option<String> {
        self.state().declined.take()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// Somebody answers there.
    pub(super) fn connected(&self, address: SocketAddr) {
        self.state().open.insert(address);
    }

    /// There was no connection. Where there was one before, we have been shut out.
    pub(super) fn not_connected(&self, address: SocketAddr, why: &Failure) {
        if self.state().open.contains(&address) {
            self.stop(format!("{address} takes no more connections: {why}"));
        }
    }

    /// Makes no further connection; the first reason counts.
    pub fn stop(&self, why: impl Into<String>) {
        self.state().stopped.get_or_insert(why.into());
    }

    /// Waits for a connection's turn.
    pub(super) async fn turn(&self) -> Result<(), Failure> {
        let between = Duration::from_secs(60) / self.0.pace.per_minute.max(1);
        let at = {
            let mut state = self.state();
            if state.connections >= self.0.pace.most {
                let most = self.0.pace.most;
                state
                    .stopped
                    .get_or_insert(format!("{most} connections are the most of one run"));
            }
            if let Some(why) = &state.stopped {
                return Err(Failure::Declined(why.clone()));
            }
            state.connections += 1;
            state.due = state.due.max(Instant::now()) + between;
            state.due - between * BURST.min(self.0.pace.per_minute)
        };
        sleep_until(at).instrument(debug_span!("turn")).await;
        Ok(())
    }

    fn decline(&self, why: &str) -> Failure {
        self.state().declined = Some(why.to_owned());
        Failure::Declined(why.to_owned())
    }

    fn names(&self, line: &str) -> bool {
        let address = line
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        address.is_some_and(|(address, _)| {
            let named = |r: &String| r.eq_ignore_ascii_case(address);
            self.0.recipients.iter().any(named)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps one session to its manners.
#[derive(Debug)]
pub(super) struct Guard {
    manners: Manners,
    /// The start of a line whose end has not been sent.
    partial: Vec<u8>,
    transaction: Transaction,
    greeted: bool,
}

/// Where a session is on the way to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// No recipient yet, or none but named ones.
    Harmless { named: bool },
    /// Somebody who was not named is, or may be, among the recipients.
    Strangers,
}

impl Transaction {
    const NONE: Self = Self::Harmless { named: false };
}

/// What may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Commands,
    /// DATA was sent; what follows before its reply is content.
    Content,
}

impl Guard {
    pub(super) fn new(manners: Manners) -> Self {
        Self {
            manners,
            partial: Vec::new(),
            transaction: Transaction::NONE,
            greeted: false,
        }
    }

    /// Whether `bytes` may be sent where `next` is expected. What a server might
    /// take for content of a message is taken for it here.
    pub(super) fn allow(&mut self, bytes: &[u8], mut next: Next) -> Result<Next, Failure> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if next == Next::Content {
                return self.content().map(|()| next);
            }
            self.partial.extend_from_slice(piece);
            if !piece.ends_with(b"\n") {
                break;
            }
            let line = std::mem::take(&mut self.partial);
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
                "RCPT" => self.recipient(&line),
                "RSET" if line.len() == 4 => self.transaction = Transaction::NONE,
                "BDAT" => self.content()?,
                "DATA" => next = Next::Content,
                _ => {}
            }
        }
        Ok(next)
    }

    fn recipient(&mut self, line: &str) {
        if !self.manners.names(line) {
            self.transaction = Transaction::Strangers;
        } else if self.transaction != Transaction::Strangers {
            self.transaction = Transaction::Harmless { named: true };
        }
    }

    fn content(&self) -> Result<(), Failure> {
        match self.transaction {
            Transaction::Harmless { named: true } => Ok(()),
            _ => Err(self
                .manners
                .decline("it would hand over a message for an address that nobody named")),
        }
    }

    /// A whole reply has come.
    pub(super) fn heard(&mut self, reply: &Reply) {
        let greeting = !std::mem::replace(&mut self.greeted, true);
        let text = reply.to_string();
        let words = text.to_lowercase();
        let temporary = (400..500).contains(&reply.code);
        let limit = LIMITS.iter().any(|limit| words.contains(limit));
        if temporary && (greeting || limit) {
            self.manners
                .stop(format!("the relay has had enough: {text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::Partial;
    use super::*;

    fn manners(per_minute: u32, most: usize) -> Manners {
        let pace = Pace { per_minute, most };
        Manners::new(pace, vec!["me@here.example".into()])
    }

    fn guard() -> Guard {
        Guard::new(manners(60, 60))
    }

    fn sends(guard: &mut Guard, bytes: &str) -> bool {
        guard.allow(bytes.as_bytes(), Next::Commands).is_ok()
    }

    #[test]
    fn content_goes_to_named_recipients_alone() {
        for (recipients, allowed) in [
            ("RCPT TO:<me@here.example>\r\n", true),
            ("rcpt to:<ME@here.example> NOTIFY=NEVER\r\n", true),
            ("", false),
            ("RCPT TO:<a@elsewhere.example>\r\n", false),
            (
                "RCPT TO:<me@here.example>\r\nRCPT TO:<a@elsewhere.example>\r\n",
                false,
            ),
            ("RCPT TO:<a@elsewhere.example>\r\nRSET\r\n", false),
            (
                "RCPT TO:<a@b.example>\r\nRSET\r\nRCPT TO:<me@here.example>\r\n",
                true,
            ),
            ("RCPT TO: me@here.example\r\n", false),
        ] {
            let mut guard = guard();
            assert!(sends(&mut guard, recipients), "{recipients}");
            assert!(sends(&mut guard, "DATA\r\n"), "{recipients}");
            let content = guard.allow(b"hello\r\n.\r\n", Next::Content);
            assert_eq!(content.is_ok(), allowed, "{recipients}");
            assert_eq!(sends(&mut guard, "BDAT 5 LAST\r\n"), allowed);
        }
    }

    #[test]
    fn content_is_seen_however_it_is_sent() {
        assert!(!sends(
            &mut guard(),
            "RCPT TO:<a@b.example>\r\nDATA\r\nhello\r\n.\r\n"
        ));
        let mut pieces = guard();
        assert!(sends(&mut pieces, "RCPT TO:<a@b.example>\r\nDA"));
        assert_eq!(
            pieces.allow(b"TA\n", Next::Commands).unwrap(),
            Next::Content
        );
        assert!(pieces.manners.take_declined().is_none());
    }

    fn heard(first: bool, line: &str) -> Option<String> {
        let mut guard = guard();
        guard.greeted = !first;
        let reply = Partial::default().add(line.as_bytes()).unwrap().unwrap();
        guard.heard(&reply);
        guard.manners.stopped()
    }

    #[test]
    fn a_limit_is_told_from_other_refusals() {
        assert!(
            heard(
                false,
                "421 4.7.0 mx Error: too many connections from 192.0.2.1\r\n"
            )
            .is_some()
        );
        assert!(heard(true, "421 4.3.2 Service not available\r\n").is_some());
        assert!(heard(false, "421 4.7.0 mx Error: too many errors\r\n").is_none());
        assert!(heard(false, "450 4.2.0 Greylisted\r\n").is_none());
        assert!(heard(false, "554 5.7.1 Relay access denied\r\n").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn connections_keep_to_the_pace_and_to_their_number() {
        let manners = manners(60, 30);
        let start = Instant::now();
        for _ in 0..BURST {
            manners.turn().await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in BURST..30 {
            manners.turn().await.unwrap();
        }
        assert_eq!(start.elapsed().as_secs(), 10);
        assert!(manners.turn().await.is_err());
        assert!(manners.stopped().unwrap().contains("30 connections"));
    }
}
