//! What each listener of a relay is for, tried as a client would: a port is open long
//! before anybody can use it, and one that is open need not ever be of use.

use std::net::SocketAddr;

use tracing::{Span, info_span};

use super::inbox::READINESS;
use super::{Error, Running};
use crate::certs;
use crate::config::{Listener, Mechanism, SenderLogin, User};
use crate::counterparts;
use crate::smtp::{
    Connect, Failure, Login, Message, Reply, Security, Session, SubmitOptions, TlsSettings,
};

/// The name that mail is sent from: it must not come out at the sink.
pub(super) const CLIENT_NAME: &str = "readiness-client.invalid";

/// One listener, and what it has to do.
pub(super) struct Trial {
    pub(super) listener: Listener,
    address: SocketAddr,
    tls: TlsSettings,
    login: Option<User>,
    plain: bool,
    /// An envelope that it has to take: sender and recipient.
    envelope: Option<(String, String)>,
}

/// Why a listener does not do what it is for.
pub(super) struct Trouble {
    pub(super) what: String,
    /// Whether it will not be otherwise a moment later.
    pub(super) is_final: bool,
}

/// All listeners that are on, those with logins first.
///
/// # Errors
/// When none has logins, or nobody can log in.
pub(super) fn trials(running: &Running) -> Result<Vec<Trial>, Error> {
    let spec = &running.plan.resolved.spec;
    let user = spec.lab.users.first();
    let user = user.ok_or_else(|| Error::Impossible("lab.users is empty".to_owned()))?;
    let tls = TlsSettings::trusting(&spec.hostname, &running.certificates.authority.certificate);
    let tls = match running.client_certificate()? {
        Some(issued) => tls.client_certificate(issued.certificate, issued.key),
        None => tls,
    };
    let trial = |listener: Listener| {
        let address = *running.endpoints.get(listener.name())?;
        let login = spec.auth.listeners.contains(&listener);
        // Mail for these is what port 25 is for, from anybody.
        let domain = spec.relay.domains.iter().find(|d| !d.starts_with('.'));
        let envelope = match (login, domain) {
            (true, _) => Some((sender(running), READINESS.to_owned())),
            (false, Some(domain)) if listener == Listener::Smtp => {
                Some((String::new(), format!("readiness@{domain}")))
            }
            _ => None,
        };
        Some(Trial {
            listener,
            address,
            tls: tls.clone(),
            login: login.then(|| user.clone()),
            plain: spec.auth.mechanisms.contains(&Mechanism::Plain),
            envelope,
        })
    };
    let order = [Listener::Submission, Listener::Submissions, Listener::Smtp];
    let mut trials: Vec<Trial> = order.into_iter().filter_map(trial).collect();
    trials.sort_by_key(|trial| trial.login.is_none());
    if trials.first().is_none_or(|trial| trial.login.is_none()) {
        return Err(Error::Impossible("no listener offers a login".to_owned()));
    }
    Ok(trials)
}

/// An envelope sender that the first user may use.
fn sender(running: &Running) -> String {
    match running.plan.resolved.spec.relay.sender_login {
        SenderLogin::Any => format!("readiness@{}", running.plan.resolved.spec.hostname),
        SenderLogin::Own => counterparts::CHECKED_SENDER.to_owned(),
    }
}

impl Trial {
    /// In words: `port 25 (smtp, 127.0.0.1:2525)`.
    pub(super) fn name(&self) -> String {
        let (port, name) = (self.listener.port(), self.listener.name());
        format!("port {port} ({name}, {})", self.address)
    }

    /// What it is tried in.
    pub(super) fn span(&self) -> Span {
        let (listener, port) = (self.listener.name(), self.listener.port());
        info_span!("listener", listener, port, address = %self.address)
    }

    /// Greets, secures, logs in where the listener has logins, and names an envelope
    /// that has to be taken; hands over nothing.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub(super) async fn once(&self) -> Result<(), Trouble> {
        let wrapper = (self.listener == Listener::Submissions).then(|| self.tls.clone());
        let options = Connect {
            wrapper,
            ..Connect::default()
        };
        let mut session = Session::connect(self.address, &options).await?;
        demand("a new connection", 220, &session.greeting().await?)?;
        let mut offers = session.ehlo(CLIENT_NAME).await?;
        demand("EHLO", 250, &offers.reply)?;
        if self.listener != Listener::Submissions && (offers.starttls() || self.login.is_some()) {
            session.starttls(&self.tls).await?;
            offers = session.ehlo(CLIENT_NAME).await?;
            demand("EHLO under TLS", 250, &offers.reply)?;
        }
        if let Some(user) = &self.login {
            let reply = if self.plain {
                session.auth_plain("", &user.name, &user.password).await?
            } else {
                session.auth_login(&user.name, &user.password).await?
            };
            demand(&format!("the login of {}", user.name), 235, &reply)?;
        }
        if let Some((sender, recipient)) = &self.envelope {
            let reply = session.mail_from(sender).await?;
            settle(&format!("MAIL FROM:<{sender}>"), &reply)?;
            let reply = session.rcpt_to(recipient).await?;
            settle(&format!("RCPT TO:<{recipient}>"), &reply)?;
        }
        // It has done all that it is for.
        drop(session.quit().await);
        Ok(())
    }

    /// The SHA-256 of the certificate that it shows; `None`: it offers no TLS.
    ///
    /// # Errors
    /// When there is no talking to it.
    pub(super) async fn certificate(&self) -> Result<Option<String>, Trouble> {
        let wrapper = (self.listener == Listener::Submissions).then(|| self.tls.clone());
        let options = Connect {
            wrapper,
            ..Connect::default()
        };
        let mut session = Session::connect(self.address, &options).await?;
        demand("a new connection", 220, &session.greeting().await?)?;
        if self.listener != Listener::Submissions {
            if !session.ehlo(CLIENT_NAME).await?.starttls() {
                return Ok(None);
            }
            session.starttls(&self.tls).await?;
        }
        let shown = session.tls().and_then(|tls| tls.certificates.first());
        let shown = shown.map(|der| certs::fingerprint_of(der));
        drop(session.quit().await);
        Ok(shown)
    }

    /// One whole message by login.
    pub(super) fn message(&self) -> Option<SubmitOptions> {
        let user = self.login.as_ref()?;
        let (sender, recipient) = self.envelope.clone()?;
        Some(SubmitOptions {
            address: self.address,
            security: match self.listener {
                Listener::Submissions => Security::Wrapper(self.tls.clone()),
                Listener::Submission | Listener::Smtp => Security::StartTls(self.tls.clone()),
            },
            login: Some(Login {
                user: user.name.clone(),
                password: user.password.clone(),
            }),
            client_name: CLIENT_NAME.to_owned(),
            message: Message::from_to(&sender, &recipient).build(),
            sender,
            recipients: vec![recipient],
            connect: Connect::default(),
        })
    }
}

fn demand(to: &str, code: u16, reply: &Reply) -> Result<(), Trouble> {
    if reply.code == code {
        return Ok(());
    }
    Err(Trouble {
        what: format!("it answers {to} with {reply}"),
        is_final: false,
    })
}

/// As [`demand`]; a rule that refuses an envelope for good does so a moment later, too.
fn settle(to: &str, reply: &Reply) -> Result<(), Trouble> {
    demand(to, 250, reply).map_err(|trouble| Trouble {
        is_final: reply.is_permanent(),
        ..trouble
    })
}

impl From<crate::smtp::Error> for Trouble {
    fn from(error: crate::smtp::Error) -> Self {
        let what = error.to_string();
        // A certificate that does not fit will not fit a moment later.
        let is_final = matches!(error.failure, Failure::Tls { .. }) && what.contains("certificate");
        Self { what, is_final }
    }
}
