//! `relaykit test`: brings up labs of its own, runs the checks against them,
//! and leaves nothing behind.

mod labs;
mod lanes;
mod mutants;
mod sabotages;
mod slots;

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::sync::Arc;

use super::Session;
use super::exit::{Exit, Usage};
use super::labs::{can_be_logged_in_to, configured, image_settings, images, spec_of_lab, workshop};
use crate::checks::{self, Check, NoneSelected, Options};
use crate::cli::{Format, Test};
use crate::config;
use crate::counterparts::{Purpose, Resolved};
use crate::lab::{Readiness, Workshop};
use crate::plan::Plan;
use crate::report::{self, Colours, Event, Fact, Human, Outputs, Progress, RunReport, Signer};
use crate::requirements::{self, Profile};
use labs::Run;
pub(super) use labs::{run_name, warnings_only};

pub(super) async fn run(session: &Session, arguments: Test) -> anyhow::Result<Exit> {
    if let Some(id) = &arguments.explain {
        return explain(session, id);
    }
    let mut selected = selected(&arguments)?;
    if arguments.list && arguments.mutants.are_meant() {
        let spec = configured(session, &arguments.which)?;
        let spec = spec.unwrap_or_else(config::built_in);
        return mutants::list(session, &spec, &arguments.mutants);
    }
    if arguments.list {
        return match arguments.profile {
            Some(profile) => list_of_profile(session, profile, &selected),
            None => list(session, &selected),
        };
    }
    let signer = arguments.sign.as_deref().map(Signer::read).transpose();
    let signer = signer.map_err(|e| Usage(e.to_string()))?;
    let mut outputs = Outputs::open(arguments.reports.files())?;
    if let Some(signer) = signer {
        outputs = outputs.signed_by(signer)?;
    }
    let configured = configured(session, &arguments.which)?;
    configured.as_ref().map_or(Ok(()), can_be_logged_in_to)?;
    let engine = session.engine().await?;
    let spec = match &arguments.lab {
        Some(name) => spec_of_lab(session, configured, name, engine.as_ref(), false).await?,
        None => configured.unwrap_or_else(config::built_in),
    };
    let mutants = mutants::chosen(&spec, &arguments.mutants)?;
    if mutants.is_some() {
        selected = mutants::of_own_relay(&spec, &selected);
    }
    // Labs that this run alone has are nobody else's, and leave nothing in a state folder.
    let owner = if arguments.lab.is_some() || arguments.keep {
        session.store()?.id()?
    } else {
        String::new()
    };
    let settings = image_settings(session, &arguments.images, false);
    let wanted = match &arguments.lab {
        Some(_) => Plan::new(Resolved::new(spec.clone(), Purpose::Lab), "").images(),
        None => checks::images(&spec, &selected),
    };
    let images = images(session, &engine, &wanted, &settings).await?;
    // What its relay does is for the checks to find.
    let workshop = Workshop {
        readiness: Readiness::Started,
        ..workshop(session, engine, images, owner)
    };
    let more_follows = arguments.prove || mutants.is_some();
    let mut told = Told::new(session, &mut outputs, more_follows);
    let run = Run {
        session,
        arguments: &arguments,
        workshop: &workshop,
        spec: &spec,
        checks: &selected,
        options: options(&arguments),
    };
    let report = run.run(&mut told).await;
    told.result()?;
    let mut report = report?;
    if arguments.prove && report.cut_short.is_none() {
        sabotages::prove(session, &spec, &workshop, &selected, &mut report, &mut told).await?;
    }
    if let (Some(chosen), None) = (mutants, report.cut_short) {
        mutants::mutate(session, &spec, &workshop, chosen, &mut report, &mut told).await?;
    }
    if session.format == Format::Json {
        Session::write(&report::render_json(&report))?;
    }
    Ok(Exit::of_code(report.exit_code()))
}

/// The checks that the filters mean, and of these those that hold something of the profile.
fn selected(arguments: &Test) -> Result<Vec<&'static Check>, NoneSelected> {
    let mut selected = checks::select(checks::all(), &arguments.filters)?;
    let Some(profile) = arguments.profile else {
        return Ok(selected);
    };
    selected.retain(|check| profile.needs(check.id));
    if !selected.is_empty() {
        return Ok(selected);
    }
    let option = format!("--profile {}", profile.name);
    let typed = arguments.filters.iter().cloned();
    Err(NoneSelected {
        filters: typed.chain([option]).collect(),
        nearest: None,
    })
}

/// People see what each requirement is held by; a script gets the same list as without a
/// profile, whose entries name their requirements.
fn list_of_profile(
    session: &Session,
    profile: &Profile,
    selected: &[&'static Check],
) -> anyhow::Result<Exit> {
    let entries = checks::entries(selected.iter().copied());
    let text = match session.format {
        Format::Human => report::list_of_profile(profile, &entries),
        Format::Json => report::list_json(&entries),
    };
    Session::write(text.as_bytes())?;
    Ok(Exit::Done)
}

pub(super) fn list(session: &Session, selected: &[&'static Check]) -> anyhow::Result<Exit> {
    let entries = checks::entries(selected.iter().copied());
    let text = match session.format {
        Format::Human => report::list_human(&entries),
        Format::Json => report::list_json(&entries),
    };
    Session::write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn explain(session: &Session, id: &str) -> anyhow::Result<Exit> {
    if let Some(named) = requirements::find(id) {
        let told = [report::Asked::of(&named)];
        session.print(&told, &told[0].explanation())?;
        return Ok(Exit::Done);
    }
    let meant = checks::select(checks::all(), &[id.to_owned()])?;
    if meant.len() > 1 {
        let ids: Vec<&str> = meant.iter().map(|check| check.id).collect();
        let text = format!(
            "--explain takes the id of one check, and {id} is in {}:\n  {}",
            ids.len(),
            ids.join("\n  ")
        );
        return Err(Usage(text).into());
    }
    let entries = checks::entries(meant);
    let texts: Vec<String> = entries.iter().map(report::explanation).collect();
    session.print(&entries, &texts.join("\n"))?;
    Ok(Exit::Done)
}

fn options(arguments: &Test) -> Options {
    let defaults = Options::default();
    Options {
        describe: true,
        jobs: arguments.jobs.map_or(defaults.jobs, NonZero::get),
        shared: arguments.jobs.map_or(defaults.shared, NonZero::get),
        max_fail: arguments.max_fail,
        profile: arguments.profile,
        ..defaults
    }
}

/// Everybody who is told what happens: the person, and the report files.
pub(super) struct Told<'a> {
    view: Human,
    outputs: &'a mut Outputs,
    /// Whether sabotages or mutants follow: the end of the checks is not the end then.
    proves: bool,
    failed: Option<anyhow::Error>,
}

impl<'a> Told<'a> {
    pub(super) fn new(session: &Session, outputs: &'a mut Outputs, proves: bool) -> Self {
        Self {
            view: view(session),
            outputs,
            proves,
            failed: None,
        }
    }

    /// For a relay that most checks do not suit.
    pub(super) fn naming_skipped_once(mut self) -> Self {
        self.view = self.view.naming_skipped_once();
        self
    }

    pub(super) fn tell(&mut self, event: &Event) {
        match &event.fact {
            Fact::RunFinished { report } if self.proves && report.cut_short.is_none() => {}
            _ => self.pass_on(event),
        }
    }

    /// The end of a run with sabotages or mutants.
    fn finish(&mut self, report: &RunReport) {
        self.pass_on(&Event::now(Fact::RunFinished {
            report: Arc::new(report.clone()),
        }));
    }

    fn pass_on(&mut self, event: &Event) {
        let shown = self.view.show(event).map_err(anyhow::Error::from);
        let written = match &event.fact {
            Fact::CheckFinished { so_far, .. } => self.outputs.update(so_far),
            Fact::RunFinished { report } => self.outputs.finish(report),
            _ => Ok(()),
        };
        let result = shown.and(written.map_err(anyhow::Error::from));
        self.failed = self.failed.take().or(result.err());
    }

    /// The first thing that could not be told.
    pub(super) fn result(&mut self) -> anyhow::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
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
    let live = session.display.live().cloned();
    let progress = live.map_or(Progress::Silent, Progress::Live);
    let out: Box<dyn Write + Send> = match session.format {
        Format::Human => Box::new(stdout),
        // Beside JSON it is progress.
        Format::Json if session.display.tells_progress() => Box::new(stderr),
        Format::Json => Box::new(std::io::sink()),
    };
    let human = Human::new(out, colours, progress);
    if session.verbose {
        human.showing_what_passed()
    } else {
        human
    }
}
