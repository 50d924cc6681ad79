//! main.cf and master.cf as Postfix reads them (postconf(5), master(5)).

use std::collections::BTreeMap;

use super::words::{arguments, unbraced};

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A parameter of main.cf.
    Main(String),
    /// A service of master.cf, and its `-o` option of that name.
    Option(String, String),
    /// A service of master.cf as a whole.
    Service(String),
    /// A line of a table, and what names the table.
    Line(String, usize, Box<Place>),
}

impl Place {
    /// The parameter that is set there, or through which a table is read.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Main(name) | Self::Option(_, name) => Some(name),
            Self::Service(_) => None,
            Self::Line(_, _, by) => by.parameter(),
        }
    }

    /// In the words of Postfix's files.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Main(name) => format!("main.cf, {name}"),
            Self::Option(service, name) => format!("master.cf, {service}, -o {name}"),
            Self::Service(service) => format!("master.cf, {service}"),
            Self::Line(path, line, by) => format!("{path}, line {line} ({})", by.in_words()),
        }
    }
}

/// A service of master.cf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name and type: `submission/inet`.
    pub key: String,
    /// The third column.
    pub private: String,
    /// The fourth column.
    pub unprivileged: String,
    /// The fifth column.
    pub chroot: String,
    /// The sixth column: seconds, and `?` where it is woken only if it runs.
    pub wakeup: String,
    /// The process limit, the seventh column: a number, or `-` for `default_process_limit`.
    pub limit: String,
    /// The program.
    pub command: String,
    /// `-o name=value`, the last of each name.
    pub options: Vec<(String, String)>,
    /// What else the program is given.
    pub arguments: Vec<String>,
}

/// The configuration that Postfix uses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    main: BTreeMap<String, String>,
    services: Vec<Service>,
}

impl Effective {
    /// Reads both files, or what `postconf -n` and `postconf -M` print of them.
    #[must_use]
    pub fn parse(main_cf: &str, master_cf: &str) -> Self {
        let assignments = logical_lines(main_cf).into_iter();
        let main = assignments.filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        let services = logical_lines(master_cf).into_iter();
        Self {
            main: main.collect(),
            services: services.filter_map(|line| service(&line)).collect(),
        }
    }

    /// The services, in their order.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service of this name and type.
    #[must_use]
    pub fn service(&self, key: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.key == key)
    }

    /// What main.cf says of `name`, expanded; `None`: it is at Postfix's default.
    #[must_use]
    pub fn main(&self, name: &str) -> Option<String> {
        self.main.get(name).map(|value| self.expanded(value))
    }

    /// What `service` uses of `name`, and where that is set.
    pub(super) fn of(&self, service: &Service, name: &str) -> Option<(Place, String)> {
        let option = service.options.iter().find(|(known, _)| known == name);
        match option {
            Some((_, value)) => Some((
                Place::Option(service.key.clone(), name.to_owned()),
                self.expanded(value),
            )),
            None => Some((Place::Main(name.to_owned()), self.main(name)?)),
        }
    }

    /// Everything that is set, expanded.
    pub(super) fn everything(&self) -> Vec<(Place, String, String)> {
        let main = self.main.iter().map(|(name, value)| {
            let place = Place::Main(name.clone());
            (place, name.clone(), self.expanded(value))
        });
        let options = self.services.iter().flat_map(|service| {
            service.options.iter().map(|(name, value)| {
                let place = Place::Option(service.key.clone(), name.clone());
                (place, name.clone(), self.expanded(value))
            })
        });
        main.chain(options).collect()
    }

    /// Every place where `name` is set.
    pub(super) fn everywhere(&self, name: &str) -> Vec<(Place, String)> {
        let all = self.everything().into_iter();
        all.filter(|(_, known, _)| known == name)
            .map(|(place, _, value)| (place, value))
            .collect()
    }

    /// `value` with what main.cf sets in the place of `$name`, `${name}` and `$(name)`.
    /// What is at its default, and what depends on a condition, stays as it is written.
    fn expanded(&self, value: &str) -> String {
        const DEPTH: usize = 8;
        let mut value = value.to_owned();
        for _ in 0..DEPTH {
            let next = self.expanded_once(&value);
            if next == value {
                break;
            }
            value = next;
        }
        value
    }

    fn expanded_once(&self, value: &str) -> String {
        let mut text = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            let after = &from[1..];
            // $$ is a dollar: pcre tables have it.
            if let Some(next) = after.strip_prefix('$') {
                text.push_str("$$");
                rest = next;
                continue;
            }
            let (name, next) = reference(after);
            if let Some(value) = name.and_then(|name| self.main.get(name)) {
                text.push_str(value);
                rest = next;
            } else {
                text.push('$');
                rest = after;
            }
        }
        text + rest
    }
}

/// The name that a reference has, and what follows it.
fn reference(after: &str) -> (Option<&str>, &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (open, close) in [('{', '}'), ('(', ')')] {
        if let Some(inner) = after.strip_prefix(open) {
            let end = inner.find(|c| !part(c)).unwrap_or(inner.len());
            return match inner[end..].strip_prefix(close) {
                Some(next) => (Some(&inner[..end]), next),
                None => (None, after),
            };
        }
    }
    let end = after.find(|c| !part(c)).unwrap_or(after.len());
    (Some(&after[..end]), &after[end..])
}

/// Lines without comments, each with those that go on with it.
pub(super) fn logical_lines(text: &str) -> Vec<String> {
    numbered(text).into_iter().map(|(_, line)| line).collect()
}

/// The same, with the number of the line where each begins.
pub(super) fn numbered(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(trimmed);
            }
            _ => lines.push((index + 1, trimmed.to_owned())),
        }
    }
    lines
}

const COLUMNS: usize = 8;

fn service(line: &str) -> Option<Service> {
    let mut words = arguments(line);
    if words.len() < COLUMNS {
        return None;
    }
    let rest = words.split_off(COLUMNS);
    let mut service = Service {
        key: format!("{}/{}", words[0], words[1]),
        private: words[2].clone(),
        unprivileged: words[3].clone(),
        chroot: words[4].clone(),
        wakeup: words[5].clone(),
        limit: words[6].clone(),
        command: words[7].clone(),
        options: Vec::new(),
        arguments: Vec::new(),
    };
    let mut rest = rest.into_iter();
    while let Some(word) = rest.next() {
        let option = match word.strip_prefix("-o") {
            Some("") => rest.next(),
            Some(option) => Some(option.to_owned()),
            None => None,
        };
        let Some(option) = option else {
            service.arguments.push(word);
            continue;
        };
        let option = unbraced(&option);
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        service.options.retain(|(known, _)| *known != name);
        service.options.push((name, value));
    }
    Some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "# c\nsmtp inet n - n - - smtpd -v\n  -o { a = b c }\n  -oa=$x\n";

    #[test]
    fn both_files_are_read_as_postfix_reads_them() {
        let effective = Effective::parse("# c\nx = 1,\n  2\ny = ${x} $z $$x\n", MASTER);
        assert_eq!(effective.main("y").unwrap(), "1, 2 $z $$x");
        let service = &effective.services()[0];
        assert_eq!(
            (service.key.as_str(), service.limit.as_str()),
            ("smtp/inet", "-")
        );
        assert_eq!(service.arguments, ["-v"]);
        let (place, value) = effective.of(service, "a").unwrap();
        assert_eq!(place, Place::Option("smtp/inet".into(), "a".into()));
        assert_eq!(value, "1, 2");
        assert_eq!(
            effective.of(service, "x").unwrap().0,
            Place::Main("x".into())
        );
    }

    #[test]
    fn a_parameter_that_refers_to_itself_ends() {
        let effective = Effective::parse("a = $b\nb = $a\nc = ${c}x\n", "");
        assert!(effective.main("a").is_some() && effective.main("c").is_some());
    }
}
