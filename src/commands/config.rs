//! `relaykit config`: what would be used.

mod diff;
mod lint;

use std::fmt::Write as _;

use serde_json::json;

use super::Session;
use super::exit::Exit;
use super::labs::spec;
use crate::cli;
use crate::config::{self, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::plan::{Content, File, Plan};
use crate::progress::Event;

pub(super) async fn run(session: &Session, command: cli::Config) -> anyhow::Result<Exit> {
    match command {
        cli::Config::Validate { which } => {
            let spec = spec(session, &which)?;
            tell_missing(session, &spec);
            let effective = config::effective(&spec);
            session.print(&effective, &serde_yaml::to_string(&effective)?)?;
        }
        cli::Config::Lint { which } => return lint::run(session, &which),
        cli::Config::Schema => {
            let schema = config::schema();
            let text = serde_json::to_string_pretty(&schema)?;
            session.print(&schema, &format!("{text}\n"))?;
        }
        cli::Config::Render {
            which,
            path,
            diff: true,
            lab,
        } => return diff::run(session, &which, path.as_deref(), &lab).await,
        cli::Config::Render { which, path, .. } => {
            let plan = Plan::new(
                Resolved::new(spec(session, &which)?, Purpose::Lab),
                "default",
            );
            let wanted =
                |file: &&File| path.as_ref().is_none_or(|p| file.path.contains(p.as_str()));
            let mut human = String::new();
            let mut files = Vec::new();
            for container in &plan.containers {
                for file in container.files.iter().filter(wanted) {
                    let text = shown(&file.content);
                    let role = container.role.name();
                    writeln!(
                        human,
                        "==> {role}:{} (mode {:04o}) <==\n{text}",
                        file.path, file.mode
                    )?;
                    let mode = format!("{:04o}", file.mode);
                    files
                        .push(json!({"role": role, "path": file.path, "mode": mode, "text": text}));
                }
            }
            session.print(&files, &human)?;
        }
    }
    Ok(Exit::Done)
}

/// Tells which of the operator's own files are not on this machine. They may be on
/// another, where the relay is to run.
fn tell_missing(session: &Session, spec: &Spec) {
    let plan = Plan::new(Resolved::new(spec.clone(), Purpose::Production), "default");
    for file in plan.containers.iter().flat_map(|c| &c.files) {
        let (path, when) = match &file.content {
            Content::OperatorFile(path)
            | Content::OperatorFolder(path)
            | Content::OperatorLineage(path) => (path, "it has to be where the relay is to run"),
            Content::OperatorAuthority(path) => {
                (path, "`relaykit export` takes it along, and needs it here")
            }
            _ => continue,
        };
        if !path.exists() {
            let line = format!(
                "{} is not on this machine; {when} ({} in the container)",
                path.display(),
                file.path
            );
            session.progress.report(Event::Warning { line });
        }
    }
}

/// A file's text; what is secret, or made when a lab is brought up, is named instead.
fn shown(content: &Content) -> String {
    match content {
        Content::Text(text) | Content::WithFingerprint(_, text) => text.clone(),
        Content::Secret(_) => "(holds a password, not shown)\n".to_owned(),
        Content::CaCertificate => "(the certificate of the lab's CA)\n".to_owned(),
        Content::Certificate(role) => format!("(the certificate of the {})\n", role.name()),
        Content::CertificateKey(role) => format!("(the key of the {})\n", role.name()),
        Content::OperatorFile(path)
        | Content::OperatorAuthority(path)
        | Content::OperatorFolder(path)
        | Content::OperatorLineage(path) => {
            format!("(the file {})\n", path.display())
        }
        Content::Gateway(network) => format!("(the gateway address of {network})\n"),
    }
}
