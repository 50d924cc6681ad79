//! A walk through an inbox, oldest first, and on to what comes.

use std::collections::VecDeque;

use tracing::{Instrument as _, trace_span};

use super::Inbox;
use super::reader::{Part, Reader, Want};
use super::stored::{self, Head, StoredMessage};
use crate::lab::Error;

/// How many heads are read ahead.
const AHEAD: usize = 500;

/// See [`Inbox::walk`].
pub struct Walk {
    reader: Reader,
    /// Those that were there and have not been read.
    names: VecDeque<String>,
    /// Those that have been read.
    heads: VecDeque<Head>,
}

impl Inbox {
    /// Begins with the oldest message whose id `wanted` accepts. The sink must run.
    ///
    /// # Errors
    /// When the sink is not running.
    pub async fn walk(&self, wanted: impl Fn(&str) -> bool) -> Result<Walk, Error> {
        let (reader, mut names) = Reader::open(&self.sink, true).await?;
        names.retain(|name| wanted(stored::id(name)));
        Ok(Walk {
            reader,
            names: names.into(),
            heads: VecDeque::new(),
        })
    }
}

impl Walk {
    /// The envelope and the header of the next message; waits for one. Not to be used
    /// again once it was dropped half way.
    ///
    /// # Errors
    /// When the sink ends, or a file cannot be understood.
    pub async fn advance(&mut self) -> Result<Head, Error> {
        loop {
            if let Some(head) = self.heads.pop_front() {
                return Ok(head);
            }
            let mut names: Vec<String> = Vec::new();
            names.extend(self.names.drain(..self.names.len().min(AHEAD)));
            if names.is_empty() {
                let arrival = self.reader.arrival();
                let span = trace_span!("a message at the next hop");
                names.push(arrival.instrument(span).await?);
            }
            let wanted: Vec<_> = names.iter().map(|n| (n.as_str(), Want::Head)).collect();
            let heads = &mut self.heads;
            let take = |found| {
                if let Part::Head(head) = found {
                    heads.push_back(head);
                }
                Ok(())
            };
            self.reader.read(&wanted, take).await?;
        }
    }

    /// The whole message; `None` where it has been removed meanwhile.
    ///
    /// # Errors
    /// As [`Walk::advance`].
    pub async fn whole(&mut self, head: &Head) -> Result<Option<StoredMessage>, Error> {
        self.reader.whole(&head.file()).await
    }
}
