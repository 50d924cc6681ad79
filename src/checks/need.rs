//! What a check needs of its target.

use std::fmt;

use super::target::Target;
use crate::config::{Listener, Says, Spec};

/// What a check needs of its target. Checks without it are skipped, and the
/// catalogue shows it.
#[derive(Clone, Copy)]
pub enum Need {
    /// A user to log in as, and a listener that offers logins.
    Login,
    /// This listener turned on.
    Listener(Listener),
    /// XCLIENT, to be any client.
    Xclient,
    /// An inbox behind the relay.
    Inbox,
    /// The containers of a lab.
    Lab,
    /// The lab's directory over `ldaps://`.
    Directory,
    /// A relay built from relay.yaml: what the check judges is promised there alone.
    Built,
    /// A login that may send from the sender of the probes, in a domain that nobody
    /// has, to their recipient: relays that look at senders do not let it.
    Envelope,
    /// Somebody to send a message to.
    Recipient,
    /// A setting of relay.yaml, by its key, and what it says there.
    Setting(&'static str, Says),
    /// Several settings at once.
    Settings(&'static [(&'static str, Says)]),
    /// A setting of relay.yaml that the survey sees of a stranger, too.
    Seen(&'static str, Says),
    /// What settings come to that depend on each other.
    Comes {
        /// In words, to go after `needs`.
        to: &'static str,
        /// Whether a relay has it.
        holds: fn(&Spec) -> bool,
    },
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Need {
    /// In words, to go after `needs`.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Login => "a user who can log in".into(),
            Self::Listener(listener) => format!("the listener {}", listener.name()),
            Self::Xclient => "XCLIENT (a lab of `relaykit test`)".into(),
            Self::Inbox => "an inbox behind the relay".into(),
            Self::Lab => "the containers of a lab".into(),
            Self::Directory => "the directory of a lab".into(),
            Self::Built => "a relay that relaykit built".into(),
            Self::Envelope => "a login that may send from any domain to any other".into(),
            Self::Recipient => "a recipient (--recipient)".into(),
            Self::Setting(key, says) | Self::Seen(key, says) => says.in_words(key),
            Self::Settings(all) => {
                let all: Vec<_> = all.iter().map(|(key, says)| says.in_words(key)).collect();
                all.join(", and ")
            }
            Self::Comes { to, .. } => to.into(),
        }
    }

    /// Whether `target` has it.
    #[must_use]
    pub fn is_met(self, target: &Target) -> bool {
        match self {
            Self::Login => !target.users.is_empty() && target.login_listeners().next().is_some(),
            Self::Listener(listener) => target.endpoint(listener).is_some(),
            Self::Xclient => target.xclient,
            Self::Inbox => target.inbox.is_some(),
            Self::Lab => target.lab.is_some(),
            Self::Directory => target.endpoints.contains_key("ldaps"),
            Self::Built => !target.is_stranger(),
            Self::Envelope => target.lacks.envelope.is_none(),
            Self::Recipient => !target.recipients.is_empty(),
            // What a stranger was built from, nobody knows here.
            Self::Setting(..) | Self::Settings(_) | Self::Comes { .. } => {
                !target.is_stranger() && self.is_promised(&target.spec)
            }
            Self::Seen(..) => self.is_promised(&target.spec),
        }
    }

    /// Whether a relay of `spec` has what relay.yaml decides of it.
    pub(super) fn is_promised(self, spec: &Spec) -> bool {
        match self {
            Self::Setting(key, says) | Self::Seen(key, says) => says.holds(key, spec),
            Self::Settings(all) => all.iter().all(|(key, says)| says.holds(key, spec)),
            Self::Comes { holds, .. } => holds(spec),
            Self::Listener(listener) => spec.listeners.port(listener).is_some(),
            Self::Built
            | Self::Envelope
            | Self::Recipient
            | Self::Login
            | Self::Xclient
            | Self::Inbox
            | Self::Lab => true,
            Self::Directory => spec.auth.users.is_none(),
        }
    }
}
