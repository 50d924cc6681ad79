//! A production relay.yaml in a lab: what is the operator's own and not here
//! is stood in for, everything else is used as it stands.

use std::path::PathBuf;

use crate::config::{Certificate, Credentials, Spec, TrustAnchor};
use crate::secret::Secret;

/// What the lab's directory answers to, whatever its name in production.
const LDAPS: &str = "ldaps://directory";
const LDAP: &str = "ldap://directory";

/// `spec` with the lab's directory, next hop, CA and certificates in the place
/// of the operator's, and the keys of relay.yaml that are stood in for.
pub(super) fn stood_in(mut spec: Spec) -> (Spec, Vec<&'static str>) {
    let mut keys = Vec::new();
    let own = if spec.auth.ldap.start_tls {
        LDAP
    } else {
        LDAPS
    };
    // As many as the operator has: each has a saslauthd of its own.
    let servers = vec![own.to_owned(); spec.auth.ldap.servers.len().max(1)];
    if spec.auth.ldap.servers != servers {
        spec.auth.ldap.servers = servers;
        keys.push("auth.ldap.servers");
    }
    if spec.auth.ldap.ca != TrustAnchor::Generated {
        spec.auth.ldap.ca = TrustAnchor::Generated;
        keys.push("auth.ldap.ca");
    }
    if spec.tls.certificate != Certificate::Generated {
        spec.tls.certificate = Certificate::Generated;
        keys.push("tls.certificate");
    }
    if spec.tls.client_ca.take().is_some() {
        keys.push("tls.client_ca");
    }
    if spec.outbound.next_hop.take().is_some() {
        keys.push("outbound.next_hop");
    }
    if let Some(credentials) = &mut spec.outbound.credentials
        && *credentials != next_hop_login()
    {
        *credentials = next_hop_login();
        keys.push("outbound.credentials");
    }
    (spec, keys)
}

/// The relay's login at a lab's next hops, which anybody may know: the operator's
/// own has no business there.
#[must_use]
pub fn next_hop_login() -> Credentials {
    Credentials {
        user: "relay@sink.test".to_owned(),
        password: Secret::new("through-the-looking-glass"),
        password_file: PathBuf::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_built_in_lab_is_left_alone() {
        let spec = config::built_in();
        assert_eq!(stood_in(spec.clone()), (spec, Vec::new()));
    }

    #[test]
    fn what_is_the_operators_is_stood_in_for() {
        let text = "version: 1\nhostname: relay.example.org\n\
            tls: {certificate: {cert: /c.pem, key: /k.pem}, client_certificates: ask, client_ca: /x.pem}\n\
            auth: {ldap: {servers: ['ldap://ldap.example.org'], start_tls: true, ca: system,\n\
            \x20 search_base: 'ou=People,dc=example,dc=org'}}\n\
            outbound: {next_hop: '[smtp.example.net]:587'}\n";
        let mut spec = config::load(text, "relay.yaml", std::path::Path::new("/")).unwrap();
        spec.outbound.credentials = Some(Credentials {
            user: "me@example.net".to_owned(),
            password: Secret::new("the operator's own"),
            password_file: PathBuf::from("/secret"),
        });
        let (lab, keys) = stood_in(spec.clone());
        assert_eq!(
            keys,
            [
                "auth.ldap.servers",
                "auth.ldap.ca",
                "tls.certificate",
                "tls.client_ca",
                "outbound.next_hop",
                "outbound.credentials"
            ]
        );
        assert_eq!(lab.auth.ldap.servers, ["ldap://directory"]);
        assert_eq!(lab.auth.ldap.search_base, spec.auth.ldap.search_base);
        assert_eq!(lab.hostname, spec.hostname);
        assert_eq!(lab.outbound.next_hop, None);
        assert_eq!(lab.outbound.credentials, Some(next_hop_login()));
        assert_eq!(stood_in(lab.clone()), (lab, Vec::new()));
    }
}
