//! All rules.

pub(super) mod bounds;
pub(super) mod content;
pub(super) mod relaying;
pub(super) mod tls;

use super::Rule;

/// Every rule, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = &'static Rule> + Clone {
    let rooms = [relaying::ALL, content::ALL, tls::ALL, bounds::ALL];
    rooms.into_iter().flatten().copied()
}

/// The rule of this id.
#[must_use]
pub fn named(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}
