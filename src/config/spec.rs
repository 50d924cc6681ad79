//! The validated meaning of a `relay.yaml`. A value of these types is complete
//! and consistent: defaults are filled in and impossible combinations refused. Each
//! section stands with its settings, in the folder of that name.

use super::settings::{auth, lab, limits, listeners, outbound, postfix, privacy, relay, tls};

pub use super::next_hop::NextHop;
pub use super::trust::TrustAnchor;
pub use auth::ldap::{Bind, Ldap};
pub use auth::{Auth, Mechanism, PamStack, Users};
pub use lab::{Lab, User};
pub use limits::Limits;
pub use listeners::{Listener, Listeners};
pub use outbound::{Credentials, Outbound};
pub use postfix::Postfix;
pub use privacy::{Privacy, Received};
pub use relay::{Relay, SenderLogin};
pub use tls::{Certificate, ClientCertificates, OutboundLevel, OutboundTls, Tls, TlsVersion};

/// Everything a relay is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The relay's fully qualified name: `myhostname`, and the name in its certificate.
    pub hostname: String,
    /// Where the relay listens on the host.
    pub listeners: Listeners,
    /// Who may relay what without a login.
    pub relay: Relay,
    /// How clients log in.
    pub auth: Auth,
    /// TLS towards clients and next hops.
    pub tls: Tls,
    /// What a delivered message may tell of its sender.
    pub privacy: Privacy,
    /// Where mail goes.
    pub outbound: Outbound,
    /// Limits on clients.
    pub limits: Limits,
    /// The operator's last word on Postfix.
    pub postfix: Postfix,
    /// What only a lab has.
    pub lab: Lab,
}

impl Spec {
    /// The level of TLS towards next hops, `smtp_tls_security_level`. It is
    /// `tls.outbound.level`, but never less than `encrypt` where the relay logs in
    /// there: its password is not sent in clear.
    #[must_use]
    pub fn outbound_level(&self) -> OutboundLevel {
        match self.tls.outbound.level {
            OutboundLevel::May if self.outbound.credentials.is_some() => OutboundLevel::Encrypt,
            level => level,
        }
    }

    /// Whether the relay wants to see a next hop's certificate before it sends.
    #[must_use]
    pub fn verifies_next_hop(&self) -> bool {
        let level = self.outbound_level();
        level == OutboundLevel::Verify || level == OutboundLevel::Secure
    }
}

impl Default for Spec {
    /// What a `relay.yaml` that says nothing means: the built-in lab.
    fn default() -> Self {
        Self {
            hostname: "relay.relaykit.test".to_owned(),
            listeners: Listeners::default(),
            relay: Relay::default(),
            auth: Auth::default(),
            tls: Tls::default(),
            privacy: Privacy::default(),
            outbound: Outbound::default(),
            limits: Limits::default(),
            postfix: Postfix::default(),
            lab: Lab::default(),
        }
    }
}
