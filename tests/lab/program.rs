//! The built program: run to its end, or watched and interrupted while it runs.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// How long a running program may be silent before a test gives up on it.
const SILENCE: Duration = Duration::from_secs(240);

/// `relaykit ARGUMENTS`.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relaykit"));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// How a program ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None`: a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs `command` to its end.
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self::ended(output.status, text(&output.stdout), text(&output.stderr))
    }

    fn ended(status: ExitStatus, stdout: String, stderr: String) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
        }
    }

    /// Fails unless it ended with 0.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    /// Fails unless it ended with `code`.
    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless stderr contains all of `words`.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "it does not say {word:?}: {self}"
            );
        }
        self
    }

    /// What stdout holds, which must be one JSON value and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            signal,
            stdout,
            stderr,
        } = self;
        writeln!(f, "exit code {code:?}, signal {signal:?}")?;
        let report = serde_json::from_str::<Value>(stdout).unwrap_or_default();
        let checks = report["checks"].as_array().into_iter().flatten();
        // A report is long, and whoever reads of a failure wants this.
        for check in checks.filter(|c| c["outcome"] == "fail" || c["outcome"] == "broken") {
            writeln!(f, "-- {check:#}")?;
        }
        write!(f, "-- stdout\n{stdout}\n-- stderr\n{stderr}")
    }
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<Line>,
    readers: Vec<JoinHandle<()>>,
    stdout: String,
    stderr: String,
    over: bool,
}

enum Line {
    Out(String),
    Err(String),
}

impl Child {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (told, lines) = channel();
        let out = told.clone();
        let readers = vec![
            read(process.stdout.take().unwrap(), move |line| {
                drop(out.send(Line::Out(line)));
            }),
            read(process.stderr.take().unwrap(), move |line| {
                drop(told.send(Line::Err(line)));
            }),
        ];
        let (stdout, stderr) = Default::default();
        Self {
            process,
            lines,
            readers,
            stdout,
            stderr,
            over: false,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Writes to its input, which must be piped.
    pub(crate) fn write(&mut self, text: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        input
            .write_all(text.as_bytes())
            .and_then(|()| input.flush())
            .unwrap();
    }

    /// Waits for a line, on stdout or stderr, that contains `what`; `false`
    /// where it ends without one.
    pub(crate) fn says(&mut self, what: &str) -> bool {
        while let Some(line) = self.next_line() {
            if line.contains(what) {
                return true;
            }
        }
        false
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Sends it a signal by name, if it still runs.
    pub(crate) fn signal(&mut self, name: &str) {
        if self.runs() {
            let id = self.process.id().to_string();
            let sent = Command::new("sh")
                .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id])
                .output();
            assert!(sent.unwrap().status.success() || !self.runs());
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Run {
        drop(self.process.stdin.take());
        while self.next_line().is_some() {}
        let status = self.process.wait().unwrap();
        self.over = true;
        Run::ended(
            status,
            std::mem::take(&mut self.stdout),
            std::mem::take(&mut self.stderr),
        )
    }

    fn next_line(&mut self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let (text, line) = match self.lines.recv_timeout(SILENCE) {
            Ok(Line::Out(line)) => (&mut self.stdout, line),
            Ok(Line::Err(line)) => (&mut self.stderr, line),
            Err(Disconnected) => return None,
            Err(Timeout) => {
                let Self { stdout, stderr, .. } = self;
                panic!("silent for {SILENCE:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}");
            }
        };
        text.push_str(&line);
        Some(line)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.over {
            drop(self.process.kill());
            drop(self.process.wait());
        }
        for reader in self.readers.drain(..) {
            drop(reader.join());
        }
    }
}

fn read(
    from: impl Read + Send + 'static,
    tell: impl Fn(String) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            tell(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    })
}
