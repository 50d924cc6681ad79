//! `relaykit users`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Which;

/// What is done with a users file.
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Add somebody; the password is asked for, without showing it.
    Add {
        /// The name to log in with.
        name: String,
        /// An address that this login may send from (`relay.sender_login: own`); `@DOMAIN`
        /// is all of a domain. Can be given again.
        #[arg(long = "address", value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// The file whose one line is the password, instead of asking; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Which file.
        #[command(flatten)]
        place: Place,
    },
    /// Remove somebody: no later login of theirs succeeds.
    Remove {
        /// Whom.
        name: String,
        /// Which file.
        #[command(flatten)]
        place: Place,
    },
    /// Give somebody another password, which is asked for, without showing it.
    Passwd {
        /// Whom.
        name: String,
        /// The file whose one line is the password, instead of asking; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Which file.
        #[command(flatten)]
        place: Place,
    },
    /// List who is in it, with their addresses.
    List {
        /// Which file.
        #[command(flatten)]
        place: Place,
    },
}

/// Where a users file is.
#[derive(Debug, Args)]
pub struct Place {
    /// The users file, instead of the one that relay.yaml names (`auth.pam.users_file`).
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
}
