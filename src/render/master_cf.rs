//! master.cf as a value: services with their options, in columns.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::main_cf::comment;
use crate::audit;

/// A service, see master(5). The chroot column is always `n`.
pub(super) struct Service {
    /// Why it is there; empty: no comment.
    why: &'static str,
    name: Cow<'static, str>,
    kind: &'static str,
    /// private, unprivileged, wake-up time and process limit; chroot is not a choice.
    columns: [&'static str; 4],
    command: &'static str,
    /// `-o name=value`, in order.
    options: Vec<(&'static str, String)>,
    /// Further arguments of the command, a line each.
    arguments: Vec<Cow<'static, str>>,
}

impl Service {
    /// A TCP service that clients connect to.
    pub(super) fn inet(name: impl Into<Cow<'static, str>>, command: &'static str) -> Self {
        Self::new(name, "inet", ["n", "-", "-", "-"], command)
    }

    /// An internal service with the columns private, unprivileged, wake-up time
    /// and process limit.
    pub(super) fn unix(
        name: impl Into<Cow<'static, str>>,
        columns: [&'static str; 4],
        command: &'static str,
    ) -> Self {
        Self::new(name, "unix", columns, command)
    }

    /// Any service type.
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        kind: &'static str,
        columns: [&'static str; 4],
        command: &'static str,
    ) -> Self {
        Self {
            why: "",
            name: name.into(),
            kind,
            columns,
            command,
            options: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// How many processes it may have at once.
    pub(super) fn at_most(mut self, processes: &'static str) -> Self {
        self.columns[3] = processes;
        self
    }

    /// Why the service is there, or is as it is.
    pub(super) fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// Adds `-o name=value`.
    pub(super) fn option(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.options.push((name, value.into()));
        self
    }

    /// Adds a line of arguments.
    pub(super) fn argument(mut self, line: impl Into<Cow<'static, str>>) -> Self {
        self.arguments.push(line.into());
        self
    }

    /// Changes the service with `more` if `condition` holds.
    pub(super) fn when(self, condition: bool, more: impl FnOnce(Self) -> Self) -> Self {
        if condition { more(self) } else { self }
    }

    /// `name/type`, as postconf(1) `-M` names it.
    fn key(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }

    fn write(&self, text: &mut String) {
        let [private, unprivileged, wakeup, limit] = self.columns;
        line(
            text,
            [
                &self.name,
                self.kind,
                private,
                unprivileged,
                "n",
                wakeup,
                limit,
                self.command,
            ],
        );
        for (name, value) in &self.options {
            option(text, name, value);
        }
        for argument in &self.arguments {
            let _ = writeln!(text, "    {argument}");
        }
    }

    /// As the operator's `entry` has it.
    fn write_with(&self, entry: &str, text: &mut String) {
        let key = self.key();
        let theirs = Entry::read(&key, entry);
        if theirs.command() != Some(self.command) {
            return operator(text, &key, entry);
        }
        text.push_str("# postfix.master in relay.yaml:\n");
        // Writing to a String cannot fail.
        let (name, kind) = (&self.name, self.kind);
        let _ = writeln!(text, "{name:<14} {kind:<10} {}", theirs.columns.join(" "));
        for (name, ours) in &self.options {
            option(text, name, theirs.value(name).unwrap_or(ours));
        }
        let ours = |name: &str| self.options.iter().any(|(known, _)| *known == name);
        for (name, value) in theirs.options.iter().filter(|(name, _)| !ours(name)) {
            option(text, name, value);
        }
        if theirs.arguments.is_empty() {
            for argument in &self.arguments {
                let _ = writeln!(text, "    {argument}");
            }
        }
        for argument in &theirs.arguments {
            let _ = writeln!(text, "    {argument}");
        }
    }

    /// Its options: `service/type name` to value.
    pub(super) fn options(&self) -> impl Iterator<Item = (String, String)> {
        let key = self.key();
        let options = self.options.iter();
        options.map(move |(name, value)| (format!("{key} {name}"), value.clone()))
    }

    /// What the operator's `entry` makes of its options, as [`Self::options`] names them:
    /// `None` for those that go with the program that it replaces.
    pub(super) fn decided_by(&self, entry: &str) -> Vec<(String, Option<String>)> {
        let key = self.key();
        let theirs = Entry::read(&key, entry);
        let replaced = theirs.command() != Some(self.command);
        let ours = self.options.iter().filter(|_| replaced);
        let ours = ours.map(|(name, _)| (format!("{key} {name}"), None));
        let theirs = theirs.options.iter();
        let theirs = theirs.map(|(name, value)| (format!("{key} {name}"), Some(value.clone())));
        ours.chain(theirs).collect()
    }

    /// Whether it is the service `key`.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key() == key
    }
}

/// An entry of `postfix.master`, taken apart.
#[derive(Default)]
struct Entry {
    /// Up to and with the command.
    columns: Vec<String>,
    options: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Entry {
    /// What follows `service type`, or the whole line as `postconf -Me` takes it. Braces
    /// hold a word together (master(5)).
    fn read(key: &str, entry: &str) -> Self {
        let (name, kind) = key.split_once('/').unwrap_or((key, "unix"));
        let mut words = words(entry);
        if words.first().map(String::as_str) == Some(name)
            && words.get(1).map(String::as_str) == Some(kind)
        {
            words.drain(..2);
        }
        let rest = words.split_off(words.len().min(COLUMNS_OF_ENTRY));
        let mut read = Self {
            columns: words,
            ..Self::default()
        };
        let mut rest = rest.into_iter();
        while let Some(word) = rest.next() {
            let option = match word.strip_prefix("-o") {
                Some("") => rest.next(),
                Some(option) => Some(option.to_owned()),
                None => None,
            };
            match option {
                Some(option) => {
                    let braced = option.strip_prefix('{').and_then(|o| o.strip_suffix('}'));
                    let option = braced.unwrap_or(&option);
                    let (name, value) = option.split_once('=').unwrap_or((option, ""));
                    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                    // The last one counts.
                    read.options.retain(|(known, _)| *known != name);
                    read.options.push((name, value));
                }
                None => read.arguments.push(word),
            }
        }
        read
    }

    fn command(&self) -> Option<&str> {
        self.columns.get(COLUMNS_OF_ENTRY - 1).map(String::as_str)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let option = self.options.iter().find(|(known, _)| known == name);
        option.map(|(_, value)| value.as_str())
    }
}

/// private, unprivileged, chroot, wake-up time, process limit, command.
const COLUMNS_OF_ENTRY: usize = 6;

/// Arguments, each on one line.
fn words(text: &str) -> Vec<String> {
    let words = audit::arguments(text).into_iter();
    words
        .map(|word| word.replace(char::is_whitespace, " "))
        .collect()
}

fn option(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = if value.contains(char::is_whitespace) {
        writeln!(text, "    -o {{ {name} = {value} }}")
    } else {
        writeln!(text, "    -o {name}={value}")
    };
}

/// The whole file. An entry of `last_word` has the last word on the service of its name,
/// or adds one; an empty entry removes it. Where it runs the same program, the options
/// that it does not set stay: what makes mail anonymous stands in them.
pub(super) fn render(
    title: &str,
    services: &[Service],
    last_word: &BTreeMap<String, String>,
) -> String {
    let mut text = String::new();
    comment(&mut text, title);
    text.push_str(COLUMNS);
    let mut left = last_word.clone();
    for service in services {
        if !service.why.is_empty() {
            text.push('\n');
            comment(&mut text, service.why);
        }
        match left.remove(&service.key()) {
            Some(theirs) => service.write_with(&theirs, &mut text),
            None => service.write(&mut text),
        }
    }
    if !left.is_empty() {
        text.push('\n');
        comment(&mut text, "The last word: postfix.master in relay.yaml.");
        for (key, theirs) in &left {
            operator(&mut text, key, theirs);
        }
    }
    text
}

const COLUMNS: &str = "#\n# service      type       private unpriv chroot wakeup maxproc command\n";

fn line(
    text: &mut String,
    [name, kind, private, unpriv, chroot, wakeup, limit, command]: [&str; 8],
) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{name:<14} {kind:<10} {private:<7} {unpriv:<6} {chroot:<6} {wakeup:<6} {limit:<7} {command}"
    );
}

/// The operator's own entry: what follows `service type`, or the whole line as
/// `postconf -Me` takes it.
fn operator(text: &mut String, key: &str, entry: &str) {
    text.push_str("# postfix.master in relay.yaml:\n");
    let (name, kind) = key.split_once('/').unwrap_or((key, "unix"));
    let mut words: Vec<&str> = entry.split_whitespace().collect();
    if words.first() == Some(&name) && words.get(1) == Some(&kind) {
        words.drain(..2);
    }
    if words.is_empty() {
        let _ = writeln!(text, "# {key} is removed");
        return;
    }
    let _ = writeln!(text, "{name:<14} {kind:<10} {}", words.join(" "));
}

#[cfg(test)]
mod tests {
    use super::{Service, render};
    use std::collections::BTreeMap;

    #[test]
    fn options_of_the_operator_are_merged_one_by_one() {
        let services = [Service::inet("submission", "smtpd")
            .option("a", "b")
            .option("c", "d e")
            .option("f", "g")];
        let written = |entry: &str| {
            let key = "submission/inet".to_owned();
            let text = render("t", &services, &BTreeMap::from([(key, entry.to_owned())]));
            let options = text.lines().filter(|line| line.starts_with("    "));
            options
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let ours = ["-o a=b", "-o { c = d e }", "-o f=g"];
        assert_eq!(written("n - n - - smtpd"), ours);
        assert_eq!(written("n - n - - smtpd -o a=b -o { c = d e } -of=g"), ours);
        assert_eq!(
            written("n - n - 7 smtpd -v\n  -o {c=x}\n  -o f= -o h={ y z }"),
            ["-o a=b", "-o c=x", "-o f=", "-o { h = { y z } }", "-v"]
        );
        // Another program has other options.
        assert!(written("n - n - 1 postscreen -o h=1").is_empty());
    }

    #[test]
    fn entries_of_the_operator_replace_add_and_remove() {
        let services = [
            Service::inet("smtp", "smtpd")
                .option("a", "b")
                .option("c", "d e"),
            Service::unix("error", ["-", "-", "-", "-"], "error"),
            Service::unix("showq", ["n", "-", "-", "-"], "showq"),
        ];
        let last_word = BTreeMap::from([
            ("error/unix".to_owned(), "- - n - 5 error".to_owned()),
            ("showq/unix".to_owned(), String::new()),
            (
                "x/inet".to_owned(),
                "x inet n - n - - smtpd\n -o a=b".to_owned(),
            ),
        ]);
        let text = render("master.cf", &services, &last_word);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[3..],
            [
                "smtp           inet       n       -      n      -      -       smtpd",
                "    -o a=b",
                "    -o { c = d e }",
                "# postfix.master in relay.yaml:",
                "error          unix       - - n - 5 error",
                "# postfix.master in relay.yaml:",
                "# showq/unix is removed",
                "",
                "# The last word: postfix.master in relay.yaml.",
                "# postfix.master in relay.yaml:",
                "x              inet       n - n - - smtpd -o a=b",
            ]
        );
    }
}
