//! Programs in containers without a process of the engine's for each: a shell in
//! the container starts them. An engine takes a tenth of a second of a core to do
//! what the shell does in a few milliseconds.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tracing::{Instrument as _, debug_span};

use super::{Engine, Error, ExecOutput, Said};

/// How many shells there are at most for one user of one container. Programs take
/// turns beyond that: most have ended before a further shell would be there.
const AT_MOST: usize = 4;

/// Shells in containers that are not stopped meanwhile. Each ends with this.
pub struct Shells {
    engine: Arc<dyn Engine>,
    rooms: Mutex<HashMap<(String, String), Arc<Room>>>,
    runs: AtomicU64,
}

/// The shells of one user in one container.
struct Room {
    turns: Semaphore,
    idle: Mutex<Vec<Shell>>,
}

impl Shells {
    /// None yet.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            rooms: Mutex::default(),
            runs: AtomicU64::new(0),
        }
    }

    /// Runs a program as [`Engine::exec`] does, when it is its turn. One that is not
    /// there ends with 127.
    ///
    /// # Errors
    /// When the engine refuses, or the container ends before the program.
    pub async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error> {
        // Arguments can be secrets.
        let span = debug_span!("program", container, program = argv.first());
        let ran = self.run(container, argv, user.unwrap_or("0"));
        ran.instrument(span).await
    }

    async fn run(&self, container: &str, argv: &[&str], user: &str) -> Result<ExecOutput, Error> {
        let room = self.room(container, user);
        let _turn = room.turns.acquire().await;
        let idle = lock(&room.idle).pop();
        let mut shell = match idle {
            Some(shell) => shell,
            None => Shell::open(self.engine.as_ref(), container, user).await?,
        };
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let output = shell.run(argv, run).await?;
        // One that was dropped half way is not used again.
        lock(&room.idle).push(shell);
        Ok(output)
    }

    fn room(&self, container: &str, user: &str) -> Arc<Room> {
        let mut rooms = lock(&self.rooms);
        let whose = (container.to_owned(), user.to_owned());
        let room = rooms.entry(whose).or_insert_with(|| {
            Arc::new(Room {
                turns: Semaphore::new(AT_MOST),
                idle: Mutex::default(),
            })
        });
        room.clone()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shell {
    container: String,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: BoxStream<'static, Result<Said, Error>>,
    out: BytesMut,
    err: BytesMut,
}

impl Shell {
    async fn open(engine: &dyn Engine, container: &str, user: &str) -> Result<Self, Error> {
        let conversation = engine.converse(container, &["sh"], user).await?;
        Ok(Self {
            container: container.to_owned(),
            input: conversation.input,
            output: conversation.output,
            out: BytesMut::new(),
            err: BytesMut::new(),
        })
    }

    async fn run(&mut self, argv: &[&str], run: u64) -> Result<ExecOutput, Error> {
        let end = format!("\nrelaykit: end of {run}: ");
        let script = script(argv, run);
        if let Err(fault) = self.say(&script).await {
            return Err(self.ended(&fault.to_string()));
        }
        loop {
            let code = told(&self.out, &end);
            if let (Some((out, code)), Some((err, _))) = (code, told(&self.err, &end)) {
                let output = ExecOutput {
                    exit_code: code,
                    stdout: String::from_utf8_lossy(&self.out[..out]).into_owned(),
                    stderr: String::from_utf8_lossy(&self.err[..err]).into_owned(),
                };
                self.out.clear();
                self.err.clear();
                return Ok(output);
            }
            match self.output.next().await {
                Some(Ok(Said::Out(bytes))) => self.out.extend_from_slice(&bytes),
                Some(Ok(Said::Err(bytes))) => self.err.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(error),
                None => return Err(self.ended("the container has ended")),
            }
        }
    }

    async fn say(&mut self, script: &str) -> std::io::Result<()> {
        self.input.write_all(script.as_bytes()).await?;
        self.input.flush().await
    }

    fn ended(&self, reason: &str) -> Error {
        Error::Refused {
            action: format!("running a program in the container {}", self.container),
            status: 0,
            reason: reason.to_owned(),
        }
    }
}

/// Runs `argv`, and tells its end and its exit code on both streams. `env` so that
/// no builtin of the shell takes a program's place.
fn script(argv: &[&str], run: u64) -> String {
    let words: Vec<String> = argv
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    let words = words.join(" ");
    format!(
        "env {words} </dev/null; code=$?\n\
         printf '\\nrelaykit: end of {run}: %s\\n' $code; \
         printf '\\nrelaykit: end of {run}: %s\\n' $code >&2\n"
    )
}

/// How much was said before the end was told, and the exit code.
fn told(said: &[u8], end: &str) -> Option<(usize, i64)> {
    // Nothing follows it but the code: at most ten digits.
    let from = said.len().saturating_sub(end.len() + 11);
    let at = said[from..]
        .windows(end.len())
        .rposition(|w| w == end.as_bytes());
    let at = from + at?;
    let code = said[at + end.len()..].strip_suffix(b"\n")?;
    Some((at, std::str::from_utf8(code).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let script = script(&["printf", "%s", "it's $HOME\n"], 7);
        assert!(
            script.starts_with("env 'printf' '%s' 'it'\\''s $HOME\n' </dev/null;"),
            "{script}"
        );
    }

    #[test]
    fn the_end_is_told_only_whole() {
        let end = "\nrelaykit: end of 7: ";
        assert_eq!(told(b"text\nrelaykit: end of 7: 1\n", end), Some((4, 1)));
        assert_eq!(told(b"text\nrelaykit: end of 7: 12", end), None);
        assert_eq!(told(b"text\nrelaykit: end of 6: 1\n", end), None);
    }
}
