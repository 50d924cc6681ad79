//! slapd.conf of the lab's directory, see slapd.conf(5) and slapd.access(5).

use super::schema::{Attribute, Schema, base};
use super::tree::Tree;
use super::{ADDRESSES, Directory, dn};
use crate::config::filter::Filter;

/// The whole file.
pub(super) fn slapd_conf(directory: &Directory, schema: &Schema, tree: &Tree) -> String {
    let ldap = &directory.settings;
    let reader = match &ldap.bind {
        // Nobody but the account that searches may search.
        Some(bind) => format!("dn.exact=\"{}\"", quoted(&bind.dn)),
        None => "anonymous".to_owned(),
    };
    let also = directory.owns_senders.then_some(ADDRESSES);
    let attributes = searched(ldap.parsed().as_ref(), schema, also);
    let attributes = attributes.join(",");
    let people = quoted(&dn::join(&tree.people));
    // The guard reads who a login is.
    let logins = ldap.login_attributes();
    let logins = logins.iter().filter_map(|name| schema.attribute(name));
    let logins: Vec<&str> = logins.map(Attribute::name).collect();
    let logins = logins.join(",");
    let logins =
        format!("access to dn.subtree=\"{people}\" attrs={logins} by {reader} read by * none\n");
    format!(
        "# slapd: the directory of a lab, in memory.\n\
         \n\
         include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         {definitions}\n\
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
         {clear}A name with an empty password never binds:\n\
         # slapd's default, and there is no `allow bind_anon_dn` here.\n\
         {secure}\
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
         # Where an entry refers elsewhere, that is told, and nobody goes there.\n\
         access to dn.subtree=\"{people}\" attrs=entry,ref by {reader} read by * none\n\
         {logins}\
         access to dn.subtree=\"{people}\" attrs={attributes} by {reader} search by * none\n\
         access to * by * none\n",
        definitions = schema.definitions(),
        clear = if ldap.is_in_clear() {
            "# A password in clear is taken, as auth.ldap.unencrypted says. "
        } else {
            "# A password in clear is refused. "
        },
        secure = if ldap.is_in_clear() {
            ""
        } else {
            "security simple_bind=128\n"
        },
        suffix = quoted(&dn::join(&tree.suffix)),
    )
}

/// The attributes that a filter tests, and `also`: what else is looked for.
fn searched(filter: Option<&Filter>, schema: &Schema, also: Option<&'static str>) -> Vec<String> {
    let tests = filter.map(Filter::tests).unwrap_or_default();
    let tested = tests.iter().map(|(test, _)| base(&test.attribute));
    let mut attributes: Vec<String> = Vec::new();
    for name in ["objectClass", "uid"].into_iter().chain(tested).chain(also) {
        let Some(attribute) = schema.attribute(name) else {
            continue;
        };
        if !attributes.iter().any(|known| known == attribute.name()) {
            attributes.push(attribute.name().to_owned());
        }
    }
    attributes
}

/// A value between double quotes.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Ldap;

    #[test]
    fn only_what_the_filter_asks_for_can_be_searched() {
        let attributes = |filter: &str, also| {
            let filter = Ldap {
                filter: filter.to_owned(),
                ..Ldap::default()
            };
            let filter = filter.parsed().unwrap();
            searched(Some(&filter), &Schema::of(&[&filter]), also).join(" ")
        };
        assert_eq!(attributes("(uid=%u)", None), "objectClass uid");
        assert_eq!(
            attributes(
                "(&(objectClass=inetOrgPerson)(|(Mail=%u)(commonName~=%u)(shadow=1)))",
                Some("mail")
            ),
            "objectClass uid mail cn shadow"
        );
    }
}
