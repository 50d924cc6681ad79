use std::fs;
use std::path::Path;

use super::super::{
    Certificate, ClientCertificates, Spec, TrustAnchor, built_in, effective, load, load_bytes,
    missing_for_production,
};
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
            ".tls.outbound.policies",
            ".version",
        ]
    );
}

#[test]
fn a_lab_is_not_for_production() {
    let missing = |spec: &Spec| -> Vec<String> {
        missing_for_production(spec)
            .into_iter()
            .map(|missing| missing.path)
            .collect()
    };
    let mut lab = built_in();
    assert_eq!(
        missing(&lab),
        [
            "hostname",
            "auth.ldap.servers",
            "auth.ldap.search_base",
            "auth.ldap.ca",
            "tls.certificate",
            "outbound.next_hop"
        ]
    );
    lab.listeners.smtp = Some(0);
    lab.tls.outbound.ca = TrustAnchor::Generated;
    lab.postfix
        .main
        .insert("smtpd_tls_auth_only".to_owned(), "no".to_owned());
    lab.postfix
        .main
        .insert("in_flow_delay".to_owned(), "0".to_owned());
    lab.postfix.master.insert(
        "x/inet".to_owned(),
        "n - n - - smtpd -o mynetworks=192.0.2.1".to_owned(),
    );
    let all = missing(&lab);
    for path in [
        "listeners.smtp",
        "tls.outbound.ca",
        "postfix.main.smtpd_tls_auth_only",
        "postfix.master.x/inet",
    ] {
        assert!(
            all.iter().any(|missing| missing == path),
            "{path} in {all:?}"
        );
    }
    assert_eq!(all.len(), 10);

    let (_folder, mut production) = all_changed();
    production.tls.outbound.ca = TrustAnchor::System;
    production.lab = built_in().lab;
    assert!(matches!(
        production.tls.certificate,
        Certificate::Files { .. }
    ));
    assert_eq!(missing(&production), Vec::<String>::new());
    production
        .auth
        .ldap
        .servers
        .push("ldap://directory:389".to_owned());
    production.tls.client_certificates = ClientCertificates::Require;
    assert_eq!(missing(&production), ["auth.ldap.servers"]);
    production.tls.client_ca = None;
    assert_eq!(missing(&production), ["auth.ldap.servers", "tls.client_ca"]);
    let line = missing_for_production(&production)[0].to_string();
    assert_eq!(
        line,
        "auth.ldap.servers: `directory` is the lab's test directory; write [ldaps://your.directory]"
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
