//! What was tested: facts about the target, for whoever reads a report later.

use serde::{Deserialize, Serialize};

use super::Identity;

/// The relay that a run was about, as it was seen when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Whether relaykit made it.
    pub kind: SubjectKind,
    /// Its name, as its certificate must have it.
    pub hostname: String,
    /// The engine that a lab runs on, such as `Docker Engine 26.1.5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// What it was made of; none of a relay that relaykit did not build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Where it answers and what a client sees of its TLS there.
    pub listeners: Vec<Listening>,
    /// The containers of a lab.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Contained>,
    /// What the operator's own lines let through and `postfix.accept` has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
}

/// Something that `postfix.accept` says is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The rule's id.
    pub rule: &'static str,
    /// What it costs: `low`, `medium`, `high`, `critical`.
    pub severity: &'static str,
    /// Where the line stands, in the words of Postfix's files.
    pub place: String,
    /// What it does, in one sentence.
    pub does: String,
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A lab of relaykit.
    Lab,
    /// A relay that is known by its address only.
    Host,
}

/// A listener of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// `smtp`, `submission`, `submissions`.
    pub name: String,
    /// Address and port.
    pub address: String,
    /// What a handshake agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Agreed>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_tls: Option<String>,
}

/// What a TLS handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agreed {
    /// `TLS 1.3`.
    pub protocol: String,
    /// IANA's name of the suite.
    pub cipher_suite: String,
    /// The key exchange group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The certificate that the relay showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// Why a client would not believe it; nothing where it would.
    pub objections: Vec<String>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its DNS names and addresses.
    pub names: Vec<String>,
    /// From when it is valid, RFC 3339.
    pub not_before: String,
    /// Until when, RFC 3339.
    pub not_after: String,
    /// SHA-256 of the whole certificate: pairs of hexadecimal digits with colons.
    pub fingerprint: String,
}

/// A container of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// `relay`, `directory`, `sink`.
    pub role: String,
    /// The reference of its image.
    pub image: String,
    /// The image's id, `sha256:...`; empty where the engine does not know it any more.
    pub image_id: String,
    /// A digest of what the image's layers hold: the same on every engine. Empty where the
    /// engine does not know it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image_content: String,
    /// What is installed of the packages that do the work.
    pub packages: Vec<Package>,
    /// SHA-256 of the names and versions of all installed packages, a line each, sorted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub packages_sha256: String,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name in Debian.
    pub name: String,
    /// Its version there.
    pub version: String,
}
