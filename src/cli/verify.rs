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
    /// Demand that REPORT.sig beside the report is the signature of its bytes by a key in this
    /// file: a public key (`ssh-ed25519 AAAA...`), or a list of them as `ssh-keygen -Y verify`
    /// has it (`allowed_signers`).
    #[arg(long, value_name = "FILE")]
    pub signer: Option<PathBuf>,
    /// The lab that is looked into. Without it only the configuration, its files and the
    /// checks are compared, and nothing that runs.
    #[arg(long, value_name = "NAME", value_parser = lab_name)]
    pub lab: Option<String>,
}
