//! One ssh(1) for the whole run: it listens at a socket of ours and carries each
//! connection there to the engine's socket on the far side.
//!
//! The Docker CLI starts `ssh HOST docker system dial-stdio` for each connection, which
//! means a login for each request of ours that is under way: a stock sshd refuses the
//! eleventh of them (`MaxStartups`), each costs a key exchange, and the far side needs a
//! Docker CLI. Here the first login is the only one, and the far side needs a shell.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::Error;
use super::ssh::Destination;

/// A login that nobody is asked anything for takes no longer.
const LOGIN: Duration = Duration::from_secs(60);
/// With a terminal somebody may have to type: sshd itself gives them two minutes.
const LOGIN_BY_HAND: Duration = Duration::from_secs(150);
/// How many of ssh's last lines an error shows.
const LINES_KEPT: usize = 20;

/// What the shell here runs: ssh, until our end of its input is closed. That happens
/// however this program ends, also when it is killed. Signals are ignored, which ssh
/// inherits and keeps to: Ctrl-C goes to all of a terminal's programs at once, and what
/// is to be cleaned up then needs the engine. ssh is in the background only so that the
/// shell can wait for the input; `read` runs no other program and leaves it its number.
const HERE: &str = r#"
trap "" INT TERM HUP QUIT
folder=$1
shift
exec 3<&0
ssh "$@" <&3 3<&- &
exec >/dev/null 2>&1
read -r nothing <&3
kill -9 $!
wait
rm -rf -- "$folder"
"#;

/// What the shell on the far side runs, with the socket as `$1`: says what it finds
/// there, and stays. One line without a single quote or an exclamation mark, so that it is
/// the same to every login shell.
const THERE: &str = concat!(
    "s=$1; if test -S \"$s\"; then ",
    "if test -r \"$s\" && test -w \"$s\"; then echo relaykit: ready; exec cat >/dev/null; fi; ",
    "echo relaykit: denied; exit 1; fi; ",
    "for other in /run/user/$(id -u)/docker.sock /run/user/$(id -u)/podman/podman.sock ",
    "/var/run/docker.sock /run/podman/podman.sock; do ",
    "if test -S \"$other\" && test -w \"$other\"; then echo relaykit: other $other; fi; done; ",
    "echo relaykit: absent",
);

/// What ssh is told whatever the address says. The user's configuration has the word in
/// everything else.
const OPTIONS: &[&str] = &[
    "-T",
    "-x",
    // A tunnel of our own: in a shared connection it would outlive us.
    "-oControlMaster=no",
    "-oControlPath=none",
    // A host's own command or a taken port among its own forwardings is not ours.
    "-oRemoteCommand=none",
    "-oExitOnForwardFailure=no",
    "-oConnectTimeout=30",
    // A host that has gone is noticed within half a minute.
    "-oServerAliveInterval=10",
    "-oServerAliveCountMax=3",
];

/// A running ssh and the socket that it listens at. Dropping it ends ssh.
pub(super) struct Tunnel {
    shell: Child,
    /// Closing it is what ends ssh.
    input: Option<ChildStdin>,
    folder: TempDir,
    errors: Lines,
}

/// The last lines of ssh's standard error.
type Lines = Arc<Mutex<VecDeque<String>>>;

impl Tunnel {
    /// Logs in and waits until the way is open.
    ///
    /// # Errors
    /// [`Error::Ssh`], with ssh's own words.
    pub(super) async fn open(destination: &Destination) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Ssh {
            address: destination.address(),
            reason: format!("it cannot be run: {error}"),
            advice: "relaykit runs the programs `sh` and `ssh`".to_owned(),
        };
        let folder = tempfile::Builder::new().prefix("relaykit-").tempdir();
        let folder = folder.map_err(failed)?;
        let somebody = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let mut command = command(destination, &folder, somebody);
        let mut shell = command.spawn().map_err(failed)?;
        let (told, mut said) = mpsc::unbounded_channel();
        let errors = Lines::default();
        read_lines(shell.stdout.take(), {
            let told = told.clone();
            move |line| drop(told.send(Some(line)))
        });
        read_lines(shell.stderr.take(), {
            let errors = Arc::clone(&errors);
            move |line| {
                keep(&errors, line);
                // Held by ssh's standard error too: the last word is in before its end.
                drop(told.send(None));
            }
        });
        let tunnel = Self {
            input: shell.stdin.take(),
            shell,
            folder,
            errors,
        };
        let patience = if somebody { LOGIN_BY_HAND } else { LOGIN };
        let answer = tokio::time::timeout(patience, answer(&mut said)).await;
        let Ok(answer) = answer else {
            keep(
                &tunnel.errors,
                format!("no login within {} s", patience.as_secs()),
            );
            return Err(destination.refused(&tunnel.words()));
        };
        match answer {
            Answer::Ready if tunnel.socket().exists() => Ok(tunnel),
            Answer::Denied => Err(Error::Ssh {
                address: destination.address(),
                reason: format!("its user may not use {} there", destination.socket()),
                advice: "add that user to the group that owns the socket (usually `docker`) there"
                    .to_owned(),
            }),
            Answer::Absent(others) => Err(absent(destination, &others)),
            Answer::Ready | Answer::Ended => Err(destination.refused(&tunnel.words())),
        }
    }

    /// The socket on this side.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine")
    }

    /// The last that ssh said.
    pub(super) fn words(&self) -> String {
        let lines = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        lines.join("\n")
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.input = None;
        // It kills ssh and removes a folder: no network is waited for.
        drop(self.shell.wait());
    }
}

/// What the far side said.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The socket is there.
    Ready,
    /// It is there, and may not be used.
    Denied,
    /// It is not, and these are.
    Absent(Vec<String>),
    /// ssh ended before anything was said.
    Ended,
}

/// Waits for the answer. A login may print lines of its own before it.
async fn answer(said: &mut mpsc::UnboundedReceiver<Option<String>>) -> Answer {
    let mut others = Vec::new();
    while let Some(line) = said.recv().await {
        let Some(line) = line else { continue };
        match line.trim().strip_prefix("relaykit: ") {
            Some("ready") => return Answer::Ready,
            Some("denied") => return Answer::Denied,
            Some("absent") => return Answer::Absent(others),
            Some(other) => others.extend(other.strip_prefix("other ").map(str::to_owned)),
            None => {}
        }
    }
    Answer::Ended
}

fn absent(destination: &Destination, others: &[String]) -> Error {
    let addresses = others.iter().map(|socket| destination.at(socket).address());
    let addresses: Vec<_> = addresses.collect();
    Error::Ssh {
        address: destination.address(),
        reason: format!("there is no socket {} there", destination.socket()),
        advice: if addresses.is_empty() {
            "start the engine there, or name its socket: ssh://host/path/of/the/socket".to_owned()
        } else {
            format!("an engine is at {}", addresses.join(" and "))
        },
    }
}

fn command(destination: &Destination, folder: &TempDir, somebody: bool) -> Command {
    let socket = destination.socket();
    let here = folder.path().join("engine");
    let mut command = Command::new("sh");
    command
        .args(["-c", HERE, "relaykit"])
        .arg(folder.path())
        .args(OPTIONS)
        .arg(format!(
            "-oBatchMode={}",
            if somebody { "no" } else { "yes" }
        ))
        .arg("-L")
        .arg(format!("{}:{socket}", here.display()))
        .args(destination.arguments())
        .arg(format!("exec sh -c '{THERE}' relaykit '{socket}'"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Hands over each line of what ssh writes, on a thread of its own, until its end.
fn read_lines(from: Option<impl Read + Send + 'static>, tell: impl Fn(String) + Send + 'static) {
    let Some(from) = from else { return };
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            tell(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}

fn keep(lines: &Lines, line: String) {
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LINES_KEPT {
        lines.pop_front();
    }
    // What is left without its frame says enough.
    if !line.trim_matches('@').is_empty() {
        lines.push_back(line);
    }
}

/// Where the host is whose published ports a lab has: an alias is known to ssh alone.
pub(super) async fn host_name(destination: &Destination) -> String {
    let mut command = tokio::process::Command::new("ssh");
    command.arg("-G").args(destination.arguments());
    let settings = command.stdin(Stdio::null()).output().await;
    let settings = settings.map(|output| output.stdout).unwrap_or_default();
    let settings = String::from_utf8_lossy(&settings).into_owned();
    let host = settings
        .lines()
        .find_map(|line| line.strip_prefix("hostname "));
    host.unwrap_or(destination.host()).to_owned()
}
