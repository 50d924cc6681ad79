//! One connection to a server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::{dial, waited_for};
use super::manners::{Guard, Next};
use super::recorder::Recorder;
use super::reply::Partial;
use super::transcript::escape;
use super::wire::{Io, Stream, Wire};
use super::{Capabilities, Connect, Error, Failure, Reply, TlsFacts, TlsSettings, Transcript};

/// The longest line that is read at all, in octets.
const LONGEST_LINE: usize = 8192;
/// The most lines of one reply.
const MOST_LINES: usize = 256;

/// A connection. It sends nothing and reads nothing by itself.
pub struct Session {
    pub(super) wire: Wire,
    pub(super) recorder: Recorder,
    peer: String,
    timeout: Duration,
    tls: Option<TlsFacts>,
    /// Towards a server of somebody else's, and what it may be sent next.
    guard: Option<(Guard, Next)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects to `address`, and shakes hands where `options` ask for wrapper mode.
    ///
    /// # Errors
    /// No connection, or no handshake, within the timeout; [`Failure::Declined`].
    pub async fn connect(address: SocketAddr, options: &Connect) -> Result<Self, Error> {
        if let Some(manners) = &options.manners {
            manners.turn().await.map_err(|failure| Error {
                doing: format!("connecting to {address}"),
                failure,
                transcript: options.transcript.clone(),
            })?;
        }
        let deadline = Instant::now() + options.timeout;
        let connected = waited_for(
            "a connection",
            &address,
            deadline,
            dial(address, options.source, options.nagle),
        )
        .await;
        let failure = match connected {
            Ok(Ok(stream)) => {
                if let Some(manners) = &options.manners {
                    manners.connected(address);
                }
                if let Ok(local) = stream.local_addr() {
                    options.transcript.came_from(local.port());
                }
                return Self::over(Box::new(stream), &address.to_string(), options).await;
            }
            Ok(Err(error)) => Failure::Connect(error),
            Err(_) => Failure::Timeout {
                waited: options.timeout,
                read: String::new(),
            },
        };
        if let Some(manners) = &options.manners {
            manners.not_connected(address, &failure);
        }
        options
            .transcript
            .note(format_args!("no connection to {address}"));
        Err(Error {
            doing: format!("connecting to {address}"),
            failure,
            transcript: options.transcript.clone(),
        })
    }

    /// Speaks over a connection that is there already; `peer` names it in errors.
    ///
    /// # Errors
    /// In wrapper mode, no handshake.
    pub async fn over(io: Box<dyn Io>, peer: &str, options: &Connect) -> Result<Self, Error> {
        options.transcript.note(format_args!("connected to {peer}"));
        let mut session = Self {
            wire: Wire::new(Stream::Plain(io)),
            recorder: Recorder::new(options.transcript.clone()),
            peer: peer.to_owned(),
            timeout: options.timeout,
            tls: None,
            guard: options
                .manners
                .clone()
                .map(|m| (Guard::new(m), Next::Commands)),
        };
        if let Some(settings) = &options.wrapper {
            session.handshake(settings).await?;
        }
        Ok(session)
    }

    /// What was said until now. Cheap; it goes on growing with the session.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.recorder.transcript().clone()
    }

    /// What the last handshake agreed on; `None` in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// Changes the deadline of each reply from now on.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The deadline of each reply.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What has arrived and has not been read as a reply.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.wire.unread()
    }

    /// Reads the server's greeting.
    ///
    /// # Errors
    /// As [`Session::read_reply`].
    pub async fn greeting(&mut self) -> Result<Reply, Error> {
        self.read_reply().await
    }

    /// Sends `line` with CRLF and reads the reply. The line is sent as it stands,
    /// whatever it is; the arguments of AUTH are masked in the transcript.
    ///
    /// # Errors
    /// No whole reply: see [`Failure`].
    pub async fn command(&mut self, line: &str) -> Result<Reply, Error> {
        self.write_raw(format!("{line}\r\n").as_bytes()).await?;
        self.read_reply().await
    }

    /// Sends all `lines` in one write and reads one reply for each (RFC 2920).
    ///
    /// # Errors
    /// As [`Session::command`]; the transcript shows the replies that did come.
    pub async fn pipeline(&mut self, lines: &[&str]) -> Result<Vec<Reply>, Error> {
        let bytes: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
        self.write_raw(bytes.as_bytes()).await?;
        let mut replies = Vec::with_capacity(lines.len());
        for _ in lines {
            replies.push(self.read_reply().await?);
        }
        Ok(replies)
    }

    /// Says EHLO and reads what is offered. A refusal is in the reply.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn ehlo(&mut self, name: &str) -> Result<Capabilities, Error> {
        Ok(Capabilities::parse(
            self.command(&format!("EHLO {name}")).await?,
        ))
    }

    /// Sends `bytes` as they stand and reads nothing.
    ///
    /// # Errors
    /// The server does not take them in time, or has closed the connection and
    /// left nothing to read.
    pub async fn write_raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.recorder.sent(bytes);
        self.transmit(bytes).await
    }

    /// Ends our side of the connection, under TLS with its close alert. What the
    /// server says to it, if anything, can be read as before.
    ///
    /// # Errors
    /// As [`Session::write_raw`].
    pub async fn half_close(&mut self) -> Result<(), Error> {
        self.recorder.flush();
        self.transcript()
            .note("our side of the connection is closed");
        let deadline = Instant::now() + self.timeout;
        match waited_for("our end", &self.peer, deadline, self.wire.shutdown()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken("closing our side", error)),
            Err(_) => Err(self.late("closing our side", self.timeout)),
        }
    }

    /// Sends what the recorder has been told of.
    pub(super) async fn transmit(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some((guard, next)) = &mut self.guard {
            match guard.allow(bytes, *next) {
                Ok(then) => *next = then,
                Err(failure) => return Err(self.error("sending", failure)),
            }
        }
        let deadline = Instant::now() + self.timeout;
        let sent = waited_for("room to send", &self.peer, deadline, self.wire.send(bytes)).await;
        let Ok(sent) = sent else {
            return Err(self.late("sending", self.timeout));
        };
        let Err(error) = sent else { return Ok(()) };
        // A server that refuses and hangs up says why first: that can still be read.
        while let Ok(Ok(1..)) = waited_for("a reason", &self.peer, deadline, self.wire.fill()).await
        {
        }
        if self.wire.unread().is_empty() {
            return Err(self.broken("sending", error));
        }
        self.recorder.flush();
        self.transcript()
            .note("the server closed the connection before it had read all");
        Ok(())
    }

    /// Reads one whole reply.
    ///
    /// # Errors
    /// [`Failure::Timeout`] where it is not whole in time, [`Failure::Closed`],
    /// [`Failure::Malformed`] (the offending line is used up, and the session can
    /// go on), [`Failure::Tls`] for an alert.
    pub async fn read_reply(&mut self) -> Result<Reply, Error> {
        let (deadline, waited) = (Instant::now() + self.timeout, self.timeout);
        let doing = self.recorder.awaited();
        let mut partial = Partial::default();
        loop {
            let end = self.wire.unread().iter().position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line = self.wire.take(end + 1);
                self.recorder.received(&line);
                match partial.add(&line) {
                    Ok(Some(reply)) => {
                        self.recorder.reply_is_whole(reply.code);
                        if let Some((guard, next)) = &mut self.guard {
                            guard.heard(&reply);
                            *next = if reply.code == 354 {
                                Next::Content
                            } else {
                                Next::Commands
                            };
                        }
                        return Ok(reply);
                    }
                    Ok(None) if partial.len() < MOST_LINES => {}
                    Ok(None) => return Err(self.malformed(&doing, "too many lines", &line)),
                    Err(reason) => return Err(self.malformed(&doing, reason, &line)),
                }
            } else if self.wire.unread().len() > LONGEST_LINE {
                let line = self.take_unread();
                return Err(self.malformed(&doing, "a line longer than 8192 octets", &line));
            } else {
                match waited_for(&doing, &self.peer, deadline, self.wire.fill()).await {
                    Ok(Ok(1..)) => {}
                    Ok(Ok(0)) => {
                        return Err(self.broken(&doing, std::io::ErrorKind::UnexpectedEof.into()));
                    }
                    Ok(Err(error)) => return Err(self.broken(&doing, error)),
                    Err(_) => return Err(self.late(&doing, waited)),
                }
            }
        }
    }

    /// Waits for bytes, whatever they are, and returns all that has come; empty
    /// at the end of the stream. For what does not speak SMTP.
    ///
    /// # Errors
    /// [`Failure::Timeout`] where nothing comes, and a connection that breaks.
    pub async fn read_raw(&mut self) -> Result<Vec<u8>, Error> {
        if self.wire.unread().is_empty() {
            let deadline = Instant::now() + self.timeout;
            match waited_for("bytes", &self.peer, deadline, self.wire.fill()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.broken("waiting for bytes", error)),
                Err(_) => return Err(self.late("waiting for bytes", self.timeout)),
            }
        }
        Ok(self.take_unread())
    }

    /// Waits until the server closes or resets the connection; what came before
    /// that, escaped.
    ///
    /// # Errors
    /// [`Failure::Timeout`]: it is still open.
    pub async fn expect_closed(&mut self) -> Result<String, Error> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match waited_for(
                "the connection's end",
                &self.peer,
                deadline,
                self.wire.fill(),
            )
            .await
            {
                Ok(Ok(1..)) => {}
                Ok(Ok(0)) => break,
                Ok(Err(error)) => match self.broken("waiting for the connection's end", error) {
                    Error {
                        failure: Failure::Closed { .. },
                        ..
                    } => break,
                    error => return Err(error),
                },
                Err(_) => return Err(self.late("waiting for the connection's end", self.timeout)),
            }
        }
        let read = escape(&self.take_unread());
        self.transcript().note("the server closed the connection");
        Ok(read)
    }

    /// Shakes hands now, whatever was said before. Bytes that are unread go to
    /// [`TlsFacts::injected`].
    ///
    /// # Errors
    /// [`Failure::Tls`], [`Failure::Closed`], [`Failure::Timeout`],
    /// [`Failure::Settings`]. The session is of no use after it.
    pub async fn handshake(&mut self, settings: &TlsSettings) -> Result<&TlsFacts, Error> {
        let doing = "the TLS handshake";
        let injected = self.take_unread();
        self.recorder.starts_anew();
        let Some(io) = self.wire.detach() else {
            let error = Failure::Settings("the connection is under TLS already".to_owned());
            return Err(self.error(doing, error));
        };
        let deadline = Instant::now() + self.timeout;
        let shaken = waited_for(doing, &self.peer, deadline, settings.connect(io)).await;
        let (stream, mut facts) = match shaken {
            Ok(Ok(done)) => done,
            Ok(Err(failure)) => return Err(self.error(doing, failure)),
            Err(_) => return Err(self.late(doing, self.timeout)),
        };
        facts.injected = injected;
        self.transcript()
            .note(format_args!("{} {}", facts.version, facts.cipher_suite));
        self.wire.attach(stream);
        Ok(self.tls.insert(facts))
    }

    /// An error at this point of the conversation.
    pub(super) fn error(&mut self, doing: &str, failure: Failure) -> Error {
        self.recorder.flush();
        self.transcript().note(format_args!("{doing}: {failure}"));
        Error {
            doing: format!("{doing} ({})", self.peer),
            failure,
            transcript: self.transcript(),
        }
    }

    pub(super) fn late(&mut self, doing: &str, waited: Duration) -> Error {
        let read = escape(self.wire.unread());
        self.error(doing, Failure::Timeout { waited, read })
    }

    fn broken(&mut self, doing: &str, error: std::io::Error) -> Error {
        let read = escape(self.wire.unread());
        self.error(doing, Failure::sort(error, read))
    }

    fn malformed(&mut self, doing: &str, reason: &'static str, line: &[u8]) -> Error {
        let line = escape(&line[..line.len().min(200)]);
        self.error(doing, Failure::Malformed { reason, line })
    }

    fn take_unread(&mut self) -> Vec<u8> {
        let bytes = self.wire.take(usize::MAX);
        if !bytes.is_empty() {
            self.recorder.received(&bytes);
        }
        bytes
    }
}
