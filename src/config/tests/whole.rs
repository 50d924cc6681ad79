use std::path::Path;

use super::super::{
    Certificate, ClientCertificates, Spec, TrustAnchor, built_in, load, load_bytes,
    missing_for_production,
};
use super::loaded;
use super::table::{all_changed, examples};

/// The example of the contract, as it stands there.
const CONTRACT: &str = include_str!("contract.yaml");

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
    let examples = examples();
    for end in 0..=examples.len() {
        refused += usize::from(load_bytes(&examples.as_bytes()[..end], "f", base).is_err());
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
