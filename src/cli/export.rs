//! `relaykit export`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::Which;
use crate::export::{self, FORMATS};

/// `relaykit export`.
#[derive(Debug, Args)]
pub struct Export {
    /// What the bundle is for.
    #[arg(value_name = "TARGET", value_parser = export_target())]
    pub target: &'static export::Format,
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
    /// The folder to write. Where a bundle is there already, the difference is shown and what
    /// relaykit wrote is replaced; what was changed by hand is not, and nothing is written then.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The base that the relay's image was built on, as in `relaykit build`.
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// Save the relay's image beside the bundle as image.tar, for `docker load`.
    #[arg(long)]
    pub save: bool,
}

/// The names in the registry of formats.
fn export_target() -> impl TypedValueParser<Value = &'static export::Format> {
    let names = FORMATS
        .iter()
        .map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(names).try_map(|name| {
        FORMATS
            .iter()
            .find(|format| format.name == name)
            .ok_or("this format is not registered")
    })
}
