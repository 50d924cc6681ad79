//! Mail through a lab, with relaykit's own client.

use relaykit::secret::Secret;
use relaykit::smtp::{
    self, Connect, Error, Login, Message, Security, SubmitOptions, Submitted, TlsSettings,
};
use serde_json::Value;

use super::{block_on, ca, endpoint};

/// How a message comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// 587, STARTTLS.
    Submission,
    /// 465, TLS at once.
    Submissions,
}

/// Submits `message` as alice to the lab that `up` describes. The chain and the
/// name of the certificate must be right.
pub(crate) fn submit(up: &Value, door: Door, message: &Message) -> Result<Submitted, Error> {
    let envelope = ("alice@relay.relaykit.test", "bob@example.org");
    submit_in(envelope, up, door, message)
}

/// The same with this envelope: sender and recipient.
pub(crate) fn submit_in(
    (from, to): (&str, &str),
    up: &Value,
    door: Door,
    message: &Message,
) -> Result<Submitted, Error> {
    let tls = TlsSettings::trusting(up["hostname"].as_str().unwrap(), ca(up));
    let (name, security) = match door {
        Door::Submission => ("submission", Security::StartTls(tls)),
        Door::Submissions => ("submissions", Security::Wrapper(tls)),
    };
    block_on(smtp::submit(&SubmitOptions {
        address: endpoint(up, name),
        security,
        login: Some(Login {
            user: "alice".to_owned(),
            password: Secret::new("wonderland"),
        }),
        client_name: "client.test".to_owned(),
        sender: from.to_owned(),
        recipients: vec![to.to_owned()],
        message: message.clone(),
        connect: Connect::default(),
    }))
}
