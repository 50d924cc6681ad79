//! `relaykit test`: brings up labs of its own, runs the checks against them,
//! and leaves nothing behind.

mod labs;

use std::io::{IsTerminal, Write};
use std::path::Path;

use super::Session;
use super::exit::Exit;
use super::labs::spec;
use crate::checks::{self, Check, Options};
use crate::cli::{Format, Test};
use crate::report::{self, Colours, Fact, Human, Outputs, Progress, RunReport};
use labs::Labs;

pub(super) async fn run(session: &Session, arguments: Test) -> anyhow::Result<Exit> {
    let selected = checks::select(checks::all(), &arguments.filters)?;
    if arguments.list {
        return list(session, &selected);
    }
    let mut outputs = Outputs::open(report::FORMATS.iter().filter_map(|format| {
        let path: Option<&Path> = match format.name {
            "json" => arguments.json.as_deref(),
            _ => None,
        };
        Some((format, path?))
    }))?;
    let spec = spec(session, &arguments.which)?;
    let labs = Labs::bring_up(session, &arguments, spec, &selected).await?;
    let report = prove(session, &arguments, &labs, &selected, &mut outputs).await;
    // Whatever the checks said, and however writing it went, nothing is left behind.
    labs.take_down(session, arguments.keep).await?;
    let report = report?;
    if session.format == Format::Json {
        Session::write(&report::render_json(&report))?;
    }
    Ok(Exit::of_code(report.exit_code()))
}

fn list(session: &Session, selected: &[&'static Check]) -> anyhow::Result<Exit> {
    let entries = checks::entries(selected.iter().copied());
    let text = match session.format {
        Format::Human => report::list_human(&entries),
        Format::Json => report::list_json(&entries),
    };
    Session::write(text.as_bytes())?;
    Ok(Exit::Done)
}

async fn prove(
    session: &Session,
    arguments: &Test,
    labs: &Labs,
    selected: &[&'static Check],
    outputs: &mut Outputs,
) -> anyhow::Result<RunReport> {
    let mut options = Options::default();
    if let Some(jobs) = arguments.jobs {
        options.jobs = jobs.get();
    }
    let mut view = view(session);
    let mut failed = None;
    let tell = |event: &report::Event| {
        let shown = view.show(event).map_err(anyhow::Error::from);
        let written = match &event.fact {
            Fact::CheckFinished { so_far, .. } => outputs.update(so_far),
            Fact::RunFinished { report } => outputs.finish(report),
            Fact::RunStarted { .. } | Fact::CheckStarted { .. } => Ok(()),
        };
        let result = shown.and(written.map_err(anyhow::Error::from));
        failed = failed.take().or(result.err());
    };
    let report = checks::run(selected, labs.targets(), options, &session.cancel, tell).await;
    match failed {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

/// Results go to stdout, unless a script wants that for itself.
fn view(session: &Session) -> Human {
    let stdout = std::io::stdout();
    let stderr = std::io::stderr();
    let terminal = if session.format == Format::Human {
        stdout.is_terminal()
    } else {
        stderr.is_terminal()
    };
    let colours = if session.environment.color && terminal {
        Colours::On
    } else {
        Colours::Off
    };
    let progress = if stderr.is_terminal() {
        Progress::Live
    } else {
        Progress::Silent
    };
    let out: Box<dyn Write + Send> = if session.format == Format::Human {
        Box::new(stdout)
    } else {
        Box::new(stderr)
    };
    Human::new(out, colours, progress)
}
