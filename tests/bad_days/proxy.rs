//! An engine that fails: a socket in front of the real one, which lets a number
//! of requests through, or all but those about one object.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How an engine dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Every connection is closed, nobody answers any more.
    Closes,
    /// Connections stay, nothing comes.
    Silence,
}

/// Lets requests through until it dies.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Requests that are still let through.
    left: usize,
    death: Death,
    dead: bool,
    /// A request with these words in it gets no answer.
    unanswered: Option<String>,
    socket: PathBuf,
    open: Vec<UnixStream>,
}

impl Proxy {
    /// A proxy that dies with the request after the first `requests`.
    pub(crate) fn start(requests: usize, death: Death) -> Self {
        Self::before_the_engine(requests, death, None)
    }

    /// A proxy that lives, and never answers a request that has `words` in it.
    pub(crate) fn silent_about(words: String) -> Self {
        Self::before_the_engine(usize::MAX, Death::Silence, Some(words))
    }

    fn before_the_engine(requests: usize, death: Death, unanswered: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let state = State {
            left: requests,
            death,
            dead: false,
            unanswered,
            socket,
            open: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if shared.lock().unwrap().dead {
                    return;
                }
                let engine = UnixStream::connect(real_socket()).unwrap();
                serve(client, engine, &shared);
            }
        });
        Self { folder, state }
    }

    /// `DOCKER_HOST`.
    pub(crate) fn address(&self) -> String {
        format!(
            "unix://{}",
            self.folder.path().join("engine.sock").display()
        )
    }

    /// Whether it has died.
    pub(crate) fn is_dead(&self) -> bool {
        self.state.lock().unwrap().dead
    }
}

fn serve(client: UnixStream, engine: UnixStream, state: &Arc<Mutex<State>>) {
    let (from, to) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
    state
        .lock()
        .unwrap()
        .open
        .extend([client.try_clone().unwrap(), engine.try_clone().unwrap()]);
    let requests = Arc::clone(state);
    std::thread::spawn(move || copy(from, to, &requests, true));
    let answers = Arc::clone(state);
    std::thread::spawn(move || copy(engine, client, &answers, false));
}

/// Copies until an end or until the engine is dead; a request's first line counts.
fn copy(mut from: UnixStream, mut to: UnixStream, state: &Mutex<State>, requests: bool) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        let new = if requests { heads(&bytes[..n]) } else { 0 };
        let unanswered = requests && state.lock().unwrap().leaves_unanswered(&bytes[..n]);
        if unanswered
            || !state.lock().unwrap().lets_through(new)
            || to.write_all(&bytes[..n]).is_err()
        {
            return;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

fn heads(bytes: &[u8]) -> usize {
    let line = b" HTTP/1.1\r\n";
    bytes
        .windows(line.len())
        .filter(|window| window == line)
        .count()
}

impl State {
    fn leaves_unanswered(&self, request: &[u8]) -> bool {
        let words = self.unanswered.as_deref();
        words.is_some_and(|words| String::from_utf8_lossy(request).contains(words))
    }

    fn lets_through(&mut self, requests: usize) -> bool {
        if requests > self.left && !self.dead {
            self.dead = true;
            drop(std::fs::remove_file(&self.socket));
            if self.death == Death::Closes {
                self.open
                    .iter()
                    .for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
            }
        }
        self.left = self.left.saturating_sub(requests);
        !self.dead
    }
}

/// The socket of the engine that everything else here uses.
#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn real_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let path = match host.strip_prefix("unix://") {
        Some(path) => path,
        None if host.is_empty() => "/var/run/docker.sock",
        None => panic!("an engine can be made to die only behind a socket, not at {host}"),
    };
    Path::new(path).to_owned()
}
