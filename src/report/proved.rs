//! What sabotages showed of the checks, and which were left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{CheckRecord, RunReport};

/// A sabotage that a check claims to see, and whether it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// What was sabotaged.
    pub name: &'static str,
    /// The lab that it was planted in: `as configured`, or a variant.
    pub laboratory: &'static str,
    /// Whether the check failed, and with its own words.
    pub detected: bool,
    /// What the check said under it.
    pub observed: String,
}

/// A check that failed under a sabotage without claiming to see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unclaimed {
    /// What was sabotaged.
    pub sabotage: &'static str,
    /// The check's id.
    pub check: &'static str,
    /// What it observed.
    pub observed: String,
}

/// A sabotage that was not planted for a check: the relay of this relay.yaml
/// cannot have that fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplanted {
    /// What was not sabotaged.
    pub sabotage: &'static str,
    /// The id of the check that would have had to see it.
    pub check: &'static str,
    /// What it needs and the relay has not.
    pub why: String,
}

/// How many sabotages were planted, each counted once for each lab that its checks need,
/// and seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Planted.
    pub planted: usize,
    /// Of these: seen by every check that claims to see them.
    pub detected: usize,
    /// Planted for no check, since the relay cannot have them.
    pub not_planted: usize,
}

impl RunReport {
    /// The sabotages that a check claims to see and did not: its id, and what it
    /// said instead.
    pub fn undetected(&self) -> impl Iterator<Item = (&'static str, &Planted)> {
        let planted = self
            .checks
            .iter()
            .flat_map(|check| check.sabotages.iter().map(|planted| (check.id, planted)));
        planted.filter(|(_, planted)| !planted.detected)
    }

    /// The checks that passed and that no sabotage could be planted for.
    #[must_use]
    pub fn unproved(&self) -> Vec<&'static str> {
        let ids: BTreeSet<_> = self
            .unplanted
            .iter()
            .map(|unplanted| unplanted.check)
            .collect();
        let unproved = |check: &&CheckRecord| ids.contains(check.id) && check.sabotages.is_empty();
        let checks = self.checks.iter().filter(unproved);
        checks.map(|check| check.id).collect()
    }

    /// Each sabotage in each lab that it was planted in, with the checks that claim to see
    /// it there.
    #[must_use]
    pub fn plantings(
        &self,
    ) -> BTreeMap<(&'static str, &'static str), Vec<(&'static str, &Planted)>> {
        let mut plantings: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for check in &self.checks {
            for planted in &check.sabotages {
                let place = (planted.name, planted.laboratory);
                plantings
                    .entry(place)
                    .or_default()
                    .push((check.id, planted));
            }
        }
        plantings
    }

    /// What came of the sabotages; `None` without `--prove`.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        let plantings = self.plantings();
        let names: BTreeSet<_> = plantings.keys().map(|(name, _)| *name).collect();
        let unplanted = self.unplanted.iter().map(|unplanted| unplanted.sabotage);
        let left_out: BTreeSet<_> = unplanted.filter(|name| !names.contains(name)).collect();
        let seen = |claims: &&Vec<(_, &Planted)>| claims.iter().all(|(_, p)| p.detected);
        (!plantings.is_empty() || !left_out.is_empty()).then(|| Proof {
            not_planted: left_out.len(),
            planted: plantings.len(),
            detected: plantings.values().filter(seen).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{record, report};
    use super::super::{Outcome, exit};
    use super::*;

    #[test]
    fn an_unseen_sabotage_fails_the_run_and_counts_once() {
        let planted = |name, detected| Planted {
            name,
            laboratory: "as configured",
            detected,
            observed: String::new(),
        };
        let mut one = record("a.b", Outcome::Pass);
        one.sabotages = vec![planted("x", true), planted("y", true)];
        let mut two = record("a.c", Outcome::Pass);
        two.sabotages = vec![planted("x", false)];
        let run = report(vec![one.clone()]);
        assert_eq!(
            run.proof(),
            Some(Proof {
                planted: 2,
                detected: 2,
                not_planted: 0
            })
        );
        assert_eq!(run.exit_code(), exit::DONE);
        let run = report(vec![one, two]);
        assert_eq!(
            run.proof(),
            Some(Proof {
                planted: 2,
                detected: 1,
                not_planted: 0
            })
        );
        assert_eq!(run.exit_code(), exit::FAILED);
        assert_eq!(report(vec![]).proof(), None);
    }

    #[test]
    fn a_sabotage_counts_once_for_each_lab() {
        let planted = |laboratory| Planted {
            name: "x",
            laboratory,
            detected: true,
            observed: String::new(),
        };
        let mut one = record("a.b", Outcome::Pass);
        one.sabotages = vec![planted("mixed")];
        let mut two = record("a.c", Outcome::Pass);
        two.sabotages = vec![planted("strict")];
        assert_eq!(report(vec![one, two]).proof().map(|p| p.planted), Some(2));
    }

    #[test]
    fn what_was_left_out_is_counted_beside() {
        let unplanted = |sabotage, check| Unplanted {
            sabotage,
            check,
            why: "needs the listener smtp".into(),
        };
        let mut one = record("a.b", Outcome::Pass);
        one.sabotages = vec![Planted {
            name: "x",
            laboratory: "as configured",
            detected: true,
            observed: String::new(),
        }];
        let mut run = report(vec![one, record("a.c", Outcome::Pass)]);
        run.unplanted = vec![
            unplanted("x", "a.c"),
            unplanted("y", "a.b"),
            unplanted("y", "a.c"),
        ];
        let proof = Proof {
            planted: 1,
            detected: 1,
            not_planted: 1,
        };
        assert_eq!(run.proof(), Some(proof));
        assert_eq!(run.unproved(), ["a.c"]);
        run.checks.remove(0);
        let proof = Proof {
            planted: 0,
            detected: 0,
            not_planted: 2,
        };
        assert_eq!(run.proof(), Some(proof), "a proof of nothing is told");
    }
}
