//! What is measured: a target, and what can be seen of it from within.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::load::Target;
use super::probe::{Arrivals, Probe, Taken};
use crate::config::{Listener, OutboundLevel, Spec};
use crate::counterparts::CHECKED_SENDER;
use crate::engine::{self, Engine};
use crate::lab::Running;
use crate::plan::{COUNTS, Container, Role};
use crate::smtp::{Login, Security, TlsSettings};

/// Where a target is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A lab that this run made, and takes down.
    Own,
    /// A lab that is up.
    Lab,
    /// A server that the user named.
    Host,
    /// What others would have built in its place, made by this run.
    Reference,
}

/// A target and its surroundings.
#[derive(Clone)]
pub struct Subject {
    /// Whom clients speak to.
    pub target: Target,
    /// Where it is from.
    pub kind: Kind,
    /// What takes its mail, in words.
    pub next_hop: String,
    /// Which containers it is made of, the relay first; empty where nobody can look.
    pub containers: Vec<Inside>,
    /// The engine that they run on.
    pub engine: Option<Arc<dyn Engine>>,
}

/// A container of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// `relay`, `directory`, `sink`.
    pub role: String,
    /// Its name on the engine.
    pub container: String,
    /// What arrives there.
    pub arrivals: Arrivals,
}

/// A look into all containers of a subject, as long as it is measured.
pub(super) struct Watch {
    probes: Vec<(Inside, Probe)>,
}

impl Watch {
    /// Starts looking.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(super) async fn start(subject: &Subject) -> Result<Self, engine::Error> {
        let mut probes = Vec::new();
        let Some(engine) = &subject.engine else {
            return Ok(Self { probes });
        };
        for inside in &subject.containers {
            let probe = Probe::start(engine.as_ref(), &inside.container, &inside.arrivals).await?;
            probes.push((inside.clone(), probe));
        }
        Ok(Self { probes })
    }

    /// What each container has taken of the CPU.
    ///
    /// # Errors
    /// When a container has ended.
    pub(super) async fn cpu(&mut self) -> std::io::Result<BTreeMap<String, Taken>> {
        let mut taken = BTreeMap::new();
        for (inside, probe) in &mut self.probes {
            taken.insert(inside.role.clone(), probe.cpu().await?);
        }
        Ok(taken)
    }

    /// Where messages arrive; `None` where nobody can see it.
    pub(super) fn arrivals(&mut self) -> Option<&mut Probe> {
        let mut probes = self.probes.iter_mut();
        let found = probes.find(|(inside, _)| inside.arrivals != Arrivals::None);
        found.map(|(_, probe)| probe)
    }
}

/// Where the mail of a lab goes that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// smtp-sink(1), see [`crate::plan::Plan::with_counter`].
    Counter,
    /// Postfix with an inbox.
    Inbox,
}

/// What of a lab is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called in results.
    pub name: String,
    /// Where it is from.
    pub kind: Kind,
    /// Where its mail goes.
    pub sink: Sink,
    /// Where clients come in.
    pub listener: Listener,
}

/// The domain of the recipients in a lab: nobody's (RFC 2606).
pub const DOMAIN: &str = "bench.relaykit.example";

impl Subject {
    /// The relay of a lab, spoken to by its first person, without anything in
    /// between where this machine reaches it so. Each message goes to so many recipients.
    ///
    /// # Errors
    /// Why nobody can send there.
    pub fn of_lab(
        running: &Running,
        place: Place,
        recipients: usize,
        token: &str,
    ) -> Result<Self, String> {
        let Place {
            name: called,
            kind,
            sink,
            listener,
        } = place;
        let resolved = &running.plan.resolved;
        let spec = &resolved.spec;
        let name = listener.name();
        let places = [&running.direct, &running.endpoints];
        let address = places.iter().find_map(|at| at.get(name));
        let address = address.ok_or_else(|| format!("listeners.{name} is off in this lab"))?;
        let (login, sender, domain) = if listener == Listener::Smtp {
            let domain = spec.relay.domains.first().ok_or(NO_DOMAIN)?;
            (None, CHECKED_SENDER.to_owned(), domain.clone())
        } else {
            if !spec.auth.listeners.contains(&listener) {
                return Err(format!(
                    "auth.listeners is without {name}: nobody can log in there"
                ));
            }
            let user = spec.lab.users.first();
            let user = user.ok_or("lab.users is empty: nobody can log in")?;
            let login = Login {
                user: user.name.clone(),
                password: user.password.clone(),
            };
            (Some(login), resolved.address(user), DOMAIN.to_owned())
        };
        let authority = running.certificates.authority.certificate.clone();
        let mut tls = TlsSettings::trusting(&spec.hostname, authority);
        let certificate = running.client_certificate().map_err(|e| e.to_string())?;
        if let Some(issued) = certificate {
            tls = tls.client_certificate(issued.certificate, issued.key);
        }
        let target = Target {
            name: called,
            address: *address,
            security: security(listener, tls),
            login,
            sender,
            recipients: (1..=recipients)
                .map(|n| format!("bench{n}@{domain}"))
                .collect(),
        };
        let inside = |container: &Container| Inside {
            role: container.role.name().to_owned(),
            container: container.name.clone(),
            arrivals: match (container.role, sink) {
                (Role::Sink, Sink::Counter) => Arrivals::Counter(COUNTS.to_owned()),
                (Role::Sink, Sink::Inbox) => Arrivals::Inbox(NEW.to_owned(), token.to_owned()),
                (Role::Relay | Role::Directory, _) => Arrivals::None,
            },
        };
        Ok(Self {
            target,
            kind,
            next_hop: match sink {
                Sink::Counter => "smtp-sink, in the clear".to_owned(),
                Sink::Inbox => "the lab's sink, Postfix over TLS with an inbox".to_owned(),
            },
            containers: running.plan.containers.iter().map(inside).collect(),
            engine: Some(running.engine.clone()),
        })
    }
}

/// How TLS begins at a listener. Port 25 is measured in the clear, as smtp-source(1) does.
#[must_use]
pub fn security(listener: Listener, tls: TlsSettings) -> Security {
    match listener {
        Listener::Smtp => Security::Clear,
        Listener::Submission => Security::StartTls(tls),
        Listener::Submissions => Security::Wrapper(tls),
    }
}

/// Where the sink has messages that are whole.
const NEW: &str = "/var/mail/inbox/new";

const NO_DOMAIN: &str = "relay.domains is empty, so port 25 takes no mail without a login";

/// What a relay is measured as that this run makes: `spec`, as it is, but for what would
/// stop a load from one address, and with a way for it.
#[must_use]
pub fn measurable(mut spec: Spec, listener: Listener, sink: Sink, clients: usize) -> Spec {
    let clients = u32::try_from(clients).unwrap_or(u32::MAX);
    // Those of the warm-up may still be closing.
    let needed = clients.saturating_mul(2).saturating_add(20).min(100_000);
    let limits = &mut spec.limits;
    limits.connections_per_client = limits.connections_per_client.max(needed);
    limits.messages_per_login_per_hour = None;
    if listener == Listener::Smtp && spec.relay.domains.is_empty() {
        spec.relay.domains = vec![DOMAIN.to_owned()];
    }
    if sink == Sink::Counter {
        // It speaks no TLS and has no logins.
        spec.outbound.next_hops.clear();
        spec.outbound.logins.clear();
        spec.outbound.routes.clear();
        spec.tls.outbound.certificate = None;
        spec.tls.outbound.level = OutboundLevel::May;
        spec.tls.outbound.policies.clear();
    }
    // The kernel picks ports: labs go side by side.
    for port in [
        &mut spec.listeners.smtp,
        &mut spec.listeners.submission,
        &mut spec.listeners.submissions,
    ] {
        *port = port.map(|_| 0);
    }
    spec.lab.ldaps = 0;
    spec
}
