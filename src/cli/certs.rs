//! `relaykit certs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Which, lab_name};

/// What is done with certificates.
#[derive(Debug, Subcommand)]
pub enum Certs {
    /// Show whose each certificate is, by whom, until when, its SHA-256 and what uses it: those
    /// of a lab, and the files that relay.yaml names.
    Show(Place),
    /// Sign a certificate of a lab's CA, for tests of clients and servers of your own.
    Issue(Issue),
    /// Give the relay of a lab that runs a new certificate and key of the same CA. Sessions that
    /// are open go on. The directory and the next hop keep theirs.
    Rotate(Place),
}

/// Which lab, and which configuration.
#[derive(Debug, Args)]
pub struct Place {
    /// The lab's name.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
    /// The configuration.
    #[command(flatten)]
    pub which: Which,
}

/// `relaykit certs issue`.
#[derive(Debug, Args)]
pub struct Issue {
    /// The name that the certificate is for: a host name, an address, or with --client anything.
    /// Can be given again for a server; the first is the subject, and names the files.
    #[arg(long = "name", value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// For a client that shows a certificate (`tls.client_certificates`), not for a server.
    #[arg(long)]
    pub client: bool,
    /// How many days it is valid.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: u16,
    /// The folder that NAME.pem and NAME.key are written to. What is there already is left alone.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// The lab whose CA signs it.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
}
