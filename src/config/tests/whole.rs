use std::fs;
use std::path::Path;

use super::super::{Spec, built_in, effective, load, load_bytes};
use super::{loaded, spec};

/// The example of the contract, as it stands there.
const CONTRACT: &str = include_str!("contract.yaml");

/// Every key at another value than its default, where this version knows another.
const ALL_CHANGED: &str = "
version: 1
hostname: mx.example.com
listeners: {smtp: 25, submission: null, submissions: 465, bind: '::1'}
relay:
  trusted_networks: [192.0.2.0/24, '[2001:db8::]/32']
  domains: [example.com, example.org]
  message_size_limit: 1000001
  sender_login: own
auth:
  backend: ldap
  mechanisms: [login]
  listeners: [smtp, submissions]
  outlook_compatible: false
  ldap:
    servers: [ldap://one.example.com, 'ldap://[2001:db8::1]:389']
    start_tls: true
    search_base: ou=Staff,dc=example,dc=com
    filter: (&(objectClass=person)(mail=%u))
    bind: {dn: 'cn=relay,dc=example,dc=com', password_file: bind}
    ca: ca.pem
  pam: {users_file: null, stack: null}
tls:
  certificate: {cert: cert.pem, key: keys/key.pem}
  minimum: TLSv1.3
  client_certificates: ask
  client_ca: clients.pem
  outbound: {level: secure, policies: {}, ca: generated}
privacy: {received: keep, show_login: false, strip_headers: [User-Agent, X-Mailer]}
outbound:
  next_hop: '[2001:db8::25]:2525'
  credentials: {user: relay@example.com, password_file: next}
limits: {connections_per_client: 7, messages_per_login_per_hour: 300, failed_logins_per_minute: 9, shared_addresses: [198.51.100.0/24]}
postfix:
  main: {in_flow_delay: 0s, relay_transport: '', qmgr_message_active_limit: '010', soft_bounce: 'yes'}
  master: {10025/inet: n - n - - smtpd}
lab:
  users: [{name: Zoë, password: 'a: b #c'}, {name: '7', password: '0x10'}]
  networks: [shop_default, tools]
  ldaps: 0
";

fn all_changed() -> (tempfile::TempDir, Spec) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("bind", "b1nd\n"), ("next", "n3xt\n")] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let spec = load(ALL_CHANGED, "relay.yaml", folder.path()).unwrap_or_else(|p| panic!("{p}"));
    (folder, spec)
}

#[test]
fn the_contracts_example_is_the_default() {
    let loaded = loaded(CONTRACT).unwrap();
    assert_eq!(loaded.spec, built_in());
    assert_eq!(loaded.warnings, []);
}

#[test]
fn no_beginning_of_a_file_is_a_panic() {
    let base = Path::new("/");
    let mut refused = 0;
    for end in 0..=ALL_CHANGED.len() {
        refused += usize::from(load_bytes(&ALL_CHANGED.as_bytes()[..end], "f", base).is_err());
    }
    assert!(refused > 1000, "{refused}");
    for end in 0..CONTRACT.len() {
        // A stray character in place of another, a different one each time.
        let odd = ["", "\t", "[", "\"", "&", "\u{0}", "- ", "}", ": ", "\n"][end % 10];
        if let (Some(head), Some(tail)) = (CONTRACT.get(..end), CONTRACT.get(end + 1..)) {
            let _ = load(&format!("{head}{odd}{tail}"), "f", base);
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
    assert_eq!(
        spec(&yaml.replace("'***'", "wonderland")),
        built_in(),
        "{yaml}"
    );

    let (_folder, changed) = all_changed();
    let yaml = serde_yaml::to_string(&effective(&changed)).unwrap();
    for secret in ["b1nd", "n3xt", "a: b", "0x10"] {
        assert!(!yaml.contains(secret), "{secret} in {yaml}");
    }
    let yaml = yaml
        .replacen("'***'", "'a: b #c'", 1)
        .replacen("'***'", "'0x10'", 1);
    assert_eq!(spec(&yaml), changed, "{yaml}");
}

/// What is the same in both, by path.
fn unchanged(a: &serde_json::Value, b: &serde_json::Value, path: &str, same: &mut Vec<String>) {
    match (a, b) {
        (serde_json::Value::Object(a), serde_json::Value::Object(b)) if !a.is_empty() => {
            for (key, value) in a {
                unchanged(value, &b[key], &format!("{path}.{key}"), same);
            }
        }
        _ if a == b => same.push(path.to_owned()),
        _ => {}
    }
}

/// A key that the decoder forgot would show its default here.
#[test]
fn every_key_has_an_effect() {
    let (_folder, changed) = all_changed();
    let changed = serde_json::to_value(effective(&changed)).unwrap();
    let default = serde_json::to_value(effective(&built_in())).unwrap();
    let mut same = Vec::new();
    unchanged(&default, &changed, "", &mut same);
    same.sort();
    assert_eq!(
        same,
        [
            ".auth.backend",
            ".auth.pam.stack",
            ".auth.pam.users_file",
            ".auth.users",
            ".tls.outbound.policies",
            ".version",
        ]
    );
}

#[test]
fn problems_are_shown_and_counted() {
    let problems =
        loaded("version: 1\nlisteners: {bind: 0.0.0.0}\nhostname: x\nnope: 1\n").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "relay.yaml:3:11: hostname: found `x`: only one label, expected a fully qualified host name such as relay.example.com; add the domain: `x.example.com`\n\
         relay.yaml:4:1: nope: unknown key `nope`; valid here: version, hostname, listeners, relay, auth, tls, privacy, outbound, limits, postfix, lab\n\
         relay.yaml:2:13: warning: listeners.bind: the lab's ports are open to others, and its passwords stand in relay.yaml; write 127.0.0.1\n\
         relay.yaml: 2 problems, 1 warning"
    );
    let json = serde_json::to_value(&problems.problems[1]).unwrap();
    assert_eq!(json["file"], "relay.yaml");
    assert_eq!((&json["line"], &json["column"]), (&4.into(), &1.into()));
    assert_eq!(json["path"], "nope");
    assert_eq!(json["message"], "unknown key `nope`");
}
