//! `relaykit doctor`.

use clap::Args;

use super::{Images, Which, lab_name};

/// `relaykit doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
    /// The lab that is to come up.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
    /// Where images come from.
    #[command(flatten)]
    pub images: Images,
}
