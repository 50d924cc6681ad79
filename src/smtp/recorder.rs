//! Follows the conversation and writes the transcript. What is a secret is
//! decided by where the conversation is, never by how a line looks.

use std::collections::VecDeque;

use super::transcript::{Transcript, escape};

/// A secret shorter than this is not looked for in the server's lines: it would
/// blot out ordinary words.
const SHORTEST_SECRET: usize = 4;
/// How much of odd message content is shown: its end, where the trouble is.
const TAIL: usize = 24;

/// Where the conversation is, and what is still to be written down.
#[derive(Debug)]
pub(super) struct Recorder {
    transcript: Transcript,
    /// What was sent and has not been answered, as shown.
    pending: VecDeque<String>,
    /// In an AUTH exchange: the replies to come until the one that decides
    /// whether it goes on. Everything sent meanwhile is masked.
    masked: Option<usize>,
    /// After 354 and until the next reply: the content sent and not written down.
    content: Option<Content>,
    /// The start of a line whose end has not been sent.
    partial: Vec<u8>,
    /// What a server must not be quoted with.
    secrets: Vec<String>,
    /// The last thing sent, as shown; empty before anything was.
    last: String,
}

/// Message content, abbreviated.
#[derive(Debug, Default)]
struct Content {
    bytes: usize,
    tail: Vec<u8>,
}

impl Recorder {
    pub(super) fn new(transcript: Transcript) -> Self {
        Self {
            transcript,
            pending: VecDeque::new(),
            masked: None,
            content: None,
            partial: Vec::new(),
            secrets: Vec::new(),
            last: String::new(),
        }
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// What the server is to say next, for an error; masked.
    pub(super) fn awaited(&self) -> String {
        match self.pending.front() {
            Some(command) => format!("the reply to {}", start(command)),
            None if self.last.is_empty() => "the greeting".to_owned(),
            None => format!("the reply after {}", start(&self.last)),
        }
    }

    /// `value` will be sent: no line of the server's may show it either.
    pub(super) fn keep_secret(&mut self, value: &str) {
        if value.len() >= SHORTEST_SECRET && !self.secrets.iter().any(|s| s == value) {
            self.secrets.push(value.to_owned());
        }
    }

    /// `bytes` are about to be sent, whatever they are.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if let Some(content) = &mut self.content {
            content.bytes += bytes.len();
            content
                .tail
                .extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
            let spare = content.tail.len().saturating_sub(TAIL);
            content.tail.drain(..spare);
            return;
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.line(&line);
            }
        }
    }

    /// A message of `length` bytes and its end of data are about to be sent as
    /// they should be.
    pub(super) fn sent_message(&mut self, length: usize) {
        self.content = None;
        self.show(format!("<{length} bytes of message>"));
        self.show(".".to_owned());
    }

    /// A BDAT chunk of `length` bytes is about to be sent (RFC 3030).
    pub(super) fn sent_chunk(&mut self, length: usize) {
        self.transcript
            .push("C: ", &format!("<{length} bytes of message>"));
    }

    /// A line of a reply has come, given with its line end.
    pub(super) fn received(&mut self, line: &[u8]) {
        self.flush();
        let mut text = escape(line.strip_suffix(b"\r\n").unwrap_or(line));
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        self.transcript.push("S: ", &text);
    }

    /// The lines received make a whole reply with this code.
    pub(super) fn reply_is_whole(&mut self, code: u16) {
        self.pending.pop_front();
        self.masked = match self.masked {
            // 334 is the reply of AUTH alone (RFC 4954, 4): the next line is a response.
            _ if code == 334 => Some(1),
            Some(1) | None => None,
            Some(replies) => Some(replies - 1),
        };
        self.content = None;
        if code == 354 {
            self.content = Some(Content::default());
            self.pending.push_front("the message".to_owned());
        }
    }

    /// A handshake ended the conversation in the clear; a new one begins.
    pub(super) fn starts_anew(&mut self) {
        self.flush();
        self.pending.clear();
        self.masked = None;
    }

    /// Writes down what was sent and did not make a line.
    pub(super) fn flush(&mut self) {
        if let Some(content) = self.content.as_mut().filter(|content| content.bytes > 0) {
            // More of it may follow where no reply comes.
            let content = std::mem::take(content);
            match content.tail.strip_suffix(b"\r\n.\r\n") {
                Some(_) => {
                    self.show(format!("<{} bytes of message>", content.bytes - 3));
                    self.show(".".to_owned());
                }
                None => self.show(format!(
                    "<{} bytes of message, ending \"{}\">",
                    content.bytes,
                    escape(&content.tail)
                )),
            }
        }
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line);
        }
    }

    /// Writes down one line that was sent.
    fn line(&mut self, line: &[u8]) {
        let (text, end) = match line.strip_suffix(b"\r\n") {
            Some(text) => (text, ""),
            None if line.ends_with(b"\n") => (line, ""),
            None => (line, " (no line end)"),
        };
        let shown = if self.masked.is_some() {
            if text == b"*" {
                "*".to_owned()
            } else {
                "***".to_owned()
            }
        } else {
            let (shown, is_auth) = command(text);
            self.pending.push_back(shown.clone());
            if is_auth {
                self.masked = Some(self.pending.len());
            }
            shown
        };
        self.show(shown + end);
    }

    fn show(&mut self, text: String) {
        self.transcript.push("C: ", &text);
        self.last = text;
    }
}

/// As much of a line as an error message can hold.
fn start(line: &str) -> String {
    match line.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// A command as shown, and whether it starts an AUTH exchange (RFC 4954). Words
/// are told apart as the most lenient server would.
fn command(text: &[u8]) -> (String, bool) {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let mut words = text.split(blank).filter(|word| !word.is_empty());
    let verb = words.next().unwrap_or_default();
    if !verb
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH"))
    {
        return (escape(text), false);
    }
    // `AUTH=PLAIN x` and the like are no AUTH command, but may be meant as one.
    if verb.len() > 4 {
        return (format!("{} ***", escape(&verb[..4])), true);
    }
    let (verb, mechanism) = (escape(verb), words.next().map(escape).unwrap_or_default());
    let shown = match words.next() {
        None => escape(text),
        // An empty initial response (RFC 4954, 4).
        Some(b"=") if words.next().is_none() => escape(text),
        Some(_) => format!("{verb} {mechanism} ***"),
    };
    (shown, true)
}
