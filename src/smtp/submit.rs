//! One message from connection to queue id, with no needless round trip.

use std::net::SocketAddr;

use super::mail::stuffed;
use super::{
    Capabilities, Connect, Error, Failure, Message, Reply, Session, TlsFacts, TlsSettings,
    Transcript,
};
use crate::secret::Secret;

/// What to submit, where and as whom.
#[derive(Debug, Clone)]
pub struct SubmitOptions {
    /// The server.
    pub address: SocketAddr,
    /// How TLS begins.
    pub security: Security,
    /// Who logs in; `None`: nobody.
    pub login: Option<Login>,
    /// The name in EHLO.
    pub client_name: String,
    /// The envelope sender; empty for the null sender.
    pub sender: String,
    /// The envelope recipients; all must be accepted.
    pub recipients: Vec<String>,
    /// The message.
    pub message: Message,
    /// Timeout, source address and transcript; `wrapper` is set from `security`.
    pub connect: Connect,
}

/// How TLS begins.
#[derive(Debug, Clone)]
pub enum Security {
    /// Not at all.
    Clear,
    /// With STARTTLS (port 587).
    StartTls(TlsSettings),
    /// At once (port 465).
    Wrapper(TlsSettings),
}

/// A login and its password.
#[derive(Debug, Clone)]
pub struct Login {
    /// As it is typed.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

/// A message that the server has taken over.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The reply to the end of data.
    pub reply: Reply,
    /// Postfix's queue id from that reply.
    pub queue_id: Option<String>,
    /// What the handshake agreed on.
    pub tls: Option<TlsFacts>,
    /// Everything said.
    pub transcript: Transcript,
}

/// Connects, secures, logs in, hands one message over and quits. MAIL, RCPT and
/// DATA go out together where the server offers PIPELINING, and so do the message
/// and QUIT.
///
/// # Errors
/// Any refusal ([`Failure::Refused`]), a missing STARTTLS or AUTH
/// ([`Failure::NotOffered`]), and no reply at all. The server takes the message
/// for all recipients or for none.
pub async fn submit(options: &SubmitOptions) -> Result<Submitted, Error> {
    let wrapper = match &options.security {
        Security::Wrapper(tls) => Some(tls.clone()),
        Security::Clear | Security::StartTls(_) => None,
    };
    let connect = Connect {
        wrapper,
        ..options.connect.clone()
    };
    let mut session = Session::connect(options.address, &connect).await?;
    session.deliver(options).await
}

impl Session {
    /// Everything of [`submit`] after the connection.
    pub(super) async fn deliver(&mut self, options: &SubmitOptions) -> Result<Submitted, Error> {
        let greeting = self.greeting().await?;
        self.demand("the greeting", 220, greeting)?;
        let mut offered = self.introduce(&options.client_name).await?;
        if let Security::StartTls(tls) = &options.security {
            if !offered.starttls() {
                return Err(self.error("EHLO", Failure::NotOffered("STARTTLS")));
            }
            self.starttls(tls).await?;
            offered = self.introduce(&options.client_name).await?;
        }
        if let Some(login) = &options.login {
            self.log_in(&offered, login).await?;
        }
        self.envelope(&offered, options).await?;
        let reply = self.hand_over(&options.message).await?;
        Ok(Submitted {
            queue_id: reply.queue_id().map(str::to_owned),
            reply,
            tls: self.tls().cloned(),
            transcript: self.transcript(),
        })
    }

    async fn introduce(&mut self, name: &str) -> Result<Capabilities, Error> {
        let offered = self.ehlo(name).await?;
        self.demand("EHLO", 250, offered.reply.clone())?;
        Ok(offered)
    }

    async fn log_in(&mut self, offered: &Capabilities, login: &Login) -> Result<(), Error> {
        let has = |name: &str| {
            offered
                .auth_mechanisms()
                .iter()
                .any(|m| m.eq_ignore_ascii_case(name))
        };
        let reply = if has("PLAIN") {
            self.auth_plain("", &login.user, &login.password).await?
        } else if has("LOGIN") {
            self.auth_login(&login.user, &login.password).await?
        } else {
            return Err(self.error("EHLO", Failure::NotOffered("AUTH PLAIN or AUTH LOGIN")));
        };
        let doing = format!("the login of {}", login.user);
        self.demand(&doing, 235, reply).map(drop)
    }

    /// MAIL, RCPT and DATA. After a refusal the session must not go on: the end of
    /// data would deliver to the recipients that were accepted.
    async fn envelope(
        &mut self,
        offered: &Capabilities,
        options: &SubmitOptions,
    ) -> Result<(), Error> {
        let mut commands = vec![(format!("MAIL FROM:<{}>", options.sender), 250)];
        let recipients = options.recipients.iter();
        commands.extend(recipients.map(|recipient| (format!("RCPT TO:<{recipient}>"), 250)));
        commands.push(("DATA".to_owned(), 354));
        let lines: Vec<&str> = commands.iter().map(|(line, _)| line.as_str()).collect();
        if offered.has("PIPELINING") {
            let replies = self.pipeline(&lines).await?;
            for ((line, code), reply) in commands.iter().zip(replies) {
                self.demand(line, *code, reply)?;
            }
        } else {
            for (line, code) in &commands {
                let reply = self.command(line).await?;
                self.demand(line, *code, reply)?;
            }
        }
        Ok(())
    }

    /// The content and QUIT in one write. The reply to QUIT is waited for, but what
    /// becomes of it changes nothing.
    async fn hand_over(&mut self, message: &Message) -> Result<Reply, Error> {
        self.recorder.sent_message(message.bytes().len());
        self.recorder.sent(b"QUIT\r\n");
        let mut bytes = stuffed(message.bytes());
        bytes.extend_from_slice(b"QUIT\r\n");
        self.transmit(&bytes).await?;
        let reply = self.read_reply().await?;
        let reply = self.demand("the message", 250, reply)?;
        drop(self.read_reply().await);
        Ok(reply)
    }

    /// `reply`, if it has this code.
    fn demand(&mut self, doing: &str, code: u16, reply: Reply) -> Result<Reply, Error> {
        if reply.code == code {
            return Ok(reply);
        }
        Err(self.error(doing, Failure::Refused(Box::new(reply))))
    }
}
