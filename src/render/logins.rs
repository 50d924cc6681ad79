//! What Postfix asks the directory, see `ldap_table(5)`: whose an address is, and
//! who a login is.

use std::fmt::Write as _;

use crate::config::{SenderLogin, Spec};
use crate::plan::{Content, File, Plan};
use crate::secret::Secret;

use super::main_cf::Group;
use super::sasl::{DIRECTORY_CA, one_line, servers, uses_start_tls};
use super::{anchor_path, directory_anchor, file};

/// The table that `smtpd_sender_login_maps` names.
const SENDERS: &str = "/etc/relaykit/postfix/sender_logins";

/// The attribute with a person's addresses (RFC 4524 section 2.16).
const ADDRESSES: &str = "mail";

/// The tables that relay.yaml asks for.
pub(super) fn files(plan: &Plan) -> Vec<File> {
    let spec = &plan.spec;
    let mut files = Vec::new();
    if spec.relay.sender_login == SenderLogin::Own {
        let about = "Whose an address is: the logins of the entries that have it. Only of those\n\
                     who could log in; several logins may share an address.";
        let filter = format!("(&({ADDRESSES}=%s){})", anybody(&spec.auth.ldap.filter));
        files.push(secret("postfix/sender_logins", plan, about, &filter));
    }
    if let Some(filter) = name_filter(spec) {
        let about = "Who a login is: a directory finds a person by several spellings, and the\n\
                     messages of all of them count as that person's.";
        files.push(secret("postfix/login_names", plan, about, &filter));
    }
    files
}

/// main.cf: whom a login may send as.
pub(super) fn senders(spec: &Spec) -> Option<Group> {
    (spec.relay.sender_login == SenderLogin::Own).then(|| {
        Group::new(
            "The sender in MAIL FROM must be an address of the login's own. The null sender\n\
             passes: read receipts have no other (RFC 8098 section 3). Who has not logged\n\
             in is not asked: other servers forward mail of ours.",
        )
        .set("smtpd_sender_login_maps", format!("ldap:{SENDERS}"))
        .set(
            "smtpd_sender_restrictions",
            "reject_authenticated_sender_login_mismatch",
        )
    })
}

/// Whether the searching account must be able to read the attributes with logins.
pub(super) fn reads_logins(spec: &Spec) -> bool {
    spec.relay.sender_login == SenderLogin::Own || name_filter(spec).is_some()
}

/// The filter for one login, where messages are counted and it has a form that
/// Postfix has too: `%u` of saslauthd is `%s` in a table.
fn name_filter(spec: &Spec) -> Option<String> {
    let ldap = &spec.auth.ldap;
    let counted = spec.limits.messages_per_login_per_hour.is_some();
    let named = !ldap.login_attributes().is_empty();
    let base = ldap.search_base.replace("%%", "");
    let rest = ldap.filter.replace("%%", "").replace("%u", "");
    (counted && named && !rest.contains('%') && !base.contains('%'))
        .then(|| ldap.filter.replace("%u", "%s"))
}

/// A filter for everybody whom `filter` would let in: every token of saslauthd's
/// may stand for anything.
fn anybody(filter: &str) -> String {
    let mut open = String::with_capacity(filter.len());
    let mut characters = filter.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => match characters.next() {
                Some('%') => open.push_str("%%"),
                _ if open.ends_with('*') => {}
                _ => open.push('*'),
            },
            _ => open.push(character),
        }
    }
    open
}

/// A table below /etc/relaykit, which may hold the searching account's password.
fn secret(path: &str, plan: &Plan, about: &str, filter: &str) -> File {
    let text = table(plan, about, filter);
    let content = if plan.spec.auth.ldap.bind.is_some() {
        Content::Secret(Secret::new(text))
    } else {
        Content::Text(text)
    };
    file(path, 0o600, content)
}

fn table(plan: &Plan, about: &str, filter: &str) -> String {
    let ldap = &plan.spec.auth.ldap;
    let mut text = format!(
        "# {about}\n\
         query_filter = {filter}\n\
         result_attribute = {attributes}\n\
         search_base = {base}\n\
         scope = sub\n\
         dereference = 0\n\
         chase_referrals = no\n\
         \n\
         # Over TLS as saslauthd asks, and no longer than it waits.\n\
         server_host = {servers}\n\
         version = 3\n\
         start_tls = {start_tls}\n\
         tls_require_cert = yes\n\
         tls_ca_cert_file = {ca}\n\
         timeout = 5\n",
        about = about.replace('\n', "\n# "),
        filter = one_line(filter),
        attributes = ldap.login_attributes().join(", "),
        base = one_line(&ldap.search_base),
        servers = servers(plan),
        start_tls = if uses_start_tls(plan) { "yes" } else { "no" },
        ca = anchor_path(directory_anchor(plan), DIRECTORY_CA),
    );
    // Writing to a String cannot fail.
    let _ = match &ldap.bind {
        None => writeln!(text, "bind = no"),
        Some(bind) => writeln!(
            text,
            "\n# The account that searches.\nbind = yes\nbind_dn = {}\nbind_pw = {}",
            one_line(&bind.dn),
            one_line(bind.password.reveal())
        ),
    };
    text
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
            ("(&(uid=%u)(x=%U%R)(y=100%%))", "(&(uid=*)(x=*)(y=100%%))"),
        ] {
            assert_eq!(anybody(filter), open);
        }
    }
}
