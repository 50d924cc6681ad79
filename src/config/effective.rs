//! A [`Spec`] as the `relay.yaml` that says all of it, for `relaykit config validate`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spec::{Certificate, Listener, Mechanism, Spec, TrustAnchor};
use super::syntax::show_size;

/// What a configuration comes to, every key at the value that is used, passwords
/// as `***`. It serializes to YAML that [`load`](super::load) takes, and to JSON
/// of the same structure.
#[derive(Debug, Serialize)]
pub struct Effective<'a> {
    version: u8,
    hostname: &'a str,
    listeners: Listeners,
    relay: Relay<'a>,
    auth: Auth<'a>,
    tls: Tls<'a>,
    privacy: Privacy<'a>,
    outbound: Outbound<'a>,
    limits: Limits<'a>,
    postfix: Postfix<'a>,
    lab: Lab<'a>,
}

#[derive(Debug, Serialize)]
struct Listeners {
    smtp: Option<u16>,
    submission: Option<u16>,
    submissions: Option<u16>,
    bind: String,
}

#[derive(Debug, Serialize)]
struct Relay<'a> {
    trusted_networks: &'a [String],
    domains: &'a [String],
    message_size_limit: String,
    sender_login: &'static str,
}

#[derive(Debug, Serialize)]
struct Auth<'a> {
    backend: &'static str,
    mechanisms: Vec<&'static str>,
    listeners: Vec<&'static str>,
    outlook_compatible: bool,
    /// The one of the two that checks logins.
    #[serde(skip_serializing_if = "Option::is_none")]
    ldap: Option<Ldap<'a>>,
    users: Option<String>,
    pam: Pam,
}

#[derive(Debug, Serialize)]
struct Ldap<'a> {
    servers: &'a [String],
    start_tls: bool,
    search_base: &'a str,
    filter: &'a str,
    bind: Bind<'a>,
    ca: String,
}

#[derive(Debug, Serialize)]
struct Bind<'a> {
    dn: Option<&'a str>,
    password_file: Option<String>,
}

/// Always empty: not in this version.
#[derive(Debug, Serialize)]
struct Pam {
    users_file: Option<String>,
    stack: Option<String>,
}

#[derive(Debug, Serialize)]
struct Tls<'a> {
    certificate: Pair,
    minimum: &'static str,
    client_certificates: &'static str,
    client_ca: Option<String>,
    outbound: OutboundTls<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Pair {
    Word(&'static str),
    Files { cert: String, key: String },
}

#[derive(Debug, Serialize)]
struct OutboundTls<'a> {
    level: &'static str,
    /// Always empty: not in this version.
    policies: BTreeMap<&'a str, &'a str>,
    ca: String,
}

#[derive(Debug, Serialize)]
struct Privacy<'a> {
    received: &'static str,
    show_login: bool,
    strip_headers: &'a [String],
}

#[derive(Debug, Serialize)]
struct Outbound<'a> {
    next_hop: Option<String>,
    credentials: Option<Credentials<'a>>,
}

#[derive(Debug, Serialize)]
struct Credentials<'a> {
    user: &'a str,
    password_file: String,
}

#[derive(Debug, Serialize)]
struct Limits<'a> {
    connections_per_client: u32,
    messages_per_login_per_hour: Option<u32>,
    failed_logins_per_minute: Option<u32>,
    shared_addresses: &'a [String],
}

#[derive(Debug, Serialize)]
struct Postfix<'a> {
    main: &'a BTreeMap<String, String>,
    master: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Lab<'a> {
    users: Vec<User<'a>>,
    networks: &'a [String],
    ldaps: u16,
}

#[derive(Debug, Serialize)]
struct User<'a> {
    name: &'a str,
    password: String,
}

/// All of `spec` in the order of the contract's relay.yaml.
#[must_use]
pub fn effective(spec: &Spec) -> Effective<'_> {
    Effective {
        version: 1,
        hostname: &spec.hostname,
        listeners: Listeners {
            smtp: spec.listeners.smtp,
            submission: spec.listeners.submission,
            submissions: spec.listeners.submissions,
            bind: spec.listeners.bind.to_string(),
        },
        relay: Relay {
            trusted_networks: &spec.relay.trusted_networks,
            domains: &spec.relay.domains,
            message_size_limit: show_size(spec.relay.message_size_limit),
            sender_login: spec.relay.sender_login.name(),
        },
        auth: auth(spec),
        tls: tls(spec),
        privacy: Privacy {
            received: spec.privacy.received.name(),
            show_login: spec.privacy.show_login,
            strip_headers: &spec.privacy.strip_headers,
        },
        outbound: Outbound {
            next_hop: spec.outbound.next_hop.as_ref().map(ToString::to_string),
            credentials: spec
                .outbound
                .credentials
                .as_ref()
                .map(|credentials| Credentials {
                    user: &credentials.user,
                    password_file: credentials.password_file.display().to_string(),
                }),
        },
        limits: Limits {
            connections_per_client: spec.limits.connections_per_client,
            messages_per_login_per_hour: spec.limits.messages_per_login_per_hour,
            failed_logins_per_minute: spec.limits.failed_logins_per_minute,
            shared_addresses: &spec.limits.shared_addresses,
        },
        postfix: Postfix {
            main: &spec.postfix.main,
            master: &spec.postfix.master,
        },
        lab: lab(spec),
    }
}

fn auth(spec: &Spec) -> Auth<'_> {
    let ldap = &spec.auth.ldap;
    let users = spec.auth.users.as_ref();
    let users = users.map(|users| users.file.display().to_string());
    let bind = ldap.bind.as_ref();
    Auth {
        backend: if users.is_some() { "pam" } else { "ldap" },
        mechanisms: spec
            .auth
            .mechanisms
            .iter()
            .copied()
            .map(Mechanism::name)
            .collect(),
        listeners: spec
            .auth
            .listeners
            .iter()
            .copied()
            .map(Listener::name)
            .collect(),
        outlook_compatible: spec.auth.outlook_compatible,
        ldap: users.is_none().then(|| Ldap {
            servers: &ldap.servers,
            start_tls: ldap.start_tls,
            search_base: &ldap.search_base,
            filter: &ldap.filter,
            bind: Bind {
                dn: bind.map(|bind| bind.dn.as_str()),
                password_file: bind.map(|bind| bind.password_file.display().to_string()),
            },
            ca: authority(&ldap.ca),
        }),
        users,
        pam: Pam {
            users_file: None,
            stack: None,
        },
    }
}

fn tls(spec: &Spec) -> Tls<'_> {
    Tls {
        certificate: match &spec.tls.certificate {
            Certificate::Generated => Pair::Word("generated"),
            Certificate::Files { cert, key } => Pair::Files {
                cert: cert.display().to_string(),
                key: key.display().to_string(),
            },
        },
        minimum: spec.tls.minimum.name(),
        client_certificates: spec.tls.client_certificates.name(),
        client_ca: (spec.tls.client_ca.as_ref()).map(|path| path.display().to_string()),
        outbound: OutboundTls {
            level: spec.tls.outbound.level.name(),
            policies: BTreeMap::new(),
            ca: authority(&spec.tls.outbound.ca),
        },
    }
}

fn lab(spec: &Spec) -> Lab<'_> {
    Lab {
        users: spec
            .lab
            .users
            .iter()
            .map(|user| User {
                name: &user.name,
                password: user.password.to_string(),
            })
            .collect(),
        networks: &spec.lab.networks,
        ldaps: spec.lab.ldaps,
    }
}

fn authority(anchor: &TrustAnchor) -> String {
    match anchor {
        TrustAnchor::Generated => "generated".to_owned(),
        TrustAnchor::System => "system".to_owned(),
        TrustAnchor::File(path) => path.display().to_string(),
    }
}
