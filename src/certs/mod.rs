//! A certificate authority per lab and the certificates under it: ECDSA P-256,
//! RFC 5280 profile, kept on disk between runs of the same lab.
//!
//! The only user of rcgen.

mod constraints;
mod described;
mod flawed;
mod inspect;
mod issue;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use crate::plan::Role;
use crate::secret::Secret;

pub use described::{Described, described};
pub use flawed::{Flaw, flawed, old};
pub use inspect::{fingerprint, fingerprint_of};
pub use issue::{client, issue, issued_for, renewed};
pub use store::{authority_of, foresee, keep, kept, rotate};

/// The names that a server's certificate must hold (RFC 5280 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Names {
    /// Host names; the first is also the subject's common name.
    pub dns: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

impl Names {
    /// Takes those of `other` that are not here yet; the common name stays.
    pub fn join(&mut self, other: Self) {
        self.dns.extend(other.dns);
        let mut seen = BTreeSet::new();
        self.dns.retain(|name| seen.insert(name.clone()));
        self.addresses.extend(other.addresses);
        let mut seen = BTreeSet::new();
        self.addresses.retain(|address| seen.insert(*address));
    }
}

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// PEM.
    pub certificate: String,
    /// PKCS #8, PEM.
    pub key: Secret,
}

/// Everything that a lab needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The authority; clients trust its certificate.
    pub authority: Issued,
    /// A certificate for each server.
    pub servers: BTreeMap<Role, Issued>,
}

/// Why certificates could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// rcgen refused.
    #[error("making the certificate of {subject} failed: {reason}")]
    Issue {
        /// Whose certificate.
        subject: String,
        /// What rcgen said.
        reason: String,
    },
    /// The CA may not sign for this name.
    #[error(
        "the lab's CA may not sign for {0}: it is for the lab's own names, this machine and `.test`, so \
         that nobody can play the rest of the world with it\n  \
         choose a name below .test, or make it a name of the lab (`hostname` in relay.yaml)"
    )]
    NotPermitted(String),
    /// The folder or a file in it could not be used.
    #[error("{action} {} failed: {source}\n  certificates are kept there; set RELAYKIT_STATE to a folder of your own if this one cannot be used", path.display())]
    File {
        /// `reading`, `writing`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
