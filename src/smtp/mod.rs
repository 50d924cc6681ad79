//! A raw SMTP client for probing (RFC 5321): it can do legal and illegal
//! things, hides nothing of what came back, and keeps an exact transcript in
//! which secrets are masked.
//!
//! A reply of the server, also a refusal, is a value ([`Reply`]); an [`Error`]
//! means that there was none: silence, a closed connection, a broken reply or
//! handshake. [`submit`] is the exception: it sends one message and a refusal
//! there is an error.
//!
//! ```no_run
//! # async fn example() -> Result<(), relaykit::smtp::Error> {
//! use relaykit::secret::Secret;
//! use relaykit::smtp::{Connect, Session, TlsSettings};
//!
//! let tls = TlsSettings::trusting("relay.relaykit.test", "-----BEGIN CERTIFICATE-----...");
//! let address = ([127, 0, 0, 1], 2587).into();
//! let mut session = Session::connect(address, &Connect::default()).await?;
//! session.greeting().await?;
//! assert!(session.ehlo("client.test").await?.auth_mechanisms().is_empty());
//! session.starttls(&tls).await?;
//! session.ehlo("client.test").await?;
//! let reply = session.auth_plain("", "alice", &Secret::new("wonderland")).await?;
//! assert_eq!(reply.code, 235);
//! # Ok(())
//! # }
//! ```

mod auth;
mod authorities;
mod capabilities;
mod connect;
mod error;
mod mail;
mod manners;
mod message;
mod recorder;
mod renegotiation;
mod reply;
mod session;
mod submit;
mod tls;
mod transcript;
mod verify;
mod wire;
mod xtext;

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

pub use authorities::system_authorities;
pub use capabilities::{Capabilities, Keyword};
pub use connect::Connect;
pub use error::{Error, Failure};
pub use manners::{Manners, Pace};
pub use message::{Message, MessageBuilder};
pub use renegotiation::Renegotiation;
pub use reply::{EnhancedStatus, Irregularity, Reply};
pub use session::Session;
pub use submit::{Login, Security, SubmitOptions, Submitted, submit};
pub use tls::{TlsFacts, TlsSettings, TlsVersion};
pub use transcript::Transcript;
pub use wire::Io;
pub use xtext::xtext;
