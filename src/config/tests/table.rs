//! The table of settings against what is made of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::setting::{Kind, Need};
use super::super::{Says, Shown, Spec, add, built_in, effective, load, set, settings};

/// The files that examples name, those that are read.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("ldap.password", "b1nd\n"), ("next-hop.password", "n3xt\n")] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// A relay.yaml of all examples together: every setting at another value than its default.
pub(super) fn examples() -> String {
    let mut text = String::new();
    for (path, key) in settings::all() {
        let depth = path.matches('.').count();
        let indent = "  ".repeat(depth);
        match &key.kind {
            // The directory that the other examples describe would be in its way.
            _ if path.starts_with("auth.pam.") => {}
            // Nor does this go with logins on port 25, which the example of auth.listeners has.
            _ if path == "privacy.earlier_received" => {}
            Kind::Section(_) if key.example.is_empty() => {
                writeln!(text, "{indent}{}:", key.name).unwrap();
            }
            // What is read as a whole has its keys in its own example.
            _ if within_an_example(&path) => {}
            _ => writeln!(text, "{indent}{}: {}", key.name, key.example).unwrap(),
        }
    }
    // What `start_tls: true` is for.
    text.replace("ldaps://ldap", "ldap://ldap")
}

fn within_an_example(path: &str) -> bool {
    settings::all().iter().any(|(above, key)| {
        let below = path.strip_prefix(above.as_str());
        let below = below.is_some_and(|rest| rest.starts_with(['.', '[']));
        below && !key.example.is_empty()
    })
}

pub(super) fn all_changed() -> (tempfile::TempDir, Spec) {
    let folder = folder();
    let text = examples();
    let spec = load(&text, "relay.yaml", folder.path());
    let spec = spec.unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    (folder, spec)
}

#[test]
fn every_setting_is_documented() {
    for (path, key) in settings::all() {
        assert!(!key.about.is_empty(), "{path} says what it is for");
        assert!(!key.about.ends_with('.'), "{path}: {}", key.about);
        assert!(key.doc.ends_with('.'), "{path}: {}", key.doc);
        assert!(!key.doc.contains("  "), "{path}: {}", key.doc);
        let section = matches!(key.kind, Kind::Section(_));
        assert!(section || !key.example.is_empty(), "{path} has an example");
    }
    let names = settings::all();
    let paths: BTreeSet<_> = names.iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), names.len(), "each key is declared once");
}

#[test]
fn a_parameter_belongs_to_one_setting() {
    for (path, key) in settings::all() {
        for parameter in key.parameters {
            let of: Vec<_> = settings::same(parameter).map(|(path, _)| path).collect();
            assert_eq!(of, [path.as_str()], "{parameter}");
        }
    }
}

/// What is the same in both, by path.
fn unchanged(a: &Shown, b: &Shown, path: &str, same: &mut Vec<String>) {
    match (a, b) {
        (Shown::Mapping(ours), Shown::Mapping(_)) if !ours.is_empty() => {
            for (key, value) in ours {
                unchanged(value, b.at(key).unwrap(), &format!("{path}.{key}"), same);
            }
        }
        _ if a == b => same.push(path.to_owned()),
        _ => {}
    }
}

/// A setting that is declared and not read would show its default here.
#[test]
fn every_setting_has_an_effect() {
    let (_folder, changed) = all_changed();
    let mut same = Vec::new();
    unchanged(&effective(&built_in()), &effective(&changed), "", &mut same);
    same.sort();
    assert_eq!(
        same,
        [
            ".auth.backend",
            ".auth.pam.stack",
            ".auth.pam.users_file",
            ".privacy.earlier_received",
            ".version",
        ]
    );
}

/// A part of the `Spec` that no setting reaches would be at its default here: every line
/// of its long form that has a value.
#[test]
fn every_part_of_a_spec_has_a_setting() {
    /// The fields in the long form of `Debug`, by path, with what they hold.
    fn fields(spec: &Spec) -> Vec<(String, String)> {
        let mut above: Vec<String> = Vec::new();
        let mut found = Vec::new();
        for line in format!("{spec:#?}").lines().skip(1) {
            let depth = line.chars().take_while(|c| *c == ' ').count() / 4;
            let Some((name, value)) = line.trim().split_once(": ") else {
                continue;
            };
            above.truncate(depth.saturating_sub(1));
            above.push(name.to_owned());
            let holder = value.ends_with(" {") && !value.starts_with("Some");
            if !holder && depth == above.len() {
                found.push((above.join("."), value.to_owned()));
            }
        }
        found
    }
    let (_folder, changed) = all_changed();
    let (default, changed) = (fields(&built_in()), fields(&changed));
    let of = |path: &str| default.iter().find(|(other, _)| other == path);
    let paths: Vec<&str> = default.iter().map(|(path, _)| path.as_str()).collect();
    assert!(paths.contains(&"auth.ldap.filter"), "{paths:?}");
    for path in [
        "privacy.show_login",
        "limits.connections_per_client",
        "hostname",
    ] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    for (path, value) in &changed {
        // Lists and mappings stand on several lines, each of which is another, and secrets
        // are not told.
        let opens = ["[", "{", "Some(", "***,"].contains(&value.as_str());
        // That it is read, its own test shows (`combinations`).
        if ["auth.users", "auth.stack", "privacy.earlier_received"].contains(&path.as_str()) {
            continue;
        }
        if let Some((_, before)) = of(path).filter(|_| !opens) {
            assert_ne!(before, value, "no setting reaches {path}");
        }
    }
}

#[test]
fn what_would_be_used_loads_to_the_same() {
    let yaml = serde_yaml::to_string(&effective(&built_in())).unwrap();
    assert!(
        yaml.starts_with("version: 1\nhostname: relay.relaykit.test\nlisteners:\n  smtp: 2525\n"),
        "{yaml}"
    );
    assert!(!yaml.contains("wonderland"), "{yaml}");
    let (folder, changed) = all_changed();
    let again = |yaml: &str| {
        let spec = load(yaml, "relay.yaml", folder.path());
        spec.unwrap_or_else(|problems| panic!("{yaml}\n{problems}"))
    };
    assert_eq!(
        again(&yaml.replace("'***'", "wonderland")),
        built_in(),
        "{yaml}"
    );

    let yaml = serde_yaml::to_string(&effective(&changed)).unwrap();
    for secret in ["b1nd", "n3xt", "a: b", "0x10"] {
        assert!(!yaml.contains(secret), "{secret} in {yaml}");
    }
    let yaml = yaml
        .replacen("'***'", "'a: b #c'", 1)
        .replacen("'***'", "'0x10'", 1);
    assert_eq!(again(&yaml), changed, "{yaml}");
}

#[test]
fn null_is_none_where_it_may_be_written() {
    for (path, key) in settings::all() {
        if key.need != Need::Nullable || within_an_example(&path) {
            continue;
        }
        let (_folder, mut spec) = all_changed();
        set(&mut spec, &path, "null").unwrap_or_else(|why| panic!("{path}: {why}"));
        let after = settings::value(&spec, &path).unwrap().to_string();
        assert!(
            after.contains("null") || after.ends_with("null}"),
            "{path}: {after}"
        );
    }
}

#[test]
fn settings_are_said_one_by_one() {
    let mut spec = built_in();
    let said = |spec: &Spec, key: &str| settings::value(spec, key).unwrap().to_string();
    set(&mut spec, "privacy.show_login", "false").unwrap();
    assert_eq!(said(&spec, "privacy.show_login"), "false");
    set(&mut spec, "relay.message_size_limit", "2 MiB").unwrap();
    assert_eq!(said(&spec, "relay.message_size_limit"), "2MiB");
    for network in ["192.0.2.0/24", "2001:db8::/32", "'[2001:db8::]/32'"] {
        add(&mut spec, "relay.trusted_networks", network).unwrap();
    }
    assert_eq!(
        said(&spec, "relay.trusted_networks"),
        "[192.0.2.0/24, [2001:db8::]/32]"
    );
    set(&mut spec, "postfix.main.soft_bounce", "'yes'").unwrap();
    set(&mut spec, "postfix.main.biff", "'no'").unwrap();
    assert_eq!(said(&spec, "postfix.main"), "{biff: no, soft_bounce: yes}");
    assert_eq!(said(&spec, "postfix.main.biff"), "no");
    set(&mut spec, "postfix.main", "{}").unwrap();
    assert_eq!(said(&spec, "postfix.main"), "{}");
    assert_eq!(settings::value(&spec, "postfix.main.biff"), None);

    let before = spec.clone();
    for (key, value, why) in [
        ("privacy.show_logins", "false", "unknown key `show_logins`"),
        (
            "privacy.show_login",
            "perhaps",
            "expected `true` or `false`",
        ),
        ("privacy.show_login", "[", "this is not YAML"),
        ("hostname", "relay", "only one label"),
        ("hostname.x", "relay", "unknown key `x`"),
        ("postfix.main.biffs", "'no'", "Postfix knows no parameter"),
    ] {
        let problems = set(&mut spec, key, value).unwrap_err().to_string();
        assert!(problems.contains(why), "{key}: {problems}");
    }
    assert!(add(&mut spec, "hostname", "a.example").is_err());
    assert_eq!(spec, before);
}

#[test]
fn what_settings_say_is_asked_for() {
    let (_folder, spec) = all_changed();
    let holds = |key: &str, says: Says| says.holds(key, &spec);
    assert!(holds("privacy.received", Says::OneOf(&["hide", "keep"])));
    assert!(!holds("privacy.received", Says::Is("hide")));
    assert!(holds("outbound.credentials", Says::Something));
    assert!(!Says::Something.holds("outbound.credentials", &built_in()));
    assert!(!Says::Something.holds("auth.ldap.bind", &built_in()));
    assert!(!Says::Something.holds("relay.domains", &built_in()));
    assert!(holds("relay.domains", Says::Has("example.com")));
    assert!(!holds("relay.domains", Says::Has("example")));
    assert!(holds("relay.domains", Says::Lacks("example")));
    assert!(holds("lab.users", Says::Items(2)) && !holds("lab.users", Says::Fewer(2)));
    assert!(holds("limits.connections_per_client", Says::AtMost(7)));
    assert!(!holds("limits.connections_per_client", Says::AtMost(6)));
    assert!(holds("relay.message_size_limit", Says::AtMost(50 << 20)));
    assert!(!holds("relay.message_size_limit", Says::AtMost(50 << 19)));
    assert!(!Says::AtMost(9).holds("limits.messages_per_login_per_hour", &built_in()));
    assert!(holds("postfix.main", Says::Without(&["biff"])));
    assert!(!holds(
        "postfix.main",
        Says::Without(&["smtp_connect_timeout"])
    ));
    assert!(!holds("no.such.key", Says::Something));
    let words = Says::AtMost(2 << 20).in_words("relay.message_size_limit");
    assert_eq!(words, "relay.message_size_limit of 2MiB or less");
}
