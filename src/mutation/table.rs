//! Tables of regular expressions, rule by rule (`pcre_table(5)`, `header_checks(5)`).

use super::text::{Logical, lines, replaced, with};
use super::{Change, Draft, Operator};

/// What a place is called before its number.
pub(super) const RULE: &str = "rule ";

/// An action and what may stand in its place. What follows it goes, but for `REPLACE`,
/// whose text nobody else takes.
const ACTIONS: [(&str, &[&str]); 3] = [
    ("REJECT", &["WARN", "IGNORE", "DUNNO"]),
    ("REPLACE", &["IGNORE", "DUNNO", "PREPEND X-Was:"]),
    ("IGNORE", &["DUNNO", "WARN"]),
];

/// Parts of a pattern that hold it to something, and what it fits without them.
const HOLDS: [(&str, &str); 6] = [
    ("^", ""),
    ("$/", "/"),
    ("\\z", ""),
    ("\\.", "."),
    ("\\S", "."),
    ("\\s", "."),
];

/// The changes of `text`.
pub(super) fn drafts(text: &str) -> Vec<Draft> {
    let rules = lines(text);
    let mut drafts = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let first = rule.text.lines().next().unwrap_or_default();
        let place = format!("{RULE}{}", number + 1);
        let mut add = |operator, before: &str, after: String, changed| {
            drafts.push(Draft {
                operator,
                place: place.clone(),
                before: before.to_owned(),
                after,
                touches: Vec::new(),
                change: Change::Text(changed),
            });
        };
        let gone = replaced(text, rule, "");
        add(Operator::RemoveRule, &rule.text, String::new(), gone);
        for wider in wider(first) {
            let changed = with(text, rule.from, rule.from + 1, &wider);
            add(Operator::WidenPattern, first, wider, changed);
        }
        for other in other_actions(rule) {
            let changed = replaced(text, rule, &other);
            add(Operator::ChangeAction, &rule.text, other, changed);
        }
        if let Some(next) = rules.get(number + 1) {
            let both = with(text, next.from, next.to, &rule.text);
            let changed = with(&both, rule.from, rule.to, &next.text);
            let before = format!("{}\n{}", rule.text, next.text);
            let after = format!("{}\n{}", next.text, rule.text);
            add(Operator::Reorder, &before, after, changed);
        }
    }
    drafts
}

/// The pattern of `line` without one of the things that hold it.
fn wider(line: &str) -> Vec<String> {
    let Some(begin) = line.find('/') else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (hold, free) in HOLDS {
        for (at, _) in line.match_indices(hold).filter(|(at, _)| *at > begin) {
            // `[^` is no beginning of a line.
            if hold == "^" && line[..at].ends_with('[') {
                continue;
            }
            all.push(format!("{}{free}{}", &line[..at], &line[at + hold.len()..]));
        }
    }
    all.extend(
        spans(line, '[', ']').map(|(from, to)| format!("{}.{}", &line[..from], &line[to..])),
    );
    for (from, to) in spans(line, '{', '}') {
        let mut numbers = line[from + 1..to - 1].split(',').map(str::parse::<u64>);
        if let Some(Ok(last)) = numbers.next_back() {
            for other in [last.saturating_mul(2), last / 2] {
                let inner = line[from + 1..to - 1].replace(&last.to_string(), &other.to_string());
                all.push(format!("{}{{{inner}}}{}", &line[..from], &line[to..]));
            }
        }
    }
    // An assertion that something does or does not follow.
    for mark in ["(?!", "(?="] {
        for (at, _) in line.match_indices(mark) {
            if let Some(end) = closing(line, at) {
                all.push(format!("{}{}", &line[..at], &line[end..]));
            }
        }
    }
    if let Some(rest) = line.strip_prefix('!') {
        all.push(rest.to_owned());
    }
    all.retain(|wider| wider != line);
    all
}

/// What stands between `open` and `close`, both included.
fn spans(line: &str, open: char, close: char) -> impl Iterator<Item = (usize, usize)> {
    line.match_indices(open).filter_map(move |(from, _)| {
        if line[..from].ends_with('\\') || line[..from].ends_with('$') {
            return None;
        }
        let to = line[from..].find(close)? + from + 1;
        // `[^]]`, `[]x]` and `\]` are no ends, and rare: a broken pattern is a mutant too.
        (!line[..to - 1].ends_with('\\')).then_some((from, to))
    })
}

/// Behind the parenthesis that closes the one at `at`.
fn closing(line: &str, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (offset, c) in line[at..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + offset + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn other_actions(rule: &Logical) -> Vec<String> {
    let Some((pattern, action)) = rule.text.split_once("\n    ") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (word, others) in ACTIONS {
        if action.starts_with(word) {
            all.extend(others.iter().map(|other| format!("{pattern}\n    {other}")));
        }
    }
    // What a result takes over from what was fitted, left out.
    for (at, _) in action.match_indices('$') {
        let rest = &action[at + 1..];
        let end = if rest.starts_with('{') {
            rest.find('}').map(|end| end + 1)
        } else {
            rest.find(|c: char| !c.is_ascii_digit())
                .or(Some(rest.len()))
        };
        if let Some(end) = end {
            all.push(format!("{pattern}\n    {}{}", &action[..at], &rest[end..]));
        }
    }
    all
}
