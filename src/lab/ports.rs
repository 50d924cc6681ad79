//! Ports for labs that come up without a relay.yaml: the first has the default ones, each
//! further one has its own, and keeps them.

use std::net::{Ipv4Addr, TcpListener};

use serde::{Deserialize, Serialize};

use crate::config::{Spec, built_in};

/// How far the ports of one lab are from those of the next.
const STEP: u16 = 1000;
/// How many labs side by side get numbers that one can guess; the kernel picks for others.
const STEPS: u16 = 20;

/// The ports on the host of one lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// `listeners.smtp`.
    pub smtp: u16,
    /// `listeners.submission`.
    pub submission: u16,
    /// `listeners.submissions`.
    pub submissions: u16,
    /// `lab.ldaps`.
    pub ldaps: u16,
}

impl Ports {
    /// The kernel picks all of them.
    pub const ANY: Self = Self {
        smtp: 0,
        submission: 0,
        submissions: 0,
        ldaps: 0,
    };

    /// The first ports, from the default ones upwards, that none of `others` has and that
    /// are free.
    #[must_use]
    pub fn choose(others: &[Self], is_free: impl Fn(u16) -> bool) -> Self {
        let spec = built_in();
        let default = |port: Option<u16>| port.unwrap_or_default();
        let shifted = |by: u16| Self {
            smtp: default(spec.listeners.smtp) + by,
            submission: default(spec.listeners.submission) + by,
            submissions: default(spec.listeners.submissions) + by,
            ldaps: spec.lab.ldaps + by,
        };
        let candidates = (0..STEPS).map(|step| shifted(step * STEP));
        let mut usable = candidates
            .filter(|ports| !others.iter().any(|other| other.smtp == ports.smtp))
            .filter(|ports| ports.all().into_iter().all(&is_free));
        usable.next().unwrap_or(Self::ANY)
    }

    /// Whether all of them are free on this machine now.
    #[must_use]
    pub fn are_free(self) -> bool {
        self.all().into_iter().all(Self::is_free)
    }

    /// Whether nobody listens on this port of the loopback address.
    #[must_use]
    pub fn is_free(port: u16) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    /// `spec` with these ports.
    #[must_use]
    pub fn put_into(self, mut spec: Spec) -> Spec {
        spec.listeners.smtp = Some(self.smtp);
        spec.listeners.submission = Some(self.submission);
        spec.listeners.submissions = Some(self.submissions);
        spec.lab.ldaps = self.ldaps;
        spec
    }

    fn all(self) -> [u16; 4] {
        [self.smtp, self.submission, self.submissions, self.ldaps]
    }
}
