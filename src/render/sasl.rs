//! The chain smtpd → Cyrus SASL → saslauthd → LDAP: smtpd.conf and saslauthd.conf.

use std::fmt::Write as _;

use crate::config::{Mechanism, Spec, TrustAnchor};
use crate::plan::{Content, File, Plan};
use crate::secret::Secret;

use super::{anchor_path, directory_anchor, file, is_lab, operator, public};

/// The operator's certificates for the directory.
pub(super) const DIRECTORY_CA: &str = "/etc/relaykit/tls/directory-ca.pem";

/// smtpd.conf, saslauthd.conf and the CA certificates that the latter names.
pub(super) fn files(plan: &Plan) -> Vec<File> {
    let mut files = vec![
        public("sasl/smtpd.conf", smtpd_conf(&plan.spec)),
        file("saslauthd.conf", 0o600, saslauthd_conf(plan)),
    ];
    if let TrustAnchor::File(path) = directory_anchor(plan) {
        files.push(operator("tls/directory-ca.pem", path));
    }
    files
}

/// How smtpd checks a password. Cyrus SASL finds the file by the name of
/// `smtpd_sasl_path` in the folder of `cyrus_sasl_config_path`.
fn smtpd_conf(spec: &Spec) -> String {
    let mechanisms: Vec<&str> = spec
        .auth
        .mechanisms
        .iter()
        .map(|m| Mechanism::name(*m))
        .collect();
    format!(
        "# Cyrus SASL in smtpd.\n\
         \n\
         # saslauthd gets the password and asks the directory.\n\
         pwcheck_method: saslauthd\n\
         saslauthd_path: /run/saslauthd/mux\n\
         \n\
         # saslauthd needs the password itself, so these are all that it can serve.\n\
         mech_list: {}\n",
        mechanisms.join(" ")
    )
}

/// saslauthd's LDAP settings, see `LDAP_SASLAUTHD` of Cyrus SASL. The file may
/// hold the password of the account that searches.
fn saslauthd_conf(plan: &Plan) -> Content {
    let ldap = &plan.spec.auth.ldap;
    let servers = servers(plan);
    let mut text = format!(
        "# saslauthd: who a login is, is for the directory to say.\n\
         \n\
         # Never in clear, and only to a server whose certificate a known CA signed\n\
         # for its name.\n\
         ldap_servers: {servers}\n\
         ldap_version: 3\n\
         ldap_start_tls: {start_tls}\n\
         ldap_tls_check_peer: yes\n\
         ldap_tls_cacert_file: {ca}\n\
         \n\
         # Find the entry of the login as it was typed, then bind as that entry with\n\
         # the password: the directory compares it, saslauthd reads none.\n\
         ldap_auth_method: bind\n\
         ldap_search_base: {base}\n\
         ldap_scope: sub\n\
         ldap_filter: {filter}\n\
         ldap_deref: never\n\
         ldap_referrals: no\n\
         \n\
         # A directory that does not answer must not hold a client for long.\n\
         ldap_timeout: 5\n\
         ldap_time_limit: 5\n",
        start_tls = if uses_start_tls(plan) { "yes" } else { "no" },
        ca = anchor_path(directory_anchor(plan), DIRECTORY_CA),
        base = one_line(&ldap.search_base),
        filter = one_line(&ldap.filter),
    );
    match &ldap.bind {
        None => Content::Text(text),
        Some(bind) => {
            text.push_str("\n# The account that searches.\n");
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "ldap_bind_dn: {}\nldap_password: {}\n",
                one_line(&bind.dn),
                one_line(bind.password.reveal())
            );
            Content::Secret(Secret::new(text))
        }
    }
}

/// In a lab the lab's own directory stands for the operator's, over the same
/// kind of TLS.
pub(super) fn servers(plan: &Plan) -> String {
    if is_lab(plan) {
        let scheme = if uses_start_tls(plan) {
            "ldap"
        } else {
            "ldaps"
        };
        return format!("{scheme}://directory");
    }
    let servers: Vec<String> = plan
        .spec
        .auth
        .ldap
        .servers
        .iter()
        .map(|s| one_line(s))
        .collect();
    servers.join(" ")
}

pub(super) fn uses_start_tls(plan: &Plan) -> bool {
    plan.spec.auth.ldap.start_tls
}

/// A line break in a value would begin another setting.
pub(super) fn one_line(value: &str) -> String {
    value
        .chars()
        .filter(|letter| !letter.is_control())
        .collect()
}
