//! Sources by the name that `relaykit test --profile` knows them by.

use super::id::{Named, named};
use super::{SOURCES, Source};

/// What a run is told by: the requirements of some sources, and the checks that hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// On the command line: `rfc9325`.
    pub name: &'static str,
    /// The sources, by their names.
    pub sources: &'static [&'static str],
}

/// All profiles. RFC 9325 says itself that RFC 8996 is a part of what it asks for.
pub static PROFILES: &[Profile] = &[
    of("bsi-tr-03108", &["BSI TR-03108"]),
    of("rfc9325", &["RFC 9325", "RFC 8996"]),
    of("rfc5321", &["RFC 5321"]),
    of("rfc5322", &["RFC 5322"]),
    of("rfc6409", &["RFC 6409"]),
    of("rfc4954", &["RFC 4954", "RFC 4616"]),
    of("rfc3207", &["RFC 3207"]),
    of("rfc8314", &["RFC 8314"]),
    of("rfc3461", &["RFC 3461"]),
    of("rfc6152", &["RFC 6152"]),
    of("rfc6531", &["RFC 6531"]),
    of("rfc2920", &["RFC 2920"]),
];

const fn of(name: &'static str, sources: &'static [&'static str]) -> Profile {
    Profile { name, sources }
}

/// No profile is called so: exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile {name}{}\n  known are: {}", suggestion(.name), known())]
pub struct UnknownProfile {
    /// As it was typed.
    pub name: String,
}

fn known() -> String {
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    names.join(", ")
}

fn suggestion(typed: &str) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(name, &typed.to_ascii_lowercase());
    let nearest = PROFILES
        .iter()
        .map(|profile| (likeness(profile.name), profile.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75);
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

/// The profile that is called so, in small or large letters.
///
/// # Errors
/// There is none of that name; the error has the known ones.
pub fn profile(name: &str) -> Result<&'static Profile, UnknownProfile> {
    let meant = |profile: &&Profile| profile.name.eq_ignore_ascii_case(name);
    PROFILES.iter().find(meant).ok_or_else(|| UnknownProfile {
        name: name.to_owned(),
    })
}

impl Profile {
    /// What it asks for, source by source.
    #[must_use]
    pub fn requirements(&self) -> Vec<Named> {
        self.documents().flat_map(named).collect()
    }

    /// Its sources.
    pub fn documents(&self) -> impl Iterator<Item = &'static Source> {
        SOURCES
            .iter()
            .filter(|source| self.sources.contains(&source.name))
    }

    /// Whether a check of this id holds something of it.
    #[must_use]
    pub fn needs(&self, id: &str) -> bool {
        let mut requirements = self.documents().flat_map(Source::requirements);
        requirements.any(|requirement| requirement.answer.checks().contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_in_a_profile() {
        for source in SOURCES {
            let within = |profile: &Profile| profile.sources.contains(&source.name);
            assert!(PROFILES.iter().any(within), "{}", source.name);
        }
        for profile in PROFILES {
            assert_eq!(profile.documents().count(), profile.sources.len());
            assert!(profile.requirements().len() > 1, "{}", profile.name);
        }
    }

    #[test]
    fn a_profile_needs_the_checks_of_its_requirements_alone() {
        let profile = profile("RFC9325").unwrap();
        assert!(profile.needs("tls.weak_suites_are_refused"));
        assert!(!profile.needs("privacy.login_is_shown"));
    }

    #[test]
    fn an_unknown_profile_is_told_with_the_known_ones() {
        let text = profile("rfc9352").unwrap_err().to_string();
        assert!(text.contains("there is no profile rfc9352; did you mean rfc"));
        assert!(
            text.contains("known are: bsi-tr-03108, rfc9325, "),
            "{text}"
        );
        let text = profile("mine").unwrap_err().to_string();
        assert!(text.starts_with("there is no profile mine\n"), "{text}");
    }
}
