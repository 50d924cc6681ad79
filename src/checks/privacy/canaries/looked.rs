//! What the containers have logged, hold and run, what the engine tells, and what this run
//! writes down.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;

use super::super::super::identity::identity;
use super::super::super::probe::appliance;
use super::super::super::probe::lifecycle::done;
use super::super::super::probe::log::CLOCKS;
use super::super::super::target::Context;
use super::super::super::verdict::Judged;
use super::grounds::{Ground, Place};
use crate::engine::{LogRequest, Thing};
use crate::plan::{Content, Role};
use crate::report::{CheckRecord, FORMATS, Outcome, RunReport, Severity};

/// What the containers have logged, hold and run.
pub(super) async fn containers(context: &Context, started: Timestamp) -> Judged<Vec<Ground>> {
    let roles = appliance::roles(context)?;
    let looked = roles
        .into_iter()
        .map(|role| container(context, role, started));
    let looked = futures_util::future::join_all(looked).await;
    let mut grounds = Vec::new();
    for of_one in looked {
        grounds.extend(of_one?);
    }
    ControlFlow::Continue(grounds)
}

async fn container(context: &Context, role: Role, started: Timestamp) -> Judged<Vec<Ground>> {
    let name = role.name();
    let since = started.saturating_sub(CLOCKS).ok();
    let mut grounds = vec![Ground::of(
        format!("the {name}'s log"),
        Place::Log(role),
        "no content, no secret",
        logged(context, role, since).await?,
    )];
    // The sink's is long: it has heard what many relays of a proof had to say.
    if role != Role::Sink {
        grounds.push(Ground {
            secrets_alone: true,
            ..Ground::of(
                format!("the {name}'s log from its beginning"),
                Place::Log(role),
                "no secret",
                logged(context, role, None).await?,
            )
        });
    }
    grounds.push(Ground {
        planned: planned(context, role)?,
        ..Ground::new(
            format!("the {name}'s files"),
            Place::Files(role),
            "no canary but in the files that were planned for it",
            files(context, role).await?,
        )
    });
    let script = "for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do cat \"$f\"; echo; done 2>/dev/null | tr '\\0' '\\n'; :";
    let user = appliance::container(context, role)?.user.as_deref();
    let argv = ["sh", "-c", script];
    let (_, text, _) = appliance::secret_exec(context, role, &argv, user).await?;
    grounds.push(Ground::of(
        format!("the {name}'s processes"),
        Place::Processes(role),
        "no canary in an environment or on a command line",
        text,
    ));
    ControlFlow::Continue(grounds)
}

async fn logged(context: &Context, role: Role, since: Option<Timestamp>) -> Judged<String> {
    let container = &appliance::container(context, role)?.name;
    let request = LogRequest {
        since,
        ..LogRequest::default()
    };
    let lines = appliance::lab(context)?.engine.logs(container, request);
    let lines: Vec<String> = done(lines.try_collect().await)?;
    ControlFlow::Continue(lines.join("\n"))
}

/// Between files: what no text has.
const PART: char = '\u{1e}';

/// Each file that a container can have written, and each that it was given.
async fn files(context: &Context, role: Role) -> Judged<Vec<(String, String)>> {
    let wanted = appliance::container(context, role)?;
    let mounts = wanted.mounts.iter().map(|mount| mount.target.as_str());
    let memory = wanted.tmpfs.iter().map(|(place, _)| place.as_str());
    // What the next hop has got is looked at by itself, and has all of it by right.
    let script = "find \"$@\" -xdev -path /var/mail/inbox -prune -o -type f -size -4096k -print 2>/dev/null | \
                  while read -r f; do printf '\\036%s\\n' \"$f\"; cat -- \"$f\" 2>/dev/null; done; :";
    let mut argv = vec!["sh", "-c", script, "sh", "/dev/shm"];
    argv.extend(mounts.chain(memory));
    let (_, text, _) = appliance::secret_exec(context, role, &argv, wanted.user.as_deref()).await?;
    let parts = text.split(PART).skip(1);
    let parts = parts.filter_map(|part| part.split_once('\n'));
    ControlFlow::Continue(
        parts
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect(),
    )
}

/// The secret files that relay.yaml gives a container, whatever was made of it.
fn planned(context: &Context, role: Role) -> Judged<Vec<(String, String)>> {
    let certificates = &appliance::lab(context)?.certificates;
    let files = appliance::wanted(context, role)?.files.into_iter();
    let texts = files.filter_map(|file| {
        let text = match &file.content {
            Content::Secret(secret) => secret.reveal().to_owned(),
            Content::CertificateKey(role) => {
                certificates.servers.get(role)?.key.reveal().to_owned()
            }
            _ => return None,
        };
        Some((file.path, text))
    });
    ControlFlow::Continue(texts.collect())
}

/// All that the engine tells of the lab's containers, images, networks and volumes.
pub(super) async fn engine(context: &Context) -> Judged<Ground> {
    let lab = appliance::lab(context)?;
    let mut parts = Vec::new();
    let containers: Vec<&str> = lab
        .plan
        .containers
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let networks = lab.plan.networks.iter().map(|n| Thing::Network(&n.name));
    let volumes = lab.plan.volumes.iter().map(|v| Thing::Volume(&v.name));
    let mut images: Vec<String> = Vec::new();
    for name in &containers {
        let image = done(lab.engine.inspect(name).await)?.map(|facts| facts.image);
        images.extend(image.filter(|image| !images.contains(image)));
    }
    for image in &images {
        let layers = done(lab.engine.history(image).await)?;
        parts.push((format!("the layers of {image}"), layers.join("\n")));
    }
    let things = containers.iter().map(|name| Thing::Container(name));
    let things = things.chain(images.iter().map(|image| Thing::Image(image)));
    for thing in things.chain(networks).chain(volumes) {
        let told = done(lab.engine.described(thing).await)?;
        parts.push((format!("what it tells of {}", thing.name()), told));
    }
    ControlFlow::Continue(Ground::new(
        "the engine",
        Place::Engine,
        "no canary in what it tells of containers, images, networks and volumes",
        parts,
    ))
}

/// What reports show of relay.yaml, and the reports of this check alone, as they would be
/// written now.
pub(super) fn report(context: &Context) -> Ground {
    let record = CheckRecord {
        id: "privacy.canaries",
        title: "",
        citation: "",
        severity: Severity::Low,
        about: "",
        repair: "",
        outcome: Outcome::Pass,
        rows: context.seen(),
        transcript: context.whole_evidence(),
        log: Vec::new(),
        exhibits: context.exhibits(),
        duration: Duration::ZERO,
        sabotages: Vec::new(),
    };
    let run = RunReport {
        started_at: Timestamp::now(),
        elapsed: Duration::ZERO,
        proving: Duration::ZERO,
        profile: None,
        subject: None,
        checks: vec![record],
        not_run: Vec::new(),
        cut_short: None,
        down: Vec::new(),
        unclaimed: Vec::new(),
        unplanted: Vec::new(),
        mutation: None,
    };
    let files = FORMATS.iter().map(|format| {
        let bytes = (format.render)(&run);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (format!("its form as {}", format.name), text)
    });
    let relay_yaml = identity(&context.target().spec).configuration;
    let shown = ("relay.yaml as it is shown".to_owned(), relay_yaml);
    Ground::new(
        "this report",
        Place::Report,
        "every password masked, and no key",
        files.chain([shown]).collect(),
    )
}
