//! The JSON Schema of relay.yaml, which editors and validators read.

use super::problem::Report;
use super::setting::{Key, Kind, Need};
use super::shown::Shown;
use super::{built_in, node, settings, tree};
use node::{Node, Value};

/// The schema (draft 2020-12), made from the declarations of the settings. What it refuses,
/// [`load`](super::load) refuses; `load` knows more, such as what goes together and what
/// a file holds.
#[must_use]
pub fn schema() -> Shown {
    let defaults = settings::effective(&built_in());
    let mut members = vec![
        member(
            "$schema",
            text("https://json-schema.org/draft/2020-12/schema"),
        ),
        member("$id", text("https://relaykit.dev/relay.schema.json")),
        member("title", text("relay.yaml")),
        member(
            "description",
            text(
                "What a relay is to be. relaykit config validate checks more than this schema can.",
            ),
        ),
    ];
    members.extend(object(settings::root(), Some(&defaults)));
    Shown::Mapping(members)
}

fn member(name: &str, value: Shown) -> (String, Shown) {
    (name.to_owned(), value)
}

fn text(value: &str) -> Shown {
    Shown::Text(value.to_owned())
}

fn texts(values: &[&str]) -> Shown {
    Shown::List(values.iter().map(|value| text(value)).collect())
}

type Members = Vec<(String, Shown)>;

/// A mapping with these keys and no others.
fn object(keys: &[Key], defaults: Option<&Shown>) -> Members {
    let property = |key: &Key| {
        let default = defaults.and_then(|defaults| defaults.at(key.name));
        (key.name.to_owned(), property(key, default))
    };
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.need == Need::Required)
        .map(|key| key.name)
        .collect();
    let mut members = vec![member("type", text("object"))];
    if !required.is_empty() {
        members.push(member("required", texts(&required)));
    }
    let properties = keys.iter().map(property).collect();
    members.push(member("properties", Shown::Mapping(properties)));
    members.push(member("additionalProperties", Shown::Flag(false)));
    members
}

fn property(key: &Key, default: Option<&Shown>) -> Shown {
    let mut members = vec![member("description", text(key.doc))];
    members.extend(shape(&key.kind, default));
    // All keys of a section may be commented out.
    if key.need == Need::Nullable || matches!(key.kind, Kind::Section(_)) {
        or_null(&mut members);
    }
    let told = !matches!(key.kind, Kind::Section(_)) && !has_secrets(&key.kind);
    match default {
        Some(default) if told && key.need != Need::Required => {
            members.push(member("default", default.clone()));
        }
        _ => {}
    }
    if let Some(example) = example(key) {
        members.push(member("examples", Shown::List(vec![example])));
    }
    Shown::Mapping(members)
}

fn shape(kind: &Kind, default: Option<&Shown>) -> Members {
    match kind {
        Kind::Section(keys) => object(keys, default),
        Kind::WordOr(words, keys) => {
            let word = Shown::Mapping(vec![member("enum", texts(words))]);
            let mapping = Shown::Mapping(object(keys, None));
            vec![member("oneOf", Shown::List(vec![word, mapping]))]
        }
        Kind::Word(words) | Kind::WordBut(words, _) => vec![member("enum", texts(words))],
        Kind::Flag => vec![member("type", text("boolean"))],
        // The version: a file of another is not to be judged by this schema.
        Kind::Number(0, u64::MAX) => match default {
            Some(version) => vec![member("const", version.clone())],
            None => vec![member("type", text("integer"))],
        },
        Kind::Number(least, most) => vec![
            member("type", text("integer")),
            member("minimum", Shown::Number(*least)),
            member("maximum", Shown::Number(*most)),
        ],
        Kind::Size => vec![
            member("type", texts(&["string", "integer"])),
            member("pattern", text("^[0-9]+ *(B|kB|KB|KiB|MB|MiB|GB|GiB)?$")),
            member("minimum", Shown::Number(1 << 10)),
        ],
        Kind::Text(_) | Kind::Secret => vec![member("type", text("string"))],
        Kind::List(item, may_be_empty) => {
            let mut members = vec![
                member("type", text("array")),
                member("items", Shown::Mapping(shape(item, None))),
                member("uniqueItems", Shown::Flag(true)),
            ];
            if !may_be_empty {
                members.push(member("minItems", Shown::Number(1)));
            }
            members
        }
        Kind::Several(item) => {
            let one = Shown::Mapping(shape(item, None));
            let mut list = shape(&Kind::List(item.clone(), false), None);
            list.retain(|(name, _)| name != "uniqueItems");
            vec![member(
                "anyOf",
                Shown::List(vec![one, Shown::Mapping(list)]),
            )]
        }
        Kind::Open(_) => {
            let value = Shown::Mapping(vec![member("type", texts(&["string", "number"]))]);
            vec![
                member("type", text("object")),
                member("additionalProperties", value),
            ]
        }
    }
}

fn or_null(members: &mut Members) {
    for (name, value) in members {
        if matches!(name.as_str(), "anyOf" | "oneOf")
            && let Shown::List(shapes) = value
        {
            shapes.push(Shown::Mapping(vec![member("type", text("null"))]));
        }
        if name == "type"
            && let Shown::Text(only) = value
        {
            *value = texts(&[only, "null"]);
        }
    }
}

fn has_secrets(kind: &Kind) -> bool {
    match kind {
        Kind::Secret => true,
        Kind::Section(keys) => keys.iter().any(|key| has_secrets(&key.kind)),
        Kind::List(item, _) | Kind::Several(item) => has_secrets(item),
        _ => false,
    }
}

fn example(key: &Key) -> Option<Shown> {
    let mut report = Report::new(key.name);
    let node = tree::parse(key.example, &mut report)?;
    Some(meaning(&node))
}

fn meaning(node: &Node) -> Shown {
    match &node.value {
        Value::Empty | Value::Null => Shown::Null,
        Value::Scalar { text, .. } => match (node.flag(), node.number()) {
            (Some(flag), _) => Shown::Flag(flag),
            (_, Some(number)) => Shown::Number(number),
            _ => Shown::Text(text.clone()),
        },
        Value::List(items) => Shown::List(items.iter().map(meaning).collect()),
        Value::Mapping(entries) => {
            let entry = |entry: &node::Entry| (entry.key.clone(), meaning(&entry.value));
            Shown::Mapping(entries.iter().map(entry).collect())
        }
    }
}
