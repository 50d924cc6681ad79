//! The command line, as the contract has it. Arguments only: what they mean
//! is in `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::lab;
use crate::requirements::{Profile, profile};

mod access;
mod bench;
mod certs;
mod check;
mod config;
mod doctor;
mod export;
mod images;
mod inbox;
mod init;
mod mutate;
mod reports;
mod told;
mod users;
mod verify;

pub use access::Access;
pub use bench::{Bench, Door, NextHop, Versus};
pub use certs::{Certs, Issue, Place as CertsPlace};
pub use check::{Check, Place};
pub use config::Config;
pub use doctor::Doctor;
pub use export::Export;
pub use images::Images;
pub use inbox::{Inbox, LabName, Wait};
pub use init::{Backend, Init};
pub use mutate::Mutate;
pub use reports::Reports;
pub use told::{LogFormat, Told};
pub use users::{Place as UsersPlace, Users};
pub use verify::Verify;

/// Build an authenticated, anonymising mail relay as containers, and prove that it is one.
#[derive(Debug, Parser)]
#[command(name = "relaykit", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done, 1 internal error, 2 usage, 3 the configuration is wrong,
4 the engine cannot be used, 5 not ready in time, 6 an output could not be
written, 10 a check failed, 11 no check selected, 12 a check could not be
judged, 130 interrupted (after cleaning up).")]
pub struct Cli {
    /// How results are printed on stdout.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub format: Format,
    /// What goes to stderr.
    #[command(flatten)]
    pub told: Told,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The form of a result on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For scripts.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented relay.yaml to begin with.
    Init(Init),
    /// Bring up a lab: relay, directory and next hop, proved by a login and a delivered message.
    Up(Up),
    /// Prove a relay: every check with citation, expectation and observation.
    Test(Test),
    /// Say whether a lab is still what a report was written for, and what differs.
    Verify(Verify),
    /// Check any relay over the network, politely.
    Check(Box<Check>),
    /// Measure a relay under load: messages and logins a second, latencies of each step, CPU.
    Bench(Box<Bench>),
    /// Show the labs on the engine.
    Status,
    /// Print what the containers of a lab logged; with --format json each line as an object.
    Logs(Logs),
    /// Take down a lab; its queue and inbox stay unless --volumes is given.
    Down(Down),
    /// Read what the next hop of a lab got.
    #[command(subcommand)]
    Inbox(Inbox),
    /// Build the images.
    Build(Build),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Write the relay as a bundle for production.
    Export(Export),
    /// Change or list the users file (`auth.pam.users_file`), which is all that a relay without a directory needs.
    #[command(subcommand)]
    Users(Users),
    /// Show, issue and renew certificates.
    #[command(subcommand)]
    Certs(Certs),
    /// Try what a lab needs of the engine and of this machine, before `up` does.
    Doctor(Doctor),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Watch over another relaykit and clean up after it if it is killed.
    #[command(hide = true)]
    Watch {
        /// The lab whose leftovers are removed.
        #[arg(value_parser = lab_name)]
        lab: String,
    },
}

impl Command {
    /// Its word on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Up(_) => "up",
            Self::Test(_) => "test",
            Self::Verify(_) => "verify",
            Self::Check(_) => "check",
            Self::Bench(_) => "bench",
            Self::Status => "status",
            Self::Logs(_) => "logs",
            Self::Down(_) => "down",
            Self::Inbox(_) => "inbox",
            Self::Build(_) => "build",
            Self::Config(_) => "config",
            Self::Export(_) => "export",
            Self::Users(_) => "users",
            Self::Certs(_) => "certs",
            Self::Doctor(_) => "doctor",
            Self::Completions { .. } => "completions",
            Self::Watch { .. } => "watch",
        }
    }
}

/// Which lab, and which configuration.
#[derive(Debug, Args)]
pub struct Which {
    /// The configuration; without it ./relay.yaml, and the built-in lab where there is none.
    /// `-` reads it from standard input; files in it are then looked for from here.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `relaykit up`.
#[derive(Debug, Args)]
pub struct Up {
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
    /// The lab's name: lower-case letters, digits and hyphens.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
    /// Print what would be done and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where images come from.
    #[command(flatten)]
    pub images: Images,
}

/// `relaykit test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Parts of check ids; a check runs if any of them is in its id.
    pub filters: Vec<String>,
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
    /// List the selected checks and run none.
    #[arg(long)]
    pub list: bool,
    /// Say what the check of this id does and why, and how to repair what it finds; run none.
    #[arg(long, value_name = "ID", conflicts_with_all = ["list", "filters"])]
    pub explain: Option<String>,
    /// Check the lab of this name, which is up already, and leave it running; what the checks
    /// sent stays in its inbox.
    #[arg(long, value_name = "NAME", value_parser = lab_name)]
    pub lab: Option<String>,
    /// How many checks run at once.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Stop after so many failures.
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "prove")]
    pub max_fail: Option<std::num::NonZeroUsize>,
    /// Leave the test's own lab running, to be looked at.
    #[arg(long, conflicts_with = "lab")]
    pub keep: bool,
    /// Plant each sabotage that the checks claim to see, and demand that they do.
    #[arg(long, conflicts_with_all = ["lab", "keep"])]
    pub prove: bool,
    /// Which mutants are tried.
    #[command(flatten)]
    pub mutants: Mutate,
    /// Run the checks of this standard or guideline, and report by its requirements.
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub profile: Option<&'static Profile>,
    /// Files to write the report to.
    #[command(flatten)]
    pub reports: Reports,
    /// Sign each JSON report with the ed25519 key in this file (OpenSSH's format, no
    /// passphrase), into FILE.sig beside it. `relaykit verify --signer` reads that, and
    /// `ssh-keygen -Y verify -n relaykit-report` does.
    #[arg(
        long,
        value_name = "KEYFILE",
        requires = "json",
        help_heading = "Reports"
    )]
    pub sign: Option<PathBuf>,
    /// Where images come from.
    #[command(flatten)]
    pub images: Images,
}

/// `relaykit logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Which container; without it all of them, each line with its role.
    #[arg(value_parser = ["relay", "directory", "sink"])]
    pub service: Option<String>,
    /// Go on until interrupted.
    #[arg(short, long)]
    pub follow: bool,
    /// The lab's name.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
}

/// `relaykit down`.
#[derive(Debug, Args)]
pub struct Down {
    /// The lab's name.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        value_parser = lab_name,
        conflicts_with = "all"
    )]
    pub lab: String,
    /// Every lab on the engine, and whatever killed runs left, with all volumes.
    #[arg(long)]
    pub all: bool,
    /// Remove the queue and the inbox as well, and forget the lab's CA.
    #[arg(long)]
    pub volumes: bool,
}

/// `relaykit build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Where images come from.
    #[command(flatten)]
    pub images: Images,
    /// Build everything anew, the base image too.
    #[arg(long)]
    pub no_cache: bool,
    /// Make the base image from the Debian archive, even where there is another.
    #[arg(long, conflicts_with = "base")]
    pub bootstrap: bool,
    /// Remove the images instead.
    #[arg(long, conflicts_with_all = ["no_cache", "bootstrap"])]
    pub remove: bool,
}

fn at_least_one(text: &str) -> Result<std::num::NonZeroUsize, String> {
    let number = text.parse();
    number.map_err(|_| "a number from 1 upwards is expected".to_owned())
}

/// A lab's name. Whatever names a lab is read here, so that no command can forget to:
/// a name is part of a folder that is removed.
fn lab_name(text: &str) -> Result<String, String> {
    lab::check_name(text).map(|()| text.to_owned())
}

/// Spans as people write them: `10s`, `1m 30s`, `500ms`; a number alone is seconds.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(std::time::Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|e| format!("{e}; write it like 10s, 500ms or 2m"))?;
    span.try_into()
        .map_err(|_| "it must not be negative".to_owned())
}

/// A time, or how long ago it was.
fn since(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = duration(text)
        .map_err(|_| "write a time like 2026-11-30T12:00:00Z, or how long ago: 5m".to_owned())?;
    jiff::Timestamp::now()
        .checked_sub(ago)
        .map_err(|e| e.to_string())
}
