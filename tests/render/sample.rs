//! Specs to render: what `relay.yaml` would give.

use std::collections::BTreeSet;
use std::path::PathBuf;

use relaykit::config::{
    self, Bind, Certificate, ClientCertificates, Credentials, Listener, NextHop, Received,
    SenderLogin, Spec, TlsVersion, TrustAnchor, User, Users,
};
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::plan::Plan;
use relaykit::secret::Secret;

/// The built-in lab.
pub(crate) fn default_spec() -> Spec {
    config::built_in()
}

/// An operator's relay, with files and accounts of its own.
pub(crate) fn production_spec() -> Spec {
    let mut spec = default_spec();
    spec.hostname = String::from("mail.example.net");
    spec.listeners.smtp = None;
    spec.auth.ldap.servers = vec![
        "ldap://ldap1.example.net".to_owned(),
        "ldap://ldap2.example.net:1389".to_owned(),
    ];
    spec.auth.ldap.start_tls = true;
    spec.auth.ldap.ca = TrustAnchor::File(PathBuf::from("/srv/ldap-ca.pem"));
    spec.auth.ldap.bind = Some(Bind {
        dn: "cn=reader,dc=example,dc=net".to_owned(),
        password: Secret::new("directory-password"),
        password_file: "/etc/relaykit/password".into(),
    });
    spec.tls.certificate = Certificate::Files {
        cert: PathBuf::from("/srv/mail.pem"),
        key: PathBuf::from("/srv/mail.key"),
    };
    spec.tls.minimum = TlsVersion::V1_3;
    spec.tls.client_certificates = ClientCertificates::Require;
    spec.tls.client_ca = Some(PathBuf::from("/srv/client-ca.pem"));
    spec.tls.outbound.ca = TrustAnchor::File(PathBuf::from("/srv/next-hop-ca.pem"));
    spec.outbound.next_hops = vec![NextHop {
        host: "smtp.example.org".to_owned(),
        port: Some(587),
        mx_lookup: false,
    }];
    spec.outbound.logins = vec![Credentials {
        next_hop: None,
        user: "mail@example.net".to_owned(),
        password: Secret::new("next-hop-password"),
        password_file: "/etc/relaykit/password".into(),
    }];
    spec
}

/// Three next hops, the first and the last with a login, and a level for two of them;
/// the second is an address.
pub(crate) fn several_spec() -> Spec {
    let mut spec = production_spec();
    let fingerprint = vec!["AB"; 32].join(":");
    for (key, value) in [
        (
            "outbound.next_hop",
            "['[one.example.org]:587', '[192.0.2.1]:587', three.example.org]",
        ),
        ("tls.outbound.level", "secure"),
        (
            "tls.outbound.policies",
            &*format!(
                "{{'[192.0.2.1]:587': secure match=two.example.org, \
                 three.example.org: 'fingerprint match={fingerprint}'}}"
            ),
        ),
    ] {
        config::set(&mut spec, key, value).unwrap();
    }
    spec.tls.outbound.certificate = Some(Certificate::Files {
        cert: PathBuf::from("/srv/client/relay.pem"),
        key: PathBuf::from("/srv/client/relay.key"),
    });
    let hops = &spec.outbound.next_hops;
    let login = |hop: &NextHop| Credentials {
        next_hop: Some(hop.clone()),
        user: format!("mail@{}", hop.host),
        password: Secret::new("next-hop-password"),
        password_file: "/etc/relaykit/password".into(),
    };
    spec.outbound.logins = [login(&hops[0]), login(&hops[2])].into();
    spec
}

/// Ways by recipient and by sender; the last has no login.
pub(crate) fn routes_spec() -> Spec {
    let mut spec = production_spec();
    let routes = "[{recipients: [a.example, .a.example, one@b.example], \
                   next_hop: ['[one.example.org]:587', '[two.example.org]:587']}, \
                   {senders: ['@c.example', two@d.example], next_hop: '[three.example.org]:465'}, \
                   {recipients: [e.example], next_hop: '[192.0.2.1]:587'}]";
    config::set(&mut spec, "outbound.routes", routes).unwrap();
    for route in spec.outbound.routes.iter_mut().take(2) {
        let login = |hop: &NextHop| Credentials {
            next_hop: Some(hop.clone()),
            user: format!("mail@{}", hop.host),
            password: Secret::new("route-password"),
            password_file: "/etc/relaykit/password".into(),
        };
        route.logins = route.next_hops.iter().map(login).collect();
    }
    spec
}

/// A next hop that nobody says STARTTLS to.
pub(crate) fn wrapping_spec() -> Spec {
    let mut spec = production_spec();
    config::set(&mut spec, "outbound.next_hop", "'[smtp.example.org]:465'").unwrap();
    spec
}

/// Everything that can be odd at once: logins on port 25, relay domains, IPv6
/// networks, last words, names that need escapes.
pub(crate) fn odd_spec() -> Spec {
    let mut spec = default_spec();
    spec.auth.listeners.insert(Listener::Smtp);
    spec.relay.sender_login = SenderLogin::Own;
    spec.limits.messages_per_login_per_hour = Some(100);
    spec.relay.domains = vec!["a.example".to_owned(), "b.example".to_owned()];
    spec.relay.trusted_networks = vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()];
    spec.auth.ldap.search_base = String::from("ou=Staff\\, old,o=Firm");
    spec.auth.ldap.filter = String::from("(&(objectClass=person)(mail=%u))");
    spec.auth.ldap.bind = Some(Bind {
        dn: "uid=reader,ou=Tools,o=firm".to_owned(),
        password: Secret::new("directory-password"),
        password_file: "/etc/relaykit/password".into(),
    });
    spec.privacy.show_login = false;
    spec.privacy.strip_headers = vec!["X-Originating-IP".to_owned(), "User-Agent".to_owned()];
    spec.tls.client_certificates = ClientCertificates::Ask;
    spec.postfix
        .main
        .insert("biff".to_owned(), "yes".to_owned());
    spec.postfix
        .main
        .insert("mail_name".to_owned(), "Example".to_owned());
    spec.postfix
        .main
        .insert("smtp_bind_address".to_owned(), "192.0.2.1".to_owned());
    spec.postfix
        .master
        .insert("showq/unix".to_owned(), "n - n - 2 showq".to_owned());
    spec.postfix
        .master
        .insert("verify/unix".to_owned(), "- - n - 1 verify".to_owned());
    spec.lab.users.push(User {
        name: " jos\u{e9}+1,x ".to_owned(),
        password: Secret::new("p\u{e4}ss: word\n"),
    });
    spec
}

/// All plans that are kept as golden files.
pub(crate) fn plans() -> Vec<(&'static str, Plan)> {
    let mut hide = default_spec();
    hide.privacy.received = Received::Hide;
    let mut keep = default_spec();
    keep.privacy.received = Received::Keep;
    keep.auth.listeners = BTreeSet::from([Listener::Submission]);
    let mut odd_production = odd_spec();
    odd_production.auth.ldap.ca = TrustAnchor::System;
    odd_production.tls.certificate = production_spec().tls.certificate;
    let users = Users {
        file: PathBuf::from("/srv/users/accounts"),
        people: 2,
    };
    let mut with_users = default_spec();
    with_users.relay.sender_login = SenderLogin::Own;
    with_users.auth.users = Some(users.clone());
    let mut users_production = production_spec();
    users_production.auth.users = Some(users);
    users_production.auth.ldap = default_spec().auth.ldap;
    vec![
        (
            "lab",
            Plan::new(Resolved::new(default_spec(), Purpose::Lab), "default"),
        ),
        (
            "proof",
            Plan::new(Resolved::new(default_spec(), Purpose::Proof), "t1"),
        ),
        (
            "production",
            Plan::new(
                Resolved::new(production_spec(), Purpose::Production),
                "mail",
            ),
        ),
        (
            "several",
            Plan::new(Resolved::new(several_spec(), Purpose::Proof), "several"),
        ),
        (
            "several-production",
            Plan::new(
                Resolved::new(several_spec(), Purpose::Production),
                "several",
            ),
        ),
        (
            "wrapping-production",
            Plan::new(
                Resolved::new(wrapping_spec(), Purpose::Production),
                "wrapping",
            ),
        ),
        (
            "odd",
            Plan::new(Resolved::new(odd_spec(), Purpose::Lab), "odd"),
        ),
        (
            "odd-production",
            Plan::new(Resolved::new(odd_production, Purpose::Production), "odd"),
        ),
        (
            "users",
            Plan::new(Resolved::new(with_users, Purpose::Lab), "users"),
        ),
        (
            "users-production",
            Plan::new(Resolved::new(users_production, Purpose::Production), "mail"),
        ),
        ("hide", Plan::new(Resolved::new(hide, Purpose::Lab), "hide")),
        ("keep", Plan::new(Resolved::new(keep, Purpose::Lab), "keep")),
        (
            "routes",
            Plan::new(Resolved::new(routes_spec(), Purpose::Proof), "routes"),
        ),
        (
            "routes-production",
            Plan::new(Resolved::new(routes_spec(), Purpose::Production), "routes"),
        ),
    ]
}
