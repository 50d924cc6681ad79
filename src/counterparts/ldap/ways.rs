//! The ways through a filter: what each of its terms must be so that it is passed, or missed.

use crate::config::filter::{Filter, Test};

/// A filter has few ways; one with more than these is tried as far.
const MOST_WAYS: usize = 400;

/// A term, and what it must be: a way through a filter is a list of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand<'a> {
    pub(super) test: &'a Test,
    pub(super) holds: bool,
}

/// The ways in which a filter comes out as `wanted`, with one term turned round.
pub(super) fn ways<'a>(
    filter: &'a Filter,
    wanted: bool,
    turned: Option<&Test>,
) -> Vec<Vec<Demand<'a>>> {
    match filter {
        Filter::Not(inner) => ways(inner, !wanted, turned),
        Filter::Test(test) => vec![vec![Demand {
            test,
            holds: wanted != (turned == Some(test)),
        }]],
        Filter::And(all) | Filter::Or(all) => {
            let each = all.iter().map(|one| ways(one, wanted, turned));
            if matches!(filter, Filter::And(_)) != wanted {
                return each.flatten().take(MOST_WAYS).collect();
            }
            each.fold(vec![Vec::new()], |before, next| {
                let pairs = before
                    .iter()
                    .flat_map(|way| next.iter().map(move |more| (way, more)));
                let joined = pairs.filter_map(|(way, more)| {
                    let mut way = way.clone();
                    join(&mut way, more).then_some(way)
                });
                joined.take(MOST_WAYS).collect()
            })
        }
    }
}

/// Adds demands to a way, unless they contradict it.
pub(super) fn join<'a>(way: &mut Vec<Demand<'a>>, more: &[Demand<'a>]) -> bool {
    for demand in more {
        match way.iter().find(|known| known.test == demand.test) {
            Some(known) if known.holds != demand.holds => return false,
            Some(_) => {}
            None => way.push(*demand),
        }
    }
    true
}
