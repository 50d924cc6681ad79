//! slapd.conf of the lab's directory, see slapd.conf(5) and slapd.access(5).

use super::tree::Tree;
use super::{ADDRESSES, Directory, dn};

/// The attributes of a lab's person that a filter may ask for.
const KNOWN: [&str; 6] = ["cn", "givenName", "mail", "objectClass", "sn", "uid"];

/// The whole file.
pub(super) fn slapd_conf(directory: &Directory, tree: &Tree) -> String {
    let ldap = &directory.settings;
    let reader = match &ldap.bind {
        // Nobody but the account that searches may search.
        Some(bind) => format!("dn.exact=\"{}\"", quoted(&bind.dn)),
        None => "anonymous".to_owned(),
    };
    let mut attributes = searched(&ldap.filter);
    if directory.owns_senders && !attributes.contains(&ADDRESSES) {
        attributes.push(ADDRESSES);
    }
    let attributes = attributes.join(",");
    let people = quoted(&dn::join(&tree.people));
    // The guard reads who a login is.
    let logins = ldap.login_attributes().join(",");
    let logins =
        format!("access to dn.subtree=\"{people}\" attrs={logins} by {reader} read by * none\n");
    format!(
        "# slapd: the directory of a lab, in memory.\n\
         \n\
         include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         \n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         \n\
         pidfile /run/slapd/slapd.pid\n\
         argsfile /run/slapd/slapd.args\n\
         threads 4\n\
         \n\
         # ldaps://, and StartTLS on ldap://, with a certificate from the lab CA.\n\
         TLSCertificateFile /etc/relaykit/tls/directory.pem\n\
         TLSCertificateKeyFile /etc/relaykit/tls/directory.key\n\
         TLSCACertificateFile /etc/relaykit/tls/ca.pem\n\
         TLSProtocolMin 3.3\n\
         TLSVerifyClient never\n\
         \n\
         # A password in clear is refused. A name with an empty password never binds:\n\
         # slapd's default, and there is no `allow bind_anon_dn` here.\n\
         security simple_bind=128\n\
         \n\
         database mdb\n\
         suffix \"{suffix}\"\n\
         directory /run/slapd\n\
         maxsize 16777216\n\
         # All of it is made anew at every start; nothing is to survive.\n\
         dbnosync\n\
         index objectClass,uid eq\n\
         \n\
         # A password can be tried and never read. What the filter asks for can be\n\
         # searched, the name of what was found can be read, and that is all.\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to dn.subtree=\"{people}\" attrs=entry by {reader} read by * none\n\
         {logins}\
         access to dn.subtree=\"{people}\" attrs={attributes} by {reader} search by * none\n\
         access to * by * none\n",
        suffix = quoted(&dn::join(&tree.suffix)),
    )
}

/// The attributes that a filter (RFC 4515) tests, as far as a lab's people have them.
fn searched(filter: &str) -> Vec<&'static str> {
    let tested: Vec<&str> = filter
        .split('(')
        .filter_map(|part| part.split_once('='))
        .map(|(attribute, _)| attribute.trim_end_matches(['~', '<', '>', ':']).trim())
        .collect();
    KNOWN
        .into_iter()
        .filter(|known| {
            *known == "uid"
                || *known == "objectClass"
                || tested
                    .iter()
                    .any(|attribute| attribute.eq_ignore_ascii_case(known))
        })
        .collect()
}

/// A value between double quotes.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::searched;

    #[test]
    fn only_what_the_filter_asks_for_can_be_searched() {
        assert_eq!(searched("(uid=%u)"), ["objectClass", "uid"]);
        assert_eq!(
            searched("(&(objectClass=inetOrgPerson)(|(Mail=%u)(cn~=%u)(shadow=1)))"),
            ["cn", "mail", "objectClass", "uid"]
        );
    }
}
