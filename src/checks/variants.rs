//! The labs that a run needs: the one that relay.yaml describes and, for checks
//! that need a setting it does not have, variants of it with that setting.

use std::collections::BTreeSet;

use super::check::{Check, Sabotage};
use crate::config::Spec;
use crate::counterparts::{Purpose, Resolved};
use crate::plan::{Image, Plan};
use crate::render::settled;
use table::VARIANTS;

mod table;

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
    // In the order in which they are offered: a check goes to the first that has what it
    // needs, and not to a variant without need.
    let offered = |name| offered.candidates.iter().position(|c| c.name == name);
    labs.sort_by_key(|lab| offered(lab.name));
    labs
}

/// The labs whose relay is the one that relay.yaml describes: with room for all checks, and
/// with its own limits where that is another.
#[must_use]
pub fn own(spec: &Spec) -> Vec<(&'static str, Spec)> {
    let all = candidates(spec).into_iter();
    all.filter(|(name, _)| [AS_CONFIGURED, LIMITED].contains(name))
        .collect()
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
        // What relay.yaml says can rule a variant out: it is then not offered.
        Some((variant.name, variant.of(&roomy).ok()?))
    });
    let configured = (AS_CONFIGURED, roomy.clone());
    std::iter::once(configured)
        .chain(limited)
        .chain(variants)
        .collect()
}

#[cfg(test)]
mod tests;
