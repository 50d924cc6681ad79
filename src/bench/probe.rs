//! What is seen from within a container: the CPU that its processes take, and the messages
//! that have arrived there.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tracing::{Instrument as _, debug_span};

use super::message::FIELD;
use crate::engine::{self, Engine, Reading};

const PROGRAM: &str = include_str!("probe.pl");
/// Nothing that is read takes rights of its own.
const USER: &str = "nobody";
/// How often it is asked whether all has arrived, once nothing is sent any more.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Where messages arrive, and how they are counted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrivals {
    /// smtp-sink(1) counts them (`-c`) into this file.
    Counter(String),
    /// Each is a file of this folder with a line of `bench` and this token in its header.
    Inbox(String, String),
    /// Nothing arrives in this container.
    None,
}

impl Arrivals {
    /// The program's arguments.
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Counter(file) => vec!["counter".to_owned(), file.clone()],
            Self::Inbox(folder, token) => {
                vec![
                    "inbox".to_owned(),
                    folder.clone(),
                    format!("{FIELD}: {token}\r\n"),
                ]
            }
            Self::None => Vec::new(),
        }
    }
}

/// A program in a container that answers.
pub struct Probe {
    container: String,
    questions: Pin<Box<dyn AsyncWrite + Send>>,
    answers: Reading,
}

/// Nanoseconds of CPU by the name of processes, since their start.
pub type Taken = BTreeMap<String, u64>;

/// The name under which the whole container stands among its processes.
pub(super) const TOTAL: &str = "=total";

impl Probe {
    /// Starts one in a container that runs and has perl.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn start(
        engine: &dyn Engine,
        container: &str,
        arrivals: &Arrivals,
    ) -> Result<Self, engine::Error> {
        let arguments = arrivals.arguments();
        let mut argv = vec!["perl", "-e", PROGRAM];
        argv.extend(arguments.iter().map(String::as_str));
        let user = match arrivals {
            // Messages are their owner's alone.
            Arrivals::Inbox(..) => "inbox",
            Arrivals::Counter(_) | Arrivals::None => USER,
        };
        let (questions, answers) = engine.converse(container, &argv, user).await?.split();
        Ok(Self {
            container: container.to_owned(),
            questions,
            answers,
        })
    }

    /// What processes have taken until now.
    ///
    /// # Errors
    /// When the program or its container has ended.
    pub async fn cpu(&mut self) -> std::io::Result<Taken> {
        self.ask("cpu\n").await?;
        let mut taken = Taken::new();
        loop {
            let line = self.line().await?;
            let Some((nanoseconds, name)) = line.split_once(' ') else {
                return Ok(taken);
            };
            let nanoseconds = nanoseconds.parse().map_err(std::io::Error::other)?;
            taken.insert(name.to_owned(), nanoseconds);
        }
    }

    /// How many messages have arrived.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub async fn count(&mut self) -> std::io::Result<u64> {
        self.ask("count\n").await?;
        self.line().await?.parse().map_err(std::io::Error::other)
    }

    /// Waits until `wanted` messages have arrived, or until none has for `patience`; how
    /// many have, and since when at the latest.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub async fn arrived(
        &mut self,
        wanted: u64,
        patience: Duration,
    ) -> std::io::Result<(u64, Instant)> {
        // Counting takes time, too: what is there after it was there when it began.
        let mut asked = Instant::now();
        let mut count = self.count().await?;
        let mut last = asked;
        while count < wanted && last.elapsed() < patience {
            tokio::time::sleep(ASK_AGAIN).await;
            asked = Instant::now();
            let now = self.count().await?;
            if now > count {
                (count, last) = (now, asked);
            }
        }
        Ok((count, last))
    }

    async fn ask(&mut self, question: &str) -> std::io::Result<()> {
        self.questions.write_all(question.as_bytes()).await?;
        self.questions.flush().await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let span = debug_span!("probe", container = self.container);
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).instrument(span).await?;
        if read == 0 {
            let ended = format!("the probe in {} has ended", self.container);
            return Err(std::io::Error::other(ended));
        }
        line.truncate(line.trim_end_matches('\n').len());
        Ok(line)
    }
}
