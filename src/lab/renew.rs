//! A relay that gets other files and begins again in the container that it has.
//! A container costs an engine more than all that is in it; where only files
//! differ, nobody can tell the difference but whoever looks at the engine.

use std::pin::Pin;

use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tracing::{Instrument as _, info, info_span};

use super::definition::{Definition, archive, volume_labels};
use super::fill::FILL;
use super::up::{definitions, gateways};
use super::{Error, Readiness, Running, Workshop, ready, started};
use crate::certs::Certificates;
use crate::engine::{ContainerRequest, Reading, Shells, labels};
use crate::plan::{Plan, Role};
use crate::progress::Event;

/// The program of the container that writes: it does nothing but end when it is told to.
const IDLE: [&str; 3] = ["perl", "-e", "$SIG{TERM} = sub { exit }; sleep"];

/// Takes tars, each after a line with its size in bytes, in the place of all
/// that is below `$1`. Answers each with a line.
const WRITER: &str = r#"
while read -r size; do
    find "$1" -mindepth 2 -delete
    if head -c "$size" | tar -xpf - -C "$1"; then echo written; else echo failed; fi
done
"#;

/// What the supervisor becomes when every daemon has ended: what the container
/// began with, after everything that is not in its image or injected is gone.
/// First it tells the engine's clock: lines of the log before that are old.
const AGAIN: &str = r"
date -u +%Y-%m-%dT%H:%M:%S.%NZ
cat >/run/service/.s6-svscan/finish <<'END'
#!/bin/sh
find /var/spool/postfix /var/lib/postfix /tmp -mindepth 1 -type f -delete
rm -rf /run/saslauthd /run/accounts /run/limits /run/tls
exec /usr/libexec/relaykit/init
END
exec s6-svscanctl -t /run/service
";

/// Writes the relay's files into the volumes that they lie on. It is
/// a container of the lab and ends with it.
pub(super) struct Writer {
    volume: String,
    tars: Pin<Box<dyn AsyncWrite + Send>>,
    answers: Reading,
}

impl Writer {
    /// A writer for the relay of `running`.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(super) async fn start(running: &Running, workshop: &Workshop) -> Result<Self, Error> {
        let relay = relay(&running.plan, &running.certificates, workshop)?;
        let volumes = relay.filled();
        let mounts = volumes
            .iter()
            .map(|volume| ((*volume).to_owned(), format!("{FILL}/{volume}"), false));
        let mounts = mounts.collect();
        let mut volume_labels = volume_labels(&running.plan);
        volume_labels.retain(|name, _| volumes.contains(name.as_str()));
        let volumes: Vec<&str> = volumes.iter().copied().collect();
        let volume = volumes.join(" and ");
        let name = format!("relaykit-{}-writer", running.plan.name);
        let engine = workshop.engine.as_ref();
        let request = ContainerRequest {
            name: name.clone(),
            image: relay.request.image.clone(),
            entrypoint: IDLE.map(str::to_owned).to_vec(),
            mounts,
            volume_labels,
            labels: labels::of_object(&running.plan.name, labels::WRITER),
            unconfined: true,
            ..ContainerRequest::default()
        };
        engine.create_container(request).await?;
        engine.start(&name).await?;
        let argv = ["sh", "-c", WRITER, "sh", FILL];
        let conversation = engine.converse(&name, &argv, "0").await?;
        let (tars, answers) = conversation.split();
        Ok(Self {
            volume,
            tars,
            answers,
        })
    }

    async fn write(&mut self, tar: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::File {
            action: "writing to the volume",
            path: (&self.volume).into(),
            source,
        };
        let mut answer = String::new();
        let size = format!("{}\n", tar.len());
        self.tars.write_all(size.as_bytes()).await.map_err(failed)?;
        self.tars.write_all(tar).await.map_err(failed)?;
        self.tars.flush().await.map_err(failed)?;
        let read = self.answers.read_line(&mut answer).await;
        read.map_err(failed)?;
        match answer.trim_end() {
            "written" => Ok(()),
            other => Err(failed(std::io::Error::other(format!(
                "the writer says {other:?}"
            )))),
        }
    }
}

/// What a lab's containers are, but for the files of its relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The relay. Where this is the same, its files are all that can differ: [`renew`].
    pub(super) relay: Option<String>,
    /// The others, with their files.
    pub(super) others: Vec<String>,
}

/// The shape of the lab that `plan` and the images of `workshop` make.
///
/// # Errors
/// When a file of the operator's cannot be read.
pub(super) fn shape(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<Shape, Error> {
    let definitions = definitions(plan, certificates, workshop)?;
    let (relays, others): (Vec<_>, Vec<_>) =
        definitions.iter().partition(|d| d.role == Role::Relay);
    Ok(Shape {
        relay: relays.first().map(|relay| relay.shape().to_owned()),
        others: others.iter().map(|d| d.digest().to_owned()).collect(),
    })
}

/// Brings a lab to what `plan`, of the same [`Shape`], says: its relay gets its files
/// and begins again, with an empty queue. `shells` are in the lab's containers.
///
/// # Errors
/// As [`super::up`].
pub(super) async fn renew(
    running: &Running,
    writer: &mut Writer,
    shells: &Shells,
    plan: Plan,
    certificates: Certificates,
    workshop: &Workshop,
) -> Result<Running, Error> {
    let relay = relay(&plan, &certificates, workshop)?;
    let relay = [&relay];
    let gateways = gateways(&relay, workshop).await?;
    let tar = archive(&relay, &gateways).map_err(|source| Error::File {
        action: "packing",
        path: FILL.into(),
        source,
    })?;
    info!("only files of the relay differ: it begins again in its container");
    writer.write(&tar).instrument(info_span!("files")).await?;
    let name = &relay[0].request.name;
    let argv = ["sh", "-c", AGAIN];
    let again = shells.exec(name, &argv, None);
    let output = again.instrument(info_span!("end of the daemons")).await?;
    let began = output.stdout.trim().parse();
    let (Ok(began), 0) = (began, output.exit_code) else {
        return Err(Error::Impossible(format!(
            "the relay does not begin again: code {}: {}{}",
            output.exit_code, output.stdout, output.stderr
        )));
    };
    let running = Running {
        plan,
        certificates,
        ..running.clone()
    };
    let ready = async {
        started::again(&running, workshop, began).await?;
        match workshop.readiness {
            Readiness::Proved => ready::prove(&running, workshop).await,
            Readiness::Started => Ok(Vec::new()),
        }
    };
    let ready = ready.instrument(info_span!("readiness"));
    let findings = Box::pin(ready::while_it_runs(&running, workshop, ready));
    for finding in findings.await? {
        let line = finding.what;
        workshop.progress.report(Event::Warning { line });
    }
    Ok(running)
}

fn relay(
    plan: &Plan,
    certificates: &Certificates,
    workshop: &Workshop,
) -> Result<Definition, Error> {
    let definitions = definitions(plan, certificates, workshop)?;
    let mut definitions = definitions.into_iter();
    definitions
        .find(|d| d.role == Role::Relay)
        .ok_or_else(no_relay)
}

fn no_relay() -> Error {
    Error::Impossible("this plan has no relay".to_owned())
}
