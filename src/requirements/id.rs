//! What a requirement is called: `RFC 5321 4.4 (2)`.

use std::collections::BTreeMap;

use super::{Requirement, SOURCES, Source};

/// A requirement with the name that people and reports call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Source, section and number within the section, from 1: `RFC 5321 4.4 (2)`.
    pub id: String,
    /// The source's name: `RFC 5321`.
    pub source: &'static str,
    /// What is asked for, and what becomes of it.
    pub requirement: &'static Requirement,
}

/// What `source` asks for, in its own order. A new row goes behind those of its section,
/// so that the others keep their numbers.
#[must_use]
pub fn named(source: &'static Source) -> Vec<Named> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let rows = source.requirements().map(|requirement| {
        let number = numbers.entry(requirement.section).or_insert(0);
        *number += 1;
        Named {
            id: format!("{} {} ({number})", source.name, requirement.section),
            source: source.name,
            requirement,
        }
    });
    rows.collect()
}

/// All requirements of all sources.
#[must_use]
pub fn all() -> Vec<Named> {
    SOURCES.iter().flat_map(named).collect()
}

/// The requirement of this name, with or without capitals; the number of the only one of its
/// section may be left out.
#[must_use]
pub fn find(id: &str) -> Option<Named> {
    let all = all();
    let is = |named: &&Named| named.id.eq_ignore_ascii_case(id);
    if let Some(named) = all.iter().find(is) {
        return Some(named.clone());
    }
    let section = |named: &&Named| {
        let name = format!("{} {}", named.source, named.requirement.section);
        name.eq_ignore_ascii_case(id)
    };
    let mut of_section = all.iter().filter(section);
    let only = of_section.next()?;
    of_section.next().is_none().then(|| only.clone())
}

/// The requirements that this check holds, or a part of them.
#[must_use]
pub fn of_check(id: &str) -> Vec<Named> {
    let holds = |named: &Named| named.requirement.answer.checks().contains(&id);
    all().into_iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Answer;
    use super::*;

    #[test]
    fn every_requirement_has_a_name_of_its_own() {
        let names: BTreeSet<String> = all().into_iter().map(|named| named.id).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.contains("RFC 5321 4.4 (2)"));
    }

    #[test]
    fn a_requirement_is_found_by_its_name() {
        let id = |name| find(name).map(|named| named.id);
        assert_eq!(id("rfc 5321 4.4 (2)").as_deref(), Some("RFC 5321 4.4 (2)"));
        assert_eq!(id("BSI TR-03108 05-M"), None);
        assert_eq!(id("RFC 5321 8").as_deref(), Some("RFC 5321 8 (1)"));
        assert_eq!(id("RFC 5321 99"), None);
    }

    /// The rows of a section stand together, or their numbers would tell another order.
    #[test]
    fn sections_come_in_one_piece() {
        for source in SOURCES {
            let mut done: Vec<&str> = Vec::new();
            for row in source.requirements() {
                let last = done.last() == Some(&row.section);
                let again = done.contains(&row.section) && !last;
                assert!(!again, "{} {} comes twice", source.name, row.section);
                if !last {
                    done.push(row.section);
                }
            }
        }
    }

    /// A requirement has checks, or words for why it has none.
    #[test]
    fn every_requirement_has_an_answer() {
        for Named {
            id, requirement, ..
        } in all()
        {
            let whole = requirement.asks.ends_with('.');
            assert!(whole, "{id} does not ask in a whole sentence");
            match requirement.answer {
                Answer::Held(checks) => assert!(!checks.is_empty(), "{id} is held by nothing"),
                Answer::Partly(checks, why) => {
                    assert!(!checks.is_empty() && !why.is_empty(), "{id}");
                }
                Answer::Departs(why) | Answer::Open(why) => assert!(!why.is_empty(), "{id}"),
                Answer::Not(..) => {}
            }
            let mut checks = requirement.answer.checks().to_vec();
            checks.sort_unstable();
            checks.dedup();
            let count = requirement.answer.checks().len();
            assert_eq!(checks.len(), count, "{id} names a check twice");
        }
    }
}
