//! What an operator is told of each setting.

use super::problem::alternatives;
use super::setting::{Counts, Key, Kind, Need};
use super::{built_in, settings};

/// A setting, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its key, such as `auth.ldap.bind.dn`; `[]` stands for the items of a list.
    pub key: String,
    /// Whether it is a section, which has keys and no value.
    pub is_section: bool,
    /// What it is for: one line without a full stop.
    pub about: &'static str,
    /// What should be known of it: one paragraph.
    pub doc: &'static str,
    /// What may be written, in words.
    pub takes: String,
    /// What it is where it is not written; `None`: it must be, or its mapping has none.
    pub default: Option<String>,
    /// Another value than the default, in YAML; may be empty.
    pub example: &'static str,
    /// What it follows, parted by `; `; may be empty.
    pub source: &'static str,
    /// Where it counts.
    pub counts: Counts,
}

/// Every setting of relay.yaml, in its order, sections before what is in them.
#[must_use]
pub fn reference() -> Vec<Described> {
    let built_in = built_in();
    let describe = |(path, key): (String, &'static Key)| Described {
        is_section: matches!(key.kind, Kind::Section(_)) && key.example.is_empty(),
        about: key.about,
        doc: key.doc,
        takes: takes(key),
        default: settings::value(&built_in, &path)
            .filter(|_| key.need != Need::Required)
            .map(|value| value.to_string())
            // Its mapping has no default, and it may be left out there.
            .or_else(|| (key.need == Need::Nullable).then(|| "null".to_owned())),
        example: key.example,
        source: key.source,
        counts: key.counts,
        key: path,
    };
    settings::all().into_iter().map(describe).collect()
}

fn takes(key: &Key) -> String {
    let takes = kind(&key.kind);
    match key.need {
        Need::Nullable => format!("{takes}, or `null`"),
        Need::Required | Need::Optional => takes,
    }
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::Section(keys) => format!("a mapping with {}", names(keys)),
        Kind::WordOr(words, keys) => {
            format!("{}, or a mapping with {}", alternatives(words), names(keys))
        }
        Kind::Word(words) | Kind::WordBut(words, _) => alternatives(words),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Number(0, u64::MAX) => "a whole number".to_owned(),
        Kind::Number(0, most) => format!("a port up to {most}, or 0 to let the kernel pick"),
        Kind::Number(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Size => "a number of bytes, with or without a unit, such as 25MiB".to_owned(),
        Kind::Text(what) => (*what).to_owned(),
        Kind::Secret => "text, which no message shows".to_owned(),
        Kind::List(item, true) => format!("a list; each item: {}", kind(item)),
        Kind::List(item, false) => format!("a list that is not empty; each item: {}", kind(item)),
        Kind::Several(item) => format!("{}, or a list of such", kind(item)),
        Kind::Open(names) => format!("a mapping of {names} to text or a number"),
    }
}

fn names(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
    names.join(" and ")
}
