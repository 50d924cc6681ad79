//! A relay.yaml to begin with: every setting at its value, with what it is for beside it.
//! All of its words are those of the declarations.

use std::fmt::Write as _;

use super::node::join;
use super::setting::{Counts, Key, Kind};
use super::settings;
use super::shown::Shown;
use super::spec::Spec;

/// Stands where only the operator knows what to write. A file with one is refused, and
/// each is named.
pub(super) const FILL_IN: &str = "FILL-IN";

/// Where comments begin, in characters, beside what is shorter.
const COMMENTS: usize = 40;

/// What a draft has otherwise than the settings that it is made of.
#[derive(Debug, Clone, Default)]
pub struct Draft<'a> {
    /// Lines of its beginning, for people.
    pub head: &'a str,
    /// Keys, and what stands there in YAML.
    pub said: Vec<(&'a str, String)>,
    /// Keys that the operator has to fill in.
    pub marked: Vec<&'a str>,
    /// Keys that are left out, with all that is below them.
    pub without: Vec<&'a str>,
    /// Whether it is for production: without what only labs have.
    pub production: bool,
}

impl Draft<'_> {
    /// The text of a file that says what `spec` does.
    #[must_use]
    pub fn of(&self, spec: &Spec) -> String {
        let mut text = String::new();
        for line in self.head.lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", format!("# {line}").trim_end());
        }
        self.keys(&mut text, settings::root(), "", &settings::effective(spec));
        text
    }

    fn keys(&self, text: &mut String, keys: &[Key], above: &str, values: &Shown) {
        let indent = "  ".repeat(if above.is_empty() {
            0
        } else {
            above.split('.').count()
        });
        for key in keys {
            let path = join(above, key.name);
            let elsewhere = self.production && key.counts == Counts::InLabs;
            if elsewhere || self.without.contains(&path.as_str()) {
                continue;
            }
            let value = values.at(key.name).unwrap_or(&Shown::Null);
            let marked = self.marked.contains(&path.as_str());
            if let (Kind::Section(below), Shown::Mapping(_), false) = (&key.kind, value, marked) {
                if above.is_empty() {
                    text.push('\n');
                }
                line(text, &format!("{indent}{}:", key.name), key.about);
                self.keys(text, below, &path, value);
                continue;
            }
            let said = self.said.iter().find(|(key, _)| *key == path);
            let written = match said {
                Some((_, said)) => said.clone(),
                None if marked => mark(&key.kind),
                None => flow(value),
            };
            let says_nothing = ["null", "[]", "{}"].contains(&written.as_str());
            let about = if (marked || says_nothing) && !key.example.is_empty() {
                format!("{}; such as {}", key.about, key.example)
            } else {
                key.about.to_owned()
            };
            line(text, &format!("{indent}{}: {written}", key.name), &about);
        }
    }
}

fn line(text: &mut String, written: &str, about: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{written:<COMMENTS$}  # {about}");
}

fn mark(kind: &Kind) -> String {
    match kind {
        Kind::List(..) => format!("[{FILL_IN}]"),
        Kind::Section(keys) | Kind::WordOr(_, keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|k| format!("{}: {FILL_IN}", k.name))
                .collect();
            format!("{{{}}}", keys.join(", "))
        }
        _ => FILL_IN.to_owned(),
    }
}

/// A value on one line of YAML.
fn flow(value: &Shown) -> String {
    match value {
        Shown::Null | Shown::Flag(_) | Shown::Number(_) => value.to_string(),
        Shown::Text(text) => scalar(text),
        Shown::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Shown::Mapping(entries) => {
            let entry =
                |(key, value): &(String, Shown)| format!("{}: {}", scalar(key), flow(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Text of YAML, in quotes wherever it could be anything but text.
#[must_use]
pub fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let word = ["true", "false", "null", "yes", "no", "on", "off"];
    let is_word = word.iter().any(|word| text.eq_ignore_ascii_case(word));
    let size = text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with("iB");
    if (begins || size) && !is_word && text.chars().all(plain) {
        return text.to_owned();
    }
    // What JSON has in quotes, YAML reads alike.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Described, built_in, load, reference, set};
    use super::*;

    /// The lab's password is no secret, and shown as one.
    fn people() -> (&'static str, String) {
        let people = "[{name: alice, password: wonderland}]";
        ("lab.users", people.to_owned())
    }

    /// The settings that have a line of their own: what is within a mapping that is written
    /// as a whole has none, such as `tls.certificate.key`.
    fn written() -> Vec<Described> {
        let all = reference();
        let whole: Vec<String> = all
            .iter()
            .filter(|setting| !setting.is_section)
            .map(|setting| format!("{}.", setting.key))
            .collect();
        let inside = |key: &str| {
            key.contains("[]") || whole.iter().any(|above| key.starts_with(above.as_str()))
        };
        let there = |s: &Described| !inside(&s.key);
        all.into_iter().filter(there).collect()
    }

    #[test]
    fn a_draft_says_what_it_was_made_of_and_what_each_setting_is_for() {
        let draft = Draft {
            said: vec![people()],
            ..Draft::default()
        };
        let text = draft.of(&built_in());
        assert_eq!(load(&text, "f", Path::new("/")).unwrap(), built_in());
        for setting in written() {
            let (_, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
            let line = text.lines().find(|line| {
                line.trim_start().starts_with(&format!("{name}:")) && line.contains(setting.about)
            });
            assert!(line.is_some(), "{}: {}", setting.key, setting.about);
        }
    }

    /// Whatever is marked is told, each by itself, and nothing else is.
    #[test]
    fn each_mark_is_refused_until_it_is_filled_in() {
        let settings = written().into_iter().filter(|s| !s.is_section);
        let keys: Vec<String> = settings.map(|setting| setting.key).collect();
        for key in &keys {
            let draft = Draft {
                said: vec![people()],
                marked: vec![key],
                ..Draft::default()
            };
            let draft = if key == "lab.users" {
                Draft {
                    said: Vec::new(),
                    ..draft
                }
            } else {
                draft
            };
            let text = draft.of(&built_in());
            let problems = load(&text, "f", Path::new("/")).unwrap_err().problems;
            for problem in problems {
                assert!(problem.path.starts_with(key.as_str()), "{key}: {problem}");
                assert!(
                    problem.message.contains("still to be filled in"),
                    "{problem}"
                );
            }
        }
    }

    #[test]
    fn text_of_any_kind_is_read_as_it_was() {
        for text in [
            "a b", "no", "1", "1e3", "[x]:25", "#", "", "a: b", "\"'\\", "ü", "%u", "25MiB", "~",
        ] {
            let read: String = serde_yaml::from_str(&scalar(text)).unwrap();
            assert_eq!(read, text);
            let in_list: Vec<String> =
                serde_yaml::from_str(&format!("[{}]", scalar(text))).unwrap();
            assert_eq!(in_list, [text]);
        }
    }

    #[test]
    fn what_only_labs_have_is_not_for_production() {
        let mut spec = built_in();
        set(&mut spec, "hostname", "relay.example.org").unwrap();
        let draft = Draft {
            production: true,
            without: vec!["auth.pam"],
            ..Draft::default()
        };
        let text = draft.of(&spec);
        assert!(
            !text.contains("\nlab:") && !text.contains("  pam:"),
            "{text}"
        );
        assert!(text.contains("hostname: relay.example.org "), "{text}");
    }
}
