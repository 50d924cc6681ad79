//! Ports where nothing could be judged.

use serde::Serialize;

/// A port that nobody could talk to, and why. It is told once; checks that need it are
/// broken for that reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Down {
    /// `smtp`, `submission`, `submissions`.
    pub listener: &'static str,
    /// Its port: 25, 587, 465.
    pub port: u16,
    /// What it did when it was knocked at.
    pub why: String,
    /// What daemons of the relay said when they gave up: the cause, where it is known.
    pub said: Vec<String>,
}

impl Down {
    /// In one line, the cause first.
    #[must_use]
    pub fn cause(&self) -> String {
        let down = format!(
            "port {} ({}) is down: {}",
            self.port, self.listener, self.why
        );
        match self.said.first() {
            Some(said) => format!("{said}; so {down}"),
            None => down,
        }
    }
}
