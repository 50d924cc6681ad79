//! Whoever is outside of the relay and is needed by it: who checks logins, the next
//! hop, those who vouch for certificates, and whoever knows the names of clients. In
//! production they are the operator's, in a lab each is stood in for. It is decided
//! here, once ([`Resolved::new`]); all who come after read what was decided.

mod backend;
mod crypt;
mod ldap;
mod next_hop;
mod production;
mod users;

use crate::config::{Certificate, Spec, TrustAnchor, User};
use crate::secret::Secret;

pub use backend::{Backend, Page};
pub use ldap::{Directory, LDAPS_PORT, Nearly, PLAYED};
pub use next_hop::{Destination, Hop, NextHop, Part, Route, StandIn, next_hop_login};
pub use production::missing_for_production;
pub use users::UsersFile;

/// The checks' mail comes from here and from other addresses in its domain: they
/// are a lab's first person's, so that `relay.sender_login: own` lets them pass.
pub const CHECKED_SENDER: &str = "sender@relaykit.example";

/// The CA certificates of the image (Debian's ca-certificates).
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The lab CA, where a container has one.
const LAB_CA: &str = "/etc/relaykit/tls/ca.pem";

/// What a relay is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A lab that a person asked for with `relaykit up`.
    Lab,
    /// A lab of `relaykit test`: ports that the kernel picks, and XCLIENT
    /// (<https://www.postfix.org/XCLIENT_README.html>) for the host's own gateway alone.
    Proof,
    /// A bundle for an operator: the relay only, nothing of the lab.
    Production,
}

impl Purpose {
    /// Whether the lab stands in for what is the operator's.
    fn is_lab(self) -> bool {
        match self {
            Self::Lab | Self::Proof => true,
            Self::Production => false,
        }
    }

    /// The port on the host where `wanted` stands in relay.yaml; 0: the kernel picks,
    /// since test runs go side by side.
    #[must_use]
    pub fn host_port(self, wanted: u16) -> u16 {
        match self {
            Self::Proof => 0,
            Self::Lab | Self::Production => wanted,
        }
    }
}

/// A relay and all that it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What relay.yaml says. Of what is outside of the relay it tells what the operator
    /// wants in production: what there is stands in the other fields. In a lab the people
    /// go by the names that they log in with.
    pub spec: Spec,
    /// What it is for.
    pub purpose: Purpose,
    /// Who checks logins.
    pub backend: Backend,
    /// Where mail goes.
    pub next_hop: NextHop,
    /// Where the relay's own certificate is from.
    pub certificate: Certificate,
    /// Who signs clients' certificates; `None`: nobody.
    pub client_ca: Option<TrustAnchor>,
    /// Whether somebody knows clients by name. Nobody does in a lab: a question would
    /// leave it, and stall every session where nobody answers.
    pub knows_clients: bool,
    /// What of relay.yaml is not used here, and what is used in its place.
    pub stood_in: Vec<StoodIn>,
}

/// A counterpart of the operator's that a lab has one of its own for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoodIn {
    /// The key of relay.yaml.
    pub key: &'static str,
    /// What a lab has there, to go after "a lab has".
    pub by: &'static str,
}

impl Resolved {
    /// `spec` with everybody whom its relay needs.
    #[must_use]
    pub fn new(mut spec: Spec, purpose: Purpose) -> Self {
        if purpose.is_lab() {
            backend::complete_logins(&mut spec);
        }
        let mut stood_in = Vec::new();
        let backend = Backend::of(&spec, purpose, &mut stood_in);
        let certificate = certificate(&spec, purpose, &mut stood_in);
        let client_ca = client_ca(&spec, purpose, &mut stood_in);
        let next_hop = NextHop::of(&spec, purpose, &mut stood_in);
        Self {
            backend,
            certificate,
            client_ca,
            next_hop,
            knows_clients: !purpose.is_lab(),
            stood_in,
            spec,
            purpose,
        }
    }

    /// The same where one lab is it and `others`, one after the other.
    #[must_use]
    pub fn beside<'a>(mut self, others: impl IntoIterator<Item = &'a Self>) -> Self {
        let others = others.into_iter().map(|other| &other.next_hop);
        self.next_hop.share_sink(others);
        self
    }

    /// Whether anybody's certificate is from a CA of relaykit's own, which the relay
    /// then has to know.
    #[must_use]
    pub fn has_own_ca(&self) -> bool {
        let anchors = [
            self.backend.anchor(),
            Some(&self.next_hop.anchor),
            self.client_ca.as_ref(),
        ];
        anchors.contains(&Some(&TrustAnchor::Generated))
    }

    /// Why nobody could log in to a lab, with the key of relay.yaml; `None`: somebody can.
    #[must_use]
    pub fn impossible(&self) -> Option<String> {
        let why = self.backend.directory()?.impossible()?;
        Some(format!("auth.ldap.filter: {why}"))
    }

    /// The address that a person of the lab sends from.
    #[must_use]
    pub fn address(&self, user: &User) -> String {
        self.backend.address(user)
    }

    /// The relay's own passwords: at its next hops, and at the directory.
    pub fn passwords(&self) -> impl Iterator<Item = &Secret> {
        let logins = self.next_hop.all_hops();
        let logins = logins.filter_map(|hop| Some(&hop.login.as_ref()?.password));
        let directory = self.backend.directory();
        let bind = directory.and_then(|directory| directory.settings.bind.as_ref());
        logins.chain(bind.map(|bind| &bind.password))
    }

    /// What is stood in for, in words; `None`: nothing.
    #[must_use]
    pub fn stood_in_words(&self) -> Option<String> {
        let mut by: Vec<&str> = Vec::new();
        for stood_in in &self.stood_in {
            if !by.contains(&stood_in.by) {
                by.push(stood_in.by);
            }
        }
        let keys: Vec<&str> = self.stood_in.iter().map(|s| s.key).collect();
        let (last, first) = by.split_last()?;
        let has = if first.is_empty() {
            (*last).to_owned()
        } else {
            format!("{} and {last}", first.join(", "))
        };
        Some(format!(
            "a lab has {has}; not used here: {}",
            keys.join(", ")
        ))
    }
}

/// The path in a container of the certificates that an anchor stands for. The
/// operator's own are injected at `operators`.
#[must_use]
pub fn anchor_path(anchor: &TrustAnchor, operators: &'static str) -> &'static str {
    match anchor {
        TrustAnchor::Generated => LAB_CA,
        TrustAnchor::System => SYSTEM_CA,
        TrustAnchor::File(_) => operators,
    }
}

fn certificate(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Certificate {
    if purpose.is_lab() && spec.tls.certificate != Certificate::Generated {
        stood_in.push(StoodIn {
            key: "tls.certificate",
            by: "certificates of its own",
        });
        return Certificate::Generated;
    }
    spec.tls.certificate.clone()
}

fn client_ca(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Option<TrustAnchor> {
    if !purpose.is_lab() {
        return spec.tls.client_ca.clone().map(TrustAnchor::File);
    }
    if spec.tls.client_ca.is_some() {
        stood_in.push(StoodIn {
            key: "tls.client_ca",
            by: "certificates of its own",
        });
    }
    Some(TrustAnchor::Generated)
}

#[cfg(test)]
mod tests;
