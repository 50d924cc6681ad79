//! What a `relay.yaml` that says nothing means: the built-in lab.

use std::net::{IpAddr, Ipv4Addr};

use super::spec::{
    Auth, Certificate, ClientCertificates, Lab, Ldap, Limits, Listener, Listeners, Mechanism,
    Outbound, OutboundLevel, OutboundTls, Postfix, Privacy, Received, Relay, SenderLogin, Spec,
    Tls, TlsVersion, TrustAnchor, User,
};
use crate::secret::Secret;

/// The lab without a file: every key at its default.
#[must_use]
pub fn built_in() -> Spec {
    Spec {
        hostname: "relay.relaykit.test".to_owned(),
        listeners: Listeners {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            smtp: Some(2525),
            submission: Some(2587),
            submissions: Some(2465),
        },
        relay: Relay {
            trusted_networks: Vec::new(),
            domains: Vec::new(),
            message_size_limit: 25 << 20,
            sender_login: SenderLogin::Any,
        },
        auth: Auth {
            listeners: [Listener::Submission, Listener::Submissions].into(),
            mechanisms: vec![Mechanism::Plain, Mechanism::Login],
            outlook_compatible: true,
            ldap: Ldap {
                servers: vec!["ldaps://directory".to_owned()],
                start_tls: false,
                search_base: "ou=People,dc=relaykit,dc=test".to_owned(),
                filter: "(uid=%u)".to_owned(),
                bind: None,
                ca: TrustAnchor::Generated,
            },
            users: None,
        },
        tls: Tls {
            certificate: Certificate::Generated,
            minimum: TlsVersion::V1_2,
            client_certificates: ClientCertificates::None,
            client_ca: None,
            outbound: OutboundTls {
                level: OutboundLevel::May,
                ca: TrustAnchor::System,
            },
        },
        privacy: Privacy {
            received: Received::Rewrite,
            show_login: true,
            strip_headers: Vec::new(),
        },
        outbound: Outbound {
            next_hop: None,
            credentials: None,
        },
        limits: Limits {
            connections_per_client: 50,
            messages_per_login_per_hour: None,
            failed_logins_per_minute: Some(10),
            shared_addresses: Vec::new(),
        },
        postfix: Postfix::default(),
        lab: Lab {
            users: vec![User {
                name: "alice".to_owned(),
                password: Secret::new("wonderland"),
            }],
            networks: Vec::new(),
            ldaps: 2636,
        },
    }
}
