//! A [`Plan`] as files for an operator. Pure: a format makes a [`Bundle`] in
//! memory, and whoever asked writes it, at once or not at all.
//!
//! A format is a file here and a line in [`FORMATS`]; the command line and the
//! tests read that list.

mod compose;
mod files;
#[cfg(test)]
mod tests;

use crate::plan::Plan;
use crate::secret::Secret;

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// Relative to the bundle's folder.
    pub path: String,
    /// Permission bits: 0600 for a secret.
    pub mode: u32,
    /// What is in it.
    pub text: Text,
}

/// What is in a file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Anybody may read it.
    Open(String),
    /// There is a password in it.
    Secret(Secret),
}

impl Text {
    /// The text itself, for the one place that writes it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        match self {
            Self::Open(text) => text,
            Self::Secret(text) => text.reveal(),
        }
    }
}

/// Everything that an operator gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// In the order in which they are told.
    pub files: Vec<BundleFile>,
}

/// A format that a plan can be exported to.
#[derive(Debug)]
pub struct Format {
    /// The word on the command line.
    pub name: &'static str,
    /// Its line in the help.
    pub about: &'static str,
    /// Makes the bundle of a plan for production; the second argument is the
    /// reference of the relay's image.
    pub bundle: fn(&Plan, &str) -> Result<Bundle, Error>,
}

/// All formats.
pub const FORMATS: &[Format] = &[compose::FORMAT];

/// Why a plan cannot be exported: each is a fault of relaykit's own, because
/// what an operator can do wrong is found in relay.yaml before there is a plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan is not for production.
    #[error(
        "exporting {0} failed: its plan is a lab's, and only one for production leaves this machine"
    )]
    Lab(String),
    /// A file whose content only a running lab has.
    #[error("exporting {0} failed: its content is made by a running lab, and an operator has none")]
    MadeInLab(String),
    /// A file that was to be read before.
    #[error("exporting {0} failed: nobody has read it for the bundle")]
    LeftBehind(String),
    /// A file that lies on no mount of its container.
    #[error("exporting {0} failed: no mount of its container holds it")]
    NoMount(String),
}

/// The name of a deployment, after the relay's host name: two relays on one
/// machine stay apart, and a bundle that is exported anew into another folder
/// is still the same deployment with the same queue. Lower-case letters,
/// digits and hyphens: a name that Compose takes for a project.
#[must_use]
pub fn deployment_name(hostname: &str) -> String {
    let lower = hostname.to_ascii_lowercase();
    let name = lower.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let name = name.trim_matches('-');
    if name.is_empty() {
        "relay".to_owned()
    } else {
        name.to_owned()
    }
}
