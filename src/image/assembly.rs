//! An image made from another: a container of it, files into it, scripts in it, and its
//! layer committed. Every engine can do that; the builder behind `/build` is one that
//! engines are about to do without.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::dockerfile::{Recipe, quoted};
use super::{Error, context};
use crate::engine::{
    self, CommitRequest, ContainerRequest, Engine, ImageFacts, Kind, Labels, LogRequest,
};
use crate::progress::Task;

/// How many of a failed script's last lines its error shows.
const LINES_KEPT: usize = 20;

/// Where proxies are told to the scripts, and removed by them: in the container's
/// environment they would stay in the image, with a password that they may have.
const PROXIES: &str = ".relaykit-proxies";

/// Who makes an image of ours.
const ROOT: &str = "0:0";

/// Where programs are found.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One image to make.
pub(super) struct Assembly<'a> {
    /// Where it is made.
    pub(super) engine: &'a dyn Engine,
    /// The name that it gets.
    pub(super) reference: &'a str,
    /// The image that it is made from.
    pub(super) base: &'a str,
    /// Whether it is done by root, and the image is root's, where the base is another
    /// user's; else it is as a builder has it: the base's user, until `recipe` names one.
    pub(super) as_root: bool,
    /// What is done.
    pub(super) recipe: Recipe,
    /// What is copied to `/`, as a tar.
    pub(super) root: Option<Bytes>,
    /// Variables that name proxies.
    pub(super) proxies: Vec<(&'static str, String)>,
    /// The labels of the image.
    pub(super) labels: Labels,
    /// The container's name while it is made.
    pub(super) container: String,
    /// The container's labels. Each must be one of the image's too, which else gets it.
    pub(super) container_labels: Labels,
    /// Ends it early.
    pub(super) cancel: CancellationToken,
}

impl Assembly<'_> {
    /// Makes the image. The container is gone afterwards, whatever happened.
    ///
    /// # Errors
    /// [`engine::Error::Build`] where a script fails, with its last lines.
    pub(super) async fn run(self, task: &Task) -> Result<(), Error> {
        let base = self.engine.image(self.base).await?;
        let base = base.ok_or_else(|| internal(format!("{} has gone", self.base)))?;
        let user = (self.as_root && !is_root(&base.user)).then(|| ROOT.to_owned());
        let changes = self.changes(&base, user.as_deref())?;
        let script = self.script();
        let (environment, script) = script.unwrap_or_else(|| (Vec::new(), ":".to_owned()));
        let container = ContainerRequest {
            name: self.container.clone(),
            image: self.base.to_owned(),
            entrypoint: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            command: vec![script],
            environment,
            user,
            unconfined: true,
            labels: self.container_labels.clone(),
            stop_grace: Duration::ZERO,
            ..ContainerRequest::default()
        };
        // A request that is dropped half-way may still be carried out, after the
        // cleaning up: only the long step ends early.
        let made = async {
            self.engine.create_container(container).await?;
            self.steps(changes, task).await
        };
        let made = made.await;
        let removed = self.engine.remove(Kind::Container, &self.container).await;
        made.and(removed.map_err(Error::from))
    }

    async fn steps(&self, changes: Vec<String>, task: &Task) -> Result<(), Error> {
        for tar in [self.root.clone(), self.proxy_file()?]
            .into_iter()
            .flatten()
        {
            self.engine.upload(&self.container, "/", tar).await?;
        }
        if !self.recipe.steps.is_empty() {
            let started = self.engine.start(&self.container).await;
            started.map_err(|error| self.unstarted(error))?;
            tokio::select! {
                ended = self.watch(task) => ended?,
                () = self.cancel.cancelled() => {
                    return Err(Error::Interrupted { action: "building images" });
                }
            }
        }
        let image = CommitRequest {
            container: self.container.clone(),
            reference: self.reference.to_owned(),
            changes,
            stop_signal: self.recipe.stop_signal.clone(),
        };
        Ok(self.engine.commit(image).await?)
    }

    /// Which image it was for, and that the base is to blame: it may have no shell.
    fn unstarted(&self, error: engine::Error) -> engine::Error {
        match error {
            engine::Error::Refused { reason, .. } => engine::Error::Build {
                image: self.reference.to_owned(),
                reason: format!("{} runs no script: {reason}", self.base),
                log: String::new(),
            },
            other => other,
        }
    }

    /// Tells what the script says until it has ended.
    async fn watch(&self, task: &Task) -> Result<(), Error> {
        let follow = LogRequest {
            follow: true,
            tail: None,
            since: None,
        };
        let mut lines = self.engine.logs(&self.container, follow);
        let mut last = VecDeque::with_capacity(LINES_KEPT);
        // What cannot be read, on an engine that keeps no logs, is not the build's business.
        while let Some(Ok(line)) = lines.next().await {
            let line = overwritten(&line).to_owned();
            task.note(line.clone());
            keep(&mut last, line);
        }
        match self.engine.wait(&self.container).await? {
            0 => Ok(()),
            code => Err(failed(self.reference, code, &last).into()),
        }
    }

    /// The script with the proxies read before it.
    fn script(&self) -> Option<(Vec<String>, String)> {
        let (environment, script) = self.recipe.script()?;
        if self.proxies.is_empty() {
            return Some((environment, script));
        }
        Some((
            environment,
            format!(". /{PROXIES}; rm /{PROXIES}; {script}"),
        ))
    }

    fn proxy_file(&self) -> Result<Option<Bytes>, Error> {
        if self.proxies.is_empty() || self.recipe.steps.is_empty() {
            return Ok(None);
        }
        let line = |(name, value): &(&str, String)| format!("export {name}={}\n", quoted(value));
        let text: String = self.proxies.iter().map(line).collect();
        context::one_file(PROXIES, 0o600, text.as_bytes())
            .map(Some)
            .map_err(|e| Error::Internal {
                action: "packing a build's proxies",
                reason: e.to_string(),
            })
    }

    /// The recipe's changes, the labels, and what the base starts: a commit would
    /// keep the program that ran in this container instead.
    fn changes(&self, base: &ImageFacts, user: Option<&str>) -> Result<Vec<String>, Error> {
        // Before the recipe's own.
        let mut changes: Vec<String> = user
            .map(|user| format!("USER {user}"))
            .into_iter()
            .collect();
        // As every builder does, for runtimes that have no path of their own.
        if !base
            .environment
            .iter()
            .any(|line| line.starts_with("PATH="))
        {
            changes.push(format!("ENV PATH={PATH}"));
        }
        changes.extend(self.recipe.changes.iter().cloned());
        if !self.recipe.says_entrypoint {
            if base.entrypoint.is_empty() {
                let reason = format!("{} has no ENTRYPOINT, nor gets one", self.base);
                return Err(internal(reason));
            }
            let words = |words: &[String]| serde_json::Value::from(words.to_vec());
            changes.push(format!("ENTRYPOINT {}", words(&base.entrypoint)));
            if !self.recipe.says_command && !base.command.is_empty() {
                changes.push(format!("CMD {}", words(&base.command)));
            }
        }
        changes.extend(context::label_instruction(&self.labels));
        Ok(changes)
    }
}

fn internal(reason: String) -> Error {
    Error::Internal {
        action: "building an image",
        reason,
    }
}

/// Whether an image's USER is root, by name or number, with or without a group.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    ["", "0", "root"].contains(&name)
}

/// What a terminal would show of a line that was written over itself, as progress is.
fn overwritten(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rsplit('\r').next().unwrap_or(line)
}

fn keep(last: &mut VecDeque<String>, line: String) {
    if line.trim().is_empty() {
        return;
    }
    if last.len() == LINES_KEPT {
        last.pop_front();
    }
    last.push_back(line);
}

/// A full disk is told as such: a script meets it before the engine does.
fn failed(image: &str, code: i64, last: &VecDeque<String>) -> engine::Error {
    let full = |line: &&String| line.to_lowercase().contains("no space left on device");
    if let Some(line) = last.iter().find(full) {
        return engine::Error::DiskFull {
            action: format!("building the image {image}"),
            reason: line.trim().to_owned(),
        };
    }
    let lines: Vec<String> = last.iter().map(|line| format!("  {line}")).collect();
    engine::Error::Build {
        image: image.to_owned(),
        reason: format!("its script ended with code {code}"),
        log: lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_that_is_written_over_itself_is_shown_once() {
        let line =
            "(Reading database ... \r(Reading database ... 5%\r(Reading database ... 4932 files)\r";
        assert_eq!(overwritten(line), "(Reading database ... 4932 files)");
        assert_eq!(overwritten("Setting up s6"), "Setting up s6");
    }

    #[test]
    fn root_has_a_name_and_a_number() {
        for root in ["", "0", "root", "0:0", "root:staff"] {
            assert!(is_root(root), "{root}");
        }
        for other in ["1000", "app", "app:root", "rooted"] {
            assert!(!is_root(other), "{other}");
        }
    }

    #[test]
    fn a_failed_script_keeps_its_last_lines_and_knows_a_full_disk() {
        let mut last = VecDeque::new();
        for n in 0..50 {
            keep(&mut last, format!("line {n}"));
        }
        let error = failed("dev:1", 3, &last).to_string();
        assert!(
            error.contains("  line 30\n") && error.ends_with("  line 49"),
            "{error}"
        );
        assert!(
            !error.contains("line 29") && error.contains("code 3"),
            "{error}"
        );
        keep(
            &mut last,
            "tar: x: Cannot write: No space left on device".to_owned(),
        );
        let error = failed("dev:1", 2, &last);
        assert!(matches!(error, engine::Error::DiskFull { .. }), "{error}");
    }
}
