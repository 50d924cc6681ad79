//! Entries for a filter: one that passes for each person, and for each of its terms one
//! that misses just that. A filter is taken apart into ways in which it can be passed;
//! an entry is made for one after the other, and slapd's own judgement of it decides.

use super::dn::Rdn;
use super::draft::Draft;
use super::entry::{Entry, assertion};
use super::schema::{Kind, Schema, base};
use super::ways::{Demand, join, ways};
use crate::config::filter::{Filter, Login, Test};

/// Somebody of whom an entry is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// What they type to log in, and what their entry is named by.
    pub(super) name: String,
    /// Their mail addresses.
    pub(super) addresses: Vec<String>,
    /// Which of all they are, from 0: for numbers that nobody else has.
    pub(super) number: usize,
}

/// Why there can be no entry that passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Impossible {
    /// The term that cannot be fulfilled.
    pub(super) term: String,
    /// Why, in words that go on after it.
    pub(super) why: String,
}

/// Makes entries of one lab for one filter.
pub(super) struct Maker<'a> {
    pub(super) filter: &'a Filter,
    pub(super) schema: &'a Schema,
    /// Below what the people are.
    pub(super) base: &'a [Rdn],
}

impl Maker<'_> {
    /// An entry that passes for its own name.
    ///
    /// # Errors
    /// Why none of the ways through the filter can be gone: of the first one.
    pub(super) fn fitting(&self, person: &Person) -> Result<Entry, Impossible> {
        let mut first = None;
        for way in ways(self.filter, true, None) {
            match self.entry(&way, person) {
                Ok(entry) if self.passes(&entry, person) == Some(true) => return Ok(entry),
                Ok(_) => {}
                Err(why) => drop(first.get_or_insert(why)),
            }
        }
        Err(first.unwrap_or_else(|| Impossible {
            term: self.filter.to_string(),
            why: "its terms contradict one another".to_owned(),
        }))
    }

    /// The terms that say who may log in: those which do not depend on the login.
    pub(super) fn terms(&self) -> Vec<&Test> {
        let mut terms: Vec<&Test> = Vec::new();
        for (test, _) in self.filter.tests() {
            if !test.has_login() && !terms.contains(&test) {
                terms.push(test);
            }
        }
        terms
    }

    /// An entry that does not pass, and would if this term were the opposite. `None`:
    /// there can be none, for example where everybody fulfils the term.
    pub(super) fn missing(&self, term: &Test, person: &Person) -> Option<Entry> {
        let misses = ways(self.filter, false, None);
        for mut way in ways(self.filter, true, Some(term)) {
            for miss in &misses {
                let length = way.len();
                if join(&mut way, miss)
                    && let Ok(entry) = self.entry(&way, person)
                    && self.passes(&entry, person) == Some(false)
                {
                    return Some(entry);
                }
                way.truncate(length);
            }
        }
        None
    }

    fn passes(&self, entry: &Entry, person: &Person) -> Option<bool> {
        entry.passes(self.filter, &Login::new(&person.name), self.schema)
    }

    /// An entry that is as a way demands.
    fn entry(&self, way: &[Demand<'_>], person: &Person) -> Result<Entry, Impossible> {
        let login = Login::new(&person.name);
        let entry = Draft::entry(self, way, &login, person)?;
        let broken = way.iter().find(|demand| {
            entry.passes_test(demand.test, &login, self.schema) != Some(demand.holds)
        });
        match broken {
            None => Ok(entry),
            Some(demand) => Err(self.impossible(*demand, &login)),
        }
    }

    /// Why a demand was not met.
    pub(super) fn impossible(&self, demand: Demand<'_>, login: &Login) -> Impossible {
        let test = demand.test;
        let why = match self.schema.attribute(base(&test.attribute)) {
            _ if test.attribute.is_empty() => {
                "it names a rule and no attribute, so that nobody knows which one is meant"
            }
            None => "the lab's OpenLDAP does not know the attribute",
            Some(attribute) if attribute.kind == Kind::Kept => {
                "the lab's OpenLDAP keeps this attribute itself and lets nobody write it"
            }
            Some(attribute) if assertion(test, attribute, login).is_none() => {
                "the lab's OpenLDAP cannot compare the attribute like this"
            }
            Some(_) => "another term asks for the opposite",
        };
        let term = if demand.holds {
            test.to_string()
        } else {
            format!("(!{test})")
        };
        Impossible {
            term,
            why: why.to_owned(),
        }
    }
}
