//! What was said, in order, safe to show.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lines kept; a flood of commands must not fill the memory.
const MOST_LINES: usize = 4000;
/// The bytes kept: lines can be long, and a check may open dozens of sessions.
const MOST_BYTES: usize = 512 * 1024;
/// The characters of one line that are shown.
const MOST_CHARACTERS: usize = 400;

/// The lines of a conversation: `C: ` what the client sent, `S: ` what the
/// server sent, `-- ` what happened beside: connections, handshakes.
///
/// A clone is cheap and is the same transcript: it also shows what is said
/// later. Several sessions may write to one, see [`super::Connect::transcript`].
#[derive(Clone, Default)]
pub struct Transcript(Arc<Mutex<Said>>);

/// What is kept of a conversation.
#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// In all lines.
    bytes: usize,
    /// Whether something was left out.
    full: bool,
    ports: Vec<u16>,
}

impl Transcript {
    /// An empty transcript.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything said until now. Secrets are masked as `***`, message content
    /// is replaced by its length, control bytes are escaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.guard().lines.clone()
    }

    /// Adds `-- text`: something that a reader should know at this place.
    pub fn note(&self, text: impl fmt::Display) {
        self.push("-- ", &text.to_string());
    }

    /// The local ports of the sessions that wrote here, in the order in which they
    /// connected: what a server that logs ports knows them by (RFC 6302).
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.guard().ports.clone()
    }

    /// A session connected from this local port.
    pub(super) fn came_from(&self, port: u16) {
        self.guard().ports.push(port);
    }

    /// Adds one line, shortened where it is long.
    pub(super) fn push(&self, who: &str, text: &str) {
        let mut said = self.guard();
        if said.full {
            return;
        }
        if said.lines.len() == MOST_LINES || said.bytes > MOST_BYTES {
            said.full = true;
            said.lines
                .push("-- more was said than is kept here".to_owned());
            return;
        }
        let line = match text.char_indices().nth(MOST_CHARACTERS) {
            Some((end, _)) => format!("{who}{}... ({} bytes)", &text[..end], text.len()),
            None => format!("{who}{text}"),
        };
        said.bytes += line.len();
        said.lines.push(line);
    }

    fn guard(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.guard().lines.iter()).finish()
    }
}

/// One line a line.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard()
            .lines
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// `bytes` as text: UTF-8 as it stands, control characters and everything else
/// as `\r`, `\n`, `\t` or `\xNN`.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                c if c.is_control() => {
                    let _ = write!(text, "\\x{:02x}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_are_escaped_and_text_is_not() {
        assert_eq!(escape("a\0b\r\nü\x7f".as_bytes()), "a\\x00b\\r\\nü\\x7f");
        assert_eq!(escape(b"\xff\x1b[2J"), "\\xff\\x1b[2J");
    }

    #[test]
    fn a_flood_is_cut() {
        let transcript = Transcript::new();
        for _ in 0..MOST_LINES + 10 {
            transcript.push("C: ", "NOOP");
        }
        let lines = transcript.lines();
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES], "-- more was said than is kept here");
    }

    #[test]
    fn a_flood_of_long_lines_is_cut_as_well() {
        let transcript = Transcript::new();
        for _ in 0..MOST_LINES {
            transcript.push("S: ", &"A".repeat(1000));
        }
        let lines = transcript.lines();
        let kept: usize = lines.iter().map(String::len).sum();
        assert!(kept < MOST_BYTES + 1000, "{kept}");
        assert_eq!(lines.last().unwrap(), "-- more was said than is kept here");
    }

    #[test]
    fn a_long_line_says_how_long_it_was() {
        let transcript = Transcript::new();
        transcript.push("C: ", &"ä".repeat(500));
        let expected = format!("C: {}... (1000 bytes)", "ä".repeat(400));
        assert_eq!(transcript.lines(), [expected]);
    }

    #[test]
    fn a_clone_is_the_same_transcript() {
        let transcript = Transcript::new();
        let clone = transcript.clone();
        transcript.note("later");
        assert_eq!(clone.lines(), ["-- later"]);
    }
}
