//! How the guard and saslauthd ask the directory.

use std::fmt::Write as _;

use super::{ADDRESSES, Directory};
use crate::config::{Ldap, TrustAnchor};
use crate::container::{Content, File, authorities, file};
use crate::counterparts::{Purpose, anchor_path};
use crate::secret::Secret;

/// The operator's certificates for the directory.
pub(super) const CA: &str = "/etc/relaykit/tls/directory-ca.pem";

/// Where a check plays a server of the directory, in the relay's own container.
pub const PLAYED: u16 = 6360;

/// What the lab's own directory answers to.
pub(super) fn own_server(ldap: &Ldap) -> String {
    format!("{}://directory", scheme(ldap))
}

fn scheme(ldap: &Ldap) -> &'static str {
    if ldap.start_tls || ldap.is_in_clear() {
        "ldap"
    } else {
        "ldaps"
    }
}

/// The servers that a lab's relay asks: its own directory stands for all of them; in a
/// proof of a relay with several, the first is a port of the relay itself, where a
/// check can play one that fails.
pub(super) fn servers_in_lab(ldap: &Ldap, purpose: Purpose) -> Vec<String> {
    let own = own_server(ldap);
    if purpose == Purpose::Proof && ldap.servers.len() > 1 {
        return vec![format!("{}://127.0.0.1:{PLAYED}", scheme(ldap)), own];
    }
    vec![own]
}

impl Directory {
    /// What the guard is told: by which name people go, and whose an address is.
    pub(in crate::counterparts) fn guard(&self) -> String {
        let mut text = format!("names: {}\n", self.settings.login_attributes().join(" "));
        if self.owns_senders {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n# Whose an address is: the entries that have it, if they could log in.\n\
                 owners: {}\n",
                owners(&self.settings)
            );
        }
        text
    }

    /// saslauthd's settings for each server, and the CA certificates that these name.
    pub(in crate::counterparts) fn files(&self) -> Vec<File> {
        let mut files = Vec::new();
        for (index, server) in self.servers.iter().enumerate() {
            let path = match index {
                0 => "saslauthd.conf".to_owned(),
                _ => format!("saslauthd-{}.conf", index + 1),
            };
            files.push(file(&path, 0o600, self.saslauthd_conf(server)));
        }
        if let TrustAnchor::File(path) = &self.anchor {
            files.push(authorities("tls/directory-ca.pem", path));
        }
        files
    }

    /// saslauthd's LDAP settings for one server, see `LDAP_SASLAUTHD` of Cyrus SASL. The
    /// file may hold the password of the account that searches.
    fn saslauthd_conf(&self, server: &str) -> Content {
        let ldap = &self.settings;
        let mut text = format!(
            "# saslauthd: whether a password is right is for the directory to say.\n\
             \n\
             {way}\n\
             # Where there are several servers, each has a saslauthd.\n\
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
            server = one_line(server),
            way = if server.starts_with("ldap://") && !ldap.start_tls {
                "# In clear, as auth.ldap.unencrypted says: anybody on the way reads passwords."
            } else {
                "# Never in clear, and only to a server whose certificate a known CA signed\n\
                 # for its name."
            },
            start_tls = if ldap.start_tls { "yes" } else { "no" },
            ca = anchor_path(&self.anchor, CA),
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
