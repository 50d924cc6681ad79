//! Where the lab's directory keeps what.

use super::dn::{self, Rdn};
use crate::config::Ldap;

/// Where things are in the directory.
pub(super) struct Tree {
    /// What the database holds; may be empty, which holds everything.
    pub(super) suffix: Vec<Rdn>,
    /// Where the people are.
    pub(super) people: Vec<Rdn>,
}

impl Tree {
    /// The suffix is the domain at the end of the search base; where an account
    /// searches, it has to lie below the suffix too.
    pub(super) fn of(ldap: &Ldap) -> Self {
        let people = dn::parse(&ldap.search_base);
        let domain = people
            .iter()
            .rev()
            .take_while(|part| part.attribute.eq_ignore_ascii_case("dc"))
            .count()
            .max(1)
            .min(people.len());
        let mut suffix = people[people.len() - domain..].to_vec();
        if let Some(bind) = &ldap.bind {
            suffix = dn::common_end(&suffix, &dn::parse(&bind.dn));
        }
        Self { suffix, people }
    }

    /// The dotted name of the domain at the end of the search base.
    pub(super) fn domain(&self) -> String {
        let labels: Vec<&str> = self
            .people
            .iter()
            .filter(|part| part.attribute.eq_ignore_ascii_case("dc"))
            .map(|part| part.value.as_str())
            .collect();
        if labels.is_empty() {
            "relaykit.test".to_owned()
        } else {
            labels.join(".")
        }
    }
}
