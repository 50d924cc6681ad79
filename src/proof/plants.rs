//! Which sabotages are to be planted, in which labs, and who claims to see them.

use crate::checks::{Change, Check, Offered};
use crate::config::Spec;
use crate::report::Unplanted;

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

/// Plants of a kind can follow each other cheaply; kinds are ordered by what they
/// cost, so that the longest do not come last.
pub(super) type Kind = (Cost, &'static str);

/// What a plant asks of the container of its relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// It cannot be used after it.
    Spoilt,
    /// It is made anew for it.
    Anew,
    /// Other files in it are enough.
    Files,
}

impl Plant {
    /// Whether something of it may be left in the relay's container: a program was
    /// run there, or a check disturbed it.
    pub(super) fn leaves_traces(&self) -> bool {
        let runs = |change: &Change| matches!(change, Change::Script(..));
        let disturbs = |claim: &Claim| claim.check.exclusive;
        self.changes.iter().any(runs) || self.claims.iter().any(disturbs)
    }

    /// Whether its relay must be in a container that nobody has used.
    pub(super) fn needs_new_container(&self) -> bool {
        let reads = |claim: &Claim| claim.check.reads_old_lines;
        self.leaves_traces() || self.claims.iter().any(reads)
    }

    /// What it can be planted after, and when.
    pub(super) fn kind(&self) -> Kind {
        let cost = if self.leaves_traces() {
            Cost::Spoilt
        } else if self.needs_new_container() {
            Cost::Anew
        } else {
            Cost::Files
        };
        (cost, self.laboratory)
    }
}

/// A check and the words in which it says that it has seen a sabotage.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) check: &'static Check,
    pub(super) sees: &'static str,
}

/// The sabotages of `checks` against `spec`, each once for each lab that its
/// checks need, those of a kind one after the other.
pub(super) fn plants(spec: &Spec, checks: &[&'static Check]) -> Vec<Plant> {
    let offered = Offered::to(spec);
    let mut plants: Vec<Plant> = Vec::new();
    for check in checks {
        for sabotage in check.sabotages {
            let Ok(Some(lab)) = offered.to_plant(check, sabotage) else {
                continue;
            };
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
    plants.sort_by_key(Plant::kind);
    plants
}

/// The sabotages of `checks` that no relay of `spec`, as configured or in a variant,
/// can have.
pub(super) fn left_out(spec: &Spec, checks: &[&'static Check]) -> Vec<Unplanted> {
    let offered = Offered::to(spec);
    let all = checks.iter().flat_map(|check| {
        let sabotages = check.sabotages.iter();
        sabotages.map(move |sabotage| (check, sabotage))
    });
    all.filter_map(|(check, sabotage)| {
        let lacks = offered.to_plant(check, sabotage).err()?.lacks;
        Some(Unplanted {
            sabotage: sabotage.name,
            check: check.id,
            why: format!("needs {lacks}"),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::super::apply::sabotaged;
    use super::*;
    use crate::checks;
    use crate::config;

    /// What operators write, each key that makes another relay at least once.
    const WRITTEN: [&str; 18] = [
        "",
        "privacy: {received: hide}",
        "privacy: {received: hide, strip_headers: [X-Mailer]}",
        "privacy: {received: keep}",
        "privacy: {received: keep, show_login: false}",
        "privacy: {show_login: false, strip_headers: [X-Mailer]}",
        "relay: {sender_login: own, domains: [a.example], trusted_networks: [192.0.2.0/24]}",
        "tls: {client_certificates: ask}",
        "tls: {client_certificates: require, minimum: TLSv1.3, outbound: {level: secure}}",
        "listeners: {smtp: null}",
        "listeners: {submission: null}\nauth: {listeners: [submissions]}",
        "listeners: {submissions: null}\nauth: {listeners: [submission]}",
        "listeners: {submission: null, submissions: null}\nauth: {listeners: [smtp]}",
        "listeners: {submission: null, submissions: null}\nauth: {listeners: []}\n\
         relay: {domains: [a.example]}",
        "auth: {listeners: [smtp, submission, submissions], outlook_compatible: false}",
        "auth: {mechanisms: [plain], ldap: {filter: (&(uid=%u)(objectClass=person))}}",
        "auth: {mechanisms: [login]}",
        "auth: {mechanisms: [login, plain]}\nlimits: {messages_per_login_per_hour: 100}\n\
         lab: {users: [{name: carol, password: secret}, {name: dave, password: secret}]}",
    ];

    fn written(text: &str) -> Spec {
        let text = format!("version: 1\n{text}");
        config::load(&text, "relay.yaml", Path::new("/")).unwrap()
    }

    #[test]
    fn checks_share_what_has_the_same_name() {
        let all: Vec<_> = checks::all().collect();
        let plants = plants(&config::built_in(), &all);
        let claims: usize = plants.iter().map(|p| p.claims.len()).sum();
        let sabotages: usize = all.iter().map(|c| c.sabotages.len()).sum();
        assert_eq!(claims, sabotages, "every sabotage is planted for its check");
        assert_eq!(left_out(&config::built_in(), &all), []);
        for (index, plant) in plants.iter().enumerate() {
            let twice = plants[..index]
                .iter()
                .any(|p| p.name == plant.name && p.laboratory == plant.laboratory);
            assert!(!twice, "{} is planted twice in a lab", plant.name);
        }
    }

    #[test]
    fn what_is_to_be_planted_can_be_whatever_relay_yaml_says() {
        let all: Vec<_> = checks::all().collect();
        let mut impossible = Vec::new();
        for text in WRITTEN {
            for plant in plants(&written(text), &all) {
                if let Err(why) = sabotaged(&plant, "t", &[]) {
                    let ids: Vec<_> = plant.claims.iter().map(|c| c.check.id).collect();
                    impossible.push(format!("{text}: {}: {why}: {ids:?}", plant.name));
                }
            }
        }
        assert!(impossible.is_empty(), "{}", impossible.join("\n"));
    }

    #[test]
    fn no_claim_vanishes() {
        let all: Vec<_> = checks::all().collect();
        for text in WRITTEN {
            let spec = written(text);
            let mut told = BTreeSet::new();
            for plant in plants(&spec, &all) {
                told.extend(plant.claims.iter().map(|c| (plant.name, c.check.id)));
            }
            for unplanted in left_out(&spec, &all) {
                assert!(unplanted.why.len() > "needs ".len(), "{unplanted:?}");
                let new = told.insert((unplanted.sabotage, unplanted.check));
                assert!(new, "{text}: {unplanted:?} is planted, too");
            }
            let offered = Offered::to(&spec);
            let run = all.iter().filter(|c| offered.laboratory(c).is_some());
            let claims = run.flat_map(|c| c.sabotages.iter().map(|s| (s.name, c.id)));
            assert_eq!(told, claims.collect(), "{text}");
        }
    }

    #[test]
    fn what_another_relay_yaml_decides_is_left_out() {
        let all: Vec<_> = checks::all().collect();
        let names = |text| {
            let out = left_out(&written(text), &all);
            let names: BTreeSet<_> = out.iter().map(|unplanted| unplanted.sabotage).collect();
            names.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(
            names("privacy: {received: hide}"),
            [
                "every login is named alike",
                "headers are rewritten at departure alone",
                "headers of mail by login may be long",
                "no header checks",
                "no header checks on the mixed port",
                "port 25 is taken for a login port",
                "the rules of the mixed port know plain recipients alone",
            ]
        );
        // What is wrong on one of two ports is wrong, but for what is planted on one alone.
        let alone = "listeners: {submissions: null}\nauth: {listeners: [submission]}";
        assert_eq!(
            names(alone),
            [
                "a header tells the client's greeting",
                "a literal address as a greeting passes under TLS",
                "one recipient is refused after one greeting",
                "submission trusts networks, too",
                "whoever goes by one name is trusted",
            ]
        );
    }

    #[test]
    fn the_longest_come_first_and_kinds_stay_together() {
        let all: Vec<_> = checks::all().collect();
        let plants = plants(&config::built_in(), &all);
        let kinds: Vec<Kind> = plants.iter().map(Plant::kind).collect();
        assert!(kinds.is_sorted());
        let of = |name: &str| plants.iter().find(|p| p.name == name).unwrap().kind().0;
        assert_eq!(
            of("everybody's password is right"),
            Cost::Spoilt,
            "a program"
        );
        assert_eq!(of("a stop that kills"), Cost::Spoilt, "an exclusive check");
        assert_eq!(of("a session log for every client"), Cost::Anew);
        assert_eq!(of("TLS is off"), Cost::Files);
    }
}
