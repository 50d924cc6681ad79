//! Which sabotages are to be planted, in which labs, and who claims to see them.

use crate::checks::{Change, Check, laboratory};
use crate::config::Spec;

/// A sabotage in one lab.
pub(super) struct Plant {
    /// The sabotage's name.
    pub(super) name: &'static str,
    /// What it changes.
    pub(super) changes: &'static [Change],
    /// The lab that its checks need: its name and what its relay is to be.
    pub(super) laboratory: &'static str,
    pub(super) spec: Spec,
    /// The checks that claim to see it.
    pub(super) claims: Vec<Claim>,
}

/// A check and the words in which it says that it has seen a sabotage.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) check: &'static Check,
    pub(super) sees: &'static str,
}

/// The sabotages of `checks` against `spec`, each once for each lab that its
/// checks need, lab by lab, so that one lab need not become another too often.
pub(super) fn plants(spec: &Spec, checks: &[&'static Check]) -> Vec<Plant> {
    let mut plants: Vec<Plant> = Vec::new();
    for check in checks {
        let Some(lab) = laboratory(spec, check) else {
            continue;
        };
        for sabotage in check.sabotages {
            let claim = Claim {
                check,
                sees: sabotage.sees,
            };
            let same = |p: &&mut Plant| p.name == sabotage.name && p.laboratory == lab.name;
            match plants.iter_mut().find(same) {
                Some(plant) => plant.claims.push(claim),
                None => plants.push(Plant {
                    name: sabotage.name,
                    changes: sabotage.changes,
                    laboratory: lab.name,
                    spec: lab.spec.clone(),
                    claims: vec![claim],
                }),
            }
        }
    }
    plants.sort_by_key(|plant| plant.laboratory);
    plants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;
    use crate::config;

    #[test]
    fn checks_share_what_has_the_same_name() {
        let all: Vec<_> = checks::all().collect();
        let plants = plants(&config::built_in(), &all);
        let claims: usize = plants.iter().map(|p| p.claims.len()).sum();
        let sabotages: usize = all.iter().map(|c| c.sabotages.len()).sum();
        assert_eq!(claims, sabotages, "every sabotage is planted for its check");
        for (index, plant) in plants.iter().enumerate() {
            let twice = plants[..index]
                .iter()
                .any(|p| p.name == plant.name && p.laboratory == plant.laboratory);
            assert!(!twice, "{} is planted twice in a lab", plant.name);
        }
    }
}
