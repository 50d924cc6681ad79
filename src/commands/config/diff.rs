//! `relaykit config render --diff`: what `up` would change in a lab that runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::super::Session;
use super::super::exit::{Exit, Usage};
use super::super::labs::{configured, image_settings, spec_of_lab, workshop};
use super::super::unified::unified;
use crate::certs;
use crate::cli::{Images, Which};
use crate::counterparts::{Purpose, Resolved};
use crate::image;
use crate::lab::{self, Change, Difference};
use crate::plan::{Image, Plan};

/// A file that would change.
#[derive(Serialize)]
struct Changed {
    role: &'static str,
    path: String,
    change: &'static str,
    secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

#[derive(Serialize)]
struct Changes {
    lab: String,
    containers: BTreeMap<&'static str, Change>,
    files: Vec<Changed>,
}

pub(super) async fn run(
    session: &Session,
    which: &Which,
    path: Option<&str>,
    name: &str,
) -> anyhow::Result<Exit> {
    let configured = configured(session, which)?;
    let engine = session.engine().await?;
    let store = session.store()?;
    let spec = spec_of_lab(session, configured, name, engine.as_ref(), false).await?;
    let plan = Plan::new(Resolved::new(spec, Purpose::Lab), name);
    let names = lab::certificate_names(&plan);
    let certificates = certs::foresee(&store.folder(name), name, &names, Timestamp::now())?;
    let settings = image_settings(session, &Images::default(), false);
    let images = [Image::Relay, Image::Directory];
    let images = images.map(|image| (image, image::reference(image, &settings)));
    let workshop = workshop(session, engine, images.into(), store.known_id());
    let containers = lab::changes(&plan, &certificates, &workshop).await?;
    if containers.values().all(|change| *change == Change::Create) {
        let text = format!("the lab {name} is not up; `relaykit status` shows those that are");
        return Err(Usage(text).into());
    }
    let differences = lab::differences(&plan, &certificates, &workshop).await?;
    let differences = differences
        .iter()
        .filter(|one| path.is_none_or(|path| one.path.contains(path)));
    let changes = Changes {
        lab: name.to_owned(),
        containers: containers
            .into_iter()
            .map(|(role, change)| (role.name(), change))
            .collect(),
        files: differences.map(changed).collect(),
    };
    session.print(&changes, &human(&changes))?;
    let kept = changes.containers.values().all(|c| *c == Change::Keep);
    Ok(if kept && changes.files.is_empty() {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

fn changed(difference: &Difference) -> Changed {
    let Difference {
        role,
        path,
        runs,
        planned,
        secret,
    } = difference;
    let name = |side| format!("{side}/{}{path}", role.name());
    let absent = || "/dev/null".to_owned();
    let text = |side: &Option<(u32, String)>| {
        let text = side.as_ref().map(|(_, text)| text.clone());
        text.unwrap_or_default()
    };
    let old_name = runs.as_ref().map_or_else(absent, |_| name("runs"));
    let new_name = planned.as_ref().map_or_else(absent, |_| name("relay.yaml"));
    let diff = || unified(&old_name, &new_name, &text(runs), &text(planned));
    let octal = |mode: u32| format!("{mode:04o}");
    Changed {
        role: role.name(),
        path: path.clone(),
        change: match (runs, planned) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        },
        secret: *secret,
        mode: match (runs, planned) {
            (Some((was, _)), Some((is, _))) if was != is => Some([octal(*was), octal(*is)]),
            _ => None,
        },
        diff: (!secret).then(diff),
    }
}

fn human(changes: &Changes) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (role, change) in &changes.containers {
        let what = match change {
            Change::Keep => continue,
            Change::Start => "would be started",
            Change::Create => "would be created",
            Change::Replace => "would be made anew",
        };
        let _ = writeln!(text, "the container of the {role} {what}");
    }
    for file in &changes.files {
        let Changed {
            role, path, change, ..
        } = file;
        if let Some([was, is]) = &file.mode {
            let _ = writeln!(text, "{role}:{path}: mode {was} would be {is}");
        }
        match &file.diff {
            Some(diff) => text.push_str(diff),
            None => {
                let _ = writeln!(
                    text,
                    "{role}:{path}: {change}; it holds a secret, not shown"
                );
            }
        }
    }
    if text.is_empty() {
        text = format!("nothing would change in the lab {}\n", changes.lab);
    }
    text
}
