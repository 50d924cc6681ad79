//! The lab's directory, as everybody on its network sees it.

pub(super) mod confinement;

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::check::{Change, Check, Sabotage};
use super::need::Need;
use super::probe::appliance;
use super::probe::directory::{Directory, SUCCESS};
use super::probe::people;
use super::probe::session::user;
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{broken, require, require_none};
use crate::plan::Role;
use crate::report::Severity;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "directory.right_password_alone_binds",
        title: "The right password binds, a wrong one does not, over verified ldaps://",
        citation: "row 8; RFC 4513 section 5.1.3",
        severity: Severity::High,
        about: "Connects to the directory over TLS, with its certificate checked against the lab's \
                CA and its name, and binds as a person with the right password and with a wrong \
                one. Every login of the relay is such a bind; a directory that takes any password \
                makes the relay an open one.",
        repair: "Look at lab.users in relay.yaml and at the access rules of slapd.conf: \
                 userPassword needs `by anonymous auth`.",
        needs: &[Need::Directory, Need::Login],
        sabotages: &[Sabotage {
            name: "passwords that cannot be tried",
            changes: &[Change::Replace(
                Role::Directory,
                "slapd.conf",
                "access to attrs=userPassword by anonymous auth by * none",
                "access to attrs=userPassword by * none",
            )],
            sees: "for the right password",
        }],
        ..Check::by(&right_password_alone_binds)
    },
    Check {
        id: "directory.empty_password_never_binds",
        title: "A name with an empty password does not bind",
        citation: "row 8; RFC 4513 section 5.1.2",
        severity: Severity::Critical,
        about: "Binds as a person with no password at all. LDAP knows that as an unauthenticated \
                bind, which many servers answer with success although nothing was proved; a program \
                that takes success for a login then lets in everybody who leaves the password \
                empty.",
        repair: "Take `allow bind_anon_dn` out of slapd.conf, or what it is called in your \
                 directory.",
        needs: &[Need::Directory, Need::Login],
        sabotages: &[Sabotage {
            name: "names without password are let in",
            changes: &[Change::Replace(
                Role::Directory,
                "slapd.conf",
                "security simple_bind=128",
                "allow bind_anon_dn",
            )],
            sees: "result 0",
        }],
        ..Check::by(&empty_password_never_binds)
    },
    Check {
        id: "directory.anonymous_reads_nothing",
        title: "Who has not logged in can read no attribute of anybody",
        citation: "row 8; RFC 4513 section 3.1.1",
        severity: Severity::High,
        about: "Searches the directory without a bind and asks for every attribute, passwords \
                included. Names of entries may be found where saslauthd has no account to search \
                with, and not one attribute of them.",
        repair: "In slapd.conf, give anonymous `search` on what the filter tests and `read` on the \
                 pseudo-attribute entry alone; better still, give saslauthd an account \
                 (auth.ldap.bind).",
        needs: &[Need::Directory],
        sabotages: &[OPEN.seen_as("userPassword")],
        ..Check::by(&anonymous_reads_nothing)
    },
    Check {
        id: "directory.people_cannot_read_passwords",
        title: "Not even a person who has logged in can read a password's hash",
        citation: "row 8; RFC 4513 section 6.3.2",
        severity: Severity::High,
        about: "Binds as a person and asks for userPassword of everybody, of that person too. Who \
                has a hash can try passwords by the million at home, where no limit and no log \
                sees it.",
        repair: "In slapd.conf: `access to attrs=userPassword by anonymous auth by * none`, before \
                 every other rule.",
        needs: &[Need::Directory, Need::Login],
        sabotages: &[OPEN.seen_as("uid=")],
        ..Check::by(&people_cannot_read_passwords)
    },
    Check {
        id: "directory.people_see_nobody_else",
        title: "A person who has logged in learns nothing of other people",
        citation: "row 8; RFC 4513 section 3.1.1",
        severity: Severity::Medium,
        about: "Binds as a person and searches for everybody with all attributes. Nothing of another \
                entry may be shown: a login that sends mail is no licence to list the others, with \
                their names and addresses.",
        repair: "End the access rules of slapd.conf with `access to * by * none`, and grant nothing \
                 to `users`.",
        needs: &[Need::Directory, Need::Login],
        sabotages: &[OPEN.seen_as("objectClass")],
        ..Check::by(&people_see_nobody_else)
    },
    Check {
        id: "directory.nobody_changes_anything",
        title: "Neither a stranger nor a person can change, add or remove an entry",
        citation: "row 8; RFC 4513 section 6.1",
        severity: Severity::High,
        about: "Tries without a bind, and as a person, to change that person's own description and \
                password, to change the entry above, and to add an entry; all must be refused, and \
                what was done all the same is undone. Who can write a password in the directory can \
                log in to the relay as anybody.",
        repair: "Grant no `write` in the access rules of slapd.conf, and take out `allow \
                 update_anon`.",
        needs: &[Need::Directory, Need::Login],
        sabotages: &[OPEN.seen_as("a stranger may add an entry")],
        ..Check::by(&nobody_changes_anything)
    },
    Check {
        id: "directory.passwords_are_hashed",
        title: "The directory keeps salted hashes of passwords, never passwords",
        citation: "row 8; RFC 4513 section 6.3.3",
        severity: Severity::High,
        about: "Reads the database with slapcat in the directory's container and looks at every \
                userPassword. A backup, a lost disk or a mistake in an access rule must not give \
                away passwords that people use elsewhere too.",
        repair: "Store passwords as {CRYPT}$6$ or a stronger salted scheme (slappasswd(8)); what is \
                 in clear now has to be changed.",
        needs: &[Need::Lab, Need::Directory],
        sabotages: &[Sabotage {
            name: "a person whose password is kept in clear",
            changes: &[Change::File(
                Role::Directory,
                "people.ldif",
                "\ndn: uid=careless,SEARCH_BASE\nobjectClass: inetOrgPerson\n\
                 uid: careless\ncn: careless\nsn: careless\nuserPassword: in-clear",
            )],
            sees: "a password without one",
        }],
        ..Check::by(&passwords_are_hashed)
    },
];

/// Access rules of somebody who wanted to be rid of them.
const OPEN: Sabotage = Sabotage {
    name: "everybody may do everything in the directory",
    changes: &[
        Change::Replace(
            Role::Directory,
            "slapd.conf",
            "access to attrs=userPassword by anonymous auth by * none",
            "access to * by * write",
        ),
        Change::Replace(
            Role::Directory,
            "slapd.conf",
            "security simple_bind=128",
            "allow update_anon",
        ),
    ],
    sees: "",
};

/// The name in the directory's certificate and on the lab's network.
const NAME: &str = "directory";

/// Where slapd's configuration is in its container.
const CONFIGURATION: &str = "/etc/relaykit/slapd.conf";

fn base(context: &Context) -> Judged<String> {
    ControlFlow::Continue(appliance::directory(context)?.settings.search_base)
}

/// The distinguished name of the user that checks log in as.
fn person(context: &Context) -> Judged<String> {
    people::dn(context, &user(context)?.name)
}

async fn right_password_alone_binds(context: Context) -> Judged {
    let password = user(&context)?.password.reveal();
    let person = person(&context)?;
    let mut directory = Directory::connect(&context, NAME).await?;
    let code = directory.bind(&person, password).await?;
    require(code == SUCCESS, "result 0 for the right password", || {
        format!("result {code} for the right password")
    })?;
    let code = directory.bind(&person, &format!("{password}x")).await?;
    require(
        code != SUCCESS,
        "a refusal of a wrong password",
        || "result 0",
    )
}

async fn empty_password_never_binds(context: Context) -> Judged {
    let mut directory = Directory::connect(&context, NAME).await?;
    let code = directory.bind(&person(&context)?, "").await?;
    require(
        code != SUCCESS,
        "a refusal of a name without password",
        || "result 0",
    )
}

async fn anonymous_reads_nothing(context: Context) -> Judged {
    let mut directory = Directory::connect(&context, NAME).await?;
    let (entries, code) = directory.search(&base(&context)?).await?;
    // The name that a person goes by.
    let ldap = appliance::directory(&context)?.settings;
    let logins = ldap.login_attributes();
    let allowed = |name: &String| logins.iter().any(|a| a.eq_ignore_ascii_case(name));
    let shown: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.attributes.iter().all(allowed))
        .map(|entry| format!("{}: {}", entry.dn, entry.attributes.join(" ")))
        .collect();
    require_none(&shown, "no attribute of any entry")?;
    // saslauthd searches like this where it has no account of its own.
    let searches = ldap.bind.is_none();
    let found = !entries.is_empty();
    require(
        found == searches,
        "names exactly where logins need the search",
        || format!("{} names, result {code}", entries.len()),
    )
}

async fn people_cannot_read_passwords(context: Context) -> Judged {
    let mut directory = Directory::connect(&context, NAME).await?;
    let code = directory
        .bind(&person(&context)?, user(&context)?.password.reveal())
        .await?;
    require(code == SUCCESS, "a bind with the right password", || {
        format!("result {code}")
    })?;
    let (entries, _) = directory.search(&base(&context)?).await?;
    let hash = |name: &String| name.to_lowercase().starts_with("userpassword");
    let shown: Vec<_> = entries
        .iter()
        .filter(|entry| entry.attributes.iter().any(hash))
        .map(|entry| entry.dn.clone())
        .collect();
    require_none(&shown, "no entry with userPassword")
}

async fn people_see_nobody_else(context: Context) -> Judged {
    let person = person(&context)?;
    let mut directory = Directory::connect(&context, NAME).await?;
    let password = user(&context)?.password.reveal();
    let code = directory.bind(&person, password).await?;
    require(code == SUCCESS, "a bind with the right password", || {
        format!("result {code}")
    })?;
    let (entries, _) = directory.search(&base(&context)?).await?;
    let others = entries
        .iter()
        .filter(|e| !e.dn.eq_ignore_ascii_case(&person));
    let shown: Vec<_> = others
        .filter(|entry| !entry.attributes.is_empty())
        .map(|entry| format!("{}: {}", entry.dn, entry.attributes.join(" ")))
        .collect();
    require_none(&shown, "no attribute of another entry")
}

async fn nobody_changes_anything(context: Context) -> Judged {
    let person = person(&context)?;
    let mut wrong = Vec::new();
    for (who, logs_in) in [("a stranger", false), ("a person", true)] {
        let mut directory = Directory::connect(&context, NAME).await?;
        if logs_in {
            let password = user(&context)?.password.reveal();
            let code = directory.bind(&person, password).await?;
            require(code == SUCCESS, "a bind with the right password", || {
                format!("result {code}")
            })?;
        }
        for may in what_may_be_changed(&mut directory, &context, &person).await? {
            wrong.push(format!("{who} may {may}"));
        }
    }
    require_none(&wrong, "a refusal of every change")
}

/// Tries changes that do no harm, and undoes those that were made.
async fn what_may_be_changed(
    directory: &mut Directory,
    context: &Context,
    person: &str,
) -> Judged<Vec<&'static str>> {
    /// `noSuchAttribute` (RFC 4511 section 4.1.9): allowed, and nothing was there.
    const NO_SUCH_ATTRIBUTE: u8 = 16;
    const PROBE: &str = "relaykit probe";
    let mut done = Vec::new();
    let base = base(context)?;
    for (place, what) in [
        (person, "change an entry"),
        (base.as_str(), "change the entry above"),
    ] {
        if directory.replace(place, "description", PROBE).await? == SUCCESS {
            directory.take_away(place, "description", PROBE).await?;
            done.push(what);
        }
    }
    // A value that is not there: refused before that is looked at, or allowed.
    let code = directory.take_away(person, "userPassword", PROBE).await?;
    if [SUCCESS, NO_SUCH_ATTRIBUTE].contains(&code) {
        done.push("change a password");
    }
    let entry = format!("cn={PROBE},{base}");
    let attributes: &[(&str, &[&str])] =
        &[("objectClass", &["applicationProcess"]), ("cn", &[PROBE])];
    if directory.add(&entry, attributes).await? == SUCCESS {
        directory.remove(&entry).await?;
        done.push("add an entry");
    }
    ControlFlow::Continue(done)
}

async fn passwords_are_hashed(context: Context) -> Judged {
    let user = appliance::container(&context, Role::Directory)?
        .user
        .as_deref();
    let slapcat = ["slapcat", "-f", CONFIGURATION, "-o", "ldif-wrap=no"];
    let (code, ldif, error) = appliance::exec(&context, Role::Directory, &slapcat, user).await?;
    if code != 0 {
        return broken(format!("slapcat ended with code {code}: {}", error.trim()));
    }
    let hashes: Vec<_> = ldif.lines().filter_map(password).collect();
    let salted = |value: &String| value.starts_with("{CRYPT}$6$") || value.starts_with("{SSHA");
    require(
        hashes.iter().all(salted),
        "{CRYPT}$6$ or another salted scheme",
        || "a password without one",
    )?;
    let people = context.target().spec.lab.users.len();
    require(
        hashes.len() >= people,
        &format!("{people} people with a hash"),
        || format!("{} hashes", hashes.len()),
    )
}

/// The value of a line of LDIF with a password; base64 follows two colons (RFC 2849).
fn password(line: &str) -> Option<String> {
    let value = line.strip_prefix("userPassword:")?;
    let Some(encoded) = value.strip_prefix(':') else {
        return Some(value.trim().to_owned());
    };
    let bytes = STANDARD.decode(encoded.trim()).unwrap_or_default();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::password;

    #[test]
    fn passwords_are_found_in_either_form() {
        assert_eq!(
            password("userPassword:: e0NSWVBUfSQ2JA==").unwrap(),
            "{CRYPT}$6$"
        );
        assert_eq!(password("userPassword: clear").unwrap(), "clear");
        assert_eq!(password("uid: alice"), None);
    }
}
