//! The connection: bytes in both directions, in the clear or under TLS.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// The most that is taken in without being used. Beyond it the server has to wait.
const MOST_UNREAD: usize = 64 * 1024;

/// What a session can speak over.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// In the clear or not.
pub(super) enum Stream {
    Plain(Box<dyn Io>),
    Tls(Box<TlsStream<Box<dyn Io>>>),
}

impl Stream {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, into),
        }
    }
}

/// A stream and what has come from it without being used.
pub(super) struct Wire {
    /// `None` during a handshake and after one that failed.
    stream: Option<Stream>,
    unread: Vec<u8>,
    ended: bool,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream: Some(stream),
            unread: Vec::new(),
            ended: false,
        }
    }

    /// What has come and has not been used.
    pub(super) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Uses the first `count` bytes, or all there are.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.unread.len());
        self.unread.drain(..count).collect()
    }

    /// Whether the stream has come to its end, of which TLS told first where there is TLS.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Takes the stream in the clear out, for a handshake.
    pub(super) fn detach(&mut self) -> Option<Box<dyn Io>> {
        match self.stream.take() {
            Some(Stream::Plain(io)) => Some(io),
            other => {
                self.stream = other;
                None
            }
        }
    }

    /// Puts the stream back after the handshake.
    pub(super) fn attach(&mut self, tls: TlsStream<Box<dyn Io>>) {
        self.stream = Some(Stream::Tls(Box::new(tls)));
    }

    /// Waits for more bytes; 0 at the end of the stream. An error where more has
    /// come than is kept.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        if self.unread.len() >= MOST_UNREAD {
            return Err(io::Error::other("64 KiB came without making a reply"));
        }
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Sends `bytes`; takes in what the server says meanwhile, or the two could
    /// wait for each other for ever.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        poll_fn(|cx| {
            loop {
                let stream = self.stream.as_mut().ok_or_else(no_stream)?;
                let step = if sent < bytes.len() {
                    stream.poll_write(cx, &bytes[sent..])
                } else {
                    stream.poll_flush(cx).map_ok(|()| 0)
                };
                match step {
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(0)) if sent < bytes.len() => {
                        return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                    }
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(count)) => sent += count,
                    Poll::Pending if self.ended || self.unread.len() >= MOST_UNREAD => {
                        return Poll::Pending;
                    }
                    Poll::Pending => {
                        ready!(self.poll_fill(cx))?;
                    }
                }
            }
        })
        .await
    }

    /// Ends our side of the connection; what the server says can still be read.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let stream = self.stream.as_mut().ok_or_else(no_stream)?;
            stream.poll_shutdown(cx)
        })
        .await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = self.stream.as_mut().ok_or_else(no_stream)?;
        let mut space = [0; 8192];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(stream.poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        self.ended |= count == 0;
        self.unread.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(count))
    }
}

/// After a failed handshake nothing is left to speak over.
fn no_stream() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the connection ended with a failed handshake",
    )
}
