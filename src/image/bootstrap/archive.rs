//! The archives that a base is made from: found, verified, and their indexes read.

use std::io::BufReader;

use jiff::Timestamp;

use super::BootstrapSettings;
use super::apt::Sources;
use super::fetch::{Failure, Fetcher, mirror};
use super::index::Index;
use super::openpgp::Keyring;
use super::release::Release;
use crate::image::Error;

const SUITE: &str = "trixie";
const UPDATES: &str = "trixie-updates";
const SECURITY: &str = "trixie-security";

/// An `InRelease` of a whole archive is 140 KB; this leaves room.
const INRELEASE_LIMIT: u64 = 4 << 20;

/// A place with some suites that were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// Without a final slash.
    pub(super) uri: String,
    /// The suites that it serves.
    pub(super) suites: Vec<&'static str>,
}

/// What a base can be made from.
#[derive(Debug)]
pub(super) struct Archives {
    /// The mirror and, where there is one, the security archive.
    pub(super) places: Vec<Archive>,
    /// The newest version of every package.
    pub(super) index: Index,
    /// What a person should know, such as that there are no security updates.
    pub(super) warnings: Vec<String>,
}

/// Finds the mirror, verifies its suites and reads their package lists.
pub(super) struct Reader<'a> {
    /// How files arrive.
    pub(super) fetcher: &'a Fetcher,
    /// Whose signatures count.
    pub(super) keyring: &'a Keyring,
    /// The present.
    pub(super) now: Timestamp,
    /// Debian's word for the architecture.
    pub(super) architecture: &'a str,
}

impl Reader<'_> {
    /// Everything, from the settings to an index of packages.
    pub(super) fn read(&self, settings: &BootstrapSettings) -> Result<Archives, Error> {
        let sources = Sources::read(&settings.apt);
        let (uri, release) = match &settings.mirror {
            Some(given) => {
                let uri = mirror(given)?;
                let release = self.release(&uri, SUITE)?;
                (uri, release)
            }
            None => self.first_that_serves(&sources.main)?,
        };
        let mut found = Archives {
            places: vec![Archive {
                uri: uri.clone(),
                suites: vec![SUITE],
            }],
            index: Index::default(),
            warnings: Vec::new(),
        };
        self.add(&mut found, 0, &uri, SUITE, &release)?;
        match self.release(&uri, UPDATES) {
            Ok(release) => {
                self.add(&mut found, 0, &uri, UPDATES, &release)?;
                found.places[0].suites.push(UPDATES);
            }
            Err(Failure::Missing(_)) => missing(&mut found, settings, UPDATES, uri.clone())?,
            Err(Failure::Other(error)) => return Err(error),
        }
        let candidates = security_archives(&uri, sources.security);
        if !self.add_security(&mut found, &candidates)? {
            missing(&mut found, settings, SECURITY, candidates.join(" nor at "))?;
        }
        Ok(found)
    }

    fn first_that_serves(&self, candidates: &[String]) -> Result<(String, Release), Error> {
        let mut tried = String::new();
        for uri in candidates {
            match mirror(uri).and_then(|uri| Ok((uri.clone(), self.release(&uri, SUITE)?))) {
                Ok(found) => return Ok(found),
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                Err(error) => {
                    let said = error.to_string();
                    tried.push_str("\n  tried ");
                    tried.push_str(said.lines().next().unwrap_or_default());
                }
            }
        }
        Err(Error::NoMirror {
            suite: SUITE,
            tried,
        })
    }

    /// Adds the first of `candidates` that is there; whether one is.
    fn add_security(&self, found: &mut Archives, candidates: &[String]) -> Result<bool, Error> {
        for uri in candidates {
            match mirror(uri)
                .map_err(Failure::Other)
                .and_then(|uri| self.release(&uri, SECURITY))
            {
                Ok(release) => {
                    found.places.push(Archive {
                        uri: uri.clone(),
                        suites: vec![SECURITY],
                    });
                    let number = found.places.len() - 1;
                    self.add(found, number, uri, SECURITY, &release)?;
                    return Ok(true);
                }
                Err(Failure::Missing(_)) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Ok(false)
    }

    fn release(&self, uri: &str, suite: &str) -> Result<Release, Failure> {
        let url = format!("{uri}/dists/{suite}/InRelease");
        let bytes = self.fetcher.get(&url, INRELEASE_LIMIT)?;
        verified_release(self.keyring, &bytes, &url, suite, self.now).map_err(Failure::Other)
    }

    fn add(
        &self,
        found: &mut Archives,
        number: usize,
        uri: &str,
        suite: &str,
        release: &Release,
    ) -> Result<(), Error> {
        let folder = format!("{uri}/dists/{suite}");
        let lists = release
            .packages(self.architecture)
            .map_err(|reason| Error::Release {
                url: format!("{folder}/InRelease"),
                reason,
            })?;
        for list in lists {
            let url = format!("{folder}/{}", list.path);
            let bytes = self.fetcher.get(&url, list.size + 1)?;
            list.check("Packages.xz", &url, &bytes)?;
            let text = BufReader::new(liblzma::read::XzDecoder::new(bytes.as_slice()));
            found
                .index
                .add(text, number)
                .map_err(|reason| Error::Format {
                    file: url.clone(),
                    reason,
                })?;
        }
        Ok(())
    }
}

/// The security archive lies beside the main one under a name of its own.
fn security_archives(main: &str, configured: Vec<String>) -> Vec<String> {
    let sibling = format!("{main}-security");
    let others = configured.into_iter().filter(|uri| *uri != sibling);
    std::iter::once(sibling.clone()).chain(others).collect()
}

/// A base without updates has holes that everybody knows: it is made only for who says
/// that it may be.
fn missing(
    found: &mut Archives,
    settings: &BootstrapSettings,
    suite: &'static str,
    places: String,
) -> Result<(), Error> {
    if !settings.allow_missing_updates {
        return Err(Error::NoUpdates { suite, places });
    }
    found.warnings.push(format!(
        "{suite} is not at {places}: the base is made without these updates"
    ));
    Ok(())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn verified_release(
    keyring: &Keyring,
    bytes: &[u8],
    url: &str,
    suite: &str,
    now: Timestamp,
) -> Result<Release, Error> {
    let unsigned = |reason| Error::Signature {
        url: url.to_owned(),
        reason,
    };
    let message = std::str::from_utf8(bytes).map_err(|_| unsigned("it is not text".to_owned()))?;
    let text = keyring.verify(message, now).map_err(unsigned)?;
    Release::parse(&text, suite, now).map_err(|reason| Error::Release {
        url: url.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests;
