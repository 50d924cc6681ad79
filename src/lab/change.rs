//! What is to be done about a container that a plan names.

use super::definition::Definition;
use crate::engine::{Kind, Object, labels};

/// What `up` does about one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It runs and is what the plan says.
    Keep,
    /// It is what the plan says and does not run, or is paused.
    Start,
    /// There is none.
    Create,
    /// It is not what the plan says any more.
    Replace,
}

impl Change {
    /// Why it is done.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Keep => "it runs and is what the plan says",
            Self::Start => "it is what the plan says, and does not run",
            Self::Create => "there is none",
            Self::Replace => "it is not what the plan says any more",
        }
    }
}

/// What is to be done about a container, given what is there.
pub(super) fn change(definition: &Definition, existing: &[Object]) -> Change {
    let found = existing
        .iter()
        .find(|o| o.kind == Kind::Container && o.name == definition.request.name);
    match found {
        None => Change::Create,
        Some(found)
            if found.labels.get(labels::DIGEST).map(String::as_str)
                != Some(definition.digest()) =>
        {
            Change::Replace
        }
        Some(found) if found.state == "running" => Change::Keep,
        Some(_) => Change::Start,
    }
}
