//! The lab's directory, as everybody on its network sees it.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::probe::appliance;
use super::probe::directory::{Directory, SUCCESS};
use super::probe::session::user;
use super::verdict::{broken, require, require_none};
use super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use crate::config::SenderLogin;
use crate::plan::Role;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "directory.right_password_alone_binds",
        title: "The right password binds, a wrong one does not, over verified ldaps://",
        citation: "row 8; RFC 4513 section 5.1.3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Directory, Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(right_password_alone_binds(context)),
    },
    Check {
        id: "directory.empty_password_never_binds",
        title: "A name with an empty password does not bind",
        citation: "row 8; RFC 4513 section 5.1.2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Directory, Need::Login],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "names without password are let in",
            changes: &[Change::File(
                Role::Directory,
                "slapd.conf",
                "allow bind_anon_cred",
            )],
            sees: "",
        }],
        run: |context| Box::pin(empty_password_never_binds(context)),
    },
    Check {
        id: "directory.anonymous_reads_nothing",
        title: "Who has not logged in can read no attribute of anybody",
        citation: "row 8; RFC 4513 section 3.1.1",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Directory],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "everybody reads everything",
            changes: &[Change::File(
                Role::Directory,
                "slapd.conf",
                "access to * by * read",
            )],
            sees: "",
        }],
        run: |context| Box::pin(anonymous_reads_nothing(context)),
    },
    Check {
        id: "directory.people_cannot_read_passwords",
        title: "Not even a person who has logged in can read a password's hash",
        citation: "row 8; RFC 4513 section 6.3.2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Directory, Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(people_cannot_read_passwords(context)),
    },
    Check {
        id: "directory.passwords_are_hashed",
        title: "The directory keeps salted hashes of passwords, never passwords",
        citation: "row 8; RFC 4513 section 6.3.3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab, Need::Directory],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(passwords_are_hashed(context)),
    },
];

/// The name in the directory's certificate and on the lab's network.
const NAME: &str = "directory";

/// Where slapd's configuration is in its container.
const CONFIGURATION: &str = "/etc/relaykit/slapd.conf";

fn base(context: &Context) -> &str {
    &context.target().spec.auth.ldap.search_base
}

/// The distinguished name of the user that checks log in as.
fn person(context: &Context) -> Judged<String> {
    let name = &user(context)?.name;
    ControlFlow::Continue(format!("uid={name},{}", base(context)))
}

async fn right_password_alone_binds(context: Context) -> Judged {
    let password = user(&context)?.password.reveal();
    let person = person(&context)?;
    let mut directory = Directory::connect(&context, NAME).await?;
    let code = directory.bind(&person, password).await?;
    require(code == SUCCESS, "result 0 for the right password", || {
        format!("result {code}")
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
    let (entries, code) = directory.search(base(&context)).await?;
    // Whose an address is, Postfix reads as saslauthd searches.
    let spec = &context.target().spec;
    let named = spec.relay.sender_login == SenderLogin::Own
        || spec.limits.messages_per_login_per_hour.is_some();
    let logins = spec.auth.ldap.login_attributes();
    let allowed = |name: &String| named && logins.iter().any(|a| a.eq_ignore_ascii_case(name));
    let shown: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.attributes.iter().all(allowed))
        .map(|entry| format!("{}: {}", entry.dn, entry.attributes.join(" ")))
        .collect();
    require_none(&shown, "no attribute of any entry")?;
    // saslauthd searches like this where it has no account of its own.
    let searches = context.target().spec.auth.ldap.bind.is_none();
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
    let (entries, _) = directory.search(base(&context)).await?;
    let hash = |name: &String| name.to_lowercase().starts_with("userpassword");
    let shown: Vec<_> = entries
        .iter()
        .filter(|entry| entry.attributes.iter().any(hash))
        .map(|entry| entry.dn.clone())
        .collect();
    require_none(&shown, "no entry with userPassword")
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
