//! Where images come from.

use clap::Args;

/// How images are made where they are not on the engine yet.
#[derive(Debug, Default, Args)]
pub struct Images {
    /// The image to build on, instead of Debian 13 slim from the engine, the registry or the archive.
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// The Debian mirror for the bootstrap of the base image, instead of the host's own
    /// (also `RELAYKIT_MIRROR`).
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Bootstrap the base image even from a mirror that has no security updates, or none of the
    /// stable release: the image then has their holes.
    #[arg(long)]
    pub allow_missing_updates: bool,
    /// The HTTP proxy for the bootstrap and the image builds (also `http_proxy`).
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
}
