//! Changes that no check sees and that somebody has judged to harm nobody, each with
//! the reason. A reason is for the lines as they stand: where the file says something
//! else one day, the mutant is another, and has no reason.

use super::Mutant;

/// A reason, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Harmless {
    /// Whole sentences.
    pub why: &'static str,
    /// The end of the file's path, or a service.
    pub file: &'static str,
    /// What stood there and what stands there then, each without white space around it. A
    /// parameter's or a service's lines, as the file has them.
    pub changes: &'static [(&'static str, &'static str)],
}

/// Every reason.
#[must_use]
pub fn all() -> &'static [Harmless] {
    ALL
}

static ALL: &[Harmless] = &[];

pub(super) fn of(mutant: &Mutant) -> Option<&'static Harmless> {
    all().iter().find(|harmless| {
        let (before, after) = (mutant.before.trim(), mutant.after.trim());
        mutant.file.ends_with(harmless.file) && harmless.changes.contains(&(before, after))
    })
}
