//! A directory that refers to another one.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::session::{attempt, login_listener, require_code, user};
use super::super::probe::{appliance, people};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, require};
use super::ready;
use crate::plan::Role;
use crate::report::Severity;

/// Where the entry refers to, in the relay's own container.
const PORT: &str = "6361";

/// Tells each of its clients the how many-eth they are, for as many seconds as a check
/// can need.
const LISTENING: &str = r#"
perl -MIO::Socket::INET -e '
    my $port = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => shift, Listen => 64, ReuseAddr => 1)
        or die "$!\n";
    exit if fork;
    open $_, "+<", "/dev/null" for *STDIN, *STDOUT, *STDERR;
    alarm 30;
    my $number = 0;
    while (my $client = $port->accept) { $number++; print $client "$number\n"; close $client }
' "$1"
"#;

/// Which client one is.
const NUMBER: &str = r#"exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r number <&3 && echo "$number""#;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "auth.referrals_are_not_followed",
    title: "Where the directory refers to another server, nobody goes there with a password",
    citation: "row 8; RFC 4511 section 4.5.3; Cyrus saslauthd(8)",
    severity: Severity::High,
    about: "Adds an entry to the directory that refers to another server, which is played in the \
            relay's container, and logs in. The login must succeed, and nobody may have \
            connected to that server. A program that follows referrals asks whomever an entry \
            names, without the certificate that was meant, and waits for servers that are not \
            there: each domain controller of Active Directory refers to several.",
    repair: "By hand, ldap_referrals: no in saslauthd.conf; no -C for ldapsearch.",
    needs: &[Need::Login, Need::Lab, Need::Directory],
    exclusive: true,
    sabotages: &[Sabotage {
        name: "referrals are followed",
        changes: &[Change::Replace(
            Role::Relay,
            "saslauthd.conf",
            "ldap_referrals: no",
            "ldap_referrals: yes",
        )],
        sees: "somebody connected",
    }],
    ..Check::by(&referrals_are_not_followed)
}];

async fn referrals_are_not_followed(context: Context) -> Judged {
    let argv = ["sh", "-c", LISTENING, "sh", PORT];
    let (code, _, stderr) = appliance::exec(&context, Role::Relay, &argv, None).await?;
    if code != 0 {
        return broken(format!("no server to refer to: {}", stderr.trim()));
    }
    let base = appliance::directory(&context)?.settings.search_base;
    let name = people::name("elsewhere");
    let dn = format!("cn={name},{base}");
    let entry = format!(
        "dn: {dn}\nobjectClass: referral\nobjectClass: extensibleObject\ncn: {name}\n\
         ref: ldap://127.0.0.1:{PORT}/{base}\n"
    );
    people::add_entry(&context, &entry).await?;
    let judged = logs_in_here(&context).await;
    people::remove_entry(&context, &dn).await?;
    judged
}

async fn logs_in_here(context: &Context) -> Judged {
    let user = user(context)?;
    let mut session = ready(context, login_listener(context)?).await?;
    let reply = attempt(context, &mut session, &user.name, &user.password).await?;
    let argv = ["bash", "-c", NUMBER, "bash", PORT];
    let number = appliance::output(context, Role::Relay, &argv).await?;
    require(
        number.trim() == "1",
        "no connection to where the directory refers to",
        || "somebody connected to where the directory refers to",
    )?;
    require_code(&reply, 235, "a login beside a referral")
}
