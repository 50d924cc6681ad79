//! What `up` tells a person: where things are, and lines to paste that work.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::status::open_to_all;
use crate::config::{Listener, User};
use crate::lab::{Finding, Running};

pub(super) fn human(running: &Running, ca: &Path, elapsed: Duration) -> Result<String, fmt::Error> {
    let plan = &running.plan;
    let spec = &plan.resolved.spec;
    let mut text = String::new();
    let seconds = elapsed.as_secs_f64();
    writeln!(
        text,
        "The lab {} is ready ({seconds:.1} s): {}\n",
        plan.name, spec.hostname
    )?;
    for (name, address) in &running.endpoints {
        writeln!(
            text,
            "  {name:<12} {:<22} {}",
            address.to_string(),
            about(name, running)
        )?;
    }
    if let Some(line) = open_to_all(spec.listeners.bind) {
        write!(text, "\n{line}")?;
    }
    writeln!(text, "\n  CA           {}", ca.display())?;
    for user in &spec.lab.users {
        writeln!(
            text,
            "  person       {} / {}",
            user.name,
            user.password.reveal()
        )?;
    }
    if let Some(user) = spec.lab.users.first() {
        text.push_str(&lines(running, ca, user)?);
    }
    let flag = lab_flag(&plan.name);
    writeln!(text, "\nWhat arrived:  relaykit inbox list{flag}")?;
    writeln!(text, "Take it down:  relaykit down{flag}")?;
    Ok(text)
}

/// What the relay was seen to do wrong while its lab became ready; empty for nothing.
pub(super) fn findings(lab: &str, findings: &[Finding]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for finding in findings {
        writeln!(text, "\nFinding: {}", finding.what)?;
        for line in &finding.seen {
            writeln!(text, "  {line}")?;
        }
    }
    if !findings.is_empty() {
        writeln!(
            text,
            "  The lab is left as it is. `relaykit test --lab {lab}` tells what else does not hold,\n  and what to change; look first at postfix.main and postfix.master in relay.yaml."
        )?;
    }
    Ok(text)
}

fn about(name: &str, running: &Running) -> &'static str {
    let spec = &running.plan.resolved.spec;
    let login = |listener: Listener| spec.auth.listeners.contains(&listener);
    match name {
        "smtp" if login(Listener::Smtp) => "STARTTLS, login under TLS",
        "smtp" => "STARTTLS, no login",
        "submission" => "STARTTLS required, login",
        "submissions" => "TLS from the first byte, login",
        _ => "the directory, TLS",
    }
}

fn lab_flag(name: &str) -> String {
    if name == "default" {
        String::new()
    } else {
        format!(" --lab {name}")
    }
}

/// The document's test steps for this lab, and a whole message with swaks.
fn lines(running: &Running, ca: &Path, user: &User) -> Result<String, fmt::Error> {
    let spec = &running.plan.resolved.spec;
    let hostname = &spec.hostname;
    let ca = quoted(&ca.display().to_string());
    let password = user.password.reveal();
    let pair = BASE64_STANDARD.encode(format!("{0}\0{0}\0{password}", user.name));
    let mut text = String::new();
    let at = |listener: Listener| {
        let at = running.endpoints.get(listener.name()).copied();
        at.filter(|_| spec.auth.listeners.contains(&listener))
    };
    writeln!(text, "\nTry it:")?;
    let tls = format!("-CAfile {ca} -verify_return_error -verify_hostname {hostname}");
    if let Some(address) = at(Listener::Submission).or(at(Listener::Smtp)) {
        writeln!(
            text,
            "  openssl s_client -quiet -crlf -starttls smtp -connect {address} {tls}"
        )?;
    }
    if let Some(address) = at(Listener::Submissions) {
        writeln!(
            text,
            "  openssl s_client -quiet -crlf -connect {address} {tls}"
        )?;
    }
    writeln!(text, "    EHLO me")?;
    writeln!(text, "    AUTH PLAIN {pair}")?;
    let swaks = |address: SocketAddr, tls: &str| {
        format!(
            "  swaks --server {} --port {} {tls} --tls-verify --tls-ca-path {ca} \\\n    --auth PLAIN --auth-user {} --auth-password {} --from sender@{hostname} --to bob@example.org",
            address.ip(),
            address.port(),
            quoted(&user.name),
            quoted(password),
        )
    };
    if let Some(address) = at(Listener::Submission).or(at(Listener::Smtp)) {
        writeln!(text, "{}", swaks(address, "--tls"))?;
    } else if let Some(address) = at(Listener::Submissions) {
        writeln!(text, "{}", swaks(address, "--tls-on-connect"))?;
    }
    Ok(text)
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
