//! The labs that a run needs: the one that relay.yaml describes and, for checks
//! that need a setting it does not have, variants of it with that setting.

use std::collections::BTreeSet;

use super::check::{Check, Sabotage};
use crate::config::{self, Credentials, Listener, NextHop, Problems, Says, Spec};
use crate::counterparts::{Purpose, Resolved, next_hop_login};
use crate::plan::{Image, Plan};
use crate::render::next_hops::{AWAY, BUSY, REFUSING};
use crate::render::settled;

/// A domain that nobody can have (RFC 6761 section 6.4), for mail that comes
/// without a login.
const RELAY_DOMAIN: &str = "relay-domain.invalid";

/// Who has not to be what the first user may.
const SECOND_USER: &str = "{name: bob, password: looking-glass}";

/// Networks of nobody's: for measurements and for documents (RFC 2544, RFC 3849).
const TRUSTED: [&str; 2] = ["198.18.5.0/24", "2001:db8:5::/48"];

/// Somebody in a group, in use, with mail: as directories of several makers tell it.
const FILTER: &str = "(&(objectClass=posixAccount)(uid=%u)(memberOf=cn=mail,ou=Groups,dc=relaykit,dc=test)\
                      (!(userAccountControl:1.2.840.113556.1.4.803:=2))(mailEnabled=TRUE))";

/// Bytes: a message that is too large is soon sent.
const SIZE: u64 = 1 << 20;

/// Connections of one client at once. The host may use XCLIENT, and has no limit.
const CONNECTIONS: &str = "5";

/// Messages of one login in an hour: soon reached by a check that means to, and
/// not by all that the others send as the first user.
const MESSAGES: &str = "24";

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

/// A relay whose mail goes where `outbound` says.
const NO_WAY_OF_ITS_OWN: (&str, Says) = (
    "postfix.main",
    Says::Without(&[
        "relayhost",
        "transport_maps",
        "default_transport",
        "relay_transport",
        "smtp_tls_policy_maps",
    ]),
);

/// Next hops one after the other, of which only the last takes mail: see
/// [`Part`](crate::counterparts::Part).
const SEVERAL: &str = "['[one.relaykit.test]:587', '[two.relaykit.test]:587', \
                       three.relaykit.test, '[four.relaykit.test]:587']";

/// A level for each of them; the digest is that of nothing.
const POLICIES: &str = "{'[one.relaykit.test]:587': encrypt, \
                        '[two.relaykit.test]:587': verify, \
                        three.relaykit.test: secure match=mx.relaykit.test, \
                        '[four.relaykit.test]:587': 'fingerprint match=\
                        E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:\
                        27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55'}";

/// A change of relay.yaml that lets more checks run.
struct Variant {
    name: &'static str,
    changes: &'static [Alteration],
}

/// One change of relay.yaml.
enum Alteration {
    /// A setting, by its key, and what it says then, in YAML.
    Set(&'static str, &'static str),
    /// One more item of a list.
    Add(&'static str, &'static str),
    /// The others, where relay.yaml has all these settings.
    Where(&'static [(&'static str, Says)], &'static [Alteration]),
    /// What no value can say, because relay.yaml's own decides.
    By(fn(&mut Spec)),
}

use Alteration::{Add, By, Set, Where};

impl Alteration {
    /// What does not go together with relay.yaml is told, such as a second `BOB`.
    fn apply(&self, spec: &mut Spec) -> Result<(), Problems> {
        match self {
            Set(key, value) => config::set(spec, key, value),
            Add(key, item) => config::add(spec, key, item),
            Where(settings, changes) => {
                let there = settings.iter().all(|(key, says)| says.holds(key, spec));
                let mut changes = changes.iter().filter(|_| there);
                changes.try_for_each(|change| change.apply(spec))
            }
            By(change) => {
                change(spec);
                Ok(())
            }
        }
    }
}

/// Each is one more lab, so that settings that do not hinder each other share one.
const VARIANTS: &[Variant] = &[
    // A relay that also takes mail without a login, on a listener that has logins
    // too: the hardest case for telling the two apart.
    Variant {
        name: "mixed",
        changes: &[
            Add("relay.domains", RELAY_DOMAIN),
            Add("relay.domains", REFUSING),
            Add("relay.domains", BUSY),
            Add("relay.domains", AWAY.domain),
            Add("relay.trusted_networks", TRUSTED[0]),
            Add("relay.trusted_networks", TRUSTED[1]),
            Where(
                &[
                    ("listeners.smtp", Says::Something),
                    ("privacy.received", Says::OneOf(&["rewrite", "keep"])),
                ],
                &[
                    Add("auth.listeners", "smtp"),
                    Where(
                        &[("tls.client_certificates", Says::Is("require"))],
                        &[Set("tls.client_certificates", "ask")],
                    ),
                ],
            ),
        ],
    },
    // Everything as strict as it can be.
    Variant {
        name: "strict",
        changes: &[
            Set("auth.outlook_compatible", "false"),
            Set("tls.minimum", "TLSv1.3"),
            By(keep_logins_off_port_25),
            Where(
                &[("auth.listeners", Says::Lacks("smtp"))],
                &[Set("tls.client_certificates", "require")],
            ),
            Set("tls.outbound.level", "secure"),
            By(|spec| spec.outbound.logins = vec![next_hop_login()]),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.next_hop", SEVERAL),
                    By(log_in_at_the_first_and_the_last),
                ],
            ),
            Set("privacy.show_login", "false"),
            Set(
                "privacy.strip_headers",
                "[X-Originating-IP, X-Mailer, User-Agent]",
            ),
            Set("relay.sender_login", "own"),
            By(|spec| spec.relay.message_size_limit = spec.relay.message_size_limit.min(SIZE)),
            Set("limits.connections_per_client", CONNECTIONS),
            Set("limits.messages_per_login_per_hour", MESSAGES),
            Where(
                &[("lab.users", Says::Fewer(2))],
                &[Add("lab.users", SECOND_USER)],
            ),
        ],
    },
    // The middle setting where there are three, and freedom where relay.yaml is strict.
    Variant {
        name: "ask",
        changes: &[
            Set("tls.client_certificates", "ask"),
            By(keep_logins_off_port_25),
            Where(
                &[("auth.listeners", Says::Lacks("smtp"))],
                &[Set("privacy.received", "hide")],
            ),
            Set("relay.sender_login", "any"),
            Set("tls.outbound.level", "may"),
            Set("outbound.credentials", "null"),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.next_hop", SEVERAL),
                    Set("tls.outbound.policies", POLICIES),
                ],
            ),
            By(|spec| {
                let servers = &mut spec.auth.ldap.servers;
                if let [only] = servers.as_slice() {
                    servers.push(only.clone());
                }
            }),
        ],
    },
    // Mail as it came.
    Variant {
        name: "keep",
        changes: &[
            Set("privacy.received", "keep"),
            Set("privacy.add_missing_headers", "false"),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.credentials", "null"),
                    Set("outbound.next_hop", "'[submissions.relaykit.test]:465'"),
                ],
            ),
            // Who may log in is more than a name.
            By(|spec| {
                if spec.auth.users.is_none() && spec.auth.ldap.filter == "(uid=%u)" {
                    FILTER.clone_into(&mut spec.auth.ldap.filter);
                }
            }),
        ],
    },
    // No directory. A lab has people of its own in the place of the file.
    Variant {
        name: "users",
        changes: &[
            Set("auth.pam.users_file", "users/accounts"),
            Set("relay.sender_login", "own"),
        ],
    },
];

/// What Postfix cannot do on port 25, where mail comes without a login too, is no
/// relay's (`config::combine`). Takes logins off it, unless no login would be left.
fn keep_logins_off_port_25(spec: &mut Spec) {
    let logins = &mut spec.auth.listeners;
    if logins.iter().any(|listener| *listener != Listener::Smtp) {
        logins.remove(&Listener::Smtp);
    }
}

/// Each of the two has its own login, whatever relay.yaml has.
fn log_in_at_the_first_and_the_last(spec: &mut Spec) {
    let next_hops = &spec.outbound.next_hops;
    let both = next_hops.first().into_iter().chain(next_hops.last());
    let login = |hop: &NextHop| Credentials {
        next_hop: Some(hop.clone()),
        ..next_hop_login()
    };
    spec.outbound.logins = both.map(login).collect();
}

/// One lab serves this many checks that disturb, which run one after the other;
/// where there are more, it gets a twin.
const DISTURBING_AT_MOST: usize = 4;

/// The labs that `checks` need to be run with `spec`. A check that no variant
/// suits asks for none. Disturbing checks get labs of their own.
#[must_use]
pub fn laboratories(spec: &Spec, checks: &[&'static Check]) -> Vec<Laboratory> {
    let offered = Offered::to(spec);
    let mut labs: Vec<Laboratory> = Vec::new();
    for lab in checks.iter().filter_map(|check| offered.laboratory(check)) {
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

/// The images of all labs that `checks` need to be run with `spec`, each once. A
/// sabotage of theirs is planted in no lab that has another.
#[must_use]
pub fn images(spec: &Spec, checks: &[&'static Check]) -> Vec<Image> {
    let labs = laboratories(spec, checks).into_iter();
    let images = labs.flat_map(|lab| {
        let resolved = Resolved::new(lab.spec, Purpose::Proof);
        Plan::new(resolved, lab.name).images()
    });
    images.collect::<BTreeSet<_>>().into_iter().collect()
}

/// No lab that a check can be run in has room for a sabotage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuitable {
    /// What the relay of relay.yaml lacks for it, to go after `needs`.
    pub lacks: String,
}

/// What labs there can be with a relay.yaml.
pub struct Offered {
    candidates: Vec<Candidate>,
}

/// The relay of a lab that there can be.
struct Candidate {
    name: &'static str,
    spec: Spec,
    /// The keys below `postfix` in relay.yaml for which it cannot be had.
    hindrances: Vec<String>,
}

impl Offered {
    /// With a relay.yaml of `spec`.
    #[must_use]
    pub fn to(spec: &Spec) -> Self {
        let candidates = candidates(spec)
            .into_iter()
            .map(|(name, candidate)| Candidate {
                name,
                hindrances: hindrances(spec, name, &candidate),
                spec: candidate,
            });
        Self {
            candidates: candidates.collect(),
        }
    }

    /// The lab that `check` is run in, the first that has the settings it needs.
    #[must_use]
    pub fn laboratory(&self, check: &Check) -> Option<Laboratory> {
        let first = self.suitable(check).next();
        first.map(|candidate| candidate.laboratory(check))
    }

    /// The lab that `sabotage` of `check` is planted in: the first in which the check
    /// can be run and the sabotage is a fault. `None`: the check is run nowhere.
    ///
    /// # Errors
    /// [`Unsuitable`].
    pub fn to_plant(
        &self,
        check: &Check,
        sabotage: &Sabotage,
    ) -> Result<Option<Laboratory>, Unsuitable> {
        let mut lacks = None;
        for candidate in self.suitable(check) {
            let Some(missing) = sabotage.misplaced(&candidate.spec) else {
                return Ok(Some(candidate.laboratory(check)));
            };
            lacks.get_or_insert(missing);
        }
        lacks.map_or(Ok(None), |lacks| Err(Unsuitable { lacks }))
    }

    /// The keys below `postfix` in relay.yaml for which there is no lab that `check` can be
    /// run in, where that is why.
    pub(super) fn hindered(&self, check: &Check) -> Option<String> {
        let keys = &self.asked_for(check).next()?.hindrances;
        (!keys.is_empty()).then(|| keys.join(" and "))
    }

    /// The candidates that have the settings that `check` needs, and that can be had.
    fn suitable(&self, check: &Check) -> impl Iterator<Item = &Candidate> {
        let candidates = self.asked_for(check);
        candidates.filter(|candidate| candidate.hindrances.is_empty())
    }

    /// The candidates that have the settings that `check` needs.
    fn asked_for(&self, check: &Check) -> impl Iterator<Item = &Candidate> {
        let needs = check.needs;
        let suits = move |spec: &Spec| needs.iter().all(|need| need.is_promised(spec));
        self.candidates.iter().filter(move |c| suits(&c.spec))
    }
}

impl Candidate {
    fn laboratory(&self, check: &Check) -> Laboratory {
        Laboratory {
            name: self.name,
            spec: self.spec.clone(),
            disposable: check.exclusive,
            checks: 1,
        }
    }
}

/// The keys below `postfix` that a candidate cannot be had with. What relay.yaml itself
/// describes can be had, whatever it is.
fn hindrances(spec: &Spec, name: &str, candidate: &Spec) -> Vec<String> {
    if [AS_CONFIGURED, LIMITED].contains(&name) {
        return Vec::new();
    }
    settled(spec, candidate)
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
    let variants = VARIANTS.iter().filter_map(|variant| {
        let mut spec = roomy.clone();
        let applied = variant.changes.iter().try_for_each(|c| c.apply(&mut spec));
        // What relay.yaml says can rule a variant out: it is then not offered.
        applied.ok().map(|()| (variant.name, spec))
    });
    let configured = (AS_CONFIGURED, roomy.clone());
    std::iter::once(configured)
        .chain(limited)
        .chain(variants)
        .collect()
}

#[cfg(test)]
mod tests;
