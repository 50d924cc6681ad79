//! A running lab as a target: its relay, its inbox, its containers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::ports::Ports;
use super::probe::mail::{RECIPIENT, SENDER};
use super::target::{Delivered, Inbox, Lab, Lacks, Moved, Target, Undelivered};
use crate::counterparts::Purpose;
use crate::engine::{LogRequest, Shells};
use crate::lab::{self, Feed, Running};
use crate::plan::Role;

/// The relay of a lab that is ready, as checks see it. `disposable`: only checks
/// that disturb run against it, and stop containers that `shells` are in.
///
/// # Errors
/// When a client's certificate cannot be made.
pub fn target(
    running: &Running,
    disposable: bool,
    shells: &Arc<Shells>,
) -> Result<Target, lab::Error> {
    let plan = &running.plan;
    Ok(Target {
        hostname: plan.resolved.spec.hostname.clone(),
        endpoints: endpoints(running, disposable),
        ca_pem: running.certificates.authority.certificate.clone(),
        client_certificate: running.client_certificate()?,
        users: plan.resolved.spec.lab.users.clone(),
        disposable,
        xclient: plan.resolved.purpose == Purpose::Proof,
        spec: plan.resolved.spec.clone(),
        lacks: Lacks::default(),
        manners: None,
        recipients: vec![RECIPIENT.to_owned()],
        sender: SENDER.to_owned(),
        inbox: Some(Arc::new(SinkInbox {
            feed: running.inbox.feed(),
            running: running.clone(),
        })),
        lab: Some(Lab {
            engine: running.engine.clone(),
            plan: Arc::new(plan.clone()),
            moved: Moved::default(),
            certificates: Arc::new(running.certificates.clone()),
            shells: (!disposable).then(|| shells.clone()),
        }),
        ports: Ports::default(),
    })
}

/// The relay's own ports, where they can be reached: a session is then known in its
/// log by the client's port. Not on a relay that is restarted, whose address may change.
/// That the published ports answer is part of the lab's readiness.
fn endpoints(running: &Running, disposable: bool) -> BTreeMap<&'static str, SocketAddr> {
    let mut endpoints = running.endpoints.clone();
    if !disposable {
        endpoints.extend(&running.direct);
    }
    endpoints
}

/// The sink's inbox, as checks wait for it.
struct SinkInbox {
    feed: Arc<Feed>,
    running: Running,
}

#[async_trait]
impl Inbox for SinkInbox {
    async fn wait_for(&self, token: &str, deadline: Duration) -> Result<Delivered, Undelivered> {
        let contains = |raw: &[u8]| raw.windows(token.len()).any(|w| w == token.as_bytes());
        match self
            .feed
            .wait(deadline, |message| contains(&message.raw))
            .await
        {
            Ok(Some(message)) => Ok(Delivered {
                envelope_from: message.envelope_from.clone(),
                envelope_to: message.envelope_to.clone(),
                trace: message.trace.clone(),
                raw: message.raw.clone(),
            }),
            Ok(None) => Err(Undelivered::Absent(self.log_of_relay().await)),
            Err(error) => Err(Undelivered::Unreadable(error.to_string())),
        }
    }
}

impl SinkInbox {
    async fn log_of_relay(&self) -> String {
        let Some(relay) = self.running.plan.container(Role::Relay) else {
            return String::new();
        };
        let request = LogRequest {
            follow: false,
            tail: Some(20),
            since: None,
        };
        lab::log_lines(self.running.engine.as_ref(), &relay.name, request).await
    }
}
