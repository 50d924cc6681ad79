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
    /// Mail that goes another way.
    pub routes: Vec<Route>,
    /// The servers that a lab's sink plays in the place of next hops: those of `hops` and of
    /// `routes`, and those of the other relays that it is the sink of ([`NextHop::share_sink`]).
    pub played: Vec<(Hop, StandIn)>,
    /// Who signs their certificates.
    pub anchor: TrustAnchor,
    /// What the relay shows those that ask it for a certificate.
    pub certificate: Option<Certificate>,
}

/// Mail that goes to servers of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The client in master.cf that delivers there, and nowhere else.
    pub service: String,
    /// Mail to these goes there, as the keys of transport(5).
    pub recipients: Vec<String>,
    /// Mail from these goes there: `@domain` or an address.
    pub senders: Vec<String>,
    /// The servers there, in the order in which they are tried.
    pub hops: Vec<Hop>,
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
        let outbound = &spec.outbound;
        let next_hops = &outbound.next_hops;
        let hop = |hop| Hop::operators(spec, hop, &outbound.logins, spec.level_towards(hop));
        let hops: Vec<Hop> = next_hops.iter().map(hop).collect();
        let routes = outbound.routes.iter().enumerate();
        let mut routes: Vec<Route> = routes
            .map(|(index, route)| Route::operators(spec, index, route))
            .collect();
        let mut found = Self {
            destination: if next_hops.is_empty() {
                Destination::Recipients
            } else {
                Destination::Operators
            },
            hops,
            routes: Vec::new(),
            played: Vec::new(),
            anchor: spec.tls.outbound.ca.clone(),
            certificate: spec.tls.outbound.certificate.clone(),
        };
        if !purpose.is_lab() {
            return Self { routes, ..found };
        }
        let mut before = 0;
        let routes_hops = routes.iter_mut().map(|route| &mut route.hops);
        for hops in std::iter::once(&mut found.hops).chain(routes_hops) {
            stand_in_for(hops, purpose, before);
            before += hops.len();
        }
        if found.hops.is_empty() {
            found.hops = vec![Hop::sink(spec)];
        }
        found.routes = routes;
        stood_in.extend(swapped(spec));
        let stand_in = |hop: &Hop| Some((hop.clone(), hop.stand_in.clone()?));
        Self {
            destination: Destination::Sink,
            played: found.all_hops().filter_map(stand_in).collect(),
            anchor: TrustAnchor::Generated,
            certificate: found.certificate.map(|_| Certificate::Generated),
            ..found
        }
    }

    /// The servers of all ways.
    pub fn all_hops(&self) -> impl Iterator<Item = &Hop> {
        let routes = self.routes.iter().flat_map(|route| &route.hops);
        self.hops.iter().chain(routes)
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

impl Route {
    fn operators(spec: &Spec, index: usize, route: &config::Route) -> Self {
        let hop = |hop| Hop::operators(spec, hop, &route.logins, spec.level_on_route(hop));
        Self {
            service: format!("route{}", index + 1),
            recipients: route.recipients.clone(),
            senders: route.senders.clone(),
            hops: route.next_hops.iter().map(hop).collect(),
        }
    }

    /// Whether TLS begins with the first byte there.
    #[must_use]
    pub fn wraps(&self) -> bool {
        self.hops.first().is_some_and(|hop| hop.wraps)
    }
}

/// What of relay.yaml a lab has no use for.
fn swapped(spec: &Spec) -> Vec<StoodIn> {
    let outbound = &spec.outbound;
    // Without a next hop, the system's authorities are nobody's wish: they are what
    // relay.yaml has where it does not say anything.
    let any = !outbound.next_hops.is_empty() || !outbound.routes.is_empty();
    let vouched = match spec.tls.outbound.ca {
        TrustAnchor::Generated => false,
        TrustAnchor::System => any,
        TrustAnchor::File(_) => true,
    };
    let certificate = &spec.tls.outbound.certificate;
    let own_certificate = matches!(certificate, Some(Certificate::Files { .. }));
    let mut logins = outbound.logins.iter();
    let own_login = logins.any(|login| !login.password_file.as_os_str().is_empty());
    [
        (vouched, "tls.outbound.ca", CERTIFICATES),
        (own_certificate, "tls.outbound.certificate", CERTIFICATES),
        (!outbound.next_hops.is_empty(), "outbound.next_hop", SINK),
        (own_login, "outbound.credentials", SINK),
        (!outbound.routes.is_empty(), "outbound.routes", SINK),
    ]
    .into_iter()
    .filter(|(is, ..)| *is)
    .map(|(_, key, by)| StoodIn { key, by })
    .collect()
}

/// Puts stand-ins in the place of the operator's next hops of one way, behind `before` of
/// other ways.
fn stand_in_for(hops: &mut [Hop], purpose: Purpose, before: usize) {
    let last = hops.len().saturating_sub(1);
    for (index, hop) in hops.iter_mut().enumerate() {
        let part = match purpose {
            Purpose::Proof if index < last => match hop.login {
                Some(_) => Part::Defers,
                None if index.is_multiple_of(2) => Part::TurnsAway,
                None => Part::Away,
            },
            _ => Part::TakesMail,
        };
        hop.stood_in_for(before + index, part);
    }
}

impl Hop {
    fn operators(
        spec: &Spec,
        hop: &config::NextHop,
        logins: &[Credentials],
        level: OutboundLevel,
    ) -> Self {
        Self {
            address: address(hop),
            wraps: hop.wraps(),
            login: Credentials::at(logins, hop).cloned(),
            level,
            policy: spec.policy(hop).cloned(),
            stand_in: None,
        }
    }

    /// Somebody stands in for it, as the one at `index` of all.
    fn stood_in_for(&mut self, index: usize, part: Part) {
        let stand_in = StandIn {
            host: format!("hop{}.sink.test", index + 1),
            port: port(index, part, self.wraps, self.login.is_some()),
            part,
        };
        self.address = format!("[{}]:{}", stand_in.host, stand_in.port);
        self.login = self.login.take().map(|_| login_of(index));
        let policy = self.policy.take();
        self.policy = policy.map(|policy| in_place(policy, &stand_in.host));
        self.stand_in = Some(stand_in);
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
