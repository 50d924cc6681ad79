//! `relaykit verify`: whether a lab is still what a report was written for.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Session;
use super::exit::{Exit, Unsigned, Usage};
use super::labs::configured;
use crate::checks;
use crate::cli::Verify;
use crate::config::{self, Spec};
use crate::engine::Engine;
use crate::plan::Role;
use crate::report::{Contained, Difference, Identity, Signers, differing_files, signature_of};

/// What is read of a report. It may have more, of a version to come.
#[derive(Deserialize)]
struct Report {
    relaykit: String,
    started_at: String,
    subject: Option<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    identity: Option<Identity>,
    #[serde(default)]
    containers: Vec<Contained>,
}

/// What is printed.
#[derive(Serialize)]
struct Verified {
    /// Whether nothing differs.
    same: bool,
    /// When the report was begun.
    reported_at: String,
    /// The lab that was looked into.
    lab: Option<String>,
    /// Who has signed the report: a name, if the list of signers has one, and the key's
    /// fingerprint. Absent where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    differences: Vec<Difference>,
}

pub(super) async fn run(session: &Session, arguments: Verify) -> anyhow::Result<Exit> {
    let bytes = std::fs::read(&arguments.report).map_err(|e| {
        let path = arguments.report.display();
        Usage(format!("reading the report {path} failed: {e}"))
    })?;
    // Before anything in it is believed.
    let signed_by = match &arguments.signer {
        Some(signer) => Some(signed_by(&arguments.report, &bytes, signer)?),
        None => None,
    };
    let report = read(&arguments.report, &bytes)?;
    let subject = report.subject.unwrap_or(Subject {
        identity: None,
        containers: Vec::new(),
    });
    let Some(reported) = subject.identity else {
        let text = format!(
            "{} has no identity in it: it is a report of `relaykit check`, or of a relaykit that \
             wrote none\n  `relaykit test --json FILE` writes one",
            arguments.report.display()
        );
        return Err(Usage(text).into());
    };
    let spec = configured(session, &arguments.which)?.unwrap_or_else(config::built_in);
    let now = checks::identity(&spec);
    let version = env!("CARGO_PKG_VERSION");
    let mut differences: Vec<_> = Difference::between("relaykit", "", &report.relaykit, version)
        .into_iter()
        .collect();
    differences.extend(reported.differences(&now));
    if let Some(name) = &arguments.lab {
        let engine = session.engine().await?;
        let standing = Standing {
            engine: engine.as_ref(),
            name,
            spec: &spec,
        };
        differences.extend(standing.differences(&reported, &subject.containers).await?);
    }
    let verified = Verified {
        same: differences.is_empty(),
        reported_at: report.started_at,
        lab: arguments.lab,
        signed_by,
        differences,
    };
    session.print(&verified, &in_words(&verified))?;
    Ok(if verified.same {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

/// Who has signed the report.
fn signed_by(report: &Path, bytes: &[u8], signers: &Path) -> anyhow::Result<String> {
    let signers = Signers::read(signers).map_err(|e| Usage(e.to_string()))?;
    let path = signature_of(report);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        let path = path.display();
        Unsigned(format!("there is no signature in {path}: {e}\n  {SIGNS}"))
    })?;
    let signed = signers.verify(bytes, &text).map_err(|e| {
        let (report, path) = (report.display(), path.display());
        Unsigned(format!(
            "the signature {path} of {report} does not hold: {e}\n  {BELIEVE}"
        ))
    })?;
    Ok(signed)
}

const SIGNS: &str = "`relaykit test --json REPORT --sign KEYFILE` writes it beside the report";
const BELIEVE: &str = "believe nothing in this report, and ask its author for it anew";

fn read(path: &Path, bytes: &[u8]) -> anyhow::Result<Report> {
    let report = serde_json::from_slice(bytes).map_err(|e| {
        Usage(format!(
            "{} is no report of relaykit: {e}\n  `relaykit test --json FILE` writes one",
            path.display()
        ))
    })?;
    Ok(report)
}

/// A lab that is up.
struct Standing<'a> {
    engine: &'a dyn Engine,
    name: &'a str,
    spec: &'a Spec,
}

impl Standing<'_> {
    /// What runs against what the report has.
    async fn differences(
        &self,
        reported: &Identity,
        containers: &[Contained],
    ) -> anyhow::Result<Vec<Difference>> {
        let relay = checks::contained_in_lab(self.engine, self.name, self.spec, Role::Relay).await;
        relay.ok_or_else(|| self.absent(Role::Relay))?;
        let files = checks::standing(self.engine, self.name, self.spec, reported)
            .await
            .with_context(|| format!("looking into the lab {}", self.name))?;
        let mut all = differing_files(&reported.files, &files);
        for difference in &mut all {
            difference.kind = "running file";
        }
        for container in containers {
            all.extend(self.container(container).await?);
        }
        Ok(all)
    }

    fn absent(&self, role: Role) -> anyhow::Error {
        let (name, role) = (self.name, role.name());
        Usage(format!(
            "the lab {name} has no {role} that runs\n  `relaykit up --lab {name}` brings it up, \
             `relaykit status` shows which labs there are"
        ))
        .into()
    }

    async fn container(&self, reported: &Contained) -> anyhow::Result<Vec<Difference>> {
        let role = reported.role.as_str();
        let roles = [Role::Relay, Role::Directory, Role::Sink];
        let Some(role) = roles.into_iter().find(|known| known.name() == role) else {
            return Ok(Vec::new());
        };
        let now = checks::contained_in_lab(self.engine, self.name, self.spec, role).await;
        let now = now.ok_or_else(|| self.absent(role))?;
        let mut all = Vec::new();
        let image = |of: &Contained| match of.image_content.as_str() {
            "" => of.image_id.clone(),
            content => content.to_owned(),
        };
        all.extend(Difference::between(
            "image",
            role.name(),
            &image(reported),
            &image(&now),
        ));
        if reported.packages_sha256 != now.packages_sha256 {
            let version = |of: &Contained, name: &str| {
                let found = of.packages.iter().find(|package| package.name == name);
                found
                    .map(|package| package.version.clone())
                    .unwrap_or_default()
            };
            let before = all.len();
            for package in &reported.packages {
                let name = format!("{}:{}", role.name(), package.name);
                let now = version(&now, &package.name);
                all.extend(Difference::between("package", name, &package.version, &now));
            }
            if all.len() == before {
                let (was, is) = (&reported.packages_sha256, &now.packages_sha256);
                all.extend(Difference::between("package", role.name(), was, is));
            }
        }
        Ok(all)
    }
}

fn in_words(verified: &Verified) -> String {
    let signed = verified.signed_by.as_ref();
    let signed = signed.map_or_else(String::new, |by| format!("signed by {by}\n"));
    signed + &compared(verified)
}

fn compared(verified: &Verified) -> String {
    let of = match &verified.lab {
        Some(lab) => format!("the lab {lab}, its configuration and its checks"),
        None => "the configuration, its files and the checks (no lab was looked into)".to_owned(),
    };
    if verified.same {
        return format!(
            "same: {of} are what the report of {} was written for\n",
            verified.reported_at
        );
    }
    let mut text = format!(
        "different: {of}, from the report of {}\n",
        verified.reported_at
    );
    for difference in &verified.differences {
        let name = [difference.kind, &difference.name].join(" ");
        let side = |words: &str| {
            if words.is_empty() {
                "nothing".to_owned()
            } else {
                words.to_owned()
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}\n    reported  {}\n    now       {}",
            name.trim(),
            side(&difference.reported),
            side(&difference.now)
        );
    }
    text
}
