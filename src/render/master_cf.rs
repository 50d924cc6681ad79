//! master.cf as a value: services with their options, in columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::main_cf::comment;

/// A service, see master(5). The chroot column is always `n`.
pub(super) struct Service {
    /// Why it is there; empty: no comment.
    why: &'static str,
    name: &'static str,
    kind: &'static str,
    /// private, unprivileged, wake-up time and process limit; chroot is not a choice.
    columns: [&'static str; 4],
    command: &'static str,
    /// `-o name=value`, in order.
    options: Vec<(&'static str, String)>,
    /// Further arguments of the command, a line each.
    arguments: Vec<&'static str>,
}

impl Service {
    /// A TCP service that clients connect to.
    pub(super) fn inet(name: &'static str, command: &'static str) -> Self {
        Self::new(name, "inet", ["n", "-", "-", "-"], command)
    }

    /// An internal service with the columns private, unprivileged, wake-up time
    /// and process limit.
    pub(super) fn unix(
        name: &'static str,
        columns: [&'static str; 4],
        command: &'static str,
    ) -> Self {
        Self::new(name, "unix", columns, command)
    }

    /// Any service type.
    pub(super) fn new(
        name: &'static str,
        kind: &'static str,
        columns: [&'static str; 4],
        command: &'static str,
    ) -> Self {
        Self {
            why: "",
            name,
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
    pub(super) fn argument(mut self, line: &'static str) -> Self {
        self.arguments.push(line);
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
                self.name,
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
            // Writing to a String cannot fail.
            let _ = if value.contains(char::is_whitespace) {
                writeln!(text, "    -o {{ {name} = {value} }}")
            } else {
                writeln!(text, "    -o {name}={value}")
            };
        }
        for argument in &self.arguments {
            let _ = writeln!(text, "    {argument}");
        }
    }
}

/// The whole file. An entry of `last_word` replaces the service of its name, or
/// adds one; an empty entry removes it.
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
            Some(theirs) => operator(&mut text, &service.key(), &theirs),
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
