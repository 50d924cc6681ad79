//! A second process that cleans up after this one if it is killed, when no
//! handler of ours can run any more.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Session;
use super::exit::Exit;
use crate::lab;

/// What the watched process says when it has cleaned up itself.
const RELEASE: &[u8] = b"released\n";

/// How often the engine is asked again, and how often in a row it must have
/// nothing left: it finishes requests of the killed process after its death.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const IN_A_ROW: u32 = 4;
const AT_MOST: u32 = 120;

/// The watching process. It learns of our death by the end of its input.
pub(super) struct Watcher(Child);

impl Watcher {
    /// Starts watching over the lab `name`; `None` where no process can be
    /// started, which costs nothing but the convenience.
    pub(super) fn start(name: &str) -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        let mut command = std::process::Command::new(program);
        // A group of its own: Ctrl-C on the terminal is for the watched process only.
        command.args(["watch", name]).process_group(0);
        let mut command = Command::from(command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().ok().map(Self)
    }

    /// Lets the watcher go, and waits until it has gone.
    pub(super) async fn release(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            drop(input.write_all(RELEASE).await);
            drop(input.shutdown().await);
        }
        drop(self.0.wait().await);
    }
}

pub(super) async fn run(session: &Session, name: &str) -> anyhow::Result<Exit> {
    let mut said = Vec::new();
    tokio::io::stdin().read_to_end(&mut said).await?;
    if said == RELEASE {
        return Ok(Exit::Done);
    }
    let engine = session.engine().await?;
    let mut empty = 0;
    for _ in 0..AT_MOST {
        let removed = lab::down(engine.as_ref(), name, true).await;
        empty = if removed.is_ok_and(|r| r.is_empty()) {
            empty + 1
        } else {
            0
        };
        if empty == IN_A_ROW {
            break;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    session.store()?.forget(name)?;
    Ok(Exit::Done)
}
