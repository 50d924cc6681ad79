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
use crate::counterparts::{Purpose, Resolved};
use crate::plan::Role;
use crate::secret::Secret;

/// What a check needs that adds people with any name, beside [`Need::Lab`].
pub(in super::super) const ANY_NAME: Need = Need::Comes {
    to: "auth.pam.users_file, or an auth.ldap.filter that takes any name for a login",
    holds: |spec| {
        let relay = Resolved::new(spec.clone(), Purpose::Proof);
        let directory = relay.backend.directory();
        let any = "Jürgen, a*b";
        directory.is_none_or(|directory| {
            directory.login_for(any) == any && directory.entry(any, None).is_some()
        })
    },
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
    let (name, _, entry) = entry(context, name, address)?;
    write(context, &entry, password, "slapadd", salt).await?;
    ControlFlow::Continue(User {
        name,
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

/// Adds an entry that is nobody's, as LDIF.
pub(in super::super) async fn add_entry(context: &Context, ldif: &str) -> Judged {
    let script = "printf '%s' \"$1\" | slapadd -f /etc/relaykit/slapd.conf";
    run(context, &["sh", "-c", script, "sh", ldif]).await
}

/// Removes an entry.
pub(in super::super) async fn remove_entry(context: &Context, dn: &str) -> Judged {
    let change = format!("{}changetype: delete\n", line("dn", dn));
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

/// The distinguished name of whoever logs in as `name`.
pub(in super::super) fn dn(context: &Context, name: &str) -> Judged<String> {
    let (_, dn, _) = entry(context, name, None)?;
    ControlFlow::Continue(dn)
}

/// Somebody whom the lab's filter lets in: their login, their distinguished name, and their
/// entry as LDIF without a password.
fn entry(context: &Context, name: &str, address: Option<&str>) -> Judged<(String, String, String)> {
    let directory = appliance::directory(context)?;
    let login = directory.login_for(name);
    match directory.entry(&login, address) {
        Some((dn, ldif)) => ControlFlow::Continue((login, dn, ldif)),
        None => broken(format!(
            "auth.ldap.filter lets nobody called {login} log in, whom the check wanted to add"
        )),
    }
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
