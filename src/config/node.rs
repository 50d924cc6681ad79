//! A document as a tree that keeps the place and the spelling of every node.

use super::problem::{Position, quoted};

/// A node of the document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
    /// Whether its shape is right; what is not is never asked for its meaning.
    pub(super) sound: bool,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Nothing at all after the colon or dash.
    Empty,
    /// `null` or `~`.
    Null,
    /// As written; `plain` without quotes, so that `true` and `1` are not text.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> &str {
        match &self.value {
            Value::Scalar { text, .. } => text,
            _ => "",
        }
    }

    /// The entry of a mapping.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The whole number that is written here without quotes, sign or leading zero.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.value {
            Value::Scalar { text, plain: true }
                if text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9')) =>
            {
                text.parse().ok()
            }
            _ => None,
        }
    }

    /// `true` or `false` without quotes.
    pub(super) fn flag(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether YAML takes this for a number of any kind.
    pub(super) fn is_number(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => {
                let radix = |prefix: &str, radix: u32| {
                    text.strip_prefix(prefix)
                        .is_some_and(|digits| i64::from_str_radix(digits, radix).is_ok())
                };
                let decimal =
                    text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
                decimal || radix("0x", 16) || radix("0o", 8)
            }
            _ => false,
        }
    }

    /// What is here, for people; the value itself only if it may be `shown`.
    pub(super) fn describe(&self, shown: bool) -> String {
        match &self.value {
            Value::Empty => "nothing".to_owned(),
            Value::Null => "null".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Scalar { text, .. } => match (self.is_number(), shown) {
                (true, true) => format!("the number {}", quoted(text)),
                (true, false) => "a number".to_owned(),
                (false, true) => format!("the text {}", quoted(text)),
                (false, false) => "text".to_owned(),
            },
        }
    }

    /// What is written at `path` (`auth.ldap`).
    pub(super) fn find(&self, path: &str) -> Option<&Entry> {
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        let entry = self.entry(name)?;
        if rest.is_empty() {
            Some(entry)
        } else {
            entry.value.find(rest)
        }
    }

    /// The items of a list; none where there is no list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Where the item at `index` of the list at `path` is written, or the nearest key above
    /// it that is.
    pub(super) fn locate_item(&self, path: &str, index: usize) -> Position {
        let list = self.find(path).map(|entry| &entry.value);
        let item = list.and_then(|list| list.items().get(index));
        item.map_or_else(|| self.locate(path), |item| item.at)
    }

    /// Where `path` (`auth.ldap`) is written, or the nearest key above it that is.
    pub(super) fn locate(&self, path: &str) -> Position {
        let mut at = self.at;
        let mut node = self;
        for key in path.split('.') {
            match node.entry(key) {
                Some(entry) => (at, node) = (entry.at, &entry.value),
                None => break,
            }
        }
        at
    }
}

/// `path` with `key` below it.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
