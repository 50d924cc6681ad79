use std::path::{Path, PathBuf};

use super::*;
use crate::config::{self, ClientCertificates, Credentials};
use crate::secret::Secret;

/// A relay of an operator's, nothing of which is relaykit's own.
const OPERATORS: &str = "version: 1\nhostname: relay.example.org\n\
    tls: {certificate: {cert: /c.pem, key: /k.pem}, client_certificates: ask, client_ca: /x.pem,\n\
    \x20 outbound: {ca: /next-hop-ca.pem, certificate: {cert: /d.pem, key: /l.pem}}}\n\
    auth: {ldap: {servers: ['ldap://ldap.example.org'], start_tls: true, ca: system,\n\
    \x20 search_base: 'ou=People,dc=example,dc=org'}}\n\
    outbound: {next_hop: '[smtp.example.net]:587'}\n";

fn operators() -> Spec {
    let mut spec = config::load(OPERATORS, "relay.yaml", Path::new("/")).unwrap();
    spec.outbound.logins = vec![Credentials {
        next_hop: None,
        user: "me@example.net".to_owned(),
        password: Secret::new("the operator's own"),
        password_file: PathBuf::from("/secret"),
    }];
    spec
}

fn keys(resolved: &Resolved) -> Vec<&'static str> {
    resolved.stood_in.iter().map(|s| s.key).collect()
}

#[test]
fn the_built_in_lab_stands_for_nothing() {
    for purpose in [Purpose::Lab, Purpose::Proof] {
        let lab = Resolved::new(config::built_in(), purpose);
        assert_eq!(lab.stood_in, []);
        assert_eq!(lab.stood_in_words(), None);
    }
}

#[test]
fn what_is_the_operators_is_stood_in_for() {
    let lab = Resolved::new(operators(), Purpose::Lab);
    assert_eq!(
        keys(&lab),
        [
            "auth.ldap.servers",
            "auth.ldap.ca",
            "tls.certificate",
            "tls.client_ca",
            "tls.outbound.ca",
            "tls.outbound.certificate",
            "outbound.next_hop",
            "outbound.credentials"
        ]
    );
    assert_eq!(
        lab.stood_in_words().unwrap(),
        "a lab has a directory of its own, certificates of its own and a next hop of its own; \
         not used here: auth.ldap.servers, auth.ldap.ca, tls.certificate, tls.client_ca, \
         tls.outbound.ca, tls.outbound.certificate, outbound.next_hop, outbound.credentials"
    );
    let directory = lab.backend.directory().unwrap();
    assert_eq!(directory.servers, ["ldap://directory"]);
    assert_eq!(directory.anchor, TrustAnchor::Generated);
    assert_eq!(lab.next_hop.destination, Destination::Sink);
    let [hop] = lab.next_hop.hops.as_slice() else {
        panic!("{:?}", lab.next_hop.hops);
    };
    assert_eq!(hop.login, Some(next_hop_login()));
    assert_eq!(hop.address, "[hop1.sink.test]:2608");
    assert_eq!(lab.next_hop.anchor, TrustAnchor::Generated);
    assert_eq!(lab.certificate, Certificate::Generated);
    assert_eq!(lab.next_hop.certificate, Some(Certificate::Generated));
    assert_eq!(lab.client_ca, Some(TrustAnchor::Generated));
    assert!(lab.has_own_ca());
    // What relay.yaml says is what checks judge by.
    assert_eq!(lab.spec, operators());
}

#[test]
fn production_has_what_relay_yaml_says() {
    let relay = Resolved::new(operators(), Purpose::Production);
    assert_eq!(relay.stood_in, []);
    let directory = relay.backend.directory().unwrap();
    assert_eq!(directory.servers, ["ldap://ldap.example.org"]);
    assert_eq!(directory.anchor, TrustAnchor::System);
    assert_eq!(relay.next_hop.destination, Destination::Operators);
    let [hop] = relay.next_hop.hops.as_slice() else {
        panic!("{:?}", relay.next_hop.hops);
    };
    assert_eq!(hop.address, "[smtp.example.net]:587");
    assert_eq!(hop.login.as_ref(), operators().outbound.logins.first());
    assert_eq!(hop.stand_in, None);
    let file = |path: &str| TrustAnchor::File(path.into());
    assert_eq!(relay.next_hop.anchor, file("/next-hop-ca.pem"));
    assert_eq!(relay.client_ca, Some(file("/x.pem")));
    let shown = operators().tls.outbound.certificate;
    assert!(shown.is_some());
    assert_eq!(relay.next_hop.certificate, shown);
    assert!(!relay.has_own_ca());
}

/// The system's authorities are the default: nobody asked for them where there is no
/// next hop whose certificate they could vouch for.
#[test]
fn authorities_of_the_next_hop_are_told_where_they_would_count() {
    let mut spec = config::built_in();
    let told = |spec: &Spec| keys(&Resolved::new(spec.clone(), Purpose::Lab));
    assert_eq!(told(&spec), Vec::<&str>::new());
    spec.tls.outbound.ca = TrustAnchor::File("/ca.pem".into());
    assert_eq!(told(&spec), ["tls.outbound.ca"]);
    spec.tls.outbound.ca = TrustAnchor::System;
    spec.outbound.next_hops = operators().outbound.next_hops;
    assert_eq!(told(&spec), ["tls.outbound.ca", "outbound.next_hop"]);
}

#[test]
fn each_server_of_the_operators_has_its_own_way_to_fail_in_a_proof() {
    let mut spec = config::built_in();
    let servers = &mut spec.auth.ldap.servers;
    *servers = vec![
        "ldaps://one.example".to_owned(),
        "ldaps://two.example".to_owned(),
    ];
    let asked = |purpose| {
        Resolved::new(spec.clone(), purpose)
            .backend
            .directory()
            .unwrap()
            .servers
            .clone()
    };
    assert_eq!(asked(Purpose::Lab), ["ldaps://directory"]);
    assert_eq!(
        asked(Purpose::Proof),
        ["ldaps://127.0.0.1:6360", "ldaps://directory"]
    );
    assert_eq!(asked(Purpose::Production), *spec.auth.ldap.servers);
}

#[test]
fn a_lab_is_not_for_production() {
    let missing = |spec: &Spec| -> Vec<String> {
        missing_for_production(spec)
            .into_iter()
            .map(|missing| missing.path)
            .collect()
    };
    let mut lab = config::built_in();
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

    let mut production = operators();
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
fn a_users_file_needs_nobody_beside_the_relay() {
    let users = |people| crate::config::Users {
        file: PathBuf::from("/srv/users/accounts"),
        people,
    };
    let mut spec = operators();
    spec.auth.users = Some(users(0));
    let missing = missing_for_production(&spec);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].path, "auth.pam.users_file");
    spec.auth.users = Some(users(1));
    assert_eq!(missing_for_production(&spec), []);
    let lab = Resolved::new(spec.clone(), Purpose::Lab);
    assert!(keys(&lab).contains(&"auth.pam.users_file"));
    assert!(!keys(&lab).contains(&"auth.ldap.servers"));
    for purpose in [Purpose::Lab, Purpose::Production] {
        let relay = Resolved::new(spec.clone(), purpose);
        assert_eq!(relay.backend.mechanism(), "pam");
        assert_eq!(relay.backend.neighbour(crate::container::Names("x")), None);
    }
}

/// Three next hops: at the first and the last the relay logs in.
const SEVERAL: &str = "version: 1\n\
    tls: {outbound: {level: secure, policies: {\n\
    \x20 '[one.example]:587': secure match=mx.example:nexthop servername=mx.example,\n\
    \x20 '[three.example]:587': 'fingerprint match=FP'}}}\n\
    outbound: {next_hop: ['[one.example]:587', two.example, '[three.example]:587']}\n";

fn several() -> Spec {
    let fingerprint = vec!["AB"; 32].join(":");
    let text = SEVERAL.replace("FP", &fingerprint);
    let mut spec = config::load(&text, "relay.yaml", Path::new("/")).unwrap();
    spec.outbound.logins = [0, 2]
        .map(|index| Credentials {
            next_hop: Some(spec.outbound.next_hops[index].clone()),
            user: format!("me-{index}"),
            password: Secret::new("the operator's own"),
            password_file: PathBuf::from("/secret"),
        })
        .into();
    spec
}

#[test]
fn each_next_hop_has_a_stand_in_and_in_a_proof_only_the_last_takes_mail() {
    let parts = |purpose| -> Vec<Part> {
        let hops = Resolved::new(several(), purpose).next_hop.hops;
        let parts = hops.into_iter().filter_map(|hop| hop.stand_in);
        parts.map(|stand_in| stand_in.part).collect()
    };
    assert_eq!(parts(Purpose::Lab), [Part::TakesMail; 3]);
    assert_eq!(
        parts(Purpose::Proof),
        [Part::Defers, Part::Away, Part::TakesMail]
    );
    assert_eq!(parts(Purpose::Production), []);
    let taking = |purpose| -> Option<String> {
        let next_hop = Resolved::new(several(), purpose).next_hop;
        next_hop.taking_host().map(str::to_owned)
    };
    assert_eq!(taking(Purpose::Lab).unwrap(), "hop1.sink.test");
    assert_eq!(taking(Purpose::Proof).unwrap(), "hop3.sink.test");
    assert_eq!(taking(Purpose::Production).unwrap(), "one.example");
}

#[test]
fn policies_and_logins_are_those_of_the_stand_ins() {
    let of = |purpose| Resolved::new(several(), purpose).next_hop.hops;
    let told = |hops: &[Hop]| -> Vec<(String, Option<String>, String)> {
        let told = hops.iter().map(|hop| {
            let policy = hop.policy.as_ref().map(ToString::to_string);
            let user = hop.login.as_ref().map(|login| login.user.clone());
            (hop.address.clone(), policy, user.unwrap_or_default())
        });
        told.collect()
    };
    let row = |address: &str, policy: Option<&str>, user: &str| {
        let policy = policy.map(str::to_owned);
        (address.to_owned(), policy, user.to_owned())
    };
    assert_eq!(
        told(&of(Purpose::Lab)),
        [
            row(
                "[hop1.sink.test]:2608",
                Some("secure match=hop1.sink.test:nexthop servername=hop1.sink.test"),
                "relay@sink.test"
            ),
            row("[hop2.sink.test]:2616", None, ""),
            row(
                "[hop3.sink.test]:2640",
                Some("fingerprint match=FINGERPRINT-OF-THE-CERTIFICATE"),
                "relay-3@sink.test"
            ),
        ]
    );
    let production = told(&of(Purpose::Production));
    assert_eq!(production[0].0, "[one.example]:587");
    assert_eq!(
        production[0].1.as_deref(),
        Some("secure match=mx.example:nexthop servername=mx.example")
    );
    assert_eq!(
        (&*production[1].0, &*production[2].2),
        ("two.example", "me-2")
    );
}
