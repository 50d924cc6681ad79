//! How a process ends: exit codes, error messages, Ctrl-C.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::display::Display;
use crate::visible::visible_json;
use crate::{bench, certs, checks, config, diagnostics, engine, image, lab, report};

/// The exit codes that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// An error of relaykit's own.
    Internal = 1,
    /// The command line is wrong (clap's own code too).
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// The engine cannot be used.
    Engine = 4,
    /// Not ready in time.
    NotReady = 5,
    /// An output could not be written.
    Output = 6,
    /// A check failed.
    CheckFailed = 10,
    /// No check was selected.
    NoCheck = 11,
    /// A check could not be judged.
    CheckBroken = 12,
    /// Interrupted, after cleaning up.
    Interrupted = 130,
}

impl Exit {
    /// The code's name in JSON.
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Configuration => "configuration",
            Self::Engine => "engine",
            Self::NotReady => "not_ready",
            Self::Output => "output",
            Self::CheckFailed => "check_failed",
            Self::NoCheck => "no_check",
            Self::CheckBroken => "check_broken",
            Self::Interrupted => "interrupted",
        }
    }

    /// The code of a [`report::RunReport`].
    pub(super) fn of_code(code: u8) -> Self {
        match code {
            report::exit::DONE => Self::Done,
            report::exit::FAILED => Self::CheckFailed,
            report::exit::NONE_SELECTED => Self::NoCheck,
            report::exit::BROKEN => Self::CheckBroken,
            report::exit::INTERRUPTED => Self::Interrupted,
            _ => Self::Internal,
        }
    }
}

/// A command line that parses and still cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// relay.yaml cannot be used for what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unsuitable(pub(super) String);

/// A report that is not signed as it has to be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unsigned(pub(super) String);

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Overdue(pub(super) String);

/// An output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {} failed: {source}", to.display())]
pub(super) struct Unwritable {
    pub(super) to: PathBuf,
    pub(super) source: std::io::Error,
}

/// The exit code of a command that failed with `error`.
pub(super) fn of(error: &anyhow::Error) -> Exit {
    let of_cause = |cause: &(dyn std::error::Error + 'static)| {
        if let Some(error) = cause.downcast_ref::<lab::Error>() {
            return Some(of_lab(error));
        }
        if let Some(error) = cause.downcast_ref::<image::Error>() {
            return Some(of_image(error));
        }
        if let Some(error) = cause.downcast_ref::<certs::Error>() {
            return Some(of_certs(error));
        }
        if let Some(error) = cause.downcast_ref::<bench::Error>() {
            return Some(of_bench(error));
        }
        let table = [
            (cause.is::<engine::Error>(), Exit::Engine),
            (silent(cause), Exit::NotReady),
            (cause.is::<Overdue>(), Exit::NotReady),
            (cause.is::<checks::Unfit>(), Exit::CheckBroken),
            (cause.is::<config::Problems>(), Exit::Configuration),
            (cause.is::<Unsuitable>(), Exit::Configuration),
            (cause.is::<Unsigned>(), Exit::CheckFailed),
            (cause.is::<Usage>(), Exit::Usage),
            (cause.is::<checks::NoneSelected>(), Exit::NoCheck),
            (cause.is::<report::OutputError>(), Exit::Output),
            (cause.is::<Unwritable>(), Exit::Output),
        ];
        table.into_iter().find_map(|(is, exit)| is.then_some(exit))
    };
    error.chain().find_map(of_cause).unwrap_or(Exit::Internal)
}

/// Whether nothing answered that was to be checked.
fn silent(cause: &(dyn std::error::Error + 'static)) -> bool {
    let unfit = cause.downcast_ref::<checks::Unfit>();
    matches!(unfit, Some(checks::Unfit::Silent { .. }))
}

fn of_bench(error: &bench::Error) -> Exit {
    match error {
        bench::Error::Unfit { .. } => Exit::CheckBroken,
        bench::Error::Engine(_) => Exit::Engine,
        bench::Error::Inside { .. } => Exit::Internal,
    }
}

fn of_lab(error: &lab::Error) -> Exit {
    match error {
        lab::Error::Engine(_) => Exit::Engine,
        lab::Error::NotOurs(_) => Exit::Usage,
        lab::Error::Ended { .. } | lab::Error::NotReady { .. } => Exit::NotReady,
        // The only files that a lab reads are those that relay.yaml names.
        lab::Error::Impossible(_)
        | lab::Error::File {
            action: "reading", ..
        } => Exit::Configuration,
        lab::Error::Interrupted => Exit::Interrupted,
        lab::Error::Certificates(error) => of_certs(error),
        lab::Error::File { .. } => Exit::Output,
        lab::Error::Inbox { .. } => Exit::Internal,
    }
}

/// Certificates are kept in the state folder, which can be full or closed.
fn of_certs(error: &certs::Error) -> Exit {
    match error {
        certs::Error::File { .. } => Exit::Output,
        certs::Error::Issue { .. } => Exit::Internal,
        certs::Error::NotPermitted(_) => Exit::Configuration,
    }
}

fn of_image(error: &image::Error) -> Exit {
    match error {
        image::Error::Interrupted { .. } => Exit::Interrupted,
        _ => Exit::Engine,
    }
}

/// The whole message: the error and, where they add something, its causes.
pub(super) fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

/// The same for a script, in one line: docs/output.schema.json, `error`.
pub(super) fn json(error: &anyhow::Error) -> String {
    let exit = of(error);
    let mut told = serde_json::json!({
        "exit_code": exit as u8,
        "kind": exit.word(),
        "message": message(error),
    });
    let problems = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<config::Problems>());
    if let Some(problems) = problems {
        told["problems"] = serde_json::json!(problems.problems);
        told["warnings"] = serde_json::json!(problems.warnings);
    }
    serde_json::json!({ "error": told }).to_string()
}

/// A command line that clap refuses, for a script.
#[must_use]
pub fn usage_json(message: &str) -> String {
    let message = message.trim_end();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let (exit, kind) = (Exit::Usage as u8, Exit::Usage.word());
    let told = serde_json::json!({"exit_code": exit, "kind": kind, "message": message});
    let json = serde_json::json!({ "error": told }).to_string();
    visible_json(&json).into_owned()
}

/// The first Ctrl-C (or SIGTERM, SIGHUP) asks everything to end and clean up;
/// the second ends the process at once.
pub(super) async fn on_signal(cancel: CancellationToken, display: Display) {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        return;
    };
    for first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if first {
            // Asked before whatever is open ends.
            let open = diagnostics::everywhere();
            cancel.cancel();
            let why = "interrupted: cleaning up; once more to leave at once";
            display.insist(&format!("{why}{open}"));
        }
    }
    let open = diagnostics::everywhere();
    let why = "left at once: `relaykit down --all` removes what may be left";
    display.insist(&format!("{why}{open}"));
    #[allow(
        clippy::exit,
        reason = "the person asked twice; nothing else ends a stuck engine call"
    )]
    std::process::exit(Exit::Interrupted as i32);
}
