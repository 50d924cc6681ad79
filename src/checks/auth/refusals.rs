//! Logins that must not succeed: the wrong password, and names that mean
//! somebody else.

use std::fmt::Write as _;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::session::{
    answer, attempt, attempt_by, command, judged, login_listener, user,
};
use super::super::probe::unguarded::another_guard;
use super::super::probe::{appliance, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require, skip};
use super::ready;
use super::users_file::{GOES_ON, PERMITS, REALMS_DROPPED};
use crate::counterparts::{Purpose, Resolved};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::{Reply, Session};

/// A guard that says OK to everybody.
const ANYTHING_GOES: Sabotage = Sabotage {
    name: "everybody's password is right",
    changes: &[another_guard!(
        "edit 's/^    my .flaw = flaw(.login);/    return accept_login($login, $login->{typed}); &/' \
         other/Logins.pm"
    )],
    sees: "235",
};

/// The directory is asked for names that begin like the login.
const FIRST_LETTER: Sabotage = Sabotage {
    name: "the filter finds what begins alike",
    changes: &[
        Change::Given(Need::Directory),
        Change::Replace(
            Role::Relay,
            "saslauthd.conf",
            "(uid=%u)",
            "(|(uid=%u)(uid=%u*))",
        ),
    ],
    sees: "235",
};

/// A filter whose `%u` can be a `%U`.
const NAMES_ALONE: Need = Need::Comes {
    to: "an auth.ldap.filter with (...=%u) that compares names without an @",
    holds: |spec| {
        let relay = Resolved::new(spec.clone(), Purpose::Proof);
        let directory = relay.backend.directory();
        let filter = &spec.auth.ldap.filter;
        filter.contains("=%u)") && directory.is_some_and(|d| d.login_for("a") == "a")
    },
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.wrong_password_is_refused",
        title: "A wrong password is refused, and nothing is relayed after it",
        citation: "row 1; row 8; RFC 4954 section 6",
        severity: Severity::Critical,
        about: "Logs in with the right name and wrong passwords: one letter more, all in \
                capitals, something else. Each must be refused for good, and RCPT for a foreign \
                recipient must be refused after it. A relay that accepts here is open to \
                everybody.",
        repair: "Check that auth.ldap names your directory and that it binds with the password. \
                 By hand, pwcheck_method: saslauthd in smtpd.conf and ldap_auth_method: bind in \
                 saslauthd.conf.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[
            ANYTHING_GOES.seen_as("235"),
            PERMITS.seen_as("235"),
            GOES_ON.seen_as("235"),
        ],
        ..Check::by(&wrong_password_is_refused)
    },
    Check {
        id: "auth.unknown_user_is_refused",
        title: "A name that the directory does not have is refused",
        citation: "row 1; row 8; RFC 4954 section 6",
        severity: Severity::Critical,
        about: "Logs in with a name that nobody has and a password that somebody has. It must be \
                refused for good, and nothing relayed after it.",
        repair: "Check the filter in auth.ldap.filter: it must find one entry for one name. By \
                 hand, ldap_filter in saslauthd.conf.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[ANYTHING_GOES.seen_as("235")],
        ..Check::by(&unknown_user_is_refused)
    },
    Check {
        id: "auth.empty_password_is_refused",
        title: "An empty password is refused, by whatever mechanism it comes",
        citation: "row 8; RFC 4513 section 5.1.2",
        severity: Severity::Critical,
        about: "Logs in with the right name and no password, by PLAIN and by LOGIN. A directory \
                answers such a bind with success, as anonymous (the unauthenticated bind); who \
                takes that for a login is open to everybody who knows a name.",
        repair: "saslauthd refuses empty passwords itself. By hand, keep saslauthd; in OpenLDAP \
                 leave bind_anon_cred out of `allow`.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[ANYTHING_GOES.seen_as("235")],
        ..Check::by(&empty_password_is_refused)
    },
    Check {
        id: "auth.empty_name_is_refused",
        title: "A login without a name is refused for good, by whatever mechanism it comes",
        citation: "RFC 4616 section 2; RFC 4954 section 4.7.6",
        severity: Severity::Medium,
        about: "Logs in with no name and the right password of the first user, by PLAIN and by \
                LOGIN. The relay must refuse that for good: nobody has that name, whoever can be \
                asked. A temporary refusal makes the client try the same again for days, and \
                shows the operator an outage that there is none of.",
        repair: "relaykit's guard refuses an empty name itself. By hand, saslauthd answers NO, and \
                 libsasl calls it a bad parameter.",
        needs: &[Need::Login],
        sabotages: &[
            Sabotage {
                name: "no name counts as an outage",
                changes: &[another_guard!(
                    "edit \"s/^    my .flaw = flaw(.login);/    return put_off(\\$login, 'no name') \
                     if \\$login->{typed} eq ''; &/\" other/Logins.pm"
                )],
                sees: "454",
            },
            ANYTHING_GOES.seen_as("235"),
        ],
        ..Check::by(&empty_name_is_refused)
    },
    Check {
        id: "auth.filter_characters_are_refused",
        title: "A name with LDAP filter characters finds nobody, not even with the right password",
        citation: "row 8; RFC 4515 section 3",
        severity: Severity::High,
        about: "Logs in with names that are LDAP filters or parts of one (*, al*, name)(uid=*, \
                \\2a), and with a NUL before the name, each with the right password of the first \
                user. None may succeed: one name that finds somebody else's entry is enough to \
                try one password on everybody at once.",
        repair: "Use auth.ldap.filter with %u as it stands: saslauthd escapes what the filter \
                 language gives a meaning. By hand, the same for ldap_filter.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[ANYTHING_GOES.seen_as("235"), FIRST_LETTER.seen_as("235")],
        ..Check::by(&filter_characters_are_refused)
    },
    Check {
        id: "auth.foreign_realm_is_refused",
        title: "A name with a realm that is not its own is refused",
        citation: "row 5; row 8; Postfix smtpd_sasl_local_domain",
        severity: Severity::Medium,
        about: "Logs in with the right password and the name followed by @ and realms that are \
                not its own, none among them: libsasl drops an empty realm. Each must be refused. \
                Where the realm is dropped, one person has as many logins as there are realms, and \
                limits and logs by login mean nothing. What auth.ldap.filter itself lets in, such \
                as one with %U alone, is left out.",
        repair: "Use %u in auth.ldap.filter, or %d beside %U. By hand, run saslauthd with -r too, and \
                 leave smtpd_sasl_local_domain empty.",
        needs: &[Need::Login],
        sabotages: &[
            Sabotage {
                name: "the filter drops the realm",
                changes: &[
                    Change::Given(NAMES_ALONE),
                    Change::Replace(Role::Relay, "saslauthd.conf", "=%u)", "=%U)"),
                ],
                sees: "235",
            },
            REALMS_DROPPED.seen_as("235"),
        ],
        ..Check::by(&foreign_realm_is_refused)
    },
];

async fn wrong_password_is_refused(context: Context) -> Judged {
    let password = user(&context)?.password.reveal().to_owned();
    let wrong = [
        format!("{password}x"),
        password.to_uppercase(),
        "x".to_owned(),
    ];
    let wrong = wrong
        .into_iter()
        .filter(|w| *w != password)
        .map(Secret::new);
    rows::each(
        &context,
        wrong.enumerate(),
        |(n, _)| format!("wrong password {}", n + 1),
        |context, (_, password)| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let name = &user(&context)?.name;
            refused(
                &context,
                &attempt(&context, &mut session, name, &password).await?,
            )?;
            relays_nothing(&mut session).await
        },
    )
    .await
}

async fn unknown_user_is_refused(context: Context) -> Judged {
    let password = &user(&context)?.password;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let name = "nobody-has-this-name";
    refused(
        &context,
        &attempt(&context, &mut session, name, password).await?,
    )?;
    relays_nothing(&mut session).await
}

async fn empty_password_is_refused(context: Context) -> Judged {
    let empty = Secret::new("");
    let name = &user(&context)?.name;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let reply = session.auth_plain("", name, &empty).await;
    refused(&context, &answer(reply, "a reply to AUTH")?)?;
    let reply = session.auth_login(name, &empty).await;
    refused(&context, &answer(reply, "a reply to AUTH")?)?;
    relays_nothing(&mut session).await
}

async fn empty_name_is_refused(context: Context) -> Judged {
    let password = &user(&context)?.password;
    let mut session = ready(&context, login_listener(&context)?).await?;
    for mechanism in &context.target().spec.auth.mechanisms {
        let reply = attempt_by(&mut session, *mechanism, "", password).await?;
        require(reply.is_permanent(), "535, or another 5xx", || {
            format!("{}: {reply}", mechanism.name())
        })?;
    }
    relays_nothing(&mut session).await
}

async fn filter_characters_are_refused(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    let names = [
        // What a filter with a star of its own would find.
        name[..name.len() - name.chars().last().map_or(0, char::len_utf8)].to_owned(),
        "*".to_owned(),
        format!("{first}*"),
        format!("*{rest}"),
        "(".to_owned(),
        ")".to_owned(),
        "\\".to_owned(),
        "\\2a".to_owned(),
        format!("{name})(uid=*"),
        format!("{name})(|(uid=*"),
        "*)(objectClass=*".to_owned(),
        format!("{}{rest}", escaped(first)),
        // What follows NUL is cut off on the way: it must not be what counts.
        format!("\0{name}"),
        format!("nobody\0{name}"),
    ];
    rows::each(
        &context,
        // No name at all is another check's.
        names.into_iter().filter(|name| !name.is_empty()),
        |name: String| format!("{name:?}"),
        |context, name| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let password = &user(&context)?.password;
            // LOGIN carries every byte in a name, PLAIN all but NUL.
            let reply = answer(session.auth_login(&name, password).await, "a reply to AUTH")?;
            if name.contains('\0') {
                // No name at all: what cannot be passed on may be put off, too.
                let refused = reply.is_transient() || reply.is_permanent();
                return require(refused, "535, or another refusal", || reply.to_string());
            }
            refused(&context, &reply)?;
            let reply = session.auth_plain("", &name, password).await;
            refused(&context, &answer(reply, "a reply to AUTH")?)
        },
    )
    .await
}

async fn foreign_realm_is_refused(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let names = ["elsewhere", "elsewhere.example", "localhost", ""].map(|r| format!("{name}@{r}"));
    let mut names = names.to_vec();
    if context.target().lab.is_some()
        && let Some(directory) = appliance::resolved(&context)?.backend.directory()
    {
        names.retain(|name| !directory.finds(name));
    }
    if names.is_empty() {
        return skip(format!(
            "auth.ldap.filter lets {name} log in with anything behind an @"
        ));
    }
    rows::each(
        &context,
        names,
        |name| name,
        |context, name| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let password = &user(&context)?.password;
            refused(
                &context,
                &attempt(&context, &mut session, &name, password).await?,
            )
        },
    )
    .await
}

fn refused(context: &Context, reply: &Reply) -> Judged {
    judged(context, reply)?;
    require(reply.is_permanent(), "535, or another 5xx", || {
        reply.to_string()
    })
}

/// A refused login is no login.
async fn relays_nothing(session: &mut Session) -> Judged {
    command(session, "MAIL FROM:<sender@relaykit.example>").await?;
    let reply = command(session, "RCPT TO:<recipient@elsewhere.example>").await?;
    if reply.is_positive() {
        return fail(
            "no recipient accepted after a refused login",
            reply.to_string(),
        );
    }
    PASS
}

/// Every byte as an LDAP filter may write it.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        // Writing to a String cannot fail.
        let _ = write!(escaped, "\\{byte:02x}");
        escaped
    })
}
