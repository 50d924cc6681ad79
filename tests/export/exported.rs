//! The exported relay, ready to be talked to.

use std::sync::Arc;
use std::time::Duration;

use relaykit::lab::{Running, StoredMessage};
use relaykit::plan::Role;
use relaykit::secret::Secret;
use relaykit::smtp::{
    Connect, Error, Login, Message, Security, Session, SubmitOptions, TlsSettings, submit,
};

use crate::bench::succeed;
use crate::deployment::{Deployment, PASSWORD, USER, hostname};
use crate::lab::{block_on, until};

pub(crate) const SMTP: u16 = 2525;
pub(crate) const SUBMISSION: u16 = 2587;
pub(crate) const SUBMISSIONS: u16 = 2465;

/// What a client says of itself; nobody else may hear it.
pub(crate) const CANARY: &str = "canary.client.invalid";

const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// The exported relay, ready, beside its surroundings.
pub(crate) struct Exported {
    pub(crate) deployment: Deployment,
    pub(crate) surroundings: Running,
    authority: String,
}

impl Exported {
    pub(crate) fn up() -> Self {
        let mut deployment = Deployment::new();
        let certificates = deployment.certificates(false);
        deployment.install(&certificates, "1");
        deployment.export("bundle");
        let surroundings = Deployment::surroundings(&certificates);
        succeed(&mut deployment.compose(&["up", "-d"]));
        let authority = certificates.authority.certificate;
        let exported = Self {
            deployment,
            surroundings,
            authority,
        };
        exported.wait_until_ready();
        exported
    }

    /// Until a login has succeeded: a port that listens says nothing.
    pub(crate) fn wait_until_ready(&self) -> Message {
        until("a message by login through the exported relay", || {
            let message = message("readiness");
            self.submit(SUBMISSION, &message).ok().map(|()| message)
        })
    }

    pub(crate) fn tls(&self) -> TlsSettings {
        TlsSettings::trusting(hostname(), &self.authority)
    }

    /// A session after the greeting; under TLS on the port that begins with it.
    pub(crate) async fn session(&self, port: u16) -> Result<Session, Error> {
        let connect = match port {
            SUBMISSIONS => Connect::wrapper(self.tls()),
            _ => Connect::default(),
        };
        let mut session = Session::connect(self.deployment.socket(port), &connect).await?;
        session.greeting().await?;
        Ok(session)
    }

    pub(crate) async fn secured(&self, port: u16) -> Result<Session, Error> {
        let mut session = self.session(port).await?;
        if port != SUBMISSIONS {
            session.ehlo(CANARY).await?;
            session.starttls(&self.tls()).await?;
        }
        Ok(session)
    }

    pub(crate) fn submit(&self, port: u16, message: &Message) -> Result<(), Error> {
        let security = match port {
            SUBMISSIONS => Security::Wrapper(self.tls()),
            _ => Security::StartTls(self.tls()),
        };
        let options = SubmitOptions {
            address: self.deployment.socket(port),
            security,
            login: Some(Login {
                user: USER.to_owned(),
                password: Secret::new(PASSWORD),
            }),
            client_name: CANARY.to_owned(),
            sender: "carol@example.org".to_owned(),
            recipients: vec!["dave@example.net".to_owned()],
            message: message.clone(),
            connect: Connect::default(),
        };
        block_on(submit(&options)).map(drop)
    }

    /// The message as the next hop got it.
    pub(crate) fn arrived(&self, message: &Message) -> Arc<StoredMessage> {
        let token = message.token().as_bytes();
        let holds = |stored: &StoredMessage| stored.raw.windows(token.len()).any(|w| w == token);
        let waited = block_on(self.surroundings.inbox.wait(ARRIVES_WITHIN, holds)).unwrap();
        waited.unwrap_or_else(|| {
            panic!(
                "the message did not arrive; the relay's log:\n{}",
                self.log()
            )
        })
    }

    pub(crate) fn log(&self) -> String {
        succeed(&mut self.deployment.compose(&["logs", "--no-color", "relay"]))
    }

    pub(crate) fn readme(&self) -> String {
        std::fs::read_to_string(self.deployment.path("bundle/README.md")).unwrap()
    }

    pub(crate) fn next_hop(&self) -> String {
        self.surroundings
            .plan
            .container(Role::Sink)
            .unwrap()
            .name
            .clone()
    }
}

/// Bytes that a careless relay changes, and the trace of another server.
pub(crate) fn message(subject: &str) -> Message {
    let earlier = "from earlier.example.org ([198.51.100.7])\r\n\tby other.example.org with ESMTP id 1;\r\n\tMon, 1 Jun 2026 12:00:00 +0000";
    Message::from_to("carol@example.org", "dave@example.net")
        .subject(subject)
        .header("X-Kept", "  two  blanks\r\n\tand a fold")
        .header("Received", earlier)
        .body(".\r\n..\r\nReceived: from inside\r\n\r\n \tblanks at the end  \r\n-- \r\n\r\n")
        .build()
}
