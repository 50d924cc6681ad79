//! The options that say how much relaykit tells of itself, for every command.

use clap::{ArgAction, Args, ValueEnum};

/// What goes to stderr beside results.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Diagnostics")]
pub struct Told {
    /// Tell on stderr what takes time and what is decided; -vv tells every request to the engine
    /// too. `RUST_LOG`, such as relaykit=trace, says more closely what to tell, and wins.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// No progress and no warnings: only results and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// How that is told, as -v does if nothing else says how much. With `json`, each line of
    /// stderr is an object: docs/log.schema.json.
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
}

/// The form of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
