//! Running labs: a [`Plan`] carried out on an engine, ready with evidence,
//! found again by label, and taken down without leftovers.

mod bind;
mod brake;
mod capacity;
mod certificate;
mod change;
mod definition;
mod difference;
mod down;
mod endpoints;
mod evidence;
mod examine;
mod examined;
mod fill;
mod finding;
mod inbox;
mod injected;
mod inside;
mod listening;
mod missing;
mod names;
mod places;
mod ports;
mod queue;
mod ready;
mod renew;
mod standing;
mod started;
mod status;
mod store;
mod up;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::certs::{self, Certificates, Issued};
use crate::config::ClientCertificates;
use crate::diagnostics::Open;
use crate::engine::{self, Engine};
use crate::plan::{Image, Plan, Role};
use crate::progress::Progress;

pub use brake::{apply_brake, release_brake};
pub use certificate::{give, rotated};
pub use change::Change;
pub use difference::{Difference, differences};
pub use down::{Removed, down, remove_all};
pub use endpoints::endpoints_now;
pub use evidence::{Evidence, log_lines};
pub use examine::{examine, relays_image};
pub use examined::{Examined, State};
pub use finding::Finding;
pub use inbox::{Attachment, Content, Feed, Field, Head, Inbox, Part, StoredMessage, Walk, Want};
pub use injected::{injected, sha256};
pub use inside::clients_addresses;
pub use names::{certificate_names, check_name};
pub use ports::Ports;
pub use queue::{Queued, clear_queue, queue};
pub use standing::Standing;
pub use status::{Found, find};
pub use store::{Lock, Store};
pub use up::{Outcome, attach, changes, up};

/// What carrying out a plan needs.
#[derive(Clone)]
pub struct Workshop {
    /// Where.
    pub engine: Arc<dyn Engine>,
    /// The reference of each image that the plan names.
    pub images: BTreeMap<Image, String>,
    /// Where events go.
    pub progress: Progress,
    /// Ctrl-C.
    pub cancel: CancellationToken,
    /// How long a lab may take to become ready.
    pub ready_within: Duration,
    /// When a lab counts as ready.
    pub readiness: Readiness,
    /// Who brings labs up: [`Store::id`]. A lab of another is not touched.
    pub owner: String,
}

/// When a lab counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Every listener that is on does what it is for, and a message that came by
    /// login over TLS has reached the sink.
    Proved,
    /// Every daemon has said that it has started. For labs whose relay is to be
    /// judged: what it does not do is then for the checks to find, one by one.
    Started,
}

/// A lab that is ready.
#[derive(Clone)]
pub struct Running {
    /// What it was made from.
    pub plan: Plan,
    /// Its certificates.
    pub certificates: Certificates,
    /// `smtp`, `submission`, `submissions`, `ldaps` and where each answers.
    pub endpoints: BTreeMap<&'static str, SocketAddr>,
    /// Where the relay's ports answer without anything in between, where this machine
    /// can reach it so; else empty. An address may change when the relay is restarted.
    pub direct: BTreeMap<&'static str, SocketAddr>,
    /// The engine it runs on.
    pub engine: Arc<dyn Engine>,
    /// What its next hop got.
    pub inbox: Inbox,
}

impl Running {
    /// A certificate for clients of this lab, where its listeners ask for one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn client_certificate(&self) -> Result<Option<Issued>, Error> {
        if self.plan.resolved.spec.tls.client_certificates == ClientCertificates::None {
            return Ok(None);
        }
        let authority = &self.certificates.authority;
        let issued = certs::client(authority, "relaykit client", Timestamp::now())?;
        Ok(Some(issued))
    }
}

/// Why a lab could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The certificates.
    #[error(transparent)]
    Certificates(#[from] certs::Error),
    /// A file on this machine.
    #[error("{action} {} failed: {source}", path.display())]
    File {
        /// `reading`, `writing`, ...
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A container ended while it was needed.
    #[error("{}the {} ended with exit code {exit_code} before the lab was ready; its last lines:\n{}", evidence.cause(), role.name(), evidence.log)]
    Ended {
        /// Which.
        role: Role,
        /// Its exit code.
        exit_code: i64,
        /// What it said.
        evidence: Box<Evidence>,
    },
    /// The deadline passed, or it is certain that it would.
    #[error("{}the lab was not ready after {:.1} s: {last}{open}\n  the last lines of the {}:\n{}", evidence.cause(), after.as_secs_f64(), role.name(), evidence.log)]
    NotReady {
        /// How long was waited.
        after: Duration,
        /// What was still wrong at the end.
        last: String,
        /// What was waited for.
        open: Open,
        /// The container at fault.
        role: Role,
        /// What it said.
        evidence: Box<Evidence>,
    },
    /// A lab of this name is somebody else's.
    #[error(
        "a lab {0} is on this engine already, brought up from another state folder (RELAYKIT_STATE), and would be replaced\n  choose another name with --lab, or take that one down first: relaykit down --lab {0}"
    )]
    NotOurs(String),
    /// The plan cannot become a lab.
    #[error("{0}")]
    Impossible(String),
    /// The inbox holds something that this version cannot read.
    #[error("the stored message {id} cannot be read: {reason}")]
    Inbox {
        /// Its file name in the sink.
        id: String,
        /// Why.
        reason: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}
