//! `relaykit logs`: what the containers of a lab wrote.

use std::os::fd::AsFd;

use futures_util::stream::{self, StreamExt};
use tokio::io::Interest;
use tokio::net::unix::pipe;

use super::Session;
use super::exit::{Exit, Usage};
use crate::cli::{Format, Logs};
use crate::engine::{Kind, LogRequest, labels};
use crate::visible::{visible_json, visible_line};

pub(super) async fn run(session: &Session, arguments: Logs) -> anyhow::Result<Exit> {
    let engine = session.engine().await?;
    let objects = engine.list(&labels::of_lab(&arguments.lab)).await?;
    let role =
        |labels: &crate::engine::Labels| labels.get(labels::ROLE).cloned().unwrap_or_default();
    let wanted = |of: &str| {
        arguments
            .service
            .as_deref()
            .is_none_or(|service| service == of)
    };
    let containers = objects
        .iter()
        .filter(|o| o.kind == Kind::Container && wanted(&role(&o.labels)));
    let containers: Vec<_> = containers
        .map(|o| (role(&o.labels), o.name.clone()))
        .collect();
    if containers.is_empty() {
        let text = format!(
            "the lab {} is not up; `relaykit status` shows those that are",
            arguments.lab
        );
        return Err(Usage(text).into());
    }
    let request = LogRequest {
        follow: arguments.follow,
        tail: None,
        since: None,
    };
    let shown = line_of(session.format);
    let streams = containers.into_iter().map(|(role, name)| {
        let lines = engine.logs(&name, request);
        lines
            .map(move |line| line.map(|line| shown(&role, &line)))
            .boxed()
    });
    let mut lines = stream::select_all(streams);
    let gone = reader_gone();
    tokio::pin!(gone);
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = &mut gone => return Ok(Exit::Done),
            () = session.cancel.cancelled() => return Ok(Exit::Interrupted),
        };
        let Some(line) = line.transpose()? else {
            return Ok(Exit::Done);
        };
        if !Session::written(line.as_bytes())? {
            return Ok(Exit::Done);
        }
    }
}

/// How a line is told: to people with its role before it and nothing in it that drives
/// their terminal, to scripts as a JSON object in a line of its own (JSON Lines).
fn line_of(format: Format) -> fn(&str, &str) -> String {
    match format {
        Format::Human => |role, line| format!("{role:<9} | {}\n", visible_line(line)),
        Format::Json => |role, line| {
            let json = serde_json::json!({"role": role, "line": line}).to_string();
            format!("{}\n", visible_json(&json))
        },
    }
}

/// Ends when whoever reads our stdout has gone away: a lab that has nothing to
/// say would never let us notice by writing.
async fn reader_gone() {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    // Unchecked: stdout stays blocking for the writes of everybody else.
    let pipe = stdout.and_then(pipe::Sender::from_owned_fd_unchecked);
    match pipe {
        Ok(pipe) => drop(pipe.ready(Interest::ERROR).await),
        // A file has no reader.
        Err(_) => std::future::pending().await,
    }
}
