//! The chain smtpd → guard → saslauthd → LDAP: logins.conf and saslauthd.conf.

use std::fmt::Write as _;

use crate::config::{Ldap, Mechanism, SenderLogin, TrustAnchor};
use crate::plan::{Content, File, Plan, Purpose};
use crate::secret::Secret;

use super::{anchor_path, directory_anchor, file, is_lab, operator, public};

/// Where Postfix asks the guard about logins.
pub(super) const LOGINS: &str = "/run/saslauthd/logins";

/// Where Postfix asks the guard whose an address is, see `socketmap_table(5)`.
pub(super) const OWNERS: &str = "socketmap:unix:/run/saslauthd/owners:own";

/// The operator's certificates for the directory.
const DIRECTORY_CA: &str = "/etc/relaykit/tls/directory-ca.pem";

/// The attribute with a person's addresses (RFC 4524 section 2.16).
const ADDRESSES: &str = "mail";

/// The guard's settings, saslauthd's for each server of the directory, and the CA
/// certificates that these name.
pub(super) fn files(plan: &Plan) -> Vec<File> {
    let mut files = vec![public("logins.conf", logins_conf(plan))];
    for (index, server) in servers(plan).iter().enumerate() {
        let path = match index {
            0 => "saslauthd.conf".to_owned(),
            _ => format!("saslauthd-{}.conf", index + 1),
        };
        files.push(file(&path, 0o600, saslauthd_conf(plan, server)));
    }
    if let TrustAnchor::File(path) = directory_anchor(plan) {
        files.push(operator("tls/directory-ca.pem", path));
    }
    files
}

/// What the guard of the relay's image (`/usr/libexec/relaykit/guard`) is told.
fn logins_conf(plan: &Plan) -> String {
    let spec = &plan.spec;
    let ldap = &spec.auth.ldap;
    let mechanisms: Vec<&str> = spec
        .auth
        .mechanisms
        .iter()
        .map(|m| Mechanism::name(*m))
        .collect();
    let mut text = format!(
        "# The guard between Postfix and saslauthd. It finds the person whom a login means,\n\
         # lets saslauthd try the password, and tells Postfix the person's name.\n\
         \n\
         # saslauthd needs the password itself, so these are all that it can serve.\n\
         mechanisms: {mechanisms}\n\
         \n\
         # Who knows the people. A person goes by the first of these attributes that the\n\
         # entry has: in the log, in the trace header, and to whatever counts messages.\n\
         backend: ldap\n\
         names: {names}\n",
        mechanisms = mechanisms.join(" "),
        names = ldap.login_attributes().join(" "),
    );
    // Writing to a String cannot fail.
    if spec.relay.sender_login == SenderLogin::Own {
        let _ = write!(
            text,
            "\n# Whose an address is: the entries that have it, if they could log in.\n\
             owners: {}\n",
            owners(ldap)
        );
    }
    if let Some(most) = spec.limits.failed_logins_per_minute {
        let _ = write!(
            text,
            "\n# Who guesses is braked: once twice as many logins of an address or for a name have\n\
             # failed, so many more a minute are tried. Shared addresses are not put off.\n\
             failed_logins_per_minute: {most}\n",
        );
        let shared = &spec.limits.shared_addresses;
        if !shared.is_empty() {
            let _ = writeln!(text, "shared_addresses: {}", shared.join(" "));
        }
        if plan.purpose == Purpose::Proof {
            text.push_str(
                "\n# Checks are many clients with one address.\n\
                 unbraked: /etc/relaykit/postfix/xclient_hosts\n",
            );
        }
    }
    text
}

/// The entries that have an address (`%a`) and whom the filter would let in: every
/// token of saslauthd's may stand for anything.
fn owners(ldap: &Ldap) -> String {
    format!("(&({ADDRESSES}=%a){})", anybody(&one_line(&ldap.filter)))
}

fn anybody(filter: &str) -> String {
    let mut open = String::with_capacity(filter.len());
    let mut characters = filter.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => match characters.next() {
                Some('%') => open.push('%'),
                _ if open.ends_with('*') => {}
                _ => open.push('*'),
            },
            _ => open.push(character),
        }
    }
    open
}

/// saslauthd's LDAP settings for one server, see `LDAP_SASLAUTHD` of Cyrus SASL. The
/// file may hold the password of the account that searches.
fn saslauthd_conf(plan: &Plan, server: &str) -> Content {
    let ldap = &plan.spec.auth.ldap;
    let mut text = format!(
        "# saslauthd: whether a password is right is for the directory to say.\n\
         \n\
         # Never in clear, and only to a server whose certificate a known CA signed\n\
         # for its name. Where there are several servers, each has a saslauthd.\n\
         ldap_servers: {server}\n\
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
        start_tls = if ldap.start_tls { "yes" } else { "no" },
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

/// The servers of the directory, in the order in which they are asked. In a lab its
/// own directory stands for all of them; in a proof of a relay with several, the first
/// is a port of the relay itself, where a check can play one that fails.
fn servers(plan: &Plan) -> Vec<String> {
    let ldap = &plan.spec.auth.ldap;
    if !is_lab(plan) {
        return ldap.servers.iter().map(|s| one_line(s)).collect();
    }
    let scheme = if ldap.start_tls { "ldap" } else { "ldaps" };
    let own = format!("{scheme}://directory");
    if plan.purpose == Purpose::Proof && ldap.servers.len() > 1 {
        return vec![format!("{scheme}://127.0.0.1:{PLAYED}"), own];
    }
    vec![own]
}

/// Where a check plays a server of the directory, in the relay's own container.
pub const PLAYED: u16 = 6360;

/// A line break in a value would begin another setting.
fn one_line(value: &str) -> String {
    value
        .chars()
        .filter(|letter| !letter.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::anybody;

    #[test]
    fn every_token_stands_for_anything() {
        for (filter, open) in [
            ("(uid=%u)", "(uid=*)"),
            (
                "(&(o=%d)(|(uid=%u)(mail=%U@%d)))",
                "(&(o=*)(|(uid=*)(mail=*@*)))",
            ),
            ("(&(uid=%u)(x=%U%R)(y=100%%))", "(&(uid=*)(x=*)(y=100%))"),
        ] {
            assert_eq!(anybody(filter), open);
        }
    }
}
