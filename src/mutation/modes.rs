//! Files that more people may read or write than before.

use super::{Change, Draft, Operator};

/// Read by everybody, written by the group, written by everybody.
const MORE: [u32; 3] = [0o044, 0o020, 0o002];

/// A file of `mode` with more rights.
pub(super) fn drafts(mode: u32) -> Vec<Draft> {
    let modes = MORE.iter().map(|bits| mode | bits);
    let looser = modes.filter(|looser| *looser != mode);
    looser
        .map(|looser| Draft {
            operator: Operator::LoosenMode,
            place: "mode".to_owned(),
            before: format!("mode {mode:o}"),
            after: format!("mode {looser:o}"),
            touches: Vec::new(),
            change: Change::Mode(looser),
        })
        .collect()
}
