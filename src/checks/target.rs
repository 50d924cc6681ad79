//! What a check may use: the relay under test and what surrounds it.

mod inbox;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Ports;
use super::said::Said;
use crate::certs::{Certificates, Issued};
use crate::config::{Listener, Spec, User};
use crate::counterparts::Resolved;
use crate::engine::{self, Engine, ExecOutput, Shells};
use crate::plan::Plan;
use crate::report::{Exhibit, Seen};
use crate::secret::Secret;
use crate::smtp::{Manners, Transcript};

pub use inbox::{Delivered, Inbox, Undelivered};

/// The relay under test. What is not there makes the checks that need it
/// skipped, not broken.
pub struct Target {
    /// The relay's name, as its certificate must have it.
    pub hostname: String,
    /// Where it answered at first: `smtp`, `submission`, `submissions`; and the
    /// directory's `ldaps`. Where it answers now, [`Target::address`] says.
    pub endpoints: BTreeMap<&'static str, SocketAddr>,
    /// The CA that signed the relay's certificate, PEM.
    pub ca_pem: String,
    /// What clients can show of themselves, where listeners ask for a certificate.
    pub client_certificate: Option<Issued>,
    /// Who can log in; the checks use the first.
    pub users: Vec<User>,
    /// Whether checks may disturb it, and whether only such checks run against it.
    pub disposable: bool,
    /// Whether the relay lets this host use XCLIENT.
    pub xclient: bool,
    /// What the relay is said to do. Of one that relaykit did not build, only what
    /// was seen of it before the checks: which listeners offer which logins.
    pub spec: Spec,
    /// What was seen to be missing of a relay that relaykit did not build.
    pub lacks: Lacks,
    /// What is owed to a relay that relaykit did not build; `None`: it is ours.
    pub manners: Option<Manners>,
    /// To whom checks may send without looking at what arrives, and as whom.
    pub recipients: Vec<String>,
    /// The envelope sender of such messages.
    pub sender: String,
    /// Where mail that was relayed can be read.
    pub inbox: Option<Arc<dyn Inbox>>,
    /// The containers of a lab.
    pub lab: Option<Lab>,
    /// Which of its ports are down.
    pub ports: Ports,
}

/// What a stranger was seen to lack. One check says so; the others do without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Listeners where no handshake succeeds.
    pub tls: BTreeSet<Listener>,
    /// TLS 1.3.
    pub tls13: bool,
    /// Why a login may not send from the sender of the probes to their recipient.
    pub envelope: Option<String>,
}

/// The containers of a lab, to look into.
#[derive(Clone)]
pub struct Lab {
    /// Where they run.
    pub engine: Arc<dyn Engine>,
    /// What they were made from.
    pub plan: Arc<Plan>,
    /// Where it answers since a check has restarted a container.
    pub moved: Moved,
    /// What its CA has issued, as it lies in its containers.
    pub certificates: Arc<Certificates>,
    /// Shells in its containers, where no check stops any.
    pub shells: Option<Arc<Shells>>,
}

/// The name of a file that a relay under a proof has beside its own: no two sabotaged relays
/// are then the same.
pub const MARK: &str = "sabotage";

/// Endpoints that have changed. An engine picks the ports that the kernel picks
/// anew whenever a container is started, so a check that does so writes down here
/// what the next checks of the same target have to use. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Moved(Arc<Mutex<BTreeMap<&'static str, SocketAddr>>>);

impl Lab {
    /// Runs a program in a container, as root where `user` is `None`.
    ///
    /// # Errors
    /// When the engine refuses, or the container ends before the program.
    pub async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, engine::Error> {
        match &self.shells {
            Some(shells) => shells.exec(container, argv, user).await,
            None => self.engine.exec(container, argv, user).await,
        }
    }
}

impl Moved {
    /// Takes the place of what was known of these endpoints.
    pub fn to(&self, endpoints: BTreeMap<&'static str, SocketAddr>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(endpoints);
    }

    fn of(&self, name: &str) -> Option<SocketAddr> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).copied()
    }
}

impl Target {
    /// Whether relaykit did not build it: of such a relay nothing is known but what was seen
    /// of it, and manners are owed to it.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        self.manners.is_some()
    }

    /// Where `listener` answers, if it is turned on.
    #[must_use]
    pub fn endpoint(&self, listener: Listener) -> Option<SocketAddr> {
        self.address(listener.name())
    }

    /// Where `name` (a key of [`Target::endpoints`]) answers now.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        let known = self.endpoints.get(name).copied();
        let moved = self.lab.as_ref().and_then(|lab| lab.moved.of(name));
        known.and(moved).or(known)
    }

    /// The listeners that are turned on, in the order of `relay.yaml`.
    pub fn listeners(&self) -> impl Iterator<Item = Listener> + '_ {
        Listener::ALL
            .into_iter()
            .filter(|l| self.endpoint(*l).is_some())
            // Without its TLS there is nothing to talk to on this one.
            .filter(|l| *l != Listener::Submissions || self.speaks_tls(*l))
    }

    /// Whether TLS can be had there, as far as is known.
    #[must_use]
    pub fn speaks_tls(&self, listener: Listener) -> bool {
        !self.lacks.tls.contains(&listener)
    }

    /// The listeners that are turned on and offer a login.
    pub fn login_listeners(&self) -> impl Iterator<Item = Listener> + '_ {
        self.listeners()
            .filter(|l| self.spec.auth.listeners.contains(l))
    }
}

/// What one run of one check holds: the target, and the transcript that becomes
/// evidence. Cheap to clone; clones write the same transcript.
#[derive(Clone)]
pub struct Context {
    target: Arc<Target>,
    began: Timestamp,
    transcript: Transcript,
    said: Said,
    rows: Arc<Mutex<Vec<Row>>>,
    /// A listener that could not be talked to, and why.
    lost: Arc<Mutex<Option<(Listener, String)>>>,
    exhibits: Arc<Mutex<Vec<Exhibit>>>,
}

/// A row of a table, and what was said in it.
struct Row {
    name: String,
    transcript: Transcript,
    said: Said,
    right: bool,
}

impl Context {
    /// A context with an empty transcript.
    #[must_use]
    pub fn new(target: Arc<Target>) -> Self {
        let transcript = Transcript::new();
        Self {
            target,
            began: Timestamp::now(),
            said: Said::about(&transcript),
            transcript,
            rows: Arc::default(),
            lost: Arc::default(),
            exhibits: Arc::default(),
        }
    }

    /// One row of a table: the same target with a transcript of its own, so that
    /// rows can run side by side. With the number to [`Context::row_is_right`] by.
    pub(super) fn open_row(&self, name: &str) -> (usize, Self) {
        let row = Self {
            exhibits: self.exhibits.clone(),
            lost: self.lost.clone(),
            began: self.began,
            ..Self::new(self.target.clone())
        };
        let mut rows = self.rows();
        rows.push(Row {
            name: name.to_owned(),
            transcript: row.transcript.clone(),
            said: row.said.clone(),
            right: false,
        });
        (rows.len() - 1, row)
    }

    /// A row is as it should be: what it has said is the table's, and its transcript
    /// counts only for a check that passes.
    pub(super) fn row_is_right(&self, number: usize) {
        if let Some(row) = self.rows().get_mut(number) {
            row.right = true;
            self.said.take_over(&row.name, &row.said);
        }
    }

    /// What was said in a row is evidence of nothing.
    pub(super) fn forget_row(&self, number: usize) {
        if let Some(row) = self.rows().get_mut(number) {
            row.right = true;
            row.transcript = Transcript::new();
            row.name.clear();
        }
    }

    /// Where what is expected and seen is written down.
    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    /// What was expected and seen to be so until now, secrets masked.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        let mut rows = self.said.rows();
        for seen in &mut rows {
            seen.row = self.masked(&seen.row);
            seen.expected = self.masked(&seen.expected);
            seen.observed = self.masked(&seen.observed);
        }
        rows
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There was no talking to this listener.
    pub(super) fn lose(&self, listener: Listener, why: String) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert((listener, why));
    }

    /// The first listener that there was no talking to.
    pub(super) fn lost(&self) -> Option<(Listener, String)> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.clone()
    }

    /// When the check began.
    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// The relay under test.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The same, to hold on to.
    pub(super) fn shared_target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Where sessions write down what is said.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The evidence until now: the transcript, then the rows that are not as they
    /// should be, or not done.
    #[must_use]
    pub fn evidence(&self) -> Vec<String> {
        self.transcripts(|row| !row.right)
    }

    /// The evidence of a check that has passed: the transcript, then all rows.
    #[must_use]
    pub fn whole_evidence(&self) -> Vec<String> {
        self.transcripts(|_| true)
    }

    fn transcripts(&self, counts: fn(&Row) -> bool) -> Vec<String> {
        let mut lines = self.transcript.lines();
        for row in self
            .rows()
            .iter()
            .filter(|row| !row.name.is_empty() && counts(row))
        {
            lines.push(format!("-- {}:", row.name));
            lines.extend(row.transcript.lines());
        }
        lines.iter().map(|line| self.masked(line)).collect()
    }

    /// Puts down a message as a client handed it in, with what it told of itself,
    /// and as the next hop got it. `hidden` are the words that must not get
    /// through: reports mark them in both. Worth it for a check that passes, too.
    pub fn exhibit(
        &self,
        title: impl Into<String>,
        before: impl AsRef<[u8]>,
        after: impl AsRef<[u8]>,
        hidden: &[&str],
    ) {
        let text = |bytes: &[u8]| self.masked(&String::from_utf8_lossy(bytes));
        let exhibit = Exhibit {
            title: title.into(),
            before: text(before.as_ref()),
            after: text(after.as_ref()),
            hidden: hidden.iter().map(|word| (*word).to_owned()).collect(),
        };
        let mut exhibits = self.exhibits.lock().unwrap_or_else(PoisonError::into_inner);
        exhibits.push(exhibit);
    }

    /// What was put down until now, of all rows. Rows run side by side, so that
    /// only their titles give an order.
    #[must_use]
    pub fn exhibits(&self) -> Vec<Exhibit> {
        let exhibits = self.exhibits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut exhibits = exhibits.clone();
        exhibits.sort();
        exhibits
    }

    /// The local ports of the sessions that are in the evidence.
    pub(super) fn ports(&self) -> Vec<u16> {
        let mut ports = self.transcript.ports();
        for row in self.rows().iter().filter(|row| !row.right) {
            ports.extend(row.transcript.ports());
        }
        ports
    }

    /// `text` without any user's password, and without the relay's own.
    pub(super) fn masked(&self, text: &str) -> String {
        let users = self.target.users.iter().map(|user| &user.password);
        let resolved = self.target.lab.iter().map(|lab| &lab.plan.resolved);
        let own = resolved.flat_map(Resolved::passwords);
        let all = users.chain(own).map(Secret::reveal);
        let mut all: Vec<&str> = all.filter(|password| !password.is_empty()).collect();
        // One that is a part of another would leave the rest of it.
        all.sort_by_key(|password| std::cmp::Reverse(password.len()));
        let hide = |text: String, password: &str| text.replace(password, "***");
        all.into_iter().fold(text.to_owned(), hide)
    }
}
