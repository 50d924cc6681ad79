//! Arguments in, exit code out. The environment is read here and nowhere else.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use relaykit::cli::Cli;
use relaykit::commands;
use relaykit::engine;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    commands::run(cli, environment())
}

/// Help, the version, or a command line that is refused: told as JSON to whoever asked
/// for that, as far as it can be read off what could not be parsed.
fn unparsed(error: &clap::Error) -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let asked = |pair: &[String]| pair == ["--format", "json"];
    let json = arguments.windows(2).any(asked) || arguments.contains(&"--format=json".to_owned());
    let told = if error.use_stderr() && json {
        let line = commands::usage_json(&error.render().to_string());
        writeln!(std::io::stderr(), "{line}")
    } else {
        error.print()
    };
    // Whoever reads it has gone away: nobody is left to be told.
    drop(told);
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
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
        log: var("RUST_LOG"),
        color: var("NO_COLOR").is_none(),
    }
}
