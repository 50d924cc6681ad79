//! Lines of a file, those that go on with the one before put together.

use super::{Change, Draft, Operator};

/// A setting or rule and the lines that it takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logical {
    /// The first line, from 0.
    pub(super) from: usize,
    /// The line after the last.
    pub(super) to: usize,
    /// The lines as they stand.
    pub(super) text: String,
}

/// The logical lines of a file whose comments begin with `#`: a line that begins with
/// white space goes on with the one before (postconf(5), `pcre_table(5)`).
pub(super) fn lines(text: &str) -> Vec<Logical> {
    let mut all: Vec<Logical> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match all.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.to = number + 1;
                last.text.push('\n');
                last.text.push_str(line);
            }
            _ => all.push(Logical {
                from: number,
                to: number + 1,
                text: line.to_owned(),
            }),
        }
    }
    all
}

/// What a file says, whatever its comments and blanks are.
pub(super) fn logical(text: &str) -> Vec<String> {
    let words = |line: &Logical| line.text.split_whitespace().collect::<Vec<_>>().join(" ");
    lines(text).iter().map(words).collect()
}

/// `text` with `new` in the place of the lines from `from` to before `to`.
pub(super) fn with(text: &str, from: usize, to: usize, new: &str) -> String {
    let mut changed = String::new();
    for (number, line) in text.lines().enumerate() {
        if number == from && !new.is_empty() {
            changed.push_str(new);
            changed.push('\n');
        }
        if number < from || number >= to {
            changed.push_str(line);
            changed.push('\n');
        }
    }
    changed
}

/// `text` with `new` in the place of `line`.
pub(super) fn replaced(text: &str, line: &Logical, new: &str) -> String {
    with(text, line.from, line.to, new)
}

impl Draft {
    /// One that makes `after` of a whole line, which is about `name`.
    pub(super) fn of_line(
        text: &str,
        line: &Logical,
        name: &str,
        operator: Operator,
        after: String,
    ) -> Self {
        Self {
            operator,
            place: name.to_owned(),
            before: line.text.clone(),
            change: Change::Text(replaced(text, line, &after)),
            after,
            touches: vec![name.to_owned()],
        }
    }
}
