//! A relay that relaykit did not build, as a target: what answers, and what it
//! offers, is seen before any check asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;

use super::ports::{Ports, turned_away};
use super::probe::mail::{RECIPIENT, SENDER};
use super::probe::session::{CLIENT, PATIENCE};
use super::target::{Lacks, Target};
use crate::config::{self, Listener, Mechanism, Spec, User};
use crate::smtp::{
    Capabilities, Connect, Error, Failure, Manners, Reply, Session, TlsSettings, TlsVersion,
};

/// How many sessions a table of a check opens side by side with a stranger.
const SIDE_BY_SIDE: u32 = 2;

/// How long the first connection and the first words are waited for: somewhat longer than
/// such a look-up, and no more than a run with no port that answers may take.
const FIRST_WORDS: Duration = Duration::from_secs(40);

/// Whom to look at.
pub struct Stranger {
    /// The name that its certificate must have.
    pub name: String,
    /// Where each listener may answer.
    pub endpoints: BTreeMap<&'static str, SocketAddr>,
    /// The authorities that may have signed its certificate, PEM.
    pub ca_pem: String,
    /// Who can log in.
    pub user: Option<User>,
    /// Whom mail may be sent to.
    pub recipients: Vec<String>,
    /// The envelope sender of such mail.
    pub sender: Option<String>,
    /// What is owed to it.
    pub manners: Manners,
}

/// What was seen.
pub struct Survey {
    /// For the checks.
    pub target: Target,
    /// One line for each listener.
    pub notes: Vec<String>,
}

/// Why checks make no sense.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Nothing answers.
    #[error("no port of {name} answers:\n  {}", reasons.join("\n  "))]
    Silent {
        /// The relay.
        name: String,
        /// Each port and why.
        reasons: Vec<String>,
    },
    /// The login cannot be used.
    #[error("{0}")]
    Login(String),
}

/// One listener as it was seen.
#[derive(Default)]
struct Seen {
    offers: Option<Capabilities>,
    /// Why the certificate is not believed; `None`: no handshake.
    certificate: Option<Result<(), String>>,
    trouble: Option<String>,
    /// Why nothing can be judged there.
    down: Option<String>,
}

/// Looks at every listener once, and tries the login.
///
/// # Errors
/// See [`Unfit`].
pub async fn survey(stranger: Stranger) -> Result<Survey, Unfit> {
    let mut seen = BTreeMap::new();
    let mut reasons = Vec::new();
    let ports = Ports::default();
    let looks = Listener::ALL.into_iter().filter_map(|listener| {
        let address = *stranger.endpoints.get(listener.name())?;
        let look = look(&stranger, listener, address);
        Some(async move { (listener, address, look.await) })
    });
    for (listener, address, found) in join_all(looks).await {
        let place = format!("{} ({address})", listener.name());
        match found {
            Ok(Seen {
                down: Some(why), ..
            }) => {
                reasons.push(format!("{place}: {why}"));
                ports.give_up(listener, why, Vec::new());
            }
            Ok(found) => {
                seen.insert(listener, found);
            }
            Err(error) => reasons.push(format!("{place}: {error}")),
        }
    }
    if seen.is_empty() {
        let name = stranger.name;
        return Err(Unfit::Silent { name, reasons });
    }
    let mut spec = spec(&stranger, &seen);
    if !speaks(TlsVersion::Tls12, &stranger, &seen).await {
        spec.tls.minimum = config::TlsVersion::V1_3;
    }
    let mut lacks = Lacks {
        tls: without_tls(&seen),
        tls13: !speaks(TlsVersion::Tls13, &stranger, &seen).await,
        envelope: None,
    };
    if let Some(user) = &stranger.user {
        lacks.envelope = try_login(&stranger, user, &mut spec, &seen).await?;
    }
    let mut notes: Vec<String> = seen
        .iter()
        .map(|(listener, seen)| format!("{}: {}", listener.name(), seen.told()))
        .collect();
    notes.extend(reasons);
    if let Some(why) = &lacks.envelope {
        notes.push(format!("the login may not send as the probes do: {why}"));
    }
    let answering = |name: &&'static str| {
        let known = |l: &Listener| l.name() == *name;
        seen.keys().any(known) || ports.all().iter().any(|down| down.listener == *name)
    };
    let sender = stranger.sender.or_else(|| {
        let user = stranger.user.as_ref()?;
        user.name.contains('@').then(|| user.name.clone())
    });
    let target = Target {
        hostname: stranger.name,
        endpoints: stranger
            .endpoints
            .into_iter()
            .filter(|(name, _)| answering(name))
            .collect(),
        ca_pem: stranger.ca_pem,
        client_certificate: None,
        users: stranger.user.into_iter().collect(),
        disposable: false,
        xclient: false,
        spec,
        lacks,
        manners: Some(stranger.manners),
        recipients: stranger.recipients,
        sender: sender.unwrap_or_else(|| SENDER.to_owned()),
        inbox: None,
        lab: None,
        ports,
    };
    Ok(Survey { target, notes })
}

/// A port that does not answer is an error; whatever is wrong with one that does
/// is for checks to find.
async fn look(
    stranger: &Stranger,
    listener: Listener,
    address: SocketAddr,
) -> Result<Seen, Failure> {
    // That one port is closed says nothing about the others.
    let tls = TlsSettings::recording(&*stranger.name, Some(&stranger.ca_pem));
    let mut seen = Seen::default();
    match converse(stranger, listener, address, &tls, &mut seen).await {
        Ok(()) => {}
        Err(Error {
            failure: failure @ (Failure::Connect(_) | Failure::Declined(_)),
            ..
        }) => return Err(failure),
        Err(Error {
            failure: failure @ Failure::Timeout { .. },
            doing,
            ..
        }) if doing.starts_with("connecting") => return Err(failure),
        Err(error) => seen.trouble = Some(error.to_string()),
    }
    Ok(seen)
}

async fn converse(
    stranger: &Stranger,
    listener: Listener,
    address: SocketAddr,
    tls: &TlsSettings,
    seen: &mut Seen,
) -> Result<(), Error> {
    let mut session = connect(stranger, listener, address, tls, FIRST_WORDS).await?;
    seen.note_certificate(&session);
    let greeting = session.greeting().await;
    seen.down = turned_away(&greeting);
    if greeting?.code != 220 {
        return Ok(());
    }
    let offers = session.ehlo(CLIENT).await?;
    if offers.reply.code == 421 {
        seen.down = Some(format!("it answers EHLO with {}", offers.reply));
        return Ok(());
    }
    if listener == Listener::Submissions {
        seen.offers = Some(offers);
        return session.quit().await.map(drop);
    }
    if offers.starttls() {
        session.starttls(tls).await?;
        seen.note_certificate(&session);
        seen.offers = Some(session.ehlo(CLIENT).await?);
    }
    session.quit().await.map(drop)
}

async fn connect(
    stranger: &Stranger,
    listener: Listener,
    address: SocketAddr,
    tls: &TlsSettings,
    patience: Duration,
) -> Result<Session, Error> {
    let options = Connect {
        timeout: patience,
        wrapper: (listener == Listener::Submissions).then(|| tls.clone()),
        manners: Some(stranger.manners.clone()),
        ..Connect::default()
    };
    Session::connect(address, &options).await
}

impl Seen {
    fn note_certificate(&mut self, session: &Session) {
        self.certificate = session
            .tls()
            .map(|facts| facts.chain.clone().and(facts.name.clone()));
    }

    fn mechanisms(&self) -> Vec<String> {
        let words = self
            .offers
            .iter()
            .flat_map(|o| o.auth_mechanisms().to_vec());
        words.map(|word| word.to_uppercase()).collect()
    }

    fn told(&self) -> String {
        if let Some(trouble) = &self.trouble {
            return trouble.clone();
        }
        let tls = match &self.certificate {
            None => "no TLS".to_owned(),
            Some(Ok(())) => "TLS".to_owned(),
            Some(Err(why)) => format!("TLS, certificate not believed ({why})"),
        };
        let mechanisms = self.mechanisms();
        if mechanisms.is_empty() {
            return tls;
        }
        format!("{tls}, AUTH {}", mechanisms.join(" "))
    }
}

/// What was seen, in the words of relay.yaml.
fn spec(stranger: &Stranger, seen: &BTreeMap<Listener, Seen>) -> Spec {
    let mut spec = config::built_in();
    spec.hostname.clone_from(&stranger.name);
    spec.limits.connections_per_client = SIDE_BY_SIDE;
    let logins = seen
        .iter()
        .filter(|(_, seen)| !seen.mechanisms().is_empty());
    spec.auth.listeners = logins.map(|(listener, _)| *listener).collect();
    let offered = |mechanism: &Mechanism| {
        let name = mechanism.name().to_uppercase();
        seen.values().any(|seen| seen.mechanisms().contains(&name))
    };
    spec.auth.mechanisms = Mechanism::ALL.into_iter().filter(offered).collect();
    spec
}

/// Whether this version is spoken, on the first listener that speaks TLS.
async fn speaks(version: TlsVersion, stranger: &Stranger, seen: &BTreeMap<Listener, Seen>) -> bool {
    let first = seen.iter().find(|(_, seen)| seen.certificate.is_some());
    let Some((listener, _)) = first else {
        return true;
    };
    let address = stranger.endpoints[listener.name()];
    let tls = TlsSettings::recording(&*stranger.name, Some(&stranger.ca_pem));
    let tls = tls.only(version);
    let mut again = Seen::default();
    let talk = converse(stranger, *listener, address, &tls, &mut again).await;
    !matches!(
        talk,
        Err(Error {
            failure: Failure::Tls(_),
            ..
        })
    )
}

/// Logs in once where a certificate is believed, and leaves only such listeners
/// for logins. Wrong credentials are told before two dozen checks try them.
async fn try_login(
    stranger: &Stranger,
    user: &User,
    spec: &mut Spec,
    seen: &BTreeMap<Listener, Seen>,
) -> Result<Option<String>, Unfit> {
    if spec.auth.listeners.is_empty() {
        let text = format!(
            "{} offers no login under TLS, so that {} cannot log in:\n  {}\n  without --user the other checks run",
            stranger.name,
            user.name,
            reasons(seen)
        );
        return Err(Unfit::Login(text));
    }
    let believed = |listener: &Listener| seen[listener].certificate == Some(Ok(()));
    spec.auth.listeners.retain(believed);
    let Some(listener) = spec.auth.listeners.last().copied() else {
        let text = format!(
            "the password of {} is not sent, for no certificate is believed:\n  {}\n  --ca FILE names the authority, --name NAME the name in the certificate; without --user the other checks run",
            user.name,
            reasons(seen)
        );
        return Err(Unfit::Login(text));
    };
    let address = stranger.endpoints[listener.name()];
    let failed = |what: String| {
        Unfit::Login(format!(
            "{} cannot log in on {}: {what}\n  without --user the other checks run",
            user.name,
            listener.name()
        ))
    };
    let login = log_in(stranger, user, spec, listener, address).await;
    let (mut session, reply) = login.map_err(|error| failed(error.to_string()))?;
    if reply.code != 235 {
        return Err(failed(reply.to_string()));
    }
    let may = may_send(&mut session).await;
    may.map_err(|error| failed(error.to_string()))
}

fn reasons(seen: &BTreeMap<Listener, Seen>) -> String {
    let lines = seen
        .iter()
        .map(|(listener, seen)| format!("{}: {}", listener.name(), seen.told()));
    lines.collect::<Vec<_>>().join("\n  ")
}

async fn log_in(
    stranger: &Stranger,
    user: &User,
    spec: &Spec,
    listener: Listener,
    address: SocketAddr,
) -> Result<(Session, Reply), Error> {
    let tls = TlsSettings::trusting(&*stranger.name, &*stranger.ca_pem);
    let mut session = connect(stranger, listener, address, &tls, PATIENCE).await?;
    session.greeting().await?;
    session.ehlo(CLIENT).await?;
    if listener != Listener::Submissions {
        session.starttls(&tls).await?;
        session.ehlo(CLIENT).await?;
    }
    let reply = if spec.auth.mechanisms.contains(&Mechanism::Plain) {
        session.auth_plain("", &user.name, &user.password).await?
    } else {
        session.auth_login(&user.name, &user.password).await?
    };
    Ok((session, reply))
}

/// Why the probes' envelope is refused to who has logged in; nothing is sent.
async fn may_send(session: &mut Session) -> Result<Option<String>, Error> {
    for line in [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{RECIPIENT}>"),
    ] {
        let reply = session.command(&line).await?;
        if !reply.is_positive() {
            return Ok(Some(format!("{line}: {reply}")));
        }
    }
    Ok(None)
}

fn without_tls(seen: &BTreeMap<Listener, Seen>) -> BTreeSet<Listener> {
    let none = seen.iter().filter(|(_, seen)| seen.certificate.is_none());
    none.map(|(listener, _)| *listener).collect()
}
