//! The relay's certificate in a lab that runs: it takes up another one without being made
//! anew, and without an end to any session.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, info, info_span};

use super::definition::{append, volume_labels};
use super::fill::FILL;
use super::listening::{Trial, trials};
use super::missing::{Missing, not_ready};
use super::{Error, Readiness, Running, Workshop};
use crate::certs::{self, Certificates, Issued};
use crate::container::CONFIG;
use crate::diagnostics::Open;
use crate::engine::{ContainerRequest, Engine, Kind, labels};
use crate::plan::{Content, File, Plan, Role};

/// How long the relay may take. It looks every second, and tells Postfix at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at what a listener shows.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Whether a file of a container may hold something else while that runs.
pub(super) fn is_renewed(content: &Content) -> bool {
    matches!(
        content,
        Content::Certificate(Role::Relay) | Content::CertificateKey(Role::Relay)
    )
}

/// Gives the relay of a lab that is there the certificate that it should have; whether it
/// had another one. Labs of a proof have what they were made with.
///
/// # Errors
/// When the engine refuses.
pub(super) async fn bring(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<bool, Error> {
    let (Some(relay), Some(wanted), Readiness::Proved) = (
        plan.container(Role::Relay),
        certificates.servers.get(&Role::Relay),
        workshop.readiness,
    ) else {
        return Ok(false);
    };
    let files = relay.files.iter();
    let Some(file) = files.clone().find(|file| is_certificate(file)) else {
        return Ok(false);
    };
    let engine = workshop.engine.as_ref();
    let facts = engine.inspect(&relay.name).await?;
    if facts.is_some_and(|facts| facts.running && facts.status != "paused") {
        let held = engine.exec(&relay.name, &["cat", &file.path], None).await?;
        if held.stdout == wanted.certificate {
            return Ok(false);
        }
    }
    info!("the relay gets another certificate");
    give(engine, plan, wanted).await?;
    Ok(true)
}

fn is_certificate(file: &File) -> bool {
    matches!(file.content, Content::Certificate(Role::Relay))
}

/// Puts a certificate and its key where the relay of a lab looks for them, as they are: it
/// judges them itself.
///
/// # Errors
/// When the engine refuses, or the lab has no such relay.
pub async fn give(engine: &dyn Engine, plan: &Plan, pair: &Issued) -> Result<(), Error> {
    let no_place = || Error::Impossible("the relay of this lab has no certificate".to_owned());
    let relay = plan.container(Role::Relay).ok_or_else(no_place)?;
    let mount = relay.mounts.iter().find(|mount| mount.target == CONFIG);
    let volume = &mount.ok_or_else(no_place)?.volume;
    let facts = engine.inspect(&relay.name).await?.ok_or_else(no_place)?;
    let pieces = relay.files.iter().filter_map(|file| {
        let text = match file.content {
            Content::Certificate(Role::Relay) => pair.certificate.as_str(),
            Content::CertificateKey(Role::Relay) => pair.key.reveal(),
            _ => return None,
        };
        Some((file, text))
    });
    let tar = packed(volume, pieces).map_err(|source| Error::File {
        action: "packing",
        path: FILL.into(),
        source,
    })?;
    let name = format!("relaykit-{}-fill", plan.name);
    let request = ContainerRequest {
        name: name.clone(),
        image: facts.image,
        mounts: vec![(volume.clone(), format!("{FILL}/{volume}"), false)],
        volume_labels: volume_labels(plan),
        labels: labels::of_object(&plan.name, labels::VOLUME),
        unconfined: true,
        ..ContainerRequest::default()
    };
    engine.create_container(request).await?;
    let uploaded = engine.upload(&name, FILL, tar).await;
    engine.remove(Kind::Container, &name).await?;
    Ok(uploaded?)
}

fn packed<'a>(
    volume: &str,
    pieces: impl Iterator<Item = (&'a File, &'a str)>,
) -> std::io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    for (file, text) in pieces {
        let below = file.path.trim_start_matches(CONFIG);
        let path = format!("{volume}{below}");
        let kind = tar::EntryType::Regular;
        append(
            &mut tar,
            &path,
            kind,
            file.mode,
            file.owner,
            text.as_bytes(),
        )?;
    }
    tar.into_inner().map(Bytes::from)
}

/// Gives the relay of a lab that runs the certificate that `running` has for it, and waits
/// until every listener shows it.
///
/// # Errors
/// As [`give`], [`Error::NotReady`] where it does not, and [`Error::Interrupted`] on Ctrl-C.
pub async fn rotated(running: &Running, workshop: &Workshop) -> Result<(), Error> {
    let wanted = running.certificates.servers.get(&Role::Relay);
    let wanted = wanted.ok_or_else(|| Error::Impossible("the lab has no relay".to_owned()))?;
    give(workshop.engine.as_ref(), &running.plan, wanted).await?;
    shown(running, workshop).await
}

/// Waits until every listener with TLS shows the certificate that the lab should have.
///
/// # Errors
/// [`Error::NotReady`] with the relay's last lines, [`Error::Interrupted`] on Ctrl-C.
pub(super) async fn shown(running: &Running, workshop: &Workshop) -> Result<(), Error> {
    let Some(wanted) = running.certificates.servers.get(&Role::Relay) else {
        return Ok(());
    };
    let wanted = certs::fingerprint(wanted);
    let began = Instant::now();
    let task = workshop.progress.start("renewed certificate");
    for trial in trials(running)? {
        let span = info_span!("certificate", listener = trial.name());
        let looked = look(&trial, &wanted, began + PATIENCE, workshop);
        if let Some(what) = looked.instrument(span).await? {
            let role = Role::Relay;
            let missing = Missing { what, role };
            let plan = &running.plan;
            return Err(not_ready(&missing, Open::default(), began, workshop, plan).await);
        }
    }
    task.finish();
    Ok(())
}

/// What is still wrong at the end; `None`: nothing.
async fn look(
    trial: &Trial,
    wanted: &str,
    end: Instant,
    workshop: &Workshop,
) -> Result<Option<String>, Error> {
    loop {
        let seen = match trial.certificate().await {
            Ok(None) => return Ok(None),
            Ok(Some(seen)) if seen == wanted => return Ok(None),
            Ok(Some(seen)) => format!("it shows {seen}"),
            Err(trouble) => trouble.what,
        };
        if Instant::now() > end {
            let name = trial.name();
            return Ok(Some(format!("{name} does not show {wanted}: {seen}")));
        }
        tokio::select! {
            () = sleep(LOOK_AGAIN) => {}
            () = workshop.cancel.cancelled() => return Err(Error::Interrupted),
        }
    }
}
