//! Why a lab is not ready: what is missing, and what its container said.

use tokio::time::Instant;

use super::evidence::Evidence;
use super::{Error, Workshop};
use crate::diagnostics::Open;
use crate::engine::ContainerFacts;
use crate::plan::{Container, Plan, Role};

/// What was still wrong, and whose log may tell why.
pub(super) struct Missing {
    pub(super) what: String,
    pub(super) role: Role,
}

/// That what is `missing` did not come.
pub(super) async fn not_ready(
    missing: &Missing,
    open: Open,
    began: Instant,
    workshop: &Workshop,
    plan: &Plan,
) -> Error {
    let container = plan.container(missing.role).map_or("", |c| c.name.as_str());
    Error::NotReady {
        after: began.elapsed(),
        last: missing.what.clone(),
        open,
        role: missing.role,
        evidence: Box::new(Evidence::of(workshop.engine.as_ref(), container).await),
    }
}

/// That `container` has ended, with what it said.
pub(super) async fn ended(
    container: &Container,
    facts: Option<&ContainerFacts>,
    workshop: &Workshop,
) -> Error {
    Error::Ended {
        role: container.role,
        exit_code: facts.and_then(|f| f.exit_code).unwrap_or(-1),
        evidence: Box::new(Evidence::of(workshop.engine.as_ref(), &container.name).await),
    }
}
