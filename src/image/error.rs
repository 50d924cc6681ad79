//! What can go wrong between wanting an image and having it.

use crate::engine;

/// An image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused or went away.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The base that was asked for is not on the engine and its registry does not give it.
    #[error(
        "the base image {reference} is not on the engine and could not be pulled: {reason}\n  load it onto the engine, or leave out --base to have relaykit find or make one"
    )]
    Base {
        /// What was asked for.
        reference: String,
        /// What the registry or engine said.
        reason: String,
    },
    /// No base image, no registry, and nowhere to bootstrap from.
    #[error(
        "there is no base image and no Debian mirror to make one from: /etc/apt names none that serves {suite}{tried}\n  name a mirror with --mirror URL or RELAYKIT_MIRROR, or an image with --base IMAGE"
    )]
    NoMirror {
        /// The suite that was looked for.
        suite: &'static str,
        /// Empty, or a line for each address tried with what came back.
        tried: String,
    },
    /// The mirror has the release and not its updates.
    #[error(
        "no base image was made, since it would lack updates: {suite} is not at {places}\n  name a mirror that has it with --mirror URL or RELAYKIT_MIRROR, or an image with --base IMAGE; --allow-missing-updates makes the base without"
    )]
    NoUpdates {
        /// The suite that was looked for.
        suite: &'static str,
        /// Where, one behind the other.
        places: String,
    },
    /// The address of a mirror or proxy cannot be used.
    #[error(
        "{setting} {value:?} cannot be used: {reason}\n  it must look like http://HOST[:PORT]/PATH"
    )]
    Setting {
        /// `the mirror` or `the proxy`.
        setting: &'static str,
        /// What was given, without a password.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A download failed for good.
    #[error(
        "downloading {url} failed: {reason}\n  check that the mirror is reachable from here, or choose another with --mirror; a proxy is taken from http_proxy and https_proxy"
    )]
    Fetch {
        /// What was asked for.
        url: String,
        /// What came back.
        reason: String,
    },
    /// Nobody whose key is pinned signed this index.
    #[error(
        "{url} is not signed by the Debian archive: {reason}\n  nothing of it was used; the mirror or something on the way to it changed the file: choose another with --mirror"
    )]
    Signature {
        /// The signed index.
        url: String,
        /// What is wrong with the signatures.
        reason: String,
    },
    /// A correctly signed index that is not the one wanted.
    #[error(
        "{url} cannot be used: {reason}\n  nothing of it was used; check this machine's clock, or choose another mirror with --mirror"
    )]
    Release {
        /// The signed index.
        url: String,
        /// For example that it has expired.
        reason: String,
    },
    /// A file is not what the signed index says.
    #[error(
        "{file} from {url} is not what the signed index says: expected {expected}, got {actual}\n  nothing of it was used; the mirror may be in the middle of an update: try again later or choose another with --mirror"
    )]
    Mismatch {
        /// The file's own name.
        file: String,
        /// Where it came from.
        url: String,
        /// Bytes and SHA-256 wanted.
        expected: String,
        /// Bytes or SHA-256 that arrived.
        actual: String,
    },
    /// A verified file that cannot be read.
    #[error(
        "{file} cannot be read: {reason}\n  its checksum is right, so this is a form of the file that this version of relaykit does not know: use a ready image with --base IMAGE"
    )]
    Format {
        /// The file's name or URL.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive lacks a package that the base needs.
    #[error(
        "the base image needs the package {package}, which cannot be had from the archive: {reason}\n  the mirror may be in the middle of an update: try again later or choose another with --mirror"
    )]
    Dependency {
        /// The package.
        package: String,
        /// Why.
        reason: String,
    },
    /// dpkg failed in the bootstrap's container.
    #[error("configuring the base image failed: {reason}\n{log}")]
    Configure {
        /// The exit code.
        reason: String,
        /// The last lines, each indented by two blanks.
        log: String,
    },
    /// The caller asked to stop.
    #[error("interrupted while {action}")]
    Interrupted {
        /// What was being done.
        action: &'static str,
    },
    /// A part of relaykit ended without a result.
    #[error(
        "{action} ended unexpectedly: {reason}\n  this is an error in relaykit: please report it"
    )]
    Internal {
        /// What was being done.
        action: &'static str,
        /// What is known about it.
        reason: String,
    },
}
