//! Lookup tables (`DATABASE_README`): their entries, as far as they can be read.

use super::Place;
use super::effective::numbered;
use super::words::{unbraced, words};

/// Where files are read from.
pub trait Tables {
    /// The text of the table at `path`, as its source has it; `kind` is its type, such
    /// as `lmdb`. `None`: nobody can read it here.
    fn text(&self, kind: &str, path: &str) -> Option<String>;
}

/// An entry of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) place: Place,
    /// What is looked for.
    pub(super) key: Key,
    pub(super) value: String,
}

/// What an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Just this.
    Is(String),
    /// What a regular expression fits; `true`: what it does not fit.
    Fits(String, bool),
    /// Anything at all (`static:`).
    Anything,
}

impl Key {
    /// In words, where what is looked for is called `what`: `the client x`.
    pub(super) fn of(&self, every: &str, what: &str) -> String {
        match self {
            Self::Is(key) => format!("{what}{key}"),
            Self::Fits(pattern, false) => format!("{what}(whatever fits {pattern})"),
            Self::Fits(pattern, true) => format!("{what}(whatever does not fit {pattern})"),
            Self::Anything => every.to_owned(),
        }
    }
}

/// What is known of a table.
pub(super) enum Content {
    Rows(Vec<Row>),
    /// It is asked of a program or a server, and what that says changes.
    Elsewhere,
    /// Its file cannot be read here.
    Unread,
    /// No table of this type is in the image.
    Unknown(String),
}

/// Types whose tables are texts of keys and values.
const FILES: [&str; 4] = ["hash", "lmdb", "texthash", "btree"];
/// Types whose tables are patterns.
const PATTERNS: [&str; 3] = ["cidr", "pcre", "regexp"];
/// Types that ask somebody.
const ASKED: [&str; 6] = ["environ", "ldap", "nis", "socketmap", "tcp", "unix"];
/// Types that the image's Postfix lacks.
const ABSENT: [&str; 8] = [
    "cdb", "dbm", "mysql", "mongodb", "nisplus", "pgsql", "sdbm", "sqlite",
];
/// Types that are made of others.
const MADE: [&str; 2] = ["pipemap", "unionmap"];

/// Whether `word` names a table: `type:name`.
pub(super) fn is_table(word: &str) -> bool {
    let kind = kind(word);
    let known = FILES.iter().chain(&PATTERNS).chain(&ASKED).chain(&ABSENT);
    let other = ["inline", "static", "randmap", "proxy", "fail", "memcache"];
    known.chain(&MADE).chain(&other).any(|name| *name == kind)
}

fn kind(word: &str) -> &str {
    let word = word.strip_prefix('!').unwrap_or(word);
    word.split_once(':').map_or("", |(kind, _)| kind)
}

/// Reads the table that `word` names.
pub(super) fn read(word: &str, by: &Place, tables: &dyn Tables) -> Content {
    let Some((kind, name)) = word.split_once(':') else {
        return Content::Unread;
    };
    if ABSENT.contains(&kind) {
        return Content::Unknown(kind.to_owned());
    }
    let row = |key: &str, value: &str| Row {
        place: by.clone(),
        key: Key::Is(key.to_owned()),
        value: value.to_owned(),
    };
    match kind {
        "proxy" => read(name, by, tables),
        "static" => Content::Rows(vec![Row {
            place: by.clone(),
            key: Key::Anything,
            value: unbraced(name).to_owned(),
        }]),
        "inline" => {
            let inner = unbraced(name);
            let pairs = pairs(inner);
            Content::Rows(pairs.iter().map(|(key, value)| row(key, value)).collect())
        }
        "randmap" => Content::Rows(
            words(unbraced(name))
                .into_iter()
                .map(|value| Row {
                    place: by.clone(),
                    key: Key::Anything,
                    value,
                })
                .collect(),
        ),
        "fail" => Content::Rows(Vec::new()),
        made if MADE.contains(&made) => union(unbraced(name), by, tables),
        pattern if PATTERNS.contains(&pattern) => {
            if name.starts_with('{') {
                let rules = words(unbraced(name)).into_iter();
                let rules = rules.map(|rule| (by.clone(), unbraced(&rule).to_owned()));
                return Content::Rows(patterns(pattern, rules));
            }
            let Some(text) = tables.text(pattern, name) else {
                return Content::Unread;
            };
            let lines = numbered(&text).into_iter().map(|(number, line)| {
                let by = Box::new(by.clone());
                (Place::Line(name.to_owned(), number, by), line)
            });
            Content::Rows(patterns(pattern, lines))
        }
        file if FILES.contains(&file) => {
            let Some(text) = tables.text(file, name) else {
                return Content::Unread;
            };
            let lines = numbered(&text).into_iter();
            let rows = lines.map(|(number, line)| {
                let (key, value) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
                let by = Box::new(by.clone());
                Row {
                    place: Place::Line(name.to_owned(), number, by),
                    ..row(key.strip_suffix(':').unwrap_or(key), value.trim())
                }
            });
            Content::Rows(rows.collect())
        }
        asked if ASKED.contains(&asked) => Content::Elsewhere,
        _ => Content::Unread,
    }
}

/// All of the tables that one is made of.
fn union(list: &str, by: &Place, tables: &dyn Tables) -> Content {
    let mut rows = Vec::new();
    for word in words(list) {
        match read(&word, by, tables) {
            Content::Rows(more) => rows.extend(more),
            other => return other,
        }
    }
    Content::Rows(rows)
}

/// `key = value, { key = value }`: Postfix's name-value list, where a value without
/// braces is one word.
fn pairs(list: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            break;
        }
        if rest.starts_with('{') {
            let word = words(rest).into_iter().next().unwrap_or_default();
            rest = &rest[word.len().min(rest.len())..];
            if let Some((key, value)) = unbraced(&word).split_once('=') {
                pairs.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            continue;
        }
        let Some((key, after)) = rest.split_once('=') else {
            break;
        };
        let after = after.trim_start();
        let value = words(after).into_iter().next().unwrap_or_default();
        let end = after
            .find(&value)
            .map_or(after.len(), |at| at + value.len());
        pairs.push((key.trim().to_owned(), unbraced(&value).to_owned()));
        rest = &after[end..];
    }
    pairs
}

/// The rules of a table of patterns; what `if` and `endif` narrow is read as if it were
/// not narrowed.
fn patterns(kind: &str, lines: impl Iterator<Item = (Place, String)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, line) in lines {
        let first = line.split_whitespace().next().unwrap_or_default();
        if matches!(first.to_ascii_lowercase().as_str(), "if" | "endif") {
            continue;
        }
        let (key, value) = if kind == "cidr" {
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            (Key::Is(key.to_owned()), value)
        } else {
            pattern(&line)
        };
        rows.push(Row {
            place,
            key,
            value: value.trim().to_owned(),
        });
    }
    rows
}

/// `!/pattern/flags value`.
fn pattern(line: &str) -> (Key, &str) {
    let negated = line.starts_with('!');
    let start = line.trim_start_matches('!').trim_start();
    let Some(delimiter) = start.chars().next() else {
        return (Key::Anything, "");
    };
    let mut escaped = false;
    let body = &start[delimiter.len_utf8()..];
    let end = body.char_indices().find(|(_, c)| {
        let ends = *c == delimiter && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let end = end.map_or(start.len(), |(at, c)| {
        delimiter.len_utf8() + at + c.len_utf8()
    });
    let flags = start[end..].find(char::is_whitespace);
    let end = flags.map_or(start.len(), |at| end + at);
    (Key::Fits(start[..end].to_owned(), negated), &start[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);

    impl Tables for One {
        fn text(&self, _: &str, path: &str) -> Option<String> {
            (path == "/t").then(|| self.0.to_owned())
        }
    }

    fn rows(word: &str, text: &'static str) -> Vec<(String, String)> {
        match read(word, &Place::Main("p".into()), &One(text)) {
            Content::Rows(rows) => rows
                .into_iter()
                .map(|row| (row.key.of("*", ""), row.value))
                .collect(),
            _ => panic!("{word} is not read"),
        }
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_kind_of_table_is_read() {
        let ok = [pair("a", "OK")];
        for word in [
            "hash:/t",
            "lmdb:/t",
            "texthash:/t",
            "proxy:hash:/t",
            "unionmap:{lmdb:/t}",
        ] {
            assert_eq!(rows(word, "# c\na OK\n"), ok, "{word}");
        }
        assert_eq!(
            rows("inline:{a=OK, {b = x y}, c = z}", ""),
            [pair("a", "OK"), pair("b", "x y"), pair("c", "z")]
        );
        assert_eq!(rows("static:{a b}", ""), [pair("*", "a b")]);
        assert_eq!(
            rows("cidr:/t", "192.0.2.0/24 OK\n"),
            [pair("192.0.2.0/24", "OK")]
        );
        let cidr = rows("cidr:{{192.0.2.1 OK}, {::/0 REJECT}}", "");
        assert_eq!(cidr, [pair("192.0.2.1", "OK"), pair("::/0", "REJECT")]);
        let pcre = rows("pcre:/t", "if /x/\n/a\\/b c/i OK x\n!/d/ DUNNO\nendif\n");
        assert_eq!(
            pcre,
            [
                pair("(whatever fits /a\\/b c/i)", "OK x"),
                pair("(whatever does not fit /d/)", "DUNNO")
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_from_what_is_empty() {
        let by = Place::Main("p".into());
        let read = |word| read(word, &by, &One(""));
        assert!(matches!(read("hash:/other"), Content::Unread));
        assert!(matches!(read("mysql:/t"), Content::Unknown(_)));
        assert!(matches!(read("ldap:people"), Content::Elsewhere));
        assert!(matches!(read("hash:/t"), Content::Rows(rows) if rows.is_empty()));
    }

    #[test]
    fn a_line_of_a_file_has_its_number() {
        let Content::Rows(rows) =
            super::read("hash:/t", &Place::Main("p".into()), &One("#\n\na b\n"))
        else {
            panic!("unread")
        };
        assert!(matches!(&rows[0].place, Place::Line(path, 3, _) if path == "/t"));
    }
}
