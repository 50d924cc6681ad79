//! Block YAML with comments, which no serialiser writes. Scalars mean the same
//! in YAML 1.2 and in 1.1, which docker-compose 1.29 reads.

use std::fmt::Write as _;

/// A YAML document that grows line by line.
#[derive(Default)]
pub(super) struct Yaml {
    pub(super) text: String,
}

impl Yaml {
    /// A line as it stands, `depth` steps in.
    pub(super) fn line(&mut self, depth: usize, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", 2 * depth);
    }

    /// A comment.
    pub(super) fn comment(&mut self, depth: usize, comment: &str) {
        self.line(depth, &format!("# {comment}"));
    }

    /// A key and its value.
    pub(super) fn key(&mut self, depth: usize, key: &str, value: &(impl Value + ?Sized)) {
        self.line(depth, &format!("{key}: {}", value.yaml()));
    }

    /// A list of strings; nothing where it is empty.
    pub(super) fn list<T: AsRef<str>>(
        &mut self,
        depth: usize,
        key: &str,
        items: impl IntoIterator<Item = T>,
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.line(depth, &format!("{key}:"));
        }
        for item in items {
            self.line(depth + 1, &format!("- {}", scalar(item.as_ref())));
        }
    }
}

/// What can stand after a key.
pub(super) trait Value {
    fn yaml(&self) -> String;
}

impl Value for str {
    fn yaml(&self) -> String {
        scalar(self)
    }
}

impl Value for String {
    fn yaml(&self) -> String {
        scalar(self)
    }
}

impl Value for bool {
    fn yaml(&self) -> String {
        self.to_string()
    }
}

/// A scalar that Compose reads as exactly the string `text`: quoted unless it
/// cannot be anything else, with the dollar that would begin a variable doubled.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let word =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') || text.starts_with("./");
    // YAML 1.1 has many words for true, false and nothing.
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && text.chars().all(plain) && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '$' => quoted.push_str("$$"),
            // What YAML does not print or takes for a line's end (YAML 1.1, 5.1 and 5.4).
            '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{Yaml, scalar};

    #[test]
    fn a_scalar_means_exactly_its_text() {
        let texts = [
            "",
            "no",
            "Yes",
            "NULL",
            "on",
            "y",
            "~",
            "0",
            "0644",
            "1e3",
            "22:25",
            "1_000",
            ".inf",
            "null",
            "a: b",
            "a #b",
            "- a",
            "?",
            "*a",
            "&a",
            "!a",
            "{a}",
            "[a]",
            "'",
            "\"",
            "\\",
            "a\"b\\c",
            "%",
            "@",
            "`",
            " a ",
            "a\nb",
            "\t",
            "\u{7f}",
            "\u{85}",
            "\u{2028}x",
            "\u{feff}",
            "grün",
            "日本",
            "🐦",
            "/etc/relaykit/tls/a b.pem",
            "./config/postfix",
            "relay.example.org",
            "127.0.0.1:25:25",
            "[::1]:25:25",
            "=",
            "<<",
            ".5",
            "...",
            "---",
        ];
        for text in texts {
            let document = format!("k: {}\nl:\n  - {0}\n", scalar(text));
            let read: serde_yaml::Value = serde_yaml::from_str(&document).unwrap();
            assert_eq!(read["k"].as_str(), Some(text), "{document}");
            assert_eq!(read["l"][0].as_str(), Some(text), "{document}");
        }
    }

    #[test]
    fn what_could_be_something_else_is_quoted() {
        // serde_yaml reads YAML 1.2, where these are strings anyway.
        for text in ["no", "Off", "y", "22:25", "1_000", "0o17", "=", "."] {
            assert!(scalar(text).starts_with('"'), "{text}");
        }
        for text in ["relay", "/run", "./config", "TLSv1.2", "10s"] {
            assert_eq!(scalar(text).starts_with('"'), text == "10s", "{text}");
        }
    }

    #[test]
    fn a_dollar_begins_no_variable() {
        assert_eq!(scalar("/srv/${HOME}/$x"), "\"/srv/$${HOME}/$$x\"");
    }

    #[test]
    fn empty_lists_are_left_out() {
        let mut yaml = Yaml::default();
        yaml.list(1, "command", [""; 0]);
        yaml.list(1, "ports", ["1:2"]);
        assert_eq!(yaml.text, "  ports:\n    - \"1:2\"\n");
    }
}
