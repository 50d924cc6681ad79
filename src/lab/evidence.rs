//! What a container's log says of why a lab is not ready.

use futures_util::StreamExt;

use crate::engine::{Engine, LogRequest, last_words};

/// How many of a container's last lines are evidence.
const LAST_LINES: usize = 15;

/// How many are looked through for what a daemon said when it gave up: one that ends
/// is not the last to speak where others start beside it.
const LOOKED_THROUGH: usize = 400;

/// What a container said before it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// What daemons said when they gave up, each once: the cause, where there is any.
    pub gave_up: Vec<String>,
    /// Its last lines, indented.
    pub log: String,
}

impl Evidence {
    /// From the log of `container`.
    pub(super) async fn of(engine: &dyn Engine, container: &str) -> Self {
        let request = LogRequest {
            follow: false,
            tail: Some(LOOKED_THROUGH),
            since: None,
        };
        Self::read(&log_lines(engine, container, request).await)
    }

    fn read(log: &str) -> Self {
        let lines: Vec<&str> = log.split_inclusive('\n').collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        Self {
            gave_up: last_words(log.lines()),
            log: last.concat(),
        }
    }

    /// The cause as the beginning of a message; empty where none is known.
    pub(super) fn cause(&self) -> String {
        if self.gave_up.is_empty() {
            return String::new();
        }
        format!("{}\n  so ", self.gave_up.join("\n  "))
    }
}

/// Lines of a container's log, each indented: evidence for a message.
pub async fn log_lines(engine: &dyn Engine, container: &str, request: LogRequest) -> String {
    let mut lines = engine.logs(container, request);
    let mut text = String::new();
    while let Some(line) = lines.next().await {
        let line = line.unwrap_or_else(|e| e.to_string());
        text.push_str("    ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_comes_first_however_much_is_said_after_it() {
        let noise = |amount: usize| "    saslauthd[17] :forked child\n".repeat(amount);
        let reason = "    postfix/postsuper[24]: fatal: parameter inet_interfaces\n";
        let told = Evidence::read(&format!("{}{reason}{}", noise(3), noise(LAST_LINES)));
        assert_eq!(told.log, noise(LAST_LINES));
        let cause = "postfix/postsuper: fatal: parameter inet_interfaces\n  so ";
        assert_eq!(told.cause(), cause);
        let told = Evidence::read(&format!("{}{reason}", noise(20)));
        assert_eq!(told.log, format!("{}{reason}", noise(LAST_LINES - 1)));
        assert_eq!(told.cause(), cause);
        assert_eq!(Evidence::read(""), Evidence::default());
        assert_eq!(Evidence::default().cause(), "");
    }
}
