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
pub use outbound::{Credentials, Outbound, Route};
pub use postfix::Postfix;
pub use privacy::{EarlierReceived, Privacy, Received};
pub use relay::{Relay, SenderLogin};
pub use tls::outbound::{OutboundLevel, OutboundTls};
pub use tls::policy::Policy;
pub use tls::{Certificate, ClientCertificates, Tls, TlsVersion};

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
    /// `tls.outbound.level`, but never less than `encrypt` where the relay shows who it is,
    /// by a login or a certificate: its password is not sent in clear, and neither is its
    /// mail where the certificate cannot be loaded.
    #[must_use]
    pub fn outbound_level(&self) -> OutboundLevel {
        let outbound = &self.tls.outbound;
        let shows = !self.outbound.logins.is_empty() || outbound.certificate.is_some();
        match outbound.level {
            OutboundLevel::May if shows => OutboundLevel::Encrypt,
            level => level,
        }
    }

    /// What relay.yaml says of TLS towards this next hop alone.
    #[must_use]
    pub fn policy(&self, next_hop: &NextHop) -> Option<&Policy> {
        let mut policies = self.tls.outbound.policies.iter();
        let found = policies.find(|(of, _)| of == next_hop);
        found.map(|(_, policy)| policy)
    }

    /// The level of TLS towards one of `outbound.next_hop`. Where TLS begins with the first
    /// byte, it is never less than `encrypt`.
    #[must_use]
    pub fn level_towards(&self, next_hop: &NextHop) -> OutboundLevel {
        self.level(next_hop, self.outbound_level())
    }

    /// The level of TLS on routes, which is never less than `encrypt`.
    #[must_use]
    pub fn route_level(&self) -> OutboundLevel {
        self.outbound_level().max(OutboundLevel::Encrypt)
    }

    /// The level of TLS towards a next hop of a route.
    #[must_use]
    pub fn level_on_route(&self, next_hop: &NextHop) -> OutboundLevel {
        self.level(next_hop, self.route_level())
    }

    fn level(&self, next_hop: &NextHop, of_all: OutboundLevel) -> OutboundLevel {
        let level = self.policy(next_hop).map_or(of_all, |policy| policy.level);
        if next_hop.wraps() {
            level.max(OutboundLevel::Encrypt)
        } else {
            level
        }
    }
}

impl Credentials {
    /// The one of `logins` that is for this next hop.
    #[must_use]
    pub fn at<'a>(logins: &'a [Self], next_hop: &NextHop) -> Option<&'a Self> {
        let mut logins = logins.iter();
        logins.find(|login| login.next_hop.as_ref().is_none_or(|at| at == next_hop))
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
