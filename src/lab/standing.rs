//! A lab that becomes one plan after the other, each time by as little work as
//! leaves nothing of the plan before.

use std::sync::Arc;

use tracing::{Instrument as _, info_span};

use super::renew::{Shape, Writer, renew, shape};
use super::up::{Outcome, up, up_beside_relay, up_with_new_relay};
use super::{Change, Error, Readiness, Running, Workshop};
use crate::certs::Certificates;
use crate::engine::Shells;
use crate::plan::{Plan, Role};

/// A lab that is up.
pub struct Standing {
    running: Running,
    /// What it is beside the files of its relay.
    shape: Shape,
    /// Shells in its containers.
    shells: Arc<Shells>,
    /// What gives the relay other files, once it was needed.
    writer: Option<Writer>,
    /// Whether its relay may hold something that it did not begin with.
    disturbed: bool,
}

impl Standing {
    /// A lab that is what `plan` says.
    ///
    /// # Errors
    /// As [`up`].
    pub async fn up(
        plan: Plan,
        certificates: Certificates,
        workshop: &Workshop,
    ) -> Result<Self, Error> {
        let shape = shape(&plan, &certificates, workshop)?;
        // What is awaited here is large, and whoever calls this would be as large.
        let outcome = Box::pin(up(plan, certificates, workshop)).await?;
        Ok(Self::new(outcome, shape, workshop))
    }

    fn new(outcome: Outcome, shape: Shape, workshop: &Workshop) -> Self {
        Self {
            running: outcome.running,
            shape,
            shells: Arc::new(Shells::new(workshop.engine.clone())),
            writer: None,
            disturbed: false,
        }
    }

    /// What `plan` says. The relay begins again in its container where its files are
    /// all that differs and nobody has disturbed it, and is made anew else; so is
    /// whatever else differs.
    ///
    /// # Errors
    /// As [`up`]. The lab is not to be used then.
    pub async fn become_plan(
        mut self,
        plan: Plan,
        certificates: Certificates,
        workshop: &Workshop,
    ) -> Result<Self, Error> {
        let shape = shape(&plan, &certificates, workshop)?;
        if self.disturbed || self.shape.relay != shape.relay {
            let up = up_with_new_relay(plan, certificates, workshop);
            return Ok(self.after(Box::pin(up).await?, shape, workshop));
        }
        if self.shape.others != shape.others {
            // What the relay is now need not be ready among them.
            let started = Workshop {
                readiness: Readiness::Started,
                ..workshop.clone()
            };
            let up = up_beside_relay(plan.clone(), certificates.clone(), &started);
            let outcome = Box::pin(up).await?;
            let writer = self.writer.take();
            self = self.after(outcome, shape, workshop);
            self.writer = writer;
        }
        let span = info_span!("lab", lab = plan.name);
        let mut writer = if let Some(writer) = self.writer {
            writer
        } else {
            let writer = Writer::start(&self.running, workshop);
            writer.instrument(span.clone()).await?
        };
        let (running, shells) = (&self.running, &self.shells);
        let renewed = renew(running, &mut writer, shells, plan, certificates, workshop);
        let running = Box::pin(renewed.instrument(span)).await?;
        Ok(Self {
            running,
            writer: Some(writer),
            ..self
        })
    }

    /// What it is after containers of it were made anew.
    fn after(self, outcome: Outcome, shape: Shape, workshop: &Workshop) -> Self {
        let keeps_sink = outcome.changes[&Role::Sink] == Change::Keep;
        let mut next = Self::new(outcome, shape, workshop);
        if keeps_sink {
            next.running.inbox = self.running.inbox;
        }
        next
    }

    /// Its relay is not to be used for another plan.
    pub fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// The lab as it is.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Shells in its containers, as long as these are not stopped.
    #[must_use]
    pub fn shells(&self) -> &Arc<Shells> {
        &self.shells
    }
}
