//! Who is in a lab's directory: its people, as `auth.ldap.filter` wants them, and for each
//! term of it somebody who misses just that.

use super::entry::Entry;
use super::making::{Impossible, Maker, Person};
use super::schema::base;
use crate::config::User;
use crate::config::filter::{Filter, Login, Test, Token};

/// Somebody whom a term of the filter keeps out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearly {
    /// Their login. Their password is that of the first of the lab's people.
    pub name: String,
    /// The term that they miss.
    pub term: String,
    pub(super) entry: Entry,
}

/// Who is in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Population {
    /// An entry for each of the lab's people, in their order.
    pub(super) people: Vec<Entry>,
    pub(super) nearly: Vec<Nearly>,
}

impl Population {
    /// The people of a lab whose addresses are `addresses`, in the same order.
    ///
    /// # Errors
    /// The term that nobody can fulfil, or who cannot be told from another.
    pub(super) fn of(
        maker: &Maker<'_>,
        people: &[User],
        addresses: &[Vec<String>],
        domain: &str,
    ) -> Result<Self, Impossible> {
        let all = people.iter().zip(addresses).enumerate();
        let persons = all.map(|(number, (user, addresses))| Person {
            name: user.name.clone(),
            addresses: addresses.clone(),
            number,
        });
        let persons: Vec<Person> = persons.collect();
        let entries = persons.iter().map(|person| maker.fitting(person));
        let entries = entries.collect::<Result<Vec<Entry>, Impossible>>()?;
        let mut nearly: Vec<Nearly> = Vec::new();
        // Two terms may be missed by the same entry. It is looked at under one name.
        let name = login_for(maker.filter, "nearly-0", domain);
        let probe = Person {
            addresses: vec![with_domain(&name, domain)],
            name,
            number: 0,
        };
        let mut patterns: Vec<Entry> = Vec::new();
        for term in maker.terms() {
            let taken = |name: &str| persons.iter().any(|p| p.name.eq_ignore_ascii_case(name));
            let number = nearly.len() + 1;
            // One number more than there are persons is free.
            let name = (number..=number + persons.len() + nearly.len())
                .map(|number| login_for(maker.filter, &format!("nearly-{number}"), domain))
                .find(|name| !taken(name))
                .unwrap_or_default();
            let person = Person {
                addresses: vec![with_domain(&name, domain)],
                name,
                number: persons.len() + number,
            };
            let Some(pattern) = maker.missing(term, &probe) else {
                continue;
            };
            if patterns.contains(&pattern) {
                continue;
            }
            let entry = maker.missing(term, &person);
            nearly.extend(entry.map(|entry| Nearly {
                term: shown(maker.filter, term),
                name: person.name,
                entry,
            }));
            patterns.push(pattern);
        }
        let population = Self {
            people: entries,
            nearly,
        };
        population.are_told_apart(maker, &persons)?;
        Ok(population)
    }

    /// A login that finds several entries is refused.
    fn are_told_apart(&self, maker: &Maker<'_>, persons: &[Person]) -> Result<(), Impossible> {
        let entries = || {
            let nearly = self.nearly.iter().map(|nearly| &nearly.entry);
            self.people.iter().chain(nearly)
        };
        for person in persons {
            let login = Login::new(&person.name);
            let passes =
                |entry: &&Entry| entry.passes(maker.filter, &login, maker.schema) == Some(true);
            let found = entries().filter(passes).count();
            if found != 1 {
                return Err(Impossible {
                    term: maker.filter.to_string(),
                    why: format!(
                        "{} is {found} of the people of the lab, and a login has to be one; give \
                         lab.users names that the filter tells apart",
                        person.name
                    ),
                });
            }
        }
        Ok(())
    }
}

/// A term as it stands in the filter: with its `!`, where it has one.
fn shown(filter: &Filter, term: &Test) -> String {
    let tests = filter.tests();
    let denied = tests.iter().find(|(test, _)| *test == term);
    match denied {
        Some((_, false)) => format!("(!{term})"),
        _ => term.to_string(),
    }
}

/// A name as it is typed where the filter compares logins with addresses alone, or with
/// what is behind the `@`: then with the domain of the search base.
pub(super) fn login_for(filter: &Filter, name: &str, domain: &str) -> String {
    if name.contains('@') || !wants_domain(filter) {
        return name.to_owned();
    }
    with_domain(name, domain)
}

pub(super) fn with_domain(name: &str, domain: &str) -> String {
    if name.contains('@') {
        name.to_owned()
    } else {
        format!("{name}@{domain}")
    }
}

/// Whether only a login with an `@` can pass.
fn wants_domain(filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().any(wants_domain),
        Filter::Or(all) => {
            let mut logins = all
                .iter()
                .filter(|one| one.tests().iter().any(|(t, _)| t.has_login()));
            let first = logins.next().is_some_and(wants_domain);
            first && logins.all(wants_domain)
        }
        Filter::Not(_) => false,
        Filter::Test(test) => {
            let tokens: Vec<Token> = test.texts().iter().flat_map(|text| text.tokens()).collect();
            let address = is_address(base(&test.attribute)) && tokens.contains(&Token::Typed);
            address || tokens.iter().any(|token| token.needs_domain())
        }
    }
}

/// Whether an attribute holds names with an `@`.
fn is_address(attribute: &str) -> bool {
    let name = attribute.to_ascii_lowercase();
    ["mail", "address", "principal"]
        .iter()
        .any(|part| name.contains(part))
        && !["nick", "host", "enabled"]
            .iter()
            .any(|part| name.contains(part))
}
