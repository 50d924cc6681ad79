//! Arguments in, exit code out. The environment is read here and nowhere else.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use relaykit::cli::Cli;
use relaykit::commands;
use relaykit::engine;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = environment();
    if let Some(filter) = var("RUST_LOG") {
        env_logger::Builder::new().parse_filters(&filter).init();
    }
    commands::run(cli, environment)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn environment() -> commands::Environment {
    let home = || var("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let default = || {
        Some(
            var("XDG_STATE_HOME")
                .map(PathBuf::from)
                .or_else(home)?
                .join("relaykit"),
        )
    };
    let state = var("RELAYKIT_STATE").map(PathBuf::from).or_else(default);
    commands::Environment {
        engine: engine::Environment::read(var),
        state,
        mirror: var("RELAYKIT_MIRROR"),
        // Upper-case HTTP_PROXY can come from a CGI request header (httpoxy), so nobody reads it.
        http_proxy: var("http_proxy"),
        https_proxy: var("https_proxy").or_else(|| var("HTTPS_PROXY")),
        no_proxy: var("no_proxy").or_else(|| var("NO_PROXY")),
        namespace: var("RELAYKIT_NAMESPACE"),
        color: var("NO_COLOR").is_none(),
    }
}
