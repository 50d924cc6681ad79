//! A value as it is shown to people, and to what compares values.

use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value as relay.yaml says it, with keys in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// Text; a secret is `***`.
    Text(String),
    /// A list.
    List(Vec<Shown>),
    /// A mapping.
    Mapping(Vec<(String, Shown)>),
}

impl Shown {
    /// What stands at a path of keys, such as `ldap.bind`; the last may have dots.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        let Self::Mapping(entries) = self else {
            return None;
        };
        entries.iter().find_map(|(key, value)| {
            let rest = path.strip_prefix(key.as_str())?;
            match rest.strip_prefix('.') {
                Some(rest) => value.at(rest),
                None => rest.is_empty().then_some(value),
            }
        })
    }

    pub(super) fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    pub(super) fn or_null<T: fmt::Display>(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::text)
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Mapping(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl fmt::Display for Shown {
    /// On one line, as YAML's short form has it but for quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Mapping(entries) => {
                let entry = |(key, value): &(String, Self)| format!("{key}: {value}");
                let entries: Vec<String> = entries.iter().map(entry).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}
