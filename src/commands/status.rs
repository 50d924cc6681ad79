//! `relaykit status`, and the object that `up` prints too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Session;
use super::exit::Exit;
use crate::config::User;
use crate::lab::{self, Finding, Found, Running, Store};
use crate::plan::Role;

/// One lab, as the contract has it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) lab: String,
    pub(super) hostname: String,
    pub(super) endpoints: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<IpAddr>,
    pub(super) ca_certificate: PathBuf,
    users: Vec<Person>,
    containers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    health: BTreeMap<&'static str, String>,
    elapsed_ms: u128,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Person {
    name: String,
    password: String,
}

impl Report {
    pub(super) fn of_running(running: &Running, store: &Store, elapsed: Duration) -> Self {
        let plan = &running.plan;
        let endpoints = running.endpoints.iter();
        let containers = plan.containers.iter();
        Self {
            lab: plan.name.clone(),
            hostname: plan.resolved.spec.hostname.clone(),
            endpoints: endpoints
                .map(|(name, at)| ((*name).to_owned(), at.to_string()))
                .collect(),
            bind: Some(plan.resolved.spec.listeners.bind),
            ca_certificate: store.ca_certificate(&plan.name),
            users: people(&plan.resolved.spec.lab.users),
            containers: containers
                .map(|c| (c.role.name(), c.name.clone()))
                .collect(),
            health: BTreeMap::new(),
            elapsed_ms: elapsed.as_millis(),
            findings: Vec::new(),
        }
    }

    /// With what `up` saw its relay do wrong.
    pub(super) fn with_findings(mut self, findings: &[Finding]) -> Self {
        self.findings = findings.to_vec();
        self
    }

    fn of_found(found: Found, store: &Store, elapsed: Duration) -> Self {
        let endpoints = found.endpoints.into_iter();
        let name = Role::name;
        Self {
            users: people(&store.people(&found.lab)),
            ca_certificate: store.ca_certificate(&found.lab),
            lab: found.lab,
            hostname: found.hostname,
            endpoints: endpoints.map(|(name, at)| (name, at.to_string())).collect(),
            bind: found.bind,
            containers: found
                .containers
                .into_iter()
                .map(|(r, c)| (name(r), c))
                .collect(),
            health: found
                .health
                .into_iter()
                .map(|(r, h)| (name(r), h))
                .collect(),
            elapsed_ms: elapsed.as_millis(),
            findings: Vec::new(),
        }
    }
}

fn people(users: &[User]) -> Vec<Person> {
    let person = |user: &User| Person {
        name: user.name.clone(),
        password: user.password.reveal().to_owned(),
    };
    users.iter().map(person).collect()
}

pub(super) async fn run(session: &Session) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let engine = session.engine().await?;
    let store = session.store()?;
    let found = lab::find(&engine).await?;
    let reports: Vec<Report> = found
        .into_iter()
        .map(|f| Report::of_found(f, &store, started.elapsed()))
        .collect();
    let mut human = String::new();
    for report in &reports {
        describe(&mut human, report)?;
    }
    if reports.is_empty() {
        session.progress.report(crate::progress::Event::Warning {
            line: "no lab is up; `relaykit up` brings one up".to_owned(),
        });
    }
    session.print(&reports, &human)?;
    Ok(Exit::Done)
}

fn describe(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text, "{}  {}", report.lab, report.hostname)?;
    for (role, container) in &report.containers {
        let health = report.health.get(role).map_or("", String::as_str);
        writeln!(text, "  {role:<12} {health:<10} {container}")?;
    }
    for (name, address) in &report.endpoints {
        writeln!(text, "  {name:<12} {address}")?;
    }
    text.push_str(&report.bind.and_then(open_to_all).unwrap_or_default());
    Ok(())
}

/// The line that says so where the relay's ports are open to all, which is not seen in the
/// addresses at which they answer here.
pub(super) fn open_to_all(bind: IpAddr) -> Option<String> {
    let line = "the relay's ports are open on every address of the engine's host";
    bind.is_unspecified()
        .then(|| format!("  {:<12} {line}\n", bind.to_string()))
}
