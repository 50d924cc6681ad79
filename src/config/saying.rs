//! What relay.yaml says of one setting: asked for and changed by the setting's own name
//! and the words of the file, so that nobody needs a sentence beside it.

use std::path::Path;

use super::decode::Decoder;
use super::node::{Entry, Node, Value};
use super::problem::{Position, Problems, Refusal, Report, quoted};
use super::setting::Kind;
use super::shown::Shown;
use super::spec::Spec;
use super::{settings, shape, syntax, tree};

/// What a setting is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// This value, as `relaykit config validate` shows it: `rewrite`, `[]`, `1MiB`.
    Is(&'static str),
    /// One of these values.
    OneOf(&'static [&'static str]),
    /// Anything but `null` and an empty list or mapping.
    Something,
    /// A list with this item.
    Has(&'static str),
    /// A list with one of these items.
    HasOneOf(&'static [&'static str]),
    /// A list without this item.
    Lacks(&'static str),
    /// A list with this many items or more.
    Items(usize),
    /// A list with fewer items than this.
    Fewer(usize),
    /// This number or size, or less.
    AtMost(u64),
    /// A mapping without any of these names.
    Without(&'static [&'static str]),
}

impl Says {
    /// Whether `spec` has that at `key`.
    #[must_use]
    pub fn holds(self, key: &str, spec: &Spec) -> bool {
        settings::value(spec, key).is_some_and(|value| self.fits(&value))
    }

    /// Whether this is such a value.
    #[must_use]
    pub fn fits(self, value: &Shown) -> bool {
        match (self, value) {
            (Self::Is(wanted), value) => value.to_string() == wanted,
            (Self::OneOf(wanted), value) => wanted.contains(&value.to_string().as_str()),
            (Self::Something, Shown::Null) => false,
            (Self::Something, Shown::List(items)) => !items.is_empty(),
            (Self::Something, Shown::Mapping(entries)) => {
                entries.iter().any(|(_, value)| *value != Shown::Null)
            }
            (Self::Something, _) => true,
            (Self::Has(wanted), Shown::List(items)) => has(items, wanted),
            (Self::HasOneOf(wanted), Shown::List(items)) => {
                wanted.iter().any(|wanted| has(items, wanted))
            }
            (Self::Lacks(item), Shown::List(items)) => !has(items, item),
            (Self::Items(least), Shown::List(items)) => items.len() >= least,
            (Self::Fewer(most), Shown::List(items)) => items.len() < most,
            (Self::AtMost(most), Shown::Number(number)) => *number <= most,
            (Self::AtMost(most), Shown::Text(size)) => {
                syntax::size(size).is_ok_and(|bytes| bytes <= most)
            }
            (Self::Without(names), Shown::Mapping(entries)) => !entries
                .iter()
                .any(|(name, _)| names.contains(&name.as_str())),
            // What is asked of a list or a mapping, and this is none.
            _ => false,
        }
    }

    /// In the words of relay.yaml: `privacy.received: rewrite or hide`.
    #[must_use]
    pub fn in_words(self, key: &str) -> String {
        match self {
            Self::Is(value) => format!("{key}: {value}"),
            Self::OneOf(values) => format!("{key}: {}", values.join(" or ")),
            Self::Something => key.to_owned(),
            Self::Has(item) => format!("{key} with {item}"),
            Self::HasOneOf(items) => format!("{key} with {}", items.join(" or ")),
            Self::Lacks(item) => format!("{key} without {item}"),
            Self::Items(least) => format!("{key} with {least} or more"),
            Self::Fewer(most) => format!("{key} with fewer than {most}"),
            Self::AtMost(most) => format!("{key} of {} or less", syntax::show_size(most)),
            Self::Without(names) => format!("{key} without {}", names.join(" and ")),
        }
    }
}

fn has(items: &[Shown], wanted: &str) -> bool {
    items.iter().any(|item| item.to_string() == wanted)
}

/// Makes `spec` say `value`, in YAML, at `key`, such as `privacy.show_login` or
/// `postfix.main.soft_bounce`. Whether that goes together with the rest is not asked.
/// Files are looked for in the root folder.
///
/// # Errors
/// There is no such key, or it cannot have that value: `spec` is then as it was.
pub fn set(spec: &mut Spec, key: &str, value: &str) -> Result<(), Problems> {
    let entry = place(key)?.entry.is_some();
    say(spec, key, value, entry)
}

/// Adds `item`, in YAML, to the list at `key`, unless it is there.
///
/// # Errors
/// As [`set`].
pub fn add(spec: &mut Spec, key: &str, item: &str) -> Result<(), Problems> {
    let list = format!("[{item}]");
    let mut alone = spec.clone();
    say(&mut alone, key, &list, false)?;
    let (known, alone) = (settings::value(spec, key), settings::value(&alone, key));
    if let (Some(Shown::List(known)), Some(Shown::List(alone))) = (known, alone)
        && alone.iter().all(|item| known.contains(item))
    {
        return Ok(());
    }
    say(spec, key, &list, true)
}

/// Where a key leads.
struct Place {
    /// The names of the settings down to it.
    names: Vec<&'static str>,
    /// In a mapping of free names, that of the entry.
    entry: Option<String>,
}

fn place(key: &str) -> Result<Place, Problems> {
    let mut names = Vec::new();
    let mut keys = settings::root();
    let mut rest = key;
    loop {
        let (name, below) = match rest.split_once('.') {
            Some((name, below)) => (name, Some(below)),
            None => (rest, None),
        };
        let Some(found) = keys.iter().find(|key| key.name == name) else {
            return Err(refusal(
                key,
                Refusal::new(format!("unknown key {}", quoted(name))),
            ));
        };
        names.push(found.name);
        let entry = below.map(str::to_owned);
        match (below, &found.kind) {
            (None, _) | (_, Kind::Open(_)) => return Ok(Place { names, entry }),
            (Some(below), _) => (keys, rest) = (found.below(), below),
        }
    }
}

fn refusal(key: &str, why: Refusal) -> Problems {
    let mut report = Report::new(key);
    report.refuse(Position::START, "", why);
    report.problems()
}

/// Reads the file that says just this, over what `spec` says.
fn say(spec: &mut Spec, key: &str, value: &str, adding: bool) -> Result<(), Problems> {
    let place = place(key)?;
    let mut report = Report::new(key);
    let node = tree::parse(value, &mut report);
    let names = place
        .names
        .iter()
        .map(|name| (*name).to_owned())
        .chain(place.entry);
    let names: Vec<String> = names.collect();
    let node = node.unwrap_or_else(|| mapping(Vec::new()));
    let mut file = names.into_iter().rev().fold(node, |value, key| {
        let at = Position::START;
        mapping(vec![Entry { key, at, value }])
    });
    shape::check_part(&mut file, &mut report);
    let mut said = spec.clone();
    let mut decoder = Decoder {
        base: Path::new("/"),
        report: &mut report,
        adding,
    };
    settings::read(&file, &mut decoder, &mut said);
    report.finish()?;
    *spec = said;
    Ok(())
}

fn mapping(entries: Vec<Entry>) -> Node {
    Node {
        at: Position::START,
        value: Value::Mapping(entries),
        sound: true,
    }
}
