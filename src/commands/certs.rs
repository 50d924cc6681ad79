//! `relaykit certs`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Session;
use super::exit::{Exit, Unsuitable, Unwritable, Usage};
use super::labs::{configured, image_settings, images, spec_of_lab, workshop};
use crate::certs::{self, Described, Names};
use crate::cli::{Certs, CertsPlace, Images, Issue};
use crate::config::{Certificate, Spec, TrustAnchor, read_authorities};
use crate::counterparts::{Purpose, Resolved};
use crate::lab;
use crate::plan::{Plan, Role};
use crate::progress::Event;

pub(super) async fn run(session: &Session, command: Certs) -> anyhow::Result<Exit> {
    match command {
        Certs::Show(place) => show(session, &place),
        Certs::Issue(arguments) => issue(session, &arguments),
        Certs::Rotate(place) => rotate(session, place).await,
    }
}

/// A certificate, and where it is from.
#[derive(Serialize)]
struct Shown {
    /// `lab NAME`, or the key of relay.yaml.
    of: String,
    /// Its file on this machine.
    file: PathBuf,
    /// Who shows it, or trusts it.
    used_by: &'static str,
    #[serde(flatten)]
    described: Described,
}

fn show(session: &Session, place: &CertsPlace) -> anyhow::Result<Exit> {
    let now = Timestamp::now();
    let mut all = Vec::new();
    if let Some(spec) = configured(session, &place.which)? {
        of_operator(session, &spec, now, &mut all);
    }
    let folder = session.store()?.folder(&place.lab);
    for (name, pem) in certs::kept(&folder)? {
        let used_by = match name {
            "ca" => "whoever talks to the lab trusts it",
            "relay" => "the relay shows it to its clients",
            "directory" => "the directory shows it to the relay",
            _ => "the next hop shows it to the relay",
        };
        let of = format!("lab {}", place.lab);
        let file = folder.join(format!("{name}.pem"));
        add(&mut all, &of, &file, used_by, &pem, now);
    }
    if all.is_empty() {
        let line = format!(
            "there is no certificate: relay.yaml names none, and no lab {} was brought up from here",
            place.lab
        );
        session.progress.report(Event::Warning { line });
    }
    session.print(&all, &human(&all)?)?;
    Ok(Exit::Done)
}

/// The files that relay.yaml names, as far as they are on this machine.
fn of_operator(session: &Session, spec: &Spec, now: Timestamp, all: &mut Vec<Shown>) {
    let mut files: Vec<(&str, &Path, &'static str)> = Vec::new();
    if let Certificate::Files { cert, .. } = &spec.tls.certificate {
        let used_by = "an exported relay shows it to its clients";
        files.push(("tls.certificate.cert", cert, used_by));
    }
    if let Some(Certificate::Files { cert, .. }) = &spec.tls.outbound.certificate {
        let used_by = "an exported relay shows it to next hops that ask for one";
        files.push(("tls.outbound.certificate.cert", cert, used_by));
    }
    if let Some(ca) = &spec.tls.client_ca {
        files.push(("tls.client_ca", ca, "clients' certificates are held to it"));
    }
    if let TrustAnchor::File(ca) = &spec.tls.outbound.ca {
        files.push(("tls.outbound.ca", ca, "next hops are held to it"));
    }
    if let TrustAnchor::File(ca) = &spec.auth.ldap.ca {
        files.push(("auth.ldap.ca", ca, "the directory is held to it"));
    }
    for (key, path, used_by) in files {
        match read_authorities(path) {
            Ok(pem) => add(all, key, path, used_by, &pem, now),
            Err(error) => {
                let line = format!("{key}: {} cannot be read: {error}", path.display());
                session.progress.report(Event::Warning { line });
            }
        }
    }
}

fn add(
    all: &mut Vec<Shown>,
    of: &str,
    file: &Path,
    used_by: &'static str,
    pem: &str,
    now: Timestamp,
) {
    let described = certs::described(pem, now).into_iter();
    all.extend(described.map(|described| Shown {
        of: of.to_owned(),
        file: file.to_owned(),
        used_by,
        described,
    }));
}

fn human(all: &[Shown]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (index, shown) in all.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        writeln!(text, "{}: {}", shown.of, shown.file.display())?;
        writeln!(text, "  used by  {}", shown.used_by)?;
        text.push_str(&of_one(&shown.described)?);
    }
    Ok(text)
}

fn of_one(one: &Described) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "  subject  {}", one.subject)?;
    if !one.names.is_empty() {
        writeln!(text, "  names    {}", one.names.join(", "))?;
    }
    writeln!(text, "  issuer   {}", one.issuer)?;
    let left = match one.days_left {
        left if left < 0 => "it has expired".to_owned(),
        1 => "1 day left".to_owned(),
        left => format!("{left} days left"),
    };
    writeln!(text, "  valid    {} to {}, {left}", one.from, one.until)?;
    writeln!(text, "  SHA-256  {}", one.sha256)?;
    Ok(text)
}

fn issue(session: &Session, arguments: &Issue) -> anyhow::Result<Exit> {
    let mut names = Names::default();
    for name in &arguments.names {
        match name.parse::<IpAddr>() {
            Ok(address) if !arguments.client => names.addresses.push(address),
            _ => names.dns.push(name.clone()),
        }
    }
    if arguments.client && names.dns.len() > 1 {
        let text = "a client's certificate has one name; issue one for each client";
        return Err(Usage(text.to_owned()).into());
    }
    let stem = &arguments.names[0];
    let plain = |c: char| c.is_alphanumeric() || "._-@:".contains(c);
    if !stem.starts_with(char::is_alphanumeric) || !stem.chars().all(plain) {
        let text = format!("{stem:?} cannot name a file: letters, digits and ._-@: are for that");
        return Err(Usage(text).into());
    }
    let folder = session.store()?.folder(&arguments.lab);
    let authority = certs::authority_of(&folder)?.ok_or_else(|| no_lab(&arguments.lab))?;
    let now = Timestamp::now();
    let days = i64::from(arguments.days);
    let issued = certs::issued_for(&authority, &names, arguments.client, days, now)?;
    let output = std::path::absolute(&arguments.output)?;
    fs::create_dir_all(&output).map_err(|source| unwritable(&output, source))?;
    let at = |end: &str| output.join(format!("{stem}.{end}"));
    let (certificate, key) = (at("pem"), at("key"));
    if let Some(there) = [&certificate, &key].into_iter().find(|path| path.exists()) {
        let text = format!(
            "{} is there already\n  remove it, or give another --output",
            there.display()
        );
        return Err(Unsuitable(text).into());
    }
    write(&key, 0o600, issued.key.reveal())?;
    write(&certificate, 0o644, &issued.certificate)?;
    let described = certs::described(&issued.certificate, now).remove(0);
    let human = format!(
        "{}\n  key      {}\n{}",
        certificate.display(),
        key.display(),
        of_one(&described)?
    );
    let ca = session.store()?.ca_certificate(&arguments.lab);
    let json =
        json!({"file": certificate, "key": key, "ca_certificate": ca, "certificate": described});
    session.print(&json, &human)?;
    Ok(Exit::Done)
}

fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(mode).open(path);
    let mut file = opened.map_err(|source| unwritable(path, source))?;
    let written = file.write_all(text.as_bytes());
    Ok(written.map_err(|source| unwritable(path, source))?)
}

fn unwritable(path: &Path, source: std::io::Error) -> Unwritable {
    let to = path.to_owned();
    Unwritable { to, source }
}

fn no_lab(name: &str) -> Unsuitable {
    Unsuitable(format!(
        "no lab {name} was brought up from here, so that there is no CA\n  `relaykit up --lab {name}` makes it"
    ))
}

async fn rotate(session: &Session, place: CertsPlace) -> anyhow::Result<Exit> {
    let configured = configured(session, &place.which)?;
    let engine = session.engine().await?;
    let store = session.store()?;
    let folder = store.folder(&place.lab);
    let before = certs::kept(&folder)?;
    let before = before.iter().find(|(name, _)| *name == Role::Relay.name());
    let (_, before) = before.ok_or_else(|| no_lab(&place.lab))?;
    let spec = spec_of_lab(session, configured, &place.lab, engine.as_ref(), false).await?;
    let plan = Plan::new(Resolved::new(spec, Purpose::Lab), &place.lab);
    let names = lab::certificate_names(&plan);
    let lock = store.lock(&place.lab, &session.progress).await?;
    let settings = image_settings(session, &Images::default(), false);
    let images = images(session, &engine, &plan.images(), &settings).await?;
    let workshop = workshop(session, engine.clone(), images, store.id()?);
    let now = Timestamp::now();
    let certificates = certs::foresee(&folder, &place.lab, &names, now)?;
    let attached = lab::attach(plan, certificates, &workshop).await;
    let mut running = attached.map_err(|error| match error {
        lab::Error::Impossible(text) => anyhow::Error::new(Unsuitable(text)),
        other => other.into(),
    })?;
    let relay = names.get(&Role::Relay).cloned().unwrap_or_default();
    // Kept first: where it does not come to its end, `up` gives it to the relay.
    let issued = certs::rotate(&folder, &relay, now)?.ok_or_else(|| no_lab(&place.lab))?;
    let described = certs::described(&issued.certificate, now).remove(0);
    running.certificates.servers.insert(Role::Relay, issued);
    lab::rotated(&running, &workshop).await?;
    drop(lock);
    let human = format!(
        "The relay of the lab {} shows a new certificate:\n{}",
        place.lab,
        of_one(&described)?
    );
    let before = certs::described(before, now);
    let json = json!({
        "lab": place.lab,
        "before": before.first().map(|before| &before.sha256),
        "certificate": described,
    });
    session.print(&json, &human)?;
    Ok(Exit::Done)
}
