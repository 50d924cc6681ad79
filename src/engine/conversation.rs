//! Talking to a program in a container.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio_util::io::StreamReader;

use super::Error;

/// A program in a container that is being talked to. See [`super::Engine::converse`].
pub struct Conversation {
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it writes, as it comes.
    pub output: BoxStream<'static, Result<Said, Error>>,
}

/// A part of what a program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// On its standard output.
    Out(Bytes),
    /// On its standard error.
    Err(Bytes),
}

impl Conversation {
    /// Its standard input, and its standard output to read from.
    #[must_use]
    pub fn split(self) -> (Pin<Box<dyn AsyncWrite + Send>>, Reading) {
        let out = self.output.filter_map(async |said| match said {
            Ok(Said::Out(bytes)) => Some(Ok(bytes)),
            Ok(Said::Err(_)) => None,
            Err(error) => Some(Err(std::io::Error::other(error))),
        });
        (self.input, Box::pin(StreamReader::new(out.boxed())))
    }
}

/// The standard output of a program.
pub type Reading = Pin<Box<dyn AsyncBufRead + Send>>;
