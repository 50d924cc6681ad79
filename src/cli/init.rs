//! `relaykit init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `relaykit init`.
#[derive(Debug, Args)]
pub struct Init {
    /// For production: what only you know is marked FILL-IN, and `relaykit config validate`
    /// names each until it is written.
    #[arg(long)]
    pub production: bool,
    /// Who checks logins.
    #[arg(long, value_enum, default_value_t = Backend::Ldap)]
    pub auth: Backend,
    /// The file to write; one that is there is left alone.
    #[arg(short, long, value_name = "FILE", default_value = "relay.yaml")]
    pub output: PathBuf,
    /// Replace the file if it is there. A users file is never replaced.
    #[arg(long)]
    pub force: bool,
    /// Somebody to begin with in the users file; the password is asked for, without showing it.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// The file whose one line is that password, instead of asking; `-` is standard input.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
}

/// Who checks logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// A users file beside relay.yaml, without any directory.
    Users,
    /// A directory (LDAP).
    Ldap,
}
