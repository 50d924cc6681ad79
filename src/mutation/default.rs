//! What files of Postfix's come to: what is at its default, and what a service sets as
//! main.cf has it, makes no difference (postconf(5), master(5)).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::text::logical;
use crate::audit::{arguments, words};

const DEFAULTS: &str = include_str!("defaults.txt");

/// What a column of master.cf means that is `-`.
const COLUMNS: [&str; 5] = ["y", "y", "n", "0", "100"];

/// The words before the options of a service.
const WORDS: usize = 8;

static DEFAULT: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = DEFAULTS.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), of_this_level(value.trim())))
        .collect()
});

/// Of a default that depends on `compatibility_level` what later levels have:
/// `${{$compatibility_level} <level {1} ? {this} : {that}}`.
fn of_this_level(value: &str) -> &str {
    let condition = value.starts_with("${{$compatibility_level} <level ");
    let last = value.rsplit_once(" : {").filter(|_| condition);
    last.and_then(|(_, rest)| rest.strip_suffix("}}"))
        .unwrap_or(value)
}

/// What saslauthd's LDAP has where its file says nothing (`LDAP_SASLAUTHD`).
const OF_SASLAUTHD: [&str; 8] = [
    "ldap_auth_method: bind",
    "ldap_deref: never",
    "ldap_referrals: no",
    "ldap_scope: sub",
    "ldap_start_tls: no",
    "ldap_time_limit: 5",
    "ldap_timeout: 5",
    "ldap_version: 3",
];

/// The lines of any other file that say something of their own.
pub(super) fn keyed(text: &str) -> Vec<String> {
    let mut lines = logical(text);
    lines.retain(|line| !OF_SASLAUTHD.contains(&line.as_str()));
    lines
}

type Settings = BTreeMap<String, String>;

/// The parameters of a main.cf that are not at their defaults.
pub(super) fn effective(main_cf: &str) -> Settings {
    let set = assignments(main_cf);
    let kept = set.iter().filter_map(|(name, value)| {
        let value = expanded(value, &set);
        let default = DEFAULT.get(name.as_str()).copied().unwrap_or_default();
        (value != expanded(default, &set)).then(|| (name.clone(), value))
    });
    kept.collect()
}

/// The services of a master.cf, each with what it is and the options that main.cf does
/// not say as well.
pub(super) fn services(
    master_cf: &str,
    main_cf: &str,
) -> BTreeMap<String, (Vec<String>, Settings)> {
    let set = assignments(main_cf);
    let of_main = |name: &str| {
        let value = set.get(name).map(String::as_str);
        let value = value.or_else(|| DEFAULT.get(name).copied());
        expanded(value.unwrap_or_default(), &set)
    };
    let services = logical(master_cf).into_iter().filter_map(|line| {
        let all = arguments(&line);
        let key = format!("{}/{}", all.first()?, all.get(1)?);
        let mut what: Vec<String> = Vec::new();
        for (at, word) in all.get(2..WORDS)?.iter().enumerate() {
            let default = COLUMNS.get(at).filter(|_| word == "-");
            what.push(default.map_or_else(|| word.clone(), |d| (*d).to_owned()));
        }
        let mut options = Settings::new();
        let mut rest = all[WORDS..].iter();
        while let Some(word) = rest.next() {
            if word != "-o" {
                what.push(word.clone());
                continue;
            }
            let option = rest.next()?;
            let inner = option.strip_prefix('{').and_then(|o| o.strip_suffix('}'));
            let (name, value) = inner.unwrap_or(option).split_once('=')?;
            options.insert(name.trim().to_owned(), expanded(value, &set));
        }
        options.retain(|name, value| *value != of_main(name));
        Some((key, (what, options)))
    });
    services.collect()
}

fn assignments(main_cf: &str) -> Settings {
    let lines = logical(main_cf).into_iter();
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect()
}

/// `value` with `$name` in it told, and one blank between words of a list.
fn expanded(value: &str, set: &Settings) -> String {
    const DEPTH: usize = 6;
    let mut value = words(value).join(" ");
    for _ in 0..DEPTH {
        let Some((from, to, name)) = reference(&value) else {
            break;
        };
        let known = set.get(&name).map(String::as_str);
        let Some(told) = known.or_else(|| DEFAULT.get(name.as_str()).copied()) else {
            break;
        };
        value = words(&format!("{}{told}{}", &value[..from], &value[to..])).join(" ");
    }
    value
}

/// The first `$name`: where it stands, and the name.
fn reference(value: &str) -> Option<(usize, usize, String)> {
    let from = value.find('$')?;
    let rest = &value[from + 1..];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let braced = rest.strip_prefix('{').and_then(|inner| {
        let (name, _) = inner.split_once('}')?;
        name.chars().all(is_name).then(|| (name.len() + 2, name))
    });
    let plain = || {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        (end > 0).then(|| (end, &rest[..end]))
    };
    let (length, name) = braced.or_else(plain)?;
    Some((from, from + 1 + length, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_its_default_is_no_setting() {
        let text = "alias_maps =\nsmtpd_helo_required = yes\nmyorigin = $myhostname\nbiff=yes\n\
                    relay_transport = relay\nsmtpd_forbidden_commands = CONNECT GET, POST\n";
        let kept: Vec<String> = effective(text).into_keys().collect();
        assert_eq!(
            kept,
            [
                "alias_maps",
                "smtpd_forbidden_commands",
                "smtpd_helo_required"
            ]
        );
        assert_eq!(
            effective("a = b, c\n"),
            effective("# x\na =\n  b\n  c\n"),
            "lists are parted at blanks, too"
        );
    }

    #[test]
    fn an_option_that_main_cf_has_too_is_none() {
        let main = "smtpd_tls_security_level = may\n";
        let with = |options: &str| services(&format!("smtp inet n - n - - smtpd{options}\n"), main);
        assert_eq!(with(""), with("\n  -o smtpd_tls_security_level=may"));
        assert_ne!(
            with(""),
            with("\n  -o { smtpd_tls_security_level = encrypt }")
        );
        assert_ne!(with(""), with(" -v"));
        let dashed = services("smtp inet n y n 0 100 smtpd\n", main);
        assert_eq!(with(""), dashed);
    }
}
