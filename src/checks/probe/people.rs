//! People of the lab's directory or users file for one check alone, so that nobody else is
//! disturbed: added, given another password and removed while slapd runs. Its
//! database allows other processes to write (slapd-mdb(5)), and caches nothing.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::need::Need;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::broken;
use super::appliance;
use crate::config::User;
use crate::plan::Role;
use crate::secret::Secret;

/// What a check that adds people needs beside [`Need::Lab`].
pub(in super::super) const BY_UID: Need = Need::Comes {
    to: "auth.pam.users_file, or auth.ldap.filter: (uid=%u)",
    holds: |spec| spec.auth.users.is_some() || spec.auth.ldap.filter == "(uid=%u)",
};

/// Hashes the password in `$2` with the salt `$4` (crypt(5)), and hands it on at the
/// end of the LDIF in `$1` to the tool in `$3`.
const WRITE: &str = "set -e; hash=$(slappasswd -n -h '{CRYPT}' -c \"$4\" -s \"$2\"); \
                     printf '%suserPassword: %s\\n' \"$1\" \"$hash\" | \"$3\" -f /etc/relaykit/slapd.conf";

/// What is done with the lines of a users file in `@lines`: with the name, the hash of the
/// password, the address.
const ADD: &str = r#"push @lines, join(":", $name, $hash, length $address ? $address : ()) . "\n""#;
const CHANGE: &str = r"s/^(\Q$name\E):[^:\n]*/$1:$hash/ for @lines";
const REMOVE: &str = r"@lines = grep { !/^\Q$name\E:/ } @lines";

/// Changes a lab's users file as whoever owns it does: one at a time, and by another file
/// in its place.
const REWRITE: &str = r#"
use Fcntl ":flock";
my ($name, $password, $address, $salt) = @ARGV;
my $file = "/var/lib/relaykit/accounts";
open my $lock, ">>", "/tmp/accounts.lock" or die "$!\n";
flock $lock, LOCK_EX;
my $random = join "", map { (".", "/", 0 .. 9, "A" .. "Z", "a" .. "z")[rand 64] } 1 .. 8;
my $hash = crypt $password, $salt =~ s/%\.8s/$random/r;
open my $old, "<", $file or die "$!\n";
my @lines = <$old>;
DO;
open my $new, ">", "$file.new" or die "$!\n";
chmod 0600, "$file.new";
print $new @lines;
close $new and rename "$file.new", $file or die "$!\n";
"#;

/// A hash as the lab's people have it.
const USUAL: &str = "$6$%.8s";
/// One that takes a processor of today a third of a second.
const SLOW: &str = "$6$rounds=600000$%.8s";

/// Adds somebody.
pub(in super::super) async fn add(context: &Context, name: &str, password: &str) -> Judged<User> {
    added(context, name, password, None, USUAL).await
}

/// Adds somebody who has a mail address.
pub(in super::super) async fn add_with_address(
    context: &Context,
    name: &str,
    password: &str,
    address: &str,
) -> Judged<User> {
    added(context, name, password, Some(address), USUAL).await
}

/// Adds somebody whose password the directory takes long to compare.
pub(in super::super) async fn add_slow(
    context: &Context,
    name: &str,
    password: &str,
) -> Judged<User> {
    added(context, name, password, None, SLOW).await
}

async fn added(
    context: &Context,
    name: &str,
    password: &str,
    address: Option<&str>,
    salt: &str,
) -> Judged<User> {
    if in_users_file(context)? {
        let line = [name, password, address.unwrap_or_default(), salt];
        rewrite(context, ADD, &line).await?;
        return ControlFlow::Continue(User {
            name: name.to_owned(),
            password: Secret::new(password),
        });
    }
    let entry = format!(
        "{}objectClass: inetOrgPerson\nuid:: {uid}\ncn:: {uid}\nsn:: {uid}\n{mail}",
        line("dn", &dn(context, name)?),
        uid = STANDARD.encode(name),
        mail = address
            .map(|address| line("mail", address))
            .unwrap_or_default(),
    );
    write(context, &entry, password, "slapadd", salt).await?;
    ControlFlow::Continue(User {
        name: name.to_owned(),
        password: Secret::new(password),
    })
}

/// Gives somebody another password.
pub(in super::super) async fn change(context: &Context, name: &str, password: &str) -> Judged {
    if in_users_file(context)? {
        return rewrite(context, CHANGE, &[name, password, "", USUAL]).await;
    }
    let change = format!(
        "{}changetype: modify\nreplace: userPassword\n",
        line("dn", &dn(context, name)?)
    );
    write(context, &change, password, "slapmodify", USUAL).await
}

/// Removes somebody.
pub(in super::super) async fn remove(context: &Context, name: &str) -> Judged {
    if in_users_file(context)? {
        return rewrite(context, REMOVE, &[name, "", "", USUAL]).await;
    }
    let change = format!("{}changetype: delete\n", line("dn", &dn(context, name)?));
    let script = "printf '%s' \"$1\" | slapmodify -f /etc/relaykit/slapd.conf";
    run(context, &["sh", "-c", script, "sh", &change]).await
}

/// A name that no other check uses, and that says whose it is.
pub(in super::super) fn name(of: &str) -> String {
    let token = crate::smtp::Message::from_to("", "").token().to_owned();
    format!("{of}-{}", &token[..8])
}

async fn write(context: &Context, ldif: &str, password: &str, tool: &str, salt: &str) -> Judged {
    run(
        context,
        &["sh", "-c", WRITE, "sh", ldif, password, tool, salt],
    )
    .await
}

/// Whether people are in a users file of the relay's.
fn in_users_file(context: &Context) -> Judged<bool> {
    let backend = appliance::resolved(context)?.backend;
    ControlFlow::Continue(backend.directory().is_none())
}

async fn rewrite(context: &Context, what: &str, arguments: &[&str]) -> Judged {
    let script = REWRITE.replace("DO", what);
    let argv = [&["perl", "-e", script.as_str()], arguments].concat();
    let (code, _, stderr) = appliance::exec(context, Role::Relay, &argv, None).await?;
    if code == 0 {
        return ControlFlow::Continue(());
    }
    broken(format!("the users file took no change: {}", stderr.trim()))
}

async fn run(context: &Context, argv: &[&str]) -> Judged {
    let user = appliance::container(context, Role::Directory)?
        .user
        .as_deref();
    let (code, _, stderr) = appliance::exec(context, Role::Directory, argv, user).await?;
    if code == 0 {
        return ControlFlow::Continue(());
    }
    broken(format!("the directory took no change: {}", stderr.trim()))
}

/// The distinguished name, with every odd byte as a hexadecimal pair (RFC 4514
/// section 2.4).
fn dn(context: &Context, name: &str) -> Judged<String> {
    let escaped: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("\\{byte:02x}"),
        })
        .collect();
    let base = appliance::directory(context)?.settings.search_base;
    ControlFlow::Continue(format!("uid={escaped},{base}"))
}

/// A line of LDIF with any value (RFC 2849).
fn line(attribute: &str, value: &str) -> String {
    format!("{attribute}:: {}\n", STANDARD.encode(value))
}

/// The same in the full-width forms of Unicode, which a directory takes for the
/// same (RFC 4518 section 2.3).
pub(in super::super) fn wide(name: &str) -> String {
    let forms = name.chars().map(|letter| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter),
        other => other,
    });
    forms.collect()
}

#[cfg(test)]
mod tests {
    use super::wide;

    #[test]
    fn wide_letters_are_other_letters() {
        assert_eq!(wide("bob"), "\u{ff42}\u{ff4f}\u{ff42}");
    }
}
