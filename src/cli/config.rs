//! `relaykit config`.

use clap::Subcommand;

use super::{Which, lab_name};

/// `relaykit config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check the configuration and print what would be used.
    Validate {
        /// The configuration.
        #[command(flatten)]
        which: Which,
    },
    /// Say what the lines of `postfix.main` and `postfix.master` let through; exit code 10 where
    /// there is a finding that `postfix.accept` does not have.
    Lint {
        /// The configuration.
        #[command(flatten)]
        which: Which,
    },
    /// Print the JSON Schema of relay.yaml, for editors.
    Schema,
    /// Print the files that the containers would get.
    Render {
        /// The configuration.
        #[command(flatten)]
        which: Which,
        /// Only the files whose path in the container contains this.
        #[arg(value_name = "PATH")]
        path: Option<String>,
        /// Print what `up` would change in a lab that runs: a unified diff of each file against
        /// the one there, and which containers would be made anew. Ends with 0 where nothing
        /// would change, and with 10 where something would.
        #[arg(long)]
        diff: bool,
        /// With --diff: the lab's name.
        #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
        lab: String,
    },
}
