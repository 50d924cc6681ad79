//! A rule: all that is known of a kind of fault stands on it.

use super::Severity;

/// A kind of fault that lines of Postfix's configuration can have.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The word in `postfix.accept`.
    pub id: &'static str,
    /// What it costs.
    pub severity: Severity,
    /// The fault in one line, without a full stop.
    pub title: &'static str,
    /// What comes of it: whole sentences.
    pub consequence: &'static str,
    /// What to write instead: whole sentences.
    pub repair: &'static str,
    /// The fault, as keys of `postfix` in relay.yaml.
    pub example: &'static str,
    /// What the rule follows: RFCs and pages of Postfix's manual, parted by `; `.
    pub source: &'static str,
}
