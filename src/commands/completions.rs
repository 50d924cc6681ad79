//! `relaykit completions`: a script that knows the commands, the ids of checks, and the
//! labs that there are as it is made.

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::Session;
use super::exit::Exit;
use crate::checks;
use crate::cli::Cli;

pub(super) fn run(session: &Session, shell: Shell) -> anyhow::Result<Exit> {
    // Whoever has no state folder has no labs to name.
    let labs = session
        .store()
        .map(|store| store.labs())
        .unwrap_or_default();
    let ids: Vec<&str> = checks::all().map(|check| check.id).collect();
    let mut command = with(Cli::command(), "lab", &labs);
    for name in ["filters", "explain"] {
        command = with(command, name, &ids);
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "relaykit", &mut script);
    Session::write(&script)?;
    Ok(Exit::Done)
}

/// `command` with these `values` to offer for the argument `name`, wherever it stands.
fn with(mut command: Command, name: &str, values: &[impl AsRef<str>]) -> Command {
    if values.is_empty() {
        return command;
    }
    if command.get_arguments().any(|a| a.get_id() == name) {
        let values: Vec<String> = values.iter().map(|v| v.as_ref().to_owned()).collect();
        command = command.mut_arg(name, |argument| {
            argument.value_parser(PossibleValuesParser::new(values))
        });
    }
    let below: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    for below in below {
        command = command.mut_subcommand(below, |c| with(c, name, values));
    }
    command
}
