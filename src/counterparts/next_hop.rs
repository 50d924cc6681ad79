//! Where mail goes: to the operator's next hop, in a lab to its sink. Test mail does
//! not leave.

use std::path::PathBuf;

use super::{Purpose, StoodIn};
use crate::config::{self, Credentials, Spec, TrustAnchor};
use crate::secret::Secret;

/// Who takes the relay's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// Where all mail goes that has no way of its own.
    pub destination: Destination,
    /// The relay's login there.
    pub login: Option<Credentials>,
    /// Who signs its certificate.
    pub anchor: TrustAnchor,
}

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The lab's sink, which also plays other next hops for domains of their own.
    Sink,
    /// The operator's next hop.
    Operators(config::NextHop),
    /// Each recipient's own mail server, as DNS has it.
    Recipients,
}

impl NextHop {
    pub(super) fn of(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Self {
        let outbound = &spec.outbound;
        if !purpose.is_lab() {
            let next_hop = outbound.next_hop.clone();
            return Self {
                destination: next_hop.map_or(Destination::Recipients, Destination::Operators),
                login: outbound.credentials.clone(),
                anchor: spec.tls.outbound.ca.clone(),
            };
        }
        let login = outbound.credentials.as_ref().map(|_| next_hop_login());
        // Without a next hop, the system's authorities are nobody's wish: they are what
        // relay.yaml has where it does not say anything.
        let vouched = match spec.tls.outbound.ca {
            TrustAnchor::Generated => false,
            TrustAnchor::System => outbound.next_hop.is_some(),
            TrustAnchor::File(_) => true,
        };
        let swapped = [
            (vouched, "tls.outbound.ca", "certificates of its own"),
            (outbound.next_hop.is_some(), "outbound.next_hop", SINK),
            (login != outbound.credentials, "outbound.credentials", SINK),
        ];
        let swapped = swapped.into_iter().filter(|(is, ..)| *is);
        stood_in.extend(swapped.map(|(_, key, by)| StoodIn { key, by }));
        Self {
            destination: Destination::Sink,
            login,
            anchor: TrustAnchor::Generated,
        }
    }
}

const SINK: &str = "a next hop of its own";

/// The relay's login at a lab's next hops, which anybody may know: the operator's
/// own has no business there.
#[must_use]
pub fn next_hop_login() -> Credentials {
    Credentials {
        user: "relay@sink.test".to_owned(),
        password: Secret::new("through-the-looking-glass"),
        password_file: PathBuf::new(),
    }
}
