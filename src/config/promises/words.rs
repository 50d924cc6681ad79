//! Values of Postfix parameters, as far as a promise depends on them.

use std::collections::BTreeMap;

use crate::audit;

/// `value` with the operator's own parameters in the place of `$name`, `${name}` and
/// `$(name)`. What relaykit or Postfix sets stays as it is.
pub(super) fn expanded(value: &str, main: &BTreeMap<String, String>) -> String {
    const DEPTH: usize = 4;
    let mut value = value.to_owned();
    for _ in 0..DEPTH {
        let before = value.clone();
        for (name, theirs) in main {
            for form in [format!("${{{name}}}"), format!("$({name})")] {
                value = value.replace(&form, theirs);
            }
            value = bare(&value, name, theirs);
        }
        if value == before {
            break;
        }
    }
    value
}

/// `$name` where no longer name begins.
fn bare(value: &str, name: &str, theirs: &str) -> String {
    let form = format!("${name}");
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find(&form) {
        let (before, from) = rest.split_at(at);
        let after = &from[form.len()..];
        text.push_str(before);
        let longer = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        text.push_str(if longer { &form } else { theirs });
        rest = after;
    }
    text + rest
}

/// The words of a list, in small letters.
fn words(list: &str) -> Vec<String> {
    let mut words = audit::words(list);
    for word in &mut words {
        word.make_ascii_lowercase();
    }
    words
}

/// Whether a list of restrictions comes to one of `rules` (one word or two, such as
/// `check_policy_service unix:x`): it has one, and nothing before it lets everybody
/// pass.
pub(super) fn comes_to(list: &str, rules: &[&str]) -> bool {
    let words = words(list);
    let found = (0..words.len()).find(|at| {
        rules.iter().any(|rule| {
            let rule: Vec<&str> = rule.split(' ').collect();
            words[*at..].len() >= rule.len() && rule.iter().zip(&words[*at..]).all(|(a, b)| a == b)
        })
    });
    found.is_some_and(|at| !words[..at].iter().any(|word| word == "permit"))
}

/// Whether `list` has `word`.
pub(super) fn has(list: &str, word: &str) -> bool {
    words(list).iter().any(|other| other == word)
}

/// Whether a list of networks has everybody in it.
pub(super) fn everybody(list: &str) -> bool {
    let list = words(list);
    list.iter()
        .any(|word| word.ends_with("/0") || word.starts_with("static:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_only_where_something_comes_to_it() {
        let rule = &["reject_x", "check_policy_service unix:/run/x"];
        for list in [
            "reject_x",
            "reject_y, REJECT_X",
            "permit_mynetworks reject_x permit",
            "check_sender_access inline:{a = permit}, reject_x",
            "check_policy_service unix:/run/x",
        ] {
            assert!(comes_to(list, rule), "{list}");
        }
        for list in [
            "",
            "reject_xy",
            "permit, reject_x",
            "check_policy_service unix:/run/y",
            "check_sender_access inline:{reject_x = OK}",
        ] {
            assert!(!comes_to(list, rule), "{list}");
        }
    }

    #[test]
    fn own_parameters_are_put_in() {
        let main = BTreeMap::from([
            ("mine".to_owned(), "reject_x".to_owned()),
            ("more".to_owned(), "$mine, reject_y".to_owned()),
        ]);
        assert_eq!(
            expanded("$more ${mine}", &main),
            "reject_x, reject_y reject_x"
        );
        assert_eq!(expanded("$mine2 $theirs", &main), "$mine2 $theirs");
    }
}
