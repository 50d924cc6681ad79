//! The people of a lab's directory, as LDIF (RFC 2849).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dn::{self, Rdn};
use super::entry::Entry;
use super::population::{Nearly, with_domain};
use super::schema::Schema;
use super::tree::Tree;
use super::{Directory, Own};
use crate::config::{Bind, User};
use crate::counterparts::{CHECKED_SENDER, crypt};
use crate::secret::Secret;

/// The address that the directory has for a user.
pub(super) fn address(tree: &Tree, user: &User) -> String {
    with_domain(&user.name, &tree.domain())
}

/// All addresses that the directory has for each of its people, in their order.
pub(super) fn addresses(tree: &Tree, people: &[User], owns_senders: bool) -> Vec<Vec<String>> {
    let all = people.iter().enumerate().map(|(index, user)| {
        let mut addresses = vec![address(tree, user)];
        if index == 0 && owns_senders {
            // Postfix looks for the owner of the whole domain where an address has none.
            let domain = CHECKED_SENDER.trim_start_matches(|letter| letter != '@');
            addresses.push(domain.to_owned());
        }
        addresses
    });
    all.collect()
}

/// The entries that lead to the people, the people, and the account that searches.
pub(super) fn ldif(directory: &Directory, own: &Own, tree: &Tree) -> Secret {
    let mut text = String::from("# The people of a lab (RFC 2849). Written by relaykit.\n");
    let mut written: Vec<String> = Vec::new();
    path_to(&mut text, &mut written, tree, &tree.people);
    for (user, person) in own.people.iter().zip(&own.population.people) {
        let hash = password(&user.name, &user.password);
        text.push_str(&record(person, &own.schema, Some(&hash)));
    }
    // Whoever has a password of their own could log in where the filter is wrong.
    if let Some(first) = own.people.first() {
        for nearly in &own.population.nearly {
            let hash = password(&nearly.name, &first.password);
            let Nearly { name, term, entry } = nearly;
            // Writing to a String cannot fail.
            let _ = write!(text, "\n# {name} misses {term}, and cannot log in.");
            text.push_str(&record(entry, &own.schema, Some(&hash)));
        }
    }
    if let Some(bind) = &directory.settings.bind {
        account(&mut text, &mut written, tree, bind);
    }
    Secret::new(text)
}

/// A person's entry, behind a blank line.
pub(super) fn record(person: &Entry, schema: &Schema, hash: Option<&str>) -> String {
    let is_superior = |class: &String| {
        person.classes.iter().any(|other| {
            let kinds = schema.kinds_of(other);
            kinds.iter().skip(1).any(|kind| kind.name() == class)
        })
    };
    let classes = person.classes.iter().filter(|class| !is_superior(class));
    let classes: Vec<&str> = classes.map(String::as_str).collect();
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    attributes.extend(hash.map(|hash| ("userPassword", hash)));
    for (name, values) in &person.attributes {
        attributes.extend(values.iter().map(|value| (name.as_str(), value.as_str())));
    }
    let mut text = String::new();
    entry(&mut text, &dn::join(&person.dn), &classes, &attributes);
    text
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
