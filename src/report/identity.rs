//! What a report is about, so exactly that somebody else can tell whether a lab of today
//! is still that.

use serde::{Deserialize, Serialize};

/// The relay that a report was written for: its configuration and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The configuration with all defaults as YAML, secrets as `***`.
    pub configuration: String,
    /// SHA-256 of that text, in hexadecimal.
    pub configuration_sha256: String,
    /// SHA-256 of the checks: ids, titles, what they do, sabotages. Another catalogue has
    /// judged by other claims.
    pub checks_sha256: String,
    /// The files that come of the configuration, by container and path.
    pub files: Vec<RenderedFile>,
}

/// A file that is injected into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedFile {
    /// `relay`, `directory`, `sink`.
    pub role: String,
    /// Absolute, in the container.
    pub path: String,
    /// Permission bits in octal, and numeric owner and group: `644 0 0`.
    pub rights: String,
    /// SHA-256 of what is in it. Absent for a secret, of which nothing is told, and for
    /// what a lab makes for itself, such as its certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What is different today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `relaykit`, `checks`, `configuration`, `file`, `running file`, `image`, `package`.
    pub kind: &'static str,
    /// Of what: a key, a path, a name; empty where there is one of the kind.
    pub name: String,
    /// As the report has it; empty where it has none.
    pub reported: String,
    /// As it is now; empty where there is none.
    pub now: String,
}

impl Difference {
    /// One, where the two differ.
    #[must_use]
    pub fn between(
        kind: &'static str,
        name: impl Into<String>,
        reported: &str,
        now: &str,
    ) -> Option<Self> {
        (reported != now).then(|| Self {
            kind,
            name: name.into(),
            reported: reported.to_owned(),
            now: now.to_owned(),
        })
    }
}

impl Identity {
    /// What differs between the relay that the report is about and `now`.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut all = lines(&self.configuration, &now.configuration);
        all.extend(Difference::between(
            "checks",
            "",
            &self.checks_sha256,
            &now.checks_sha256,
        ));
        all.extend(files(&self.files, &now.files));
        all
    }
}

/// Lines of the configuration that only one of the two has, each with what stands there in
/// the other where it begins alike.
fn lines(reported: &str, now: &str) -> Vec<Difference> {
    let only = |of: &str, other: &str| -> Vec<String> {
        let mut left: Vec<&str> = other.lines().collect();
        let mut only = Vec::new();
        for line in of.lines() {
            match left.iter().position(|known| *known == line) {
                Some(at) => drop(left.remove(at)),
                None => only.push(line.to_owned()),
            }
        }
        only
    };
    let key = |line: &str| line.split(':').next().unwrap_or_default().trim().to_owned();
    let mut new = only(now, reported);
    let mut all = Vec::new();
    for line in only(reported, now) {
        let other = new.iter().position(|other| key(other) == key(&line));
        let other = other.map(|at| new.remove(at)).unwrap_or_default();
        all.extend(Difference::between(
            "configuration",
            key(&line),
            line.trim(),
            other.trim(),
        ));
    }
    all.extend(
        new.iter()
            .filter_map(|line| Difference::between("configuration", key(line), "", line.trim())),
    );
    all
}

/// Files of one that the other has not, or has otherwise.
#[must_use]
pub fn files(reported: &[RenderedFile], now: &[RenderedFile]) -> Vec<Difference> {
    let name = |file: &RenderedFile| format!("{}:{}", file.role, file.path);
    let words = |file: &RenderedFile| match &file.sha256 {
        Some(sum) => format!("{} sha256 {sum}", file.rights),
        None => file.rights.clone(),
    };
    let mut all = Vec::new();
    for file in reported {
        let same = now.iter().find(|other| name(other) == name(file));
        let other = same.map(words).unwrap_or_default();
        all.extend(Difference::between(
            "file",
            name(file),
            &words(file),
            &other,
        ));
    }
    for file in now {
        if !reported.iter().any(|other| name(other) == name(file)) {
            all.extend(Difference::between("file", name(file), "", &words(file)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(configuration: &str, sum: &str) -> Identity {
        Identity {
            configuration: configuration.to_owned(),
            configuration_sha256: String::new(),
            checks_sha256: "c".to_owned(),
            files: vec![RenderedFile {
                role: "relay".into(),
                path: "/etc/main.cf".into(),
                rights: "644 0 0".into(),
                sha256: Some(sum.to_owned()),
            }],
        }
    }

    #[test]
    fn the_same_relay_has_no_difference() {
        let one = identity("a: 1\nb: 2\n", "x");
        assert_eq!(one.differences(&one), []);
    }

    #[test]
    fn each_difference_is_named_with_both_sides() {
        let one = identity("a: 1\nb: 2\n", "x");
        let other = identity("a: 1\nb: 3\nc: 4\n", "y");
        let all = one.differences(&other);
        let told: Vec<_> = all
            .iter()
            .map(|d| (d.kind, d.name.as_str(), d.reported.as_str(), d.now.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("configuration", "b", "b: 2", "b: 3"),
                ("configuration", "c", "", "c: 4"),
                (
                    "file",
                    "relay:/etc/main.cf",
                    "644 0 0 sha256 x",
                    "644 0 0 sha256 y"
                ),
            ]
        );
        let gone = files(&one.files, &[]);
        assert_eq!((gone.len(), gone[0].now.as_str()), (1, ""));
    }
}
