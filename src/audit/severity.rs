//! What a fault costs.

/// What it costs when something does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A nuisance: some clients or operators have trouble.
    Low,
    /// Mail is late, or a defence in depth is missing.
    Medium,
    /// Mail is lost or refused, or an attacker has a foothold.
    High,
    /// An open relay, a password in clear, or a sender's identity told.
    Critical,
}

impl Severity {
    /// The word in reports: `low`, `medium`, `high`, `critical`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
