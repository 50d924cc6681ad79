//! The people of a lab's directory, as LDIF (RFC 2849).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dn::{self, Rdn};
use super::tree::Tree;
use super::{ADDRESSES, Directory, Own};
use crate::config::{Bind, User};
use crate::counterparts::{CHECKED_SENDER, crypt};
use crate::secret::Secret;

/// The address that the directory has for a user.
pub(super) fn address(tree: &Tree, user: &User) -> String {
    if user.name.contains('@') {
        user.name.clone()
    } else {
        format!("{}@{}", user.name, tree.domain())
    }
}

/// The entries that lead to the people, the people, and the account that searches.
pub(super) fn ldif(directory: &Directory, own: &Own, tree: &Tree) -> Secret {
    let mut text = String::from("# The people of a lab (RFC 2849). Written by relaykit.\n");
    let mut written: Vec<String> = Vec::new();
    path_to(&mut text, &mut written, tree, &tree.people);
    for (index, user) in own.people.iter().enumerate() {
        let mut addresses = vec![address(tree, user)];
        if index == 0 && directory.owns_senders {
            // Postfix looks for the owner of the whole domain where an address has none.
            let domain = CHECKED_SENDER.trim_start_matches(|letter| letter != '@');
            addresses.push(domain.to_owned());
        }
        person(&mut text, tree, &addresses, user);
    }
    if let Some(bind) = &directory.settings.bind {
        account(&mut text, &mut written, tree, bind);
    }
    Secret::new(text)
}

/// The entries from the suffix down to `dn`, unless they are there.
fn path_to(text: &mut String, written: &mut Vec<String>, tree: &Tree, dn: &[Rdn]) {
    let top = tree.suffix.len().max(1);
    for length in top..=dn.len() {
        let parts = &dn[dn.len() - length..];
        let name = dn::join(parts);
        if written
            .iter()
            .any(|other| other.eq_ignore_ascii_case(&name))
        {
            continue;
        }
        if let Some(first) = parts.first() {
            entry(
                text,
                &name,
                container_class(first),
                &[(&first.attribute, &first.value)],
            );
        }
        written.push(name);
    }
}

/// An object class whose entries may be named by this attribute. An entry of a
/// kind that we do not know takes any attribute.
fn container_class(part: &Rdn) -> &'static [&'static str] {
    match part.attribute.to_ascii_lowercase().as_str() {
        "ou" => &["organizationalUnit"],
        "o" => &["organization"],
        "c" => &["country"],
        "dc" => &["domain"],
        "cn" => &["applicationProcess"],
        _ => &["applicationProcess", "extensibleObject"],
    }
}

fn person(text: &mut String, tree: &Tree, addresses: &[String], user: &User) {
    let name = user.name.as_str();
    let parent = dn::join(&tree.people);
    let hash = password(name, &user.password);
    let mut attributes = vec![
        ("userPassword", &*hash),
        ("uid", name),
        ("cn", name),
        ("sn", name),
    ];
    attributes.extend(
        addresses
            .iter()
            .map(|address| (ADDRESSES, address.as_str())),
    );
    entry(
        text,
        &format!("uid={},{parent}", dn::escape(name)),
        &["inetOrgPerson"],
        &attributes,
    );
}

/// The account that searches: it can bind, and nothing else is known of it.
fn account(text: &mut String, written: &mut Vec<String>, tree: &Tree, bind: &Bind) {
    let parts = dn::parse(&bind.dn);
    let Some((first, parent)) = parts.split_first() else {
        return;
    };
    path_to(text, written, tree, parent);
    let hash = password(&bind.dn, &bind.password);
    let mut attributes = vec![
        (first.attribute.as_str(), first.value.as_str()),
        ("userPassword", hash.as_str()),
    ];
    if !first.attribute.eq_ignore_ascii_case("cn") {
        attributes.push(("cn", first.value.as_str()));
    }
    let classes = [
        "applicationProcess",
        "simpleSecurityObject",
        "extensibleObject",
    ];
    entry(text, &dn::join(&parts), &classes, &attributes);
}

fn password(name: &str, password: &Secret) -> String {
    format!("{{CRYPT}}{}", crypt::hash(name, password))
}

fn entry(text: &mut String, dn: &str, classes: &[&str], attributes: &[(&str, &str)]) {
    text.push('\n');
    line(text, "dn", dn);
    for class in classes {
        line(text, "objectClass", class);
    }
    let mut named_cn = false;
    for (attribute, value) in attributes {
        named_cn |= attribute.eq_ignore_ascii_case("cn");
        line(text, attribute, value);
    }
    // applicationProcess must have a cn, whatever the entry is named by.
    if classes.contains(&"applicationProcess") && !named_cn {
        line(
            text,
            "cn",
            attributes.first().map_or("", |(_, value)| value),
        );
    }
}

/// A value that is not a SAFE-STRING is written in base64.
fn line(text: &mut String, attribute: &str, value: &str) {
    let safe = value.bytes().all(|b| (0x20..0x7f).contains(&b))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ');
    // Writing to a String cannot fail.
    let _ = if safe {
        writeln!(text, "{attribute}: {value}")
    } else {
        writeln!(text, "{attribute}:: {}", STANDARD.encode(value))
    };
}
