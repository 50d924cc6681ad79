//! Holds a tree against the keys that are declared: unknown and missing keys, wrong
//! types, numbers out of range, words that are not among the choices.

use super::draft::FILL_IN;
use super::node::{Node, Value, join};
use super::problem::{Refusal, Report, alternatives, nearest, quoted};
use super::setting::{Key, Kind, Need};
use super::settings;

const FLAG: &str = "`true` or `false`";
const PARAMETER: &str = "text or a number";

/// Checks a whole file. Nodes with a wrong shape are marked, so that nobody asks for
/// their meaning.
pub(super) fn check(file: &mut Node, report: &mut Report) {
    mapping(file, settings::root(), "", report);
}

/// Checks a file of which no more than one value is there: what is missing beside it, is
/// not missed.
pub(super) fn check_part(file: &mut Node, report: &mut Report) {
    if let Value::Mapping(entries) = &mut file.value {
        for entry in entries {
            let keys = settings::root().iter();
            for key in keys.filter(|key| key.name == entry.key) {
                null_or_value(&mut entry.value, key, key.name, report);
            }
        }
    }
}

fn null_or_value(node: &mut Node, key: &Key, path: &str, report: &mut Report) {
    if is_marked(node) {
        let why = Refusal::new(format!("this is still to be filled in: {}", key.about));
        let why = if key.example.is_empty() {
            why
        } else {
            why.hint(format!("such as `{}: {}`", key.name, key.example))
        };
        report.refuse(node.at, path, why);
        node.sound = false;
        return;
    }
    let absent = matches!(node.value, Value::Null | Value::Empty);
    if !(absent && key.need == Need::Nullable) {
        value(node, &key.kind, path, report);
    }
}

/// Whether a draft's mark stands here, or in a list here.
fn is_marked(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => text == FILL_IN,
        Value::List(items) => items.iter().any(is_marked),
        _ => false,
    }
}

/// Checks the mapping `node` and everything below it.
fn mapping(node: &mut Node, table: &[Key], path: &str, report: &mut Report) {
    let at = node.at;
    let entries = match &mut node.value {
        Value::Mapping(entries) => entries,
        // All keys of a section may be commented out.
        Value::Empty => &mut Vec::new(),
        _ => return mismatch(node, "a mapping of keys to values", path, report, false),
    };
    for entry in entries.iter_mut() {
        let path = join(path, &entry.key);
        let Some(key) = table.iter().find(|key| key.name == entry.key) else {
            report.refuse(entry.at, &path, unknown(&entry.key, table));
            continue;
        };
        null_or_value(&mut entry.value, key, &path, report);
    }
    for key in table.iter().filter(|key| key.need == Need::Required) {
        if !entries.iter().any(|entry| entry.key == key.name) {
            let why = Refusal::new(format!("`{}` is missing: {}", key.name, key.about));
            let why = match key.name {
                "version" => why.hint("write `version: 1` as the first line"),
                name => why.hint(format!("write `{name}: ...`")),
            };
            report.refuse(at, path, why);
        }
    }
}

fn unknown(name: &str, table: &[Key]) -> Refusal {
    let names: Vec<&str> = table.iter().map(|key| key.name).collect();
    let refusal = Refusal::new(format!("unknown key {}", quoted(name)));
    if name == "<<" {
        return Refusal::new("a merge key (`<<`) was found, relay.yaml has none")
            .hint("write the keys out");
    }
    if let Some(meant) = nearest(name, &names) {
        return refusal.hint(format!("did you mean `{meant}`?"));
    }
    match settings::elsewhere(name) {
        Some(path) => refusal.hint(format!("the key belongs at `{path}`")),
        None => refusal.hint(format!("valid here: {}", names.join(", "))),
    }
}

fn value(node: &mut Node, kind: &Kind, path: &str, report: &mut Report) {
    match kind {
        Kind::Section(table) => mapping(node, table, path, report),
        Kind::WordOr(_, table) if matches!(node.value, Value::Mapping(_)) => {
            mapping(node, table, path, report);
        }
        Kind::WordOr(words, table) => {
            let keys: Vec<&str> = table.iter().map(|key| key.name).collect();
            let expected = format!(
                "{} or a mapping with {}",
                alternatives(words),
                keys.join(" and ")
            );
            word(node, words, &expected, path, report);
        }
        Kind::Word(words) => word(node, words, &alternatives(words), path, report),
        Kind::WordBut(words, refused) => {
            match refused.iter().find(|(word, ..)| *word == node.text()) {
                Some((word, why, hint)) => {
                    let why = Refusal::new(format!("`{word}`: {why}"));
                    report.refuse(node.at, path, why.hint(*hint));
                    node.sound = false;
                }
                None => word(node, words, &alternatives(words), path, report),
            }
        }
        Kind::Flag => {
            if node.flag().is_none() {
                mismatch(node, FLAG, path, report, true);
            }
        }
        Kind::Number(least, most) => number(node, *least, *most, path, report),
        Kind::Size => {
            if !matches!(node.value, Value::Scalar { .. }) {
                mismatch(node, "a size such as 25MiB", path, report, true);
            }
        }
        Kind::Text(what) => text(node, what, path, report, Rule::Strict),
        Kind::Secret => text(node, "text", path, report, Rule::Secret),
        Kind::List(kind, _) => list(node, kind, path, report),
        Kind::Several(kind) if matches!(node.value, Value::List(_)) => {
            list(node, kind, path, report);
        }
        Kind::Several(kind) => value(node, kind, path, report),
        Kind::Open(names) => open(node, names, path, report),
    }
}

fn word(node: &mut Node, words: &[&'static str], expected: &str, path: &str, report: &mut Report) {
    let Value::Scalar { text, .. } = &node.value else {
        return mismatch(node, expected, path, report, true);
    };
    if words.contains(&text.as_str()) {
        return;
    }
    let why = Refusal::new(format!("found {}, expected {expected}", quoted(text)));
    let why = match nearest(text, words) {
        Some(meant) => why.hint(format!("did you mean `{meant}`?")),
        None => why,
    };
    report.refuse(node.at, path, why);
    node.sound = false;
}

fn number(node: &mut Node, least: u64, most: u64, path: &str, report: &mut Report) {
    let expected = match (least, most) {
        (0, u64::MAX) => "a whole number".to_owned(),
        (0, 65535) => "a port from 1 to 65535, or 0 to let the kernel pick".to_owned(),
        _ => format!("a whole number from {least} to {most}"),
    };
    match node.number() {
        Some(number) if (least..=most).contains(&number) => {}
        _ => mismatch(node, &expected, path, report, true),
    }
}

/// What text may be besides what it says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// No number and no `true`: those want quotes.
    Strict,
    /// As strict, and no message shows it.
    Secret,
    /// A number is taken as it is written.
    Parameter,
}

/// One line of text: what a line break or control character would do to main.cf,
/// master.cf or saslauthd.conf, no value of relay.yaml can do.
fn text(node: &mut Node, what: &str, path: &str, report: &mut Report, rule: Rule) {
    let shown = rule != Rule::Secret;
    let number = rule != Rule::Parameter && node.is_number();
    let Value::Scalar { text, .. } = &node.value else {
        return mismatch(node, what, path, report, shown);
    };
    if number || node.flag().is_some() {
        return mismatch(node, what, path, report, shown);
    }
    let why = if let Some(control) = text.chars().find(|c| is_control(*c)) {
        Refusal::new(format!(
            "the value contains the control character U+{:04X}, expected {what} on one line",
            u32::from(control)
        ))
    } else if shown && text.trim() != text {
        Refusal::new(format!(
            "found {} with white space at an end, expected {what}",
            quoted(text)
        ))
        .hint("remove the white space")
    } else {
        return;
    };
    report.refuse(node.at, path, why);
    node.sound = false;
}

/// Line and paragraph separators too: they break lines for some readers.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn list(node: &mut Node, kind: &Kind, path: &str, report: &mut Report) {
    let Value::List(items) = &mut node.value else {
        return mismatch(
            node,
            "a list",
            path,
            report,
            !matches!(kind, Kind::Section(_)),
        );
    };
    for (index, item) in items.iter_mut().enumerate() {
        value(item, kind, &format!("{path}[{index}]"), report);
    }
}

fn open(node: &mut Node, names: &str, path: &str, report: &mut Report) {
    match &mut node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let path = join(path, &entry.key);
                if entry.key.chars().any(is_control) {
                    let why = Refusal::new("the name contains a control character");
                    report.refuse(entry.at, &path, why);
                    entry.value.sound = false;
                }
                text(&mut entry.value, PARAMETER, &path, report, Rule::Parameter);
            }
        }
        Value::Empty => {}
        _ => mismatch(
            node,
            &format!("a mapping of {names} to text"),
            path,
            report,
            true,
        ),
    }
}

/// `shown`: whether the value may appear in the message.
fn mismatch(node: &mut Node, expected: &str, path: &str, report: &mut Report, shown: bool) {
    let why = Refusal::new(format!(
        "found {}, expected {expected}",
        node.describe(shown)
    ));
    let why = match mismatch_hint(node, expected) {
        Some(hint) => why.hint(hint),
        None => why,
    };
    report.refuse(node.at, path, why);
    node.sound = false;
}

fn mismatch_hint(node: &Node, expected: &str) -> Option<&'static str> {
    let structure = expected.starts_with("a list") || expected.starts_with("a mapping");
    match &node.value {
        Value::Empty | Value::Null if expected == "a list" => {
            Some("write [] for none, or leave the key out for its default")
        }
        Value::Empty | Value::Null => Some("leave the key out for its default"),
        Value::Scalar { .. } if expected == "a list" => {
            Some("write it in brackets or after a dash")
        }
        Value::Scalar { text, plain: true } if expected == FLAG => match text.as_str() {
            "yes" | "on" => Some("write `true`"),
            "no" | "off" => Some("write `false`"),
            _ => None,
        },
        Value::Scalar { plain: true, .. } if expected == PARAMETER => {
            Some("Postfix wants yes or no")
        }
        Value::Scalar { plain: true, .. } if node.is_number() || node.flag().is_some() => {
            (!structure && !expected.contains("number") && !expected.contains("port"))
                .then_some("put it into quotes")
        }
        Value::Scalar { text, plain: false }
            if text.parse::<u64>().is_ok() || matches!(text.as_str(), "true" | "false") =>
        {
            Some("remove the quotes")
        }
        Value::List(_) if !structure => {
            Some("a value that begins with `[` needs quotes, such as '[host]:587'")
        }
        _ => None,
    }
}
