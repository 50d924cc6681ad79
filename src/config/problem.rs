//! What is wrong with a `relay.yaml`, and where.

use std::fmt;

use serde::Serialize;

/// A place in a file, both numbers counted from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// The first character of a file.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong, or a warning about one thing that works but is unwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The key, such as `auth.ldap.servers[0]`; empty for the file as a whole.
    pub path: String,
    /// What was found, and what was expected.
    pub message: String,
    /// What to do about it, or the nearest valid key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        write!(f, "{}:{}:{}: {severity}", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// A problem as [`Problem`]'s `Display` writes it, marked as a warning.
#[derive(Debug)]
pub struct Warning<'a>(pub &'a Problem);

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "warning: ")
    }
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problems {
    /// At least one; while there are any, the file means nothing.
    pub problems: Vec<Problem>,
    /// What would have been warned of as well.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "{}", Warning(warning))?;
        }
        let file = self
            .problems
            .first()
            .map_or("the configuration", |p| p.file.as_str());
        write!(f, "{file}: {}", count(self.problems.len(), "problem"))?;
        match self.warnings.len() {
            0 => Ok(()),
            n => write!(f, ", {}", count(n, "warning")),
        }
    }
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Why a value is not what its key needs: the same for every file and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Collects problems while a file is read, so that one look finds all of them.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn refuse(&mut self, at: Position, path: &str, why: Refusal) {
        let problem = self.problem(at, path, why);
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, at: Position, path: &str, why: Refusal) {
        let warning = self.problem(at, path, why);
        self.warnings.push(warning);
    }

    fn problem(&self, at: Position, path: &str, why: Refusal) -> Problem {
        Problem {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            path: on_one_line(path),
            message: why.message,
            hint: why.hint,
        }
    }

    /// Whether nothing was found wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether nothing was found wrong at these keys or below them, so that a
    /// comparison of their values says something.
    pub(super) fn sound(&self, paths: &[&str]) -> bool {
        !self.problems.iter().any(|problem| {
            paths
                .iter()
                .any(|path| below(&problem.path, path) || below(path, &problem.path))
        })
    }

    /// The warnings of a file without problems, or else everything.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        let Problems { problems, warnings } = self.problems();
        if problems.is_empty() {
            Ok(warnings)
        } else {
            Err(Problems { problems, warnings })
        }
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn problems(mut self) -> Problems {
        let place = |p: &Problem| (p.line, p.column);
        self.problems.sort_by_key(place);
        self.warnings.sort_by_key(place);
        // What is refused needs no warning beside that.
        let refused = |path: &str| self.problems.iter().any(|p| p.path == path);
        self.warnings.retain(|warning| !refused(&warning.path));
        Problems {
            problems: self.problems,
            warnings: self.warnings,
        }
    }
}

/// Whether `path` is `ancestor` or lies below it.
fn below(path: &str, ancestor: &str) -> bool {
    !ancestor.is_empty()
        && path
            .strip_prefix(ancestor)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A key may have been written with line breaks in it; a report has one line each.
fn on_one_line(path: &str) -> String {
    path.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// `found` as a message shows it: in backticks, on one line, not too long.
pub(super) fn quoted(found: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = found
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if found.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    // escape_debug also escapes quotes, which need it only in a literal of Rust.
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}

/// The entry of `valid` that `found` was most likely meant to be.
pub(super) fn nearest<'a>(found: &str, valid: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    valid
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&found, &candidate.to_lowercase()),
                *candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().max(found.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`, each in backticks.
pub(super) fn alternatives(valid: &[&str]) -> String {
    match valid {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|v| format!("`{v}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}
