//! Which packages a base consists of: the essential ones, what is asked for,
//! and everything that these depend on (deb-control(5), Debian Policy 7.1).

use std::collections::{BTreeMap, VecDeque};

use super::index::{Index, Package};
use super::version;
use crate::image::Error;

/// One alternative of a dependency: `name:any (>= version)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Relation<'a> {
    name: &'a str,
    version: Option<(&'a str, &'a str)>,
}

impl<'a> Relation<'a> {
    fn parse(text: &'a str) -> Self {
        let (name, bound) = match text.split_once('(') {
            Some((name, bound)) => (name, Some(bound.trim().trim_end_matches(')'))),
            None => (text, None),
        };
        let name = name.trim().split(':').next().unwrap_or_default();
        let version = bound.map(|bound| {
            let end = bound.find(|c| !"<>=".contains(c)).unwrap_or(bound.len());
            (&bound[..end], bound[end..].trim())
        });
        Self { name, version }
    }

    fn allows(&self, version: &str) -> bool {
        self.version
            .is_none_or(|(relation, bound)| version::satisfies(version, relation, bound))
    }

    /// Whether `package` is this or provides it. A provision without a version
    /// satisfies no bound.
    fn is_met_by(&self, package: &Package) -> bool {
        if package.name == self.name {
            return self.allows(&package.version);
        }
        provided(package).any(|given| {
            given.name == self.name
                && match given.version {
                    Some((_, version)) => self.allows(version),
                    None => self.version.is_none(),
                }
        })
    }
}

fn provided(package: &Package) -> impl Iterator<Item = Relation<'_>> {
    package
        .provides
        .split(',')
        .filter(|given| !given.trim().is_empty())
        .map(Relation::parse)
}

/// The essential packages and `wanted` with all that they depend on, by name.
/// Of alternatives the first that is chosen already is taken, else the first
/// that the archive has; of several providers the one of highest priority.
pub(super) fn closure<'a>(index: &'a Index, wanted: &[&str]) -> Result<Vec<&'a Package>, Error> {
    let mut chosen: BTreeMap<&str, &Package> = BTreeMap::new();
    for package in index.iter().filter(|package| package.essential) {
        chosen.insert(&package.name, package);
    }
    for name in wanted {
        let package = index
            .get(name)
            .ok_or_else(|| missing(name, "it is not there"))?;
        chosen.insert(&package.name, package);
    }
    let mut open: VecDeque<&Package> = chosen.values().copied().collect();
    while let Some(package) = open.pop_front() {
        for dependency in package
            .depends
            .split(',')
            .filter(|text| !text.trim().is_empty())
        {
            let alternatives: Vec<_> = dependency.split('|').map(Relation::parse).collect();
            let met = |chosen: &Package| alternatives.iter().any(|a| a.is_met_by(chosen));
            if chosen.values().any(|chosen| met(chosen)) {
                continue;
            }
            let found = alternatives
                .iter()
                .find_map(|alternative| find(index, *alternative));
            let found = found.ok_or_else(|| {
                missing(
                    dependency.trim(),
                    &format!("nothing satisfies {} there", package.name),
                )
            })?;
            chosen.insert(&found.name, found);
            open.push_back(found);
        }
    }
    Ok(chosen.into_values().collect())
}

fn find<'a>(index: &'a Index, wanted: Relation<'_>) -> Option<&'a Package> {
    if let Some(package) = index.get(wanted.name)
        && wanted.allows(&package.version)
    {
        return Some(package);
    }
    let providers = index.iter().filter(|package| wanted.is_met_by(package));
    providers.min_by_key(|package| (package.priority, &package.name))
}

fn missing(package: &str, reason: &str) -> Error {
    Error::Dependency {
        package: package.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(packages: &str, wanted: &[&str]) -> Result<Vec<String>, Error> {
        let mut index = Index::default();
        index.add(packages.as_bytes(), 0).unwrap();
        Ok(closure(&index, wanted)?
            .iter()
            .map(|package| package.name.clone())
            .collect())
    }

    fn package(name: &str, version: &str, more: &str) -> String {
        let digest = "0".repeat(64);
        format!(
            "Package: {name}\nVersion: {version}\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {digest}\n{more}\n\n"
        )
    }

    #[test]
    fn follows_dependencies_of_essential_and_wanted_packages_only() {
        let archive = package("base", "1", "Essential: yes\nPre-Depends: libc (>= 2)")
            + &package("libc", "2.1", "Depends: base")
            + &package("tool", "1", "Depends: lib:any (>= 1), libc")
            + &package("lib", "1", "Recommends: extra")
            + &package("extra", "1", "");
        assert_eq!(
            names(&archive, &["tool"]).unwrap(),
            ["base", "lib", "libc", "tool"]
        );
        assert_eq!(names(&archive, &[]).unwrap(), ["base", "libc"]);
    }

    #[test]
    fn takes_what_is_chosen_before_the_first_alternative() {
        let archive = package("tool", "1", "Depends: first | second")
            + &package("other", "1", "Depends: second")
            + &package("first", "1", "")
            + &package("second", "1", "");
        assert_eq!(names(&archive, &["tool"]).unwrap(), ["first", "tool"]);
        assert_eq!(
            names(&archive, &["tool", "second"]).unwrap(),
            ["second", "tool"]
        );
    }

    #[test]
    fn picks_the_provider_of_highest_priority() {
        let archive = package("base", "1", "Essential: yes\nDepends: awk")
            + &package("gawk", "1", "Priority: optional\nProvides: awk")
            + &package("mawk", "1", "Priority: required\nProvides: awk");
        assert_eq!(names(&archive, &[]).unwrap(), ["base", "mawk"]);
    }

    #[test]
    fn a_provision_without_version_meets_no_bound() {
        let archive = package("tool", "1", "Depends: virtual (>= 1)");
        let unversioned = archive.clone() + &package("real", "1", "Provides: virtual");
        let versioned = archive + &package("real", "1", "Provides: virtual (= 1.5)");
        assert!(names(&unversioned, &["tool"]).is_err());
        assert_eq!(names(&versioned, &["tool"]).unwrap(), ["real", "tool"]);
    }

    #[test]
    fn says_what_is_missing_and_for_whom() {
        let archive = package("tool", "1", "Depends: lib (>= 2)") + &package("lib", "1", "");
        let error = names(&archive, &["tool"]).unwrap_err().to_string();
        assert!(
            error.contains("lib (>= 2)") && error.contains("tool"),
            "{error}"
        );
        assert!(names("", &["apt"]).unwrap_err().to_string().contains("apt"));
    }

    #[test]
    fn the_newest_version_of_all_suites_wins() {
        let mut index = Index::default();
        for (archive, version) in [(0, "1.9-1"), (1, "1.10-1"), (2, "1.10-1~rc1")] {
            index
                .add(package("tool", version, "").as_bytes(), archive)
                .unwrap();
        }
        let newest = index.get("tool").unwrap();
        assert_eq!((newest.version.as_str(), newest.archive), ("1.10-1", 1));
    }
}
