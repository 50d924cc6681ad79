//! How a connection is made.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, trace_span};

use super::{Manners, TlsSettings, Transcript};

/// How to connect.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The deadline of the connection, of each handshake and of each reply,
    /// counted from the command.
    pub timeout: Duration,
    /// `Some`: TLS before anything else, as on port 465 (RFC 8314).
    pub wrapper: Option<TlsSettings>,
    /// The client's own address; `None`: the system's choice.
    pub source: Option<IpAddr>,
    /// Where to write down what is said; several sessions may share one.
    pub transcript: Transcript,
    /// What is owed to a server of somebody else's; `None`: anything goes.
    pub manners: Option<Manners>,
    /// Whether small writes wait for an acknowledgement (Nagle's algorithm, RFC 896), as
    /// in clients that do not set `TCP_NODELAY`.
    pub nagle: bool,
}

impl Default for Connect {
    /// In the clear, 10 s for each reply, a transcript of its own. A shared
    /// `Connect` shares its transcript: see [`Connect::fresh`].
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            wrapper: None,
            source: None,
            transcript: Transcript::new(),
            manners: None,
            nagle: false,
        }
    }
}

impl Connect {
    /// The same with an empty transcript of its own.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            transcript: Transcript::new(),
            ..self.clone()
        }
    }

    /// TLS before anything else, otherwise as by default.
    #[must_use]
    pub fn wrapper(tls: TlsSettings) -> Self {
        Self {
            wrapper: Some(tls),
            ..Self::default()
        }
    }
}

/// A TCP connection.
pub(super) async fn dial(
    address: SocketAddr,
    source: Option<IpAddr>,
    nagle: bool,
) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.set_nodelay(!nagle)?;
    socket.connect(address).await
}

/// Waits until `deadline`, in a span that says for what and from whom.
pub(super) async fn waited_for<T>(
    what: &str,
    peer: &(impl std::fmt::Display + ?Sized),
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let span = trace_span!("smtp", what, %peer);
    timeout_at(deadline, work).instrument(span).await
}
