//! The sink's messages one by one: a program in the sink that is told names and answers
//! with files or their beginnings, and says what comes. Asking the engine for each file
//! would cost it a process of its own each time, and more of the machine than the message did.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::future::try_join;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stored::{Head, StoredMessage};
use super::{FOLDER, Sink};
use crate::engine::Reading;
use crate::lab::Error;

/// Whose files the messages are.
pub(super) const USER: &str = "inbox";

/// Where the sink says what comes.
const ARRIVALS: &str = "/run/inbox/arrivals";

const PROGRAM: &str = include_str!("reader.pl");

/// How many messages are asked for in one go.
const AT_ONCE: usize = 500;

/// What reads messages out of a sink that runs.
pub(super) struct Reader {
    names: Pin<Box<dyn AsyncWrite + Send>>,
    answers: Answers,
}

/// What the program says.
struct Answers {
    files: Reading,
    /// What has come and nobody has asked for yet.
    came: VecDeque<String>,
}

/// How much of a message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its envelope and its header.
    Head,
    /// All of it.
    Whole,
}

/// As much of a message as was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Its envelope and its header.
    Head(Head),
    /// All of it.
    Whole(StoredMessage),
}

impl Part {
    /// What is known of it in any case.
    #[must_use]
    pub fn head(&self) -> &Head {
        match self {
            Self::Head(head) => head,
            Self::Whole(message) => message,
        }
    }
}

impl Reader {
    /// The reader, and the names of the files that are there, in their order. With
    /// `follow` it also says what comes.
    pub(super) async fn open(sink: &Sink, follow: bool) -> Result<(Self, Vec<String>), Error> {
        let mut argv = vec!["perl", "-e", PROGRAM, FOLDER];
        argv.extend(follow.then_some(ARRIVALS));
        let engine = sink.engine.as_ref();
        let conversation = engine.converse(&sink.container, &argv, USER).await?;
        let (names, files) = conversation.split();
        let mut answers = Answers {
            files,
            came: VecDeque::new(),
        };
        let mut there = Vec::new();
        loop {
            let name = answers.line().await?;
            if name.is_empty() {
                return Ok((Self { names, answers }, there));
            }
            there.push(name);
        }
    }

    /// As much as is wanted of the files `wanted`, in that order; what is no longer
    /// there is left out.
    pub(super) async fn read(
        &mut self,
        wanted: &[(&str, Want)],
        mut take: impl FnMut(Part) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { names, answers } = self;
        // Both at once: the program does not read on while nobody takes its answers.
        let ask = async {
            for some in wanted.chunks(AT_ONCE) {
                let line = |(name, want): &(&str, Want)| match want {
                    Want::Head => format!("head {name}\n"),
                    Want::Whole => format!("whole {name}\n"),
                };
                let lines: String = some.iter().map(line).collect();
                names.write_all(lines.as_bytes()).await?;
                names.flush().await?;
            }
            Ok::<(), std::io::Error>(())
        };
        let ask = async { ask.await.map_err(|error| unreadable(FOLDER, &error)) };
        let hear = async {
            for (_, want) in wanted {
                if let Some(found) = answers.next(*want).await? {
                    take(found)?;
                }
            }
            Ok::<(), Error>(())
        };
        try_join(ask, hear).await.map(|_| ())
    }

    /// One whole message; `None` where it is no longer there.
    pub(super) async fn whole(&mut self, name: &str) -> Result<Option<StoredMessage>, Error> {
        let mut message = None;
        let take = |found| {
            if let Part::Whole(whole) = found {
                message = Some(whole);
            }
            Ok(())
        };
        self.read(&[(name, Want::Whole)], take).await?;
        Ok(message)
    }

    /// Waits for the name of the next message that comes.
    pub(super) async fn arrival(&mut self) -> Result<String, Error> {
        if let Some(name) = self.answers.came.pop_front() {
            return Ok(name);
        }
        loop {
            if let Some(name) = self.answers.line().await?.strip_prefix("+ ") {
                return Ok(name.to_owned());
            }
        }
    }
}

impl Answers {
    /// The next answer; `None`: there is no such file.
    async fn next(&mut self, want: Want) -> Result<Option<Part>, Error> {
        let line = loop {
            let line = self.line().await?;
            match line.strip_prefix("+ ") {
                Some(name) => self.came.push_back(name.to_owned()),
                None => break line,
            }
        };
        let mut words = line.splitn(3, ' ');
        let (size, length) = (words.next(), words.next());
        let name = words.next().unwrap_or_default();
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<usize>().ok());
        let (Some(size), Some(length)) = (number(size), number(length)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        let read = self.files.read_exact(&mut bytes).await;
        read.map_err(|error| unreadable(name, &error))?;
        Ok(Some(match want {
            Want::Head => Part::Head(Head::parse(name, &bytes, size)?),
            Want::Whole => Part::Whole(StoredMessage::parse(name, &bytes)?),
        }))
    }

    async fn line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        let read = self.files.read_line(&mut line).await;
        if read.map_err(|error| unreadable(FOLDER, &error))? == 0 {
            let ended = std::io::Error::other("the sink has ended");
            return Err(unreadable(FOLDER, &ended));
        }
        line.truncate(line.trim_end_matches('\n').len());
        Ok(line)
    }
}

fn unreadable(id: &str, error: &std::io::Error) -> Error {
    Error::Inbox {
        id: id.to_owned(),
        reason: error.to_string(),
    }
}
