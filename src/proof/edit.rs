//! Changes of Postfix's configuration as text, as a person makes them: one
//! parameter of main.cf, one option of a service in master.cf.

use std::fmt::Write as _;

/// `main.cf` with `parameter` set to `value` and to nothing else (postconf(5)).
pub(super) fn parameter(main_cf: &str, parameter: &str, value: &str) -> String {
    let mut text = without(main_cf, |line| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        !line.starts_with(char::is_whitespace) && name == Some(parameter)
    });
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{parameter} = {value}");
    text
}

/// `master.cf` with the option `parameter` of `service`, which is its name and
/// type with a slash between (`smtp/inet`), set to `value` (master(5)).
/// `None` where there is no such service.
pub(super) fn option(
    master_cf: &str,
    service: &str,
    parameter: &str,
    value: &str,
) -> Option<String> {
    let (name, kind) = service.split_once('/')?;
    let mut text = String::new();
    let mut found = false;
    let mut inside = false;
    for line in master_cf.lines() {
        if is_entry(line) {
            let mut columns = line.split_whitespace();
            inside = columns.next() == Some(name) && columns.next() == Some(kind);
        }
        if inside && is_option(line, parameter) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        if inside && is_entry(line) {
            found = true;
            let _ = writeln!(text, "    -o {{ {parameter} = {value} }}");
        }
    }
    found.then_some(text)
}

/// `text` without the logical lines that `begins` knows by their first line: a
/// line that begins with white space goes on with the one before.
fn without(text: &str, begins: impl Fn(&str) -> bool) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) {
            inside = begins(line);
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn is_entry(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#') && !line.starts_with(char::is_whitespace)
}

/// `-o name=value` or `-o { name = value }`, one a line as we write them.
fn is_option(line: &str, parameter: &str) -> bool {
    let Some(option) = line.trim_start().strip_prefix("-o ") else {
        return false;
    };
    let option = option.trim_start_matches('{').trim_start();
    option.split_once('=').map(|(name, _)| name.trim()) == Some(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_replaced_with_the_lines_that_go_on_with_it() {
        let text = "# a = comment\na = 1\n  2\nab = 3\n\nb = a = 4\n";
        assert_eq!(
            parameter(text, "a", "9"),
            "# a = comment\nab = 3\n\nb = a = 4\n\na = 9\n"
        );
    }

    #[test]
    fn a_parameter_that_is_not_there_is_added() {
        assert_eq!(parameter("a = 1\n", "b", ""), "a = 1\n\nb = \n");
    }

    const MASTER: &str = "# smtp inet is port 25\nsmtp  inet n - n - - smtpd\n    -o a=1\n    -o { b = 2 }\nsmtp  unix - - n - - smtp\n    -o a=3\n";

    #[test]
    fn an_option_is_replaced_in_its_own_service_alone() {
        let changed = option(MASTER, "smtp/inet", "a", "x, y").unwrap();
        assert_eq!(
            changed,
            "# smtp inet is port 25\nsmtp  inet n - n - - smtpd\n    -o { a = x, y }\n    -o { b = 2 }\nsmtp  unix - - n - - smtp\n    -o a=3\n"
        );
        let changed = option(MASTER, "smtp/inet", "b", "5").unwrap();
        assert!(changed.contains("-o { b = 5 }") && !changed.contains("b = 2"));
    }

    #[test]
    fn a_service_that_is_not_there_is_told() {
        assert_eq!(option(MASTER, "submission/inet", "a", "1"), None);
    }
}
