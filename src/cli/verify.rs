//! What `relaykit verify` compares.

use std::path::PathBuf;

use clap::Args;

use super::{Which, lab_name};

/// `relaykit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// A report that `relaykit test --json REPORT` has written.
    pub report: PathBuf,
    /// The configuration of now.
    #[command(flatten)]
    pub which: Which,
    /// The lab that is looked into. Without it only the configuration, its files and the
    /// checks are compared, and nothing that runs.
    #[arg(long, value_name = "NAME", value_parser = lab_name)]
    pub lab: Option<String>,
}
