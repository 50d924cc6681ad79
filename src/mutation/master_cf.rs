//! master.cf: services, their columns, and their options (master(5)).

use super::text::{Logical, lines, with};
use super::values;
use super::{Change, Draft, Operator};

/// Programs that can do the work of another and answer for it.
const IN_PLACE_OF: [(&str, &str); 6] = [
    ("smtp", "lmtp"),
    ("smtp", "discard"),
    ("error", "discard"),
    ("bounce", "discard"),
    ("cleanup", "error"),
    ("retry", "error"),
];

/// What columns may hold: their place, their name, and values.
const COLUMNS: [(usize, &str, &[&str]); 5] = [
    (2, "private", &["y", "n"]),
    (3, "unpriv", &["y", "n"]),
    (4, "chroot", &["y", "n"]),
    (5, "wakeup", &["0", "1"]),
    (6, "maxproc", &["0", "1"]),
];

/// The words before the options.
const WORDS: usize = 8;

struct Service<'a> {
    line: &'a Logical,
    key: String,
    program: String,
    /// Each option: its line in the file, its name and its value.
    options: Vec<(usize, String, String)>,
}

/// The changes of `text`, in which `tables` are the maps of the relay.
pub(super) fn drafts(text: &str, tables: &[String]) -> Vec<Draft> {
    let logical = lines(text);
    let services: Vec<Service<'_>> = logical.iter().filter_map(service).collect();
    let mut drafts = Vec::new();
    for service in &services {
        whole(text, service, &mut drafts);
        options(text, service, tables, &mut drafts);
        copies(text, service, &services, &mut drafts);
    }
    drafts
}

fn service(line: &Logical) -> Option<Service<'_>> {
    let mut physical = line.text.lines();
    let words: Vec<&str> = physical.next()?.split_whitespace().collect();
    let options = physical.enumerate().filter_map(|(number, option)| {
        let option = option.trim().strip_prefix("-o ")?.trim();
        let inner = option.strip_prefix('{').and_then(|o| o.strip_suffix('}'));
        let (name, value) = inner.unwrap_or(option).split_once('=')?;
        let at = line.from + 1 + number;
        Some((at, name.trim().to_owned(), value.trim().to_owned()))
    });
    Some(Service {
        line,
        key: format!("{}/{}", words.first()?, words.get(1)?),
        program: (*words.get(WORDS - 1)?).to_owned(),
        options: options.collect(),
    })
}

fn whole(text: &str, service: &Service<'_>, drafts: &mut Vec<Draft>) {
    let from = service.line.from;
    let first = service.line.text.lines().next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let mut add = |operator, place: &str, before: &str, after: String, to| {
        drafts.push(Draft {
            operator,
            place: format!("{}, {place}", service.key),
            before: before.to_owned(),
            change: Change::Text(with(text, from, to, &after)),
            after,
            touches: vec![service.key.clone()],
        });
    };
    let all = service.line.text.as_str();
    add(
        Operator::DropLine,
        "the service",
        all,
        String::new(),
        service.line.to,
    );
    let with_word = |at: usize, new: &str| {
        let mut words = words.clone();
        words[at] = new;
        words.join(" ")
    };
    for (at, name, values) in COLUMNS {
        for value in values.iter().filter(|value| words.get(at) != Some(*value)) {
            let after = with_word(at, value);
            add(Operator::ChangeService, name, first, after, from + 1);
        }
    }
    let verbose = format!("{first} -v");
    add(Operator::Wrap, "its arguments", first, verbose, from + 1);
    for (program, other) in IN_PLACE_OF {
        if service.program == program {
            let after = with_word(WORDS - 1, other);
            add(Operator::ChangeService, "program", first, after, from + 1);
        }
    }
}

fn options(text: &str, service: &Service<'_>, tables: &[String], drafts: &mut Vec<Draft>) {
    for (at, name, value) in &service.options {
        let before = text.lines().nth(*at).unwrap_or_default();
        let mut add = |operator, after: String| {
            drafts.push(Draft {
                operator,
                place: format!("{}, {name}", service.key),
                before: before.to_owned(),
                change: Change::Text(with(text, *at, at + 1, &after)),
                after,
                touches: vec![name.clone(), service.key.clone()],
            });
        };
        add(Operator::DropLine, String::new());
        for (operator, other) in values::others(name, value, tables) {
            add(operator, option(name, &other));
        }
    }
}

/// Options of the services that run the same program.
fn copies(text: &str, service: &Service<'_>, all: &[Service<'_>], drafts: &mut Vec<Draft>) {
    let others = all
        .iter()
        .filter(|other| other.program == service.program && other.key != service.key);
    let first = service.line.text.lines().next().unwrap_or_default();
    for (_, name, value) in others.flat_map(|other| &other.options) {
        if service.options.iter().any(|(_, own, _)| own == name) {
            continue;
        }
        let line = option(name, value);
        let after = format!("{first}\n{line}");
        drafts.push(Draft {
            operator: Operator::CopyOption,
            place: format!("{}, {name}", service.key),
            before: String::new(),
            change: Change::Text(with(text, service.line.from, service.line.from + 1, &after)),
            after: line,
            touches: vec![name.clone(), service.key.clone()],
        });
    }
}

fn option(name: &str, value: &str) -> String {
    if value.contains(char::is_whitespace) {
        format!("    -o {{ {name} = {value} }}")
    } else {
        format!("    -o {name}={value}")
    }
}
