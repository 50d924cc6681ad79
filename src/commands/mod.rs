//! One file a subcommand: composes the stages below and prints. What all of
//! them share is here: the session, Ctrl-C, and the way from an error to an
//! exit code.

mod bench;
mod build;
mod certs;
mod check;
mod completions;
mod config;
mod display;
mod doctor;
mod down;
mod exit;
mod export;
mod inbox;
mod init;
mod labs;
mod logs;
mod status;
mod test;
mod unified;
mod up;
mod users;
mod verify;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use crate::cli::{Cli, Command, Format, LogFormat};
use crate::diagnostics::{COMMAND, Diagnostics, Form, Wanted};
use crate::engine::{self, Engine};
use crate::lab::{self, Store};
use crate::progress::Progress;
use crate::visible::{visible, visible_json};

pub use exit::{Exit, usage_json};

/// What relaykit reads of its environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DOCKER_*`.
    pub engine: engine::Environment,
    /// `RELAYKIT_STATE`, or `relaykit` under the XDG state folder; `None`: no home either.
    pub state: Option<PathBuf>,
    /// `RELAYKIT_MIRROR`.
    pub mirror: Option<String>,
    /// `http_proxy`.
    pub http_proxy: Option<String>,
    /// `https_proxy`.
    pub https_proxy: Option<String>,
    /// `no_proxy`.
    pub no_proxy: Option<String>,
    /// `RELAYKIT_NAMESPACE`: the first part of the images' names; `relaykit` where unset.
    pub namespace: Option<String>,
    /// `RUST_LOG`.
    pub log: Option<String>,
    /// Whether colour is welcome: `NO_COLOR` is unset.
    pub color: bool,
}

/// What every command works with.
struct Session {
    environment: Environment,
    format: Format,
    cancel: CancellationToken,
    progress: Progress,
    display: display::Display,
    /// Whether more is to be told than what went wrong.
    verbose: bool,
}

impl Session {
    /// The engine; Ctrl-C ends a login over ssh that does not come about.
    async fn engine(&self) -> anyhow::Result<Arc<dyn Engine>> {
        tokio::select! {
            engine = engine::connect(&self.environment.engine) => Ok(engine?),
            () = self.cancel.cancelled() => Err(lab::Error::Interrupted.into()),
        }
    }

    fn store(&self) -> anyhow::Result<Store> {
        let root = self.environment.state.clone();
        let root = root.context(
            "there is no folder for state: neither RELAYKIT_STATE nor XDG_STATE_HOME nor HOME is set",
        )?;
        Ok(Store::new(root))
    }

    /// Prints a result on stdout: `json` for scripts, `human` for people.
    fn print<T: serde::Serialize>(&self, json: &T, human: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Human => Self::write(visible(human).as_bytes()),
            Format::Json => Self::write_json(&format!("{}\n", serde_json::to_string_pretty(json)?)),
        }
    }

    /// Writes JSON to stdout, with nothing in it that could drive a terminal.
    fn write_json(json: &str) -> anyhow::Result<()> {
        Self::write(visible_json(json).as_bytes())
    }

    /// Writes to stdout. A reader that has gone away is a normal end.
    fn write(bytes: &[u8]) -> anyhow::Result<()> {
        Self::written(bytes).map(drop)
    }

    /// Writes to stdout; `false` where its reader has gone away (`relaykit logs
    /// | head`). Every other failure is an output that could not be written.
    fn written(bytes: &[u8]) -> anyhow::Result<bool> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(source) => {
                let to = "stdout".into();
                Err(exit::Unwritable { to, source }.into())
            }
        }
    }
}

/// Carries out a command line and says how the process is to end.
#[must_use]
pub fn run(cli: Cli, environment: Environment) -> ExitCode {
    let display = display::Display::new(environment.color, cli.told);
    let diagnostics = diagnostics(&cli, &environment, &display);
    let format = cli.format;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let cancel = CancellationToken::new();
            let signals = tokio::spawn(exit::on_signal(cancel.clone(), display.clone()));
            let session = Session {
                environment,
                format: cli.format,
                cancel,
                progress: display.progress(),
                display: display.clone(),
                verbose: cli.told.verbose > 0,
            };
            let span = info_span!(COMMAND, command = cli.command.name());
            let dispatched = Box::pin(dispatch(&session, cli.command));
            let result = dispatched.instrument(span).await;
            signals.abort();
            result
        }),
        Err(e) => Err(anyhow::Error::new(e).context("starting the runtime")),
    };
    display.clear();
    if let Some(summary) = diagnostics.summary() {
        display.log(&summary);
    }
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            match format {
                Format::Human => display.error(&exit::message(&error)),
                Format::Json => display.json(&exit::json(&error)),
            }
            exit::of(&error)
        }
    };
    ExitCode::from(exit as u8)
}

/// Sets up what is told of the program itself.
fn diagnostics(cli: &Cli, environment: &Environment, display: &display::Display) -> Diagnostics {
    let wanted = Wanted {
        verbosity: cli.told.verbose,
        filter: environment.log.clone(),
        form: cli.told.log_format.map(|form| match form {
            LogFormat::Text => Form::Text,
            LogFormat::Json => Form::Json,
        }),
    };
    let install = |wanted: &Wanted| {
        let display = display.clone();
        Diagnostics::install(wanted, move |line| display.log(line))
    };
    install(&wanted).unwrap_or_else(|error| {
        display.insist(&error.to_string());
        let without = Wanted {
            filter: None,
            ..wanted
        };
        // Without a filter of the user's there is nothing that could be wrong with one.
        install(&without).unwrap_or_default()
    })
}

async fn dispatch(session: &Session, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Init(arguments) => init::run(session, &arguments),
        Command::Up(arguments) => up::run(session, arguments).await,
        Command::Test(arguments) => test::run(session, arguments).await,
        Command::Verify(arguments) => verify::run(session, arguments).await,
        Command::Check(arguments) => Box::pin(check::run(session, *arguments)).await,
        Command::Bench(arguments) => Box::pin(bench::run(session, *arguments)).await,
        Command::Status => status::run(session).await,
        Command::Logs(arguments) => logs::run(session, arguments).await,
        Command::Down(arguments) => down::run(session, arguments).await,
        Command::Inbox(arguments) => inbox::run(session, arguments).await,
        Command::Build(arguments) => build::run(session, arguments).await,
        Command::Config(arguments) => config::run(session, arguments).await,
        Command::Export(arguments) => export::run(session, &arguments).await,
        Command::Users(users) => users::run(session, users),
        Command::Certs(arguments) => certs::run(session, arguments).await,
        Command::Doctor(arguments) => doctor::run(session, arguments).await,
        Command::Watch { lab } => watch::run(session, &lab).await,
        Command::Completions { shell } => completions::run(session, shell),
    }
}
