//! How a server of somebody else's is reached: who logs in, and whom it is believed.

use std::path::PathBuf;

use clap::Args;

/// The arguments for it, of `check` and of `bench`.
#[derive(Debug, Args)]
pub struct Access {
    /// Who logs in.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// The password, in a file that nobody else can read; a line end at its end is none of it.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// The authorities that may have signed HOST's certificate, PEM, instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The name that the certificate must have, where that is not HOST.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}
