//! What the operator's own lines (`postfix.main`, `postfix.master`) let through, beyond what
//! relaykit itself would set. The lines of Postfix are read in [`crate::audit`]; here it is
//! decided which of them are the operator's, and where in relay.yaml they stand.

mod located;
mod rendered;
#[cfg(test)]
mod tests;

use crate::audit::{self, Effective, Rule, Tables, Told};
use crate::config::{Postfix, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::render;

pub use located::{Line, located};
pub use rendered::{Rendered, masked};

/// Something that an operator's line lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault it is.
    pub rule: &'static Rule,
    /// Where it stands, in Postfix's words.
    pub place: audit::Place,
    /// What the line does, in one sentence.
    pub does: String,
    /// Whether `postfix.accept` has the rule: it is meant.
    pub accepted: bool,
}

/// What the lines of `spec` do. `elsewhere` has the files that relaykit does not render.
#[must_use]
pub fn read(spec: &Spec, elsewhere: &dyn Tables) -> Vec<Told> {
    if is_silent(spec) {
        return Vec::new();
    }
    let resolved = Resolved::new(spec.clone(), Purpose::Production);
    let rendered = Rendered::of(&render::relay(&resolved, ""), elsewhere);
    let effective = Effective::parse(rendered.main_cf(), rendered.master_cf());
    beyond(&resolved, audit::read(&effective, &rendered), elsewhere)
}

/// What `told` of a relay says beyond what relaykit itself sets for `resolved`.
#[must_use]
pub fn beyond(resolved: &Resolved, told: Vec<Told>, elsewhere: &dyn Tables) -> Vec<Told> {
    let spec = Spec {
        postfix: Postfix::default(),
        ..resolved.spec.clone()
    };
    let own = Resolved::new(spec, resolved.purpose);
    let own = Rendered::of(&render::relay(&own, ""), elsewhere);
    let effective = Effective::parse(own.main_cf(), own.master_cf());
    let own = audit::read(&effective, &own);
    told.into_iter()
        .filter(|told| !own.contains(told))
        .collect()
}

/// Those that a rule finds fault with.
#[must_use]
pub fn findings(spec: &Spec, told: &[Told]) -> Vec<Finding> {
    let finding = |told: &Told| {
        let rule = told.rule?;
        Some(Finding {
            rule,
            place: told.place.clone(),
            does: told.does.clone(),
            accepted: spec.postfix.accept.iter().any(|id| id == rule.id),
        })
    };
    told.iter().filter_map(finding).collect()
}

/// Ids in `postfix.accept` that no finding has: what they were for is gone.
#[must_use]
pub fn idle(spec: &Spec, findings: &[Finding]) -> Vec<String> {
    let found = |id: &&String| findings.iter().any(|finding| finding.rule.id == **id);
    let accepted = spec.postfix.accept.iter();
    accepted.filter(|id| !found(id)).cloned().collect()
}

/// Whether nothing goes over what relaykit sets.
fn is_silent(spec: &Spec) -> bool {
    spec.postfix.main.is_empty() && spec.postfix.master.is_empty()
}
