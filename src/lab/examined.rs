//! What was found of one thing that a lab needs.

use serde::Serialize;

/// How one thing stands that a lab needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it should be.
    Ok,
    /// A lab comes up all the same, with less than it could have.
    Warning,
    /// No lab comes up.
    Fault,
}

/// One thing that a lab needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// What it is, in a word or two.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
}

impl Examined {
    pub(super) fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            state: State::Ok,
            found: found.into(),
            repair: None,
        }
    }

    pub(super) fn warning(what: &'static str, found: impl Into<String>, repair: &str) -> Self {
        Self {
            state: State::Warning,
            repair: Some(repair.to_owned()),
            ..Self::ok(what, found)
        }
    }

    pub(super) fn fault(
        what: &'static str,
        found: impl Into<String>,
        repair: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Fault,
            repair: Some(repair.into()),
            ..Self::ok(what, found)
        }
    }

    /// An error says on its first line what is wrong, and on others what to do.
    pub(super) fn failed(what: &'static str, error: &dyn std::error::Error, repair: &str) -> Self {
        let text = error.to_string();
        match text.split_once("\n  ") {
            Some((found, repair)) => Self::fault(what, found, repair.replace("\n  ", " ")),
            None => Self::fault(what, text, repair),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Error;
    use super::*;

    #[test]
    fn an_errors_further_lines_are_what_to_do() {
        let error = Error::Impossible("it cannot be\n  do this\n  and that".to_owned());
        let examined = Examined::failed("x", &error, "else");
        assert_eq!(examined.found, "it cannot be");
        assert_eq!(examined.repair.as_deref(), Some("do this and that"));
        let error = Error::Impossible("it cannot be".to_owned());
        assert_eq!(
            Examined::failed("x", &error, "else").repair.as_deref(),
            Some("else")
        );
    }
}
