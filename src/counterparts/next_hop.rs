//! Where mail goes: to the operator's next hops, in a lab to its sink. Test mail does
//! not leave.

use std::path::PathBuf;

use super::{Purpose, StoodIn};
use crate::config::{self, Certificate, Credentials, OutboundLevel, Policy, Spec, TrustAnchor};
use crate::container::FINGERPRINT;
use crate::secret::Secret;

/// Who takes the relay's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// Where all mail goes that has no way of its own.
    pub destination: Destination,
    /// The servers there, in the order in which they are tried. None: each recipient's
    /// own mail server, as DNS has it.
    pub hops: Vec<Hop>,
    /// The servers that a lab's sink plays in the place of next hops: those of `hops`, and
    /// those of the other relays that it is the sink of ([`NextHop::share_sink`]).
    pub played: Vec<(Hop, StandIn)>,
    /// Who signs their certificates.
    pub anchor: TrustAnchor,
    /// What the relay shows those that ask it for a certificate.
    pub certificate: Option<Certificate>,
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The lab's sink, which also plays other next hops for domains of their own.
    Sink,
    /// The operator's next hops.
    Operators,
    /// Each recipient's own mail server, as DNS has it.
    Recipients,
}

/// One server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// As transport(5) and the keys of Postfix's tables name it.
    pub address: String,
    /// Whether TLS begins with the first byte there.
    pub wraps: bool,
    /// The relay's login there.
    pub login: Option<Credentials>,
    /// How sure the relay is of it.
    pub level: OutboundLevel,
    /// What relay.yaml says of it alone, and of no other.
    pub policy: Option<Policy>,
    /// Who stands in for it.
    pub stand_in: Option<StandIn>,
}

/// A lab's server in the place of an operator's next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// The name by which the relay finds it, which its certificate has.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// How it treats the relay.
    pub part: Part,
}

/// How a stand-in treats the relay. In a proof, of several only the last takes mail: that
/// mail arrives then shows that each of the others was left for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// As a next hop should.
    TakesMail,
    /// Nobody listens.
    Away,
    /// It greets with 421.
    TurnsAway,
    /// It takes the login, and then no recipient for now (450).
    Defers,
}

impl NextHop {
    pub(super) fn of(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Self {
        let next_hops = &spec.outbound.next_hops;
        if !purpose.is_lab() {
            return Self {
                destination: if next_hops.is_empty() {
                    Destination::Recipients
                } else {
                    Destination::Operators
                },
                hops: next_hops
                    .iter()
                    .map(|hop| Hop::operators(spec, hop))
                    .collect(),
                played: Vec::new(),
                anchor: spec.tls.outbound.ca.clone(),
                certificate: spec.tls.outbound.certificate.clone(),
            };
        }
        let hops: Vec<Hop> = (0..next_hops.len())
            .map(|index| Hop::in_lab(spec, purpose, index))
            .collect();
        let hops = if hops.is_empty() {
            vec![Hop::sink(spec)]
        } else {
            hops
        };
        // Without a next hop, the system's authorities are nobody's wish: they are what
        // relay.yaml has where it does not say anything.
        let vouched = match spec.tls.outbound.ca {
            TrustAnchor::Generated => false,
            TrustAnchor::System => !next_hops.is_empty(),
            TrustAnchor::File(_) => true,
        };
        let logins = &spec.outbound.logins;
        let own_login = logins
            .iter()
            .any(|login| !login.password_file.as_os_str().is_empty());
        let certificate = &spec.tls.outbound.certificate;
        let own_certificate = matches!(certificate, Some(Certificate::Files { .. }));
        let swapped = [
            (vouched, "tls.outbound.ca", CERTIFICATES),
            (own_certificate, "tls.outbound.certificate", CERTIFICATES),
            (!next_hops.is_empty(), "outbound.next_hop", SINK),
            (own_login, "outbound.credentials", SINK),
        ];
        let swapped = swapped.into_iter().filter(|(is, ..)| *is);
        stood_in.extend(swapped.map(|(_, key, by)| StoodIn { key, by }));
        let stand_in = |hop: &Hop| Some((hop.clone(), hop.stand_in.clone()?));
        Self {
            destination: Destination::Sink,
            played: hops.iter().filter_map(stand_in).collect(),
            hops,
            anchor: TrustAnchor::Generated,
            certificate: certificate.as_ref().map(|_| Certificate::Generated),
        }
    }

    /// The sink plays the next hops of `others` too: it then is the same for all of them,
    /// and need not be made anew where one relay takes the place of another.
    pub(super) fn share_sink<'a>(&mut self, others: impl Iterator<Item = &'a NextHop>) {
        self.played
            .extend(others.flat_map(|other| other.played.clone()));
        // Servers that differ in what the sink does have ports that differ.
        self.played.sort_by_key(|(_, stand_in)| stand_in.port);
        self.played.dedup_by_key(|(_, stand_in)| stand_in.port);
    }

    /// Whether the relay has a login at any of them.
    #[must_use]
    pub fn has_login(&self) -> bool {
        self.hops.iter().any(|hop| hop.login.is_some())
    }

    /// Whether TLS begins with the first byte there: of a list, at all or at none.
    #[must_use]
    pub fn wraps(&self) -> bool {
        self.hops.first().is_some_and(|hop| hop.wraps)
    }

    /// The name of the first that takes mail, as the relay's log has it.
    #[must_use]
    pub fn taking_host(&self) -> Option<&str> {
        let takes = |hop: &&Hop| match &hop.stand_in {
            Some(stand_in) => stand_in.part == Part::TakesMail,
            None => true,
        };
        let address = &self.hops.iter().find(takes)?.address;
        let host = address.split(']').next()?;
        Some(host.trim_start_matches('['))
    }
}

impl Hop {
    fn operators(spec: &Spec, hop: &config::NextHop) -> Self {
        Self {
            address: address(hop),
            wraps: hop.wraps(),
            login: spec.login_at(hop).cloned(),
            level: spec.level_towards(hop),
            policy: spec.policy(hop).cloned(),
            stand_in: None,
        }
    }

    /// Whoever stands in for the operator's next hop at `index`.
    fn in_lab(spec: &Spec, purpose: Purpose, index: usize) -> Self {
        let next_hops = &spec.outbound.next_hops;
        let hop = Self::operators(spec, &next_hops[index]);
        let is_last = index + 1 == next_hops.len();
        let part = match purpose {
            Purpose::Proof if !is_last => match hop.login {
                Some(_) => Part::Defers,
                None if index.is_multiple_of(2) => Part::TurnsAway,
                None => Part::Away,
            },
            _ => Part::TakesMail,
        };
        let stand_in = StandIn {
            host: format!("hop{}.sink.test", index + 1),
            port: port(index, part, hop.wraps, hop.login.is_some()),
            part,
        };
        Self {
            address: format!("[{}]:{}", stand_in.host, stand_in.port),
            login: hop.login.map(|_| login_of(index)),
            policy: hop.policy.map(|policy| in_place(policy, &stand_in.host)),
            stand_in: Some(stand_in),
            ..hop
        }
    }

    /// The sink itself, where relay.yaml names no next hop.
    fn sink(spec: &Spec) -> Self {
        let login = spec.outbound.logins.first();
        Self {
            address: "[sink]:25".to_owned(),
            wraps: false,
            login: login.map(|_| next_hop_login()),
            level: spec.outbound_level(),
            policy: None,
            stand_in: None,
        }
    }
}

/// The policy as it is for who stands in: with that one's name, or certificate.
fn in_place(policy: Policy, host: &str) -> Policy {
    let own = if policy.level == OutboundLevel::Fingerprint {
        FINGERPRINT
    } else {
        host
    };
    let mut matches: Vec<String> = Vec::new();
    for wanted in policy.matches {
        let wanted = match wanted.as_str() {
            "nexthop" | "dot-nexthop" | "hostname" => wanted,
            _ => own.to_owned(),
        };
        if !matches.contains(&wanted) {
            matches.push(wanted);
        }
    }
    Policy {
        matches,
        servername: policy.servername.map(|_| host.to_owned()),
        ..policy
    }
}

/// As Postfix reads it: an IPv6 address has no prefix there.
fn address(hop: &config::NextHop) -> String {
    let host = if hop.mx_lookup {
        hop.host.clone()
    } else {
        format!("[{}]", hop.host)
    };
    match hop.port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

const SINK: &str = "a next hop of its own";
const CERTIFICATES: &str = "certificates of its own";

/// Stand-ins listen at the ports above.
const FIRST_PORT: u16 = 2600;

/// Where the stand-in at `index` listens. Nothing else that a sink does for one next hop
/// and not for another is in relay.yaml, so that each port is one server, whichever relay
/// the sink belongs to.
fn port(index: usize, part: Part, wraps: bool, asks_login: bool) -> u16 {
    let part = match part {
        Part::TakesMail => 0,
        Part::Away => 1,
        Part::TurnsAway => 2,
        Part::Defers => 3,
    };
    let kind = part + 4 * u16::from(wraps) + 8 * u16::from(asks_login);
    let number = u16::try_from(index).unwrap_or(u16::MAX);
    number.saturating_mul(16).saturating_add(FIRST_PORT + kind)
}

/// The relay's login at a lab's next hops, which anybody may know: the operator's
/// own has no business there.
#[must_use]
pub fn next_hop_login() -> Credentials {
    Credentials {
        next_hop: None,
        user: "relay@sink.test".to_owned(),
        password: Secret::new("through-the-looking-glass"),
        password_file: PathBuf::new(),
    }
}

/// That at the stand-in at `index` of several: another at each.
fn login_of(index: usize) -> Credentials {
    let login = next_hop_login();
    if index == 0 {
        return login;
    }
    let number = index + 1;
    Credentials {
        user: format!("relay-{number}@sink.test"),
        password: Secret::new(format!("{}-{number}", login.password.reveal())),
        ..login
    }
}
