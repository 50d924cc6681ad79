//! main.cf as a value: groups of parameters under a comment that says why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A group of parameters. See postconf(5) for each of them.
pub(super) struct Group {
    /// Why; lines without `#`.
    why: &'static str,
    /// Name and value.
    parameters: Vec<(&'static str, String)>,
}

impl Group {
    /// A group without parameters yet.
    pub(super) fn new(why: &'static str) -> Self {
        Self {
            why,
            parameters: Vec::new(),
        }
    }

    /// Adds a parameter.
    pub(super) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// Adds a parameter that is `yes` or `no`.
    pub(super) fn switch(self, name: &'static str, on: bool) -> Self {
        self.set(name, if on { "yes" } else { "no" })
    }

    /// Adds the parameters of `more` if `condition` holds.
    pub(super) fn when(self, condition: bool, more: impl FnOnce(Self) -> Self) -> Self {
        if condition { more(self) } else { self }
    }
}

impl Group {
    /// Names and values.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parameters = self.parameters.iter();
        parameters.map(|(name, value)| (*name, value.as_str()))
    }
}

/// The whole file. A parameter of `last_word` replaces ours in its place, and
/// stands in a group of its own where we do not set it: Postfix warns when one
/// parameter is set twice.
pub(super) fn render(
    title: &str,
    groups: &[Group],
    last_word: &BTreeMap<String, String>,
) -> String {
    let mut text = String::new();
    comment(&mut text, title);
    let mut left = last_word.clone();
    for group in groups {
        text.push('\n');
        comment(&mut text, group.why);
        for (name, ours) in &group.parameters {
            match left.remove(*name) {
                Some(theirs) => {
                    text.push_str("# postfix.main in relay.yaml:\n");
                    parameter(&mut text, name, &theirs);
                }
                None => parameter(&mut text, name, ours),
            }
        }
    }
    if !left.is_empty() {
        text.push('\n');
        comment(&mut text, "The last word: postfix.main in relay.yaml.");
        for (name, value) in &left {
            parameter(&mut text, name, value);
        }
    }
    text
}

/// `# ` before every line.
pub(super) fn comment(text: &mut String, lines: &str) {
    for line in lines.lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
}

/// A value is one logical line: a line break in it would begin another parameter.
fn parameter(text: &mut String, name: &str, value: &str) {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!("{name} = {value}");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::{Group, render};
    use std::collections::BTreeMap;

    fn groups() -> Vec<Group> {
        vec![
            Group::new("Names.\nSecond line.")
                .set("myhostname", "relay.example")
                .switch("biff", false),
            Group::new("Limits.").when(false, |group| group.set("absent", "1")),
        ]
    }

    #[test]
    fn a_parameter_appears_once_and_the_last_word_wins() {
        let last_word = BTreeMap::from([
            ("biff".to_owned(), "yes".to_owned()),
            ("zeta".to_owned(), "a\n evil = b".to_owned()),
        ]);
        assert_eq!(
            render("main.cf", &groups(), &last_word),
            "# main.cf\n\n# Names.\n# Second line.\nmyhostname = relay.example\n\
             # postfix.main in relay.yaml:\nbiff = yes\n\n# Limits.\n\n\
             # The last word: postfix.main in relay.yaml.\nzeta = a evil = b\n"
        );
    }

    #[test]
    fn an_empty_value_leaves_no_blank_behind() {
        let groups = [Group::new("Why.").set("mydestination", "")];
        assert_eq!(
            render("t", &groups, &BTreeMap::new()),
            "# t\n\n# Why.\nmydestination =\n"
        );
    }
}
