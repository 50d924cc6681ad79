//! What a relay is made of, for whoever compares a report with a lab later.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{all, entries};
use crate::config::{self, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::engine::{self, Engine};
use crate::lab::sha256;
use crate::plan::{Content, Plan};
use crate::report::{Identity, RenderedFile};

/// The relay that `spec` gives. The files are those of an ordinary lab, whatever lab is
/// tested: what a proof adds to be able to look is no part of the relay.
#[must_use]
pub fn identity(spec: &Spec) -> Identity {
    let effective = serde_json::to_value(config::effective(spec)).unwrap_or_default();
    // Strings, numbers and flags in a tree: nothing in it that YAML cannot say.
    let configuration = serde_yaml::to_string(&effective).unwrap_or_default();
    let plan = Plan::new(Resolved::new(spec.clone(), Purpose::Lab), "lab");
    let mut files = Vec::new();
    for container in &plan.containers {
        for file in &container.files {
            let text = match &file.content {
                Content::Text(text) => Some(text),
                _ => None,
            };
            let (uid, gid) = file.owner;
            files.push(RenderedFile {
                role: container.role.name().to_owned(),
                path: file.path.clone(),
                rights: format!("{:o} {uid} {gid}", file.mode),
                sha256: text.map(|text| sha256(text.as_bytes())),
            });
        }
    }
    Identity {
        configuration_sha256: sha256(configuration.as_bytes()),
        configuration,
        checks_sha256: catalogue_digest(),
        files,
    }
}

/// Over everything that people are told of the checks.
fn catalogue_digest() -> String {
    let mut text = String::new();
    for entry in entries(all()) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}",
            serde_json::to_string(&entry).unwrap_or_default()
        );
    }
    sha256(text.as_bytes())
}

/// The files of `identity` as they are in the containers of the lab `name`: those without
/// a digest are looked at without one.
///
/// # Errors
/// When the engine refuses.
pub async fn standing(
    engine: &dyn Engine,
    name: &str,
    spec: &Spec,
    identity: &Identity,
) -> Result<Vec<RenderedFile>, engine::Error> {
    let plan = Plan::new(Resolved::new(spec.clone(), Purpose::Lab), name);
    let mut found = Vec::new();
    for container in &plan.containers {
        let role = container.role.name();
        let told: Vec<_> = identity
            .files
            .iter()
            .filter(|file| file.role == role)
            .collect();
        if told.is_empty() {
            continue;
        }
        let script =
            "for f do stat -c '%a %u %g|%n' -- \"$f\"; sha256sum -- \"$f\"; done 2>/dev/null; :";
        let mut argv = vec!["sh", "-c", script, "sh"];
        argv.extend(told.iter().map(|file| file.path.as_str()));
        let output = engine
            .exec(&container.name, &argv, container.user.as_deref())
            .await?;
        let mut sums = BTreeMap::new();
        let mut rights = BTreeMap::new();
        for line in output.stdout.lines() {
            if let Some((words, path)) = line.split_once('|') {
                rights.insert(path, words);
            } else if let Some((sum, path)) = line.split_once("  ") {
                sums.insert(path, sum);
            }
        }
        for file in told {
            let Some(words) = rights.get(file.path.as_str()) else {
                continue;
            };
            let sum = file.sha256.as_ref().and(sums.get(file.path.as_str()));
            found.push(RenderedFile {
                role: role.to_owned(),
                path: file.path.clone(),
                rights: (*words).to_owned(),
                sha256: sum.map(|sum| (*sum).to_owned()),
            });
        }
    }
    Ok(found)
}

/// Lists every installed package with its version.
pub(super) const LISTS_PACKAGES: &str =
    "dpkg-query --show --showformat='${Package} ${Version}\\n' | sort";

/// The digest of what that lists; empty for nothing.
pub(super) fn packages_digest(listed: &str) -> String {
    if listed.trim().is_empty() {
        String::new()
    } else {
        sha256(listed.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_told_and_the_same_twice() {
        let spec = config::built_in();
        let identity = super::identity(&spec);
        assert_eq!(identity, super::identity(&spec));
        let text = serde_json::to_string(&identity).unwrap();
        for user in &spec.lab.users {
            assert!(!text.contains(user.password.reveal()), "{text}");
        }
        let main = identity
            .files
            .iter()
            .find(|file| file.path.ends_with("relay.key"));
        assert_eq!(main.unwrap().sha256, None);
    }

    #[test]
    fn another_setting_is_another_relay() {
        let spec = config::built_in();
        let mut other = spec.clone();
        other.privacy.show_login = false;
        let all = identity(&spec).differences(&identity(&other));
        let kinds: Vec<_> = all.iter().map(|d| (d.kind, d.name.as_str())).collect();
        assert!(
            kinds.contains(&("configuration", "show_login")),
            "{kinds:?}"
        );
        assert!(kinds.iter().any(|(kind, _)| *kind == "file"), "{kinds:?}");
    }
}
