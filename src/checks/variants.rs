//! The labs that a run needs: the one that relay.yaml describes and, for checks
//! that need a setting it does not have, variants of it with that setting.

use super::{Check, Need, Sabotage};
use crate::config::{
    ClientCertificates, Listener, OutboundLevel, Received, SenderLogin, Spec, TlsVersion, User,
};
use crate::counterparts::next_hop_login;
use crate::render::next_hops::{AWAY, BUSY, REFUSING};
use crate::render::settled;
use crate::secret::Secret;

/// A domain that nobody can have (RFC 6761 section 6.4), for mail that comes
/// without a login.
const RELAY_DOMAIN: &str = "relay-domain.invalid";

/// Who has not to be what the first user may.
const SECOND_USER: &str = "bob";

/// Networks of nobody's: for measurements and for documents (RFC 2544, RFC 3849).
const TRUSTED: [&str; 2] = ["198.18.5.0/24", "2001:db8:5::/48"];

/// Bytes: a message that is too large is soon sent.
const SIZE: u64 = 1 << 20;

/// Connections of one client at once. The host may use XCLIENT, and has no limit.
const CONNECTIONS: u32 = 5;

/// Messages of one login in an hour: soon reached by a check that means to, and
/// not by all that the others send as the first user.
const MESSAGES: u32 = 24;

/// A lab to bring up for a run.
#[derive(Debug, Clone)]
pub struct Laboratory {
    /// What sets it apart, for people: `as configured`, `mixed`, ...
    pub name: &'static str,
    /// What its relay is to be.
    pub spec: Spec,
    /// Whether it serves the checks that disturb others, and only them.
    pub disposable: bool,
    /// How many checks it serves.
    pub checks: usize,
}

/// The name of the laboratory that is what relay.yaml says, but for its limits
/// ([`candidates`]).
pub const AS_CONFIGURED: &str = "as configured";

/// Connections that one client may have at once where checks are that client: more
/// than they open.
const ENOUGH: u32 = 50;

/// The one that has relay.yaml's own limits, too.
const LIMITED: &str = "limited";

/// A change of relay.yaml that lets more checks run.
struct Variant {
    name: &'static str,
    change: fn(&mut Spec),
}

/// Each is one more lab, so that settings that do not hinder each other share one.
const VARIANTS: &[Variant] = &[
    // A relay that also takes mail without a login, on a listener that has logins
    // too: the hardest case for telling the two apart.
    Variant {
        name: "mixed",
        change: |spec| {
            let domains = [RELAY_DOMAIN, REFUSING, BUSY, AWAY.domain];
            spec.relay.domains.extend(domains.map(str::to_owned));
            spec.relay
                .trusted_networks
                .extend(TRUSTED.map(str::to_owned));
            if spec.listeners.smtp.is_some() && spec.privacy.received != Received::Hide {
                spec.auth.listeners.insert(Listener::Smtp);
                if spec.tls.client_certificates == ClientCertificates::Require {
                    spec.tls.client_certificates = ClientCertificates::Ask;
                }
            }
        },
    },
    // Everything as strict as it can be.
    Variant {
        name: "strict",
        change: |spec| {
            spec.auth.outlook_compatible = false;
            spec.tls.minimum = TlsVersion::V1_3;
            if keeps_logins_off_port_25(spec) {
                spec.tls.client_certificates = ClientCertificates::Require;
            }
            spec.tls.outbound.level = OutboundLevel::Secure;
            spec.outbound.credentials = Some(next_hop_login());
            spec.privacy.show_login = false;
            spec.privacy.strip_headers = ["X-Originating-IP", "X-Mailer", "User-Agent"]
                .map(str::to_owned)
                .to_vec();
            spec.relay.sender_login = SenderLogin::Own;
            spec.relay.message_size_limit = spec.relay.message_size_limit.min(SIZE);
            spec.limits.connections_per_client = CONNECTIONS;
            spec.limits.messages_per_login_per_hour = Some(MESSAGES);
            if spec.lab.users.len() < 2 {
                spec.lab.users.push(User {
                    name: SECOND_USER.to_owned(),
                    password: Secret::new("looking-glass"),
                });
            }
        },
    },
    // The middle setting where there are three, and freedom where relay.yaml is strict.
    Variant {
        name: "ask",
        change: |spec| {
            spec.tls.client_certificates = ClientCertificates::Ask;
            if keeps_logins_off_port_25(spec) {
                spec.privacy.received = Received::Hide;
            }
            spec.relay.sender_login = SenderLogin::Any;
            spec.tls.outbound.level = OutboundLevel::May;
            spec.outbound.credentials = None;
            let servers = &mut spec.auth.ldap.servers;
            if let [only] = servers.as_slice() {
                servers.push(only.clone());
            }
        },
    },
    Variant {
        name: "keep",
        change: |spec| spec.privacy.received = Received::Keep,
    },
];

/// What Postfix cannot do on port 25, where mail comes without a login too, is no
/// relay's (`config::combine`). Whether no login is left there.
fn keeps_logins_off_port_25(spec: &mut Spec) -> bool {
    let logins = &mut spec.auth.listeners;
    if logins.iter().any(|listener| *listener != Listener::Smtp) {
        logins.remove(&Listener::Smtp);
    }
    !logins.contains(&Listener::Smtp)
}

/// One lab serves this many checks that disturb, which run one after the other;
/// where there are more, it gets a twin.
const DISTURBING_AT_MOST: usize = 4;

/// The labs that `checks` need to be run with `spec`. A check that no variant
/// suits asks for none. Disturbing checks get labs of their own.
#[must_use]
pub fn laboratories(spec: &Spec, checks: &[&'static Check]) -> Vec<Laboratory> {
    let mut labs: Vec<Laboratory> = Vec::new();
    for lab in checks.iter().filter_map(|check| laboratory(spec, check)) {
        let serves = |other: &&mut Laboratory| {
            let alike = other.name == lab.name && other.disposable == lab.disposable;
            alike && (!lab.disposable || other.checks < DISTURBING_AT_MOST)
        };
        match labs.iter_mut().find(serves) {
            Some(other) => other.checks += 1,
            None => labs.push(lab),
        }
    }
    // A check goes to the first that has what it needs: not to a variant without need.
    labs.sort_by_key(|lab| lab.name != AS_CONFIGURED);
    labs
}

/// The lab that `check` is run in, the first that has the settings it needs.
#[must_use]
pub fn laboratory(spec: &Spec, check: &Check) -> Option<Laboratory> {
    suitable(spec, check).next().map(|(name, spec)| Laboratory {
        name,
        spec,
        disposable: check.exclusive,
        checks: 1,
    })
}

/// No lab that `check` can be run in has room for a sabotage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuitable {
    /// What the relay of relay.yaml lacks for it, to go after `needs`.
    pub lacks: String,
}

/// The lab that `sabotage` of `check` is planted in: the first in which the check
/// can be run and the sabotage is a fault. `None`: the check is run nowhere.
///
/// # Errors
/// [`Unsuitable`].
pub fn to_plant(
    spec: &Spec,
    check: &Check,
    sabotage: &Sabotage,
) -> Result<Option<Laboratory>, Unsuitable> {
    let mut lacks = None;
    for (name, spec) in suitable(spec, check) {
        let Some(missing) = sabotage.misplaced(&spec) else {
            return Ok(Some(Laboratory {
                name,
                spec,
                disposable: check.exclusive,
                checks: 1,
            }));
        };
        lacks.get_or_insert(missing);
    }
    lacks.map_or(Ok(None), |lacks| Err(Unsuitable { lacks }))
}

/// The candidates that have the settings that `check` needs, and that can be had.
fn suitable(spec: &Spec, check: &Check) -> impl Iterator<Item = (&'static str, Spec)> {
    asked_for(spec, check).filter(|(name, candidate)| hindrances(spec, name, candidate).is_empty())
}

/// The keys below `postfix` that a candidate cannot be had with. What relay.yaml itself
/// describes can be had, whatever it is.
fn hindrances(spec: &Spec, name: &str, candidate: &Spec) -> Vec<String> {
    if [AS_CONFIGURED, LIMITED].contains(&name) {
        return Vec::new();
    }
    settled(spec, candidate)
}

/// The candidates that have the settings that `check` needs.
fn asked_for(spec: &Spec, check: &Check) -> impl Iterator<Item = (&'static str, Spec)> {
    let suits = |spec: &Spec| check.needs.iter().all(|need| permits(*need, spec));
    candidates(spec)
        .into_iter()
        .filter(move |(_, spec)| suits(spec))
}

/// The keys below `postfix` in relay.yaml for which there is no lab that `check` can be
/// run in, where that is why.
pub(super) fn hindered(spec: &Spec, check: &Check) -> Option<String> {
    let (name, variant) = asked_for(spec, check).next()?;
    let keys = hindrances(spec, name, &variant);
    (!keys.is_empty()).then(|| keys.join(" and "))
}

/// What relay.yaml says but for its limits first, then with them, then each variant of
/// it. The checks of a run send hundreds of messages as one login, and are many clients
/// with one address, so that limits on these are left to the checks that ask for them.
fn candidates(spec: &Spec) -> Vec<(&'static str, Spec)> {
    let mut roomy = spec.clone();
    roomy.limits.messages_per_login_per_hour = None;
    let connections = &mut roomy.limits.connections_per_client;
    *connections = (*connections).max(ENOUGH);
    let limited = (roomy.limits != spec.limits).then(|| (LIMITED, spec.clone()));
    let variants = VARIANTS.iter().map(|variant| {
        let mut spec = roomy.clone();
        (variant.change)(&mut spec);
        (variant.name, spec)
    });
    let configured = (AS_CONFIGURED, roomy.clone());
    std::iter::once(configured)
        .chain(limited)
        .chain(variants)
        .collect()
}

/// Whether a relay of `spec` has what relay.yaml decides of a need.
pub(super) fn permits(need: Need, spec: &Spec) -> bool {
    match need {
        Need::Setting { holds, .. } | Need::Seen { holds, .. } => holds(spec),
        Need::Listener(listener) => spec.listeners.port(listener).is_some(),
        Need::Built
        | Need::Envelope
        | Need::Recipient
        | Need::Login
        | Need::Xclient
        | Need::Inbox
        | Need::Lab => true,
        Need::Directory => spec.auth.users.is_none(),
    }
}

#[cfg(test)]
mod tests;
