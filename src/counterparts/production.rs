//! What a relay still owes before it can leave the lab.

use super::backend;
use crate::config::{self, Missing, Spec};

/// Everything that `spec` lacks for production, in the order of relay.yaml; empty
/// if it can be exported.
#[must_use]
pub fn missing_for_production(spec: &Spec) -> Vec<Missing> {
    config::missing_for_production(spec, backend::missing(spec))
}
