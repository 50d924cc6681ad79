//! `relaykit check`: the checks that need nothing but the network, against a
//! relay that relaykit did not build.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{Instrument as _, info_span};

use super::Session;
use super::exit::{Exit, Overdue, Usage};
use super::test::{Told, list};
use crate::checks::{self, Options, Stranger, Survey, Target};
use crate::cli::{Access, Check, Format, Place};
use crate::config::User;
use crate::diagnostics::{Open, within};
use crate::lab;
use crate::report::{self, Event, Outputs};
use crate::secret::Secret;
use crate::smtp::{Manners, Pace, system_authorities};

/// A check that waits its turn takes longer than one in a lab.
const DEADLINE: Duration = Duration::from_secs(600);

pub(super) async fn run(session: &Session, arguments: Check) -> anyhow::Result<Exit> {
    let selected = checks::select(checks::all(), &arguments.filters)?;
    if arguments.list {
        let any = selected.into_iter().filter(|check| check.suits_any_relay());
        return list(session, &any.collect::<Vec<_>>());
    }
    let mut outputs = Outputs::open(arguments.reports.files())?;
    let stranger = stranger(&arguments).await?;
    let manners = stranger.manners.clone();
    let until = Instant::now() + arguments.timeout;
    let survey =
        checks::survey(stranger).instrument(info_span!("survey", host = arguments.host.host));
    let Survey { target, notes } = tokio::select! {
        () = session.cancel.cancelled() => return Err(lab::Error::Interrupted.into()),
        survey = within(until.into(), survey) => match survey {
            Ok(survey) => survey?,
            Err(open) => return Err(too_slow(&arguments, &open).into()),
        }
    };
    let say = |line: String| session.display.line(&line);
    let runnable = selected.iter().filter(|check| check.suits(&target));
    for line in plan(&arguments, &target, &notes, runnable.count()) {
        say(line);
    }
    let options = Options {
        jobs: 1,
        deadline: DEADLINE,
        describe: true,
        until: Some(until),
        max_fail: arguments.max_fail,
        ..Options::default()
    };
    let mut told = Told::new(session, &mut outputs, false).naming_skipped_once();
    let targets = [Arc::new(target)];
    let tell = |event: &Event| told.tell(event);
    let timer = tokio::spawn({
        let (manners, within) = (manners.clone(), arguments.timeout);
        async move {
            tokio::time::sleep_until(until.into()).await;
            manners.stop(format!(
                "the time for all checks, --timeout {within:?}, was over"
            ));
        }
    });
    let report = checks::run(&selected, &targets, options, &session.cancel, tell).await;
    timer.abort();
    told.result()?;
    say(format!("{} connections were made", manners.connections()));
    if session.format == Format::Json {
        Session::write(&report::render_json(&report))?;
    }
    Ok(Exit::of_code(report.exit_code()))
}

fn too_slow(arguments: &Check, open: &Open) -> Overdue {
    Overdue(format!(
        "{} did not say what it is within {:?}, so no check was begun{open}\n  give it longer with --timeout",
        arguments.host.host, arguments.timeout
    ))
}

async fn stranger(arguments: &Check) -> anyhow::Result<Stranger> {
    let Place { host, ports } = &arguments.host;
    let access = &arguments.access;
    let ca_pem = authorities(access)?;
    let user = login(access)?.map(|(name, password)| User { name, password });
    let pace = Pace {
        per_minute: arguments.per_minute,
        most: arguments.connections,
    };
    let mut endpoints = BTreeMap::new();
    for (listener, port) in ports {
        endpoints.insert(listener.name(), resolved(host, *port).await?);
    }
    Ok(Stranger {
        name: access.name.clone().unwrap_or_else(|| host.clone()),
        endpoints,
        ca_pem,
        user,
        recipients: arguments.recipient.clone(),
        sender: arguments.sender.clone(),
        manners: Manners::new(pace, arguments.recipient.clone()),
    })
}

pub(super) async fn resolved(host: &str, port: u16) -> Result<SocketAddr, Usage> {
    let unknown = |why: String| Usage(format!("{host} has no address: {why}"));
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|e| unknown(e.to_string()))?;
    found
        .next()
        .ok_or_else(|| unknown("the resolver knows none".to_owned()))
}

/// The authorities that a server is believed by, PEM.
pub(super) fn authorities(access: &Access) -> Result<String, Usage> {
    match &access.ca {
        Some(path) => read(path),
        None => system_authorities().map_err(|why| Usage(format!("{why}; --ca FILE names some"))),
    }
}

/// Who logs in, if anybody does, with the password.
pub(super) fn login(access: &Access) -> Result<Option<(String, Secret)>, Usage> {
    match (&access.user, &access.password_file) {
        (Some(name), Some(path)) => Ok(Some((name.clone(), password(path)?))),
        _ => Ok(None),
    }
}

fn read(path: &Path) -> Result<String, Usage> {
    std::fs::read_to_string(path)
        .map_err(|e| Usage(format!("reading {} failed: {e}", path.display())))
}

/// The password in a file, as ssh takes keys: not if everybody can read it.
fn password(path: &Path) -> Result<Secret, Usage> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path)
        .map_err(|e| Usage(format!("reading {} failed: {e}", path.display())))?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o007 != 0 {
        return Err(Usage(format!(
            "everybody on this machine can read {0} (mode {mode:04o})\n  chmod 600 {0}",
            path.display()
        )));
    }
    let text = read(path)?;
    // Editors of another system put a mark before the text, which is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') {
        return Err(Usage(format!(
            "{} must hold one line, the password",
            path.display()
        )));
    }
    Ok(Secret::new(line))
}

/// What is going to happen.
fn plan(arguments: &Check, target: &Target, notes: &[String], count: usize) -> Vec<String> {
    let mut lines = vec![format!("relaykit check {}", target.hostname)];
    let mut add = |line: String| lines.push(format!("  {line}"));
    for note in notes {
        add(note.clone());
    }
    add(format!(
        "{count} checks, one at a time; at most {} connections a minute after the first 20, {} in all",
        arguments.per_minute, arguments.connections
    ));
    add("probes for relaying: recipients in reserved domains (.example, .invalid) and at the relay's own name; no message is completed to them".to_owned());
    match target.users.first() {
        Some(user) => add(format!(
            "logs in as {0} under verified TLS, and tries names and passwords that are wrong: a relay that bans guessers may ban this host",
            user.name
        )),
        None => add("no login (--user): what needs one is skipped".to_owned()),
    }
    if target.recipients.is_empty() {
        add("no mail to anybody".to_owned());
    } else {
        add(format!(
            "one message from {} to {}",
            target.sender,
            target.recipients.join(" and ")
        ));
    }
    lines
}
