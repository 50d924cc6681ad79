//! What the directory says is what counts: whole passwords, odd names, and changes
//! at once.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::privacy::{KEPT, REWRITTEN_ON_SUBMISSION};
use super::super::probe::people::{self, ANY_NAME};
use super::super::probe::session::attempt;
use super::super::probe::unguarded::{NO_GUARD_OF_DIRECTORY, another_guard};
use super::super::probe::{mail, rows, session};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require, require_none};
use super::ready;
use crate::config::{Says, User};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;

/// Where a login can be read in the trace header.
const LOGIN_SHOWN: Need = Need::Settings(&[
    ("privacy.received", Says::OneOf(&["rewrite", "keep"])),
    ("privacy.show_login", Says::Is("true")),
]);

/// It then goes on accepting an old password.
pub(in super::super) const CACHES: Sabotage = Sabotage {
    name: "saslauthd caches logins",
    changes: &[Change::Script(
        Role::Relay,
        "cd /run/service/saslauthd && s6-svc -wD -d . && \
         sed -i 's/ -d -r / -d -r -c /' run && s6-svc -wu -u . && \
         until grep -qa ^saslauthd.-d /proc/$(s6-svstat -o pid .)/cmdline; do sleep 0.05; done",
    )],
    sees: "",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.long_password_is_not_cut",
        title: "The longest password that fits logs in, and nothing that only begins with it",
        citation: "row 8; RFC 4616 section 2; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Adds somebody with a password of 127 bytes to the directory. It must log in; the \
                same with more bytes after it must not. saslauthd hands the directory the first \
                127 bytes of a password and drops the rest, so that a relay without a guard \
                accepts anything that begins right.",
        repair: "relaykit's guard refuses longer passwords before saslauthd sees them. By hand, \
                 keep passwords below 128 bytes in the directory, or check them through PAM.",
        needs: &[Need::Login, Need::Lab],
        long: true,
        sabotages: &[NO_GUARD_OF_DIRECTORY.seen_as("one byte more: 235")],
        ..Check::by(&long_password_is_not_cut)
    },
    Check {
        id: "auth.directory_changes_count_at_once",
        title: "After a change the directory's old password is refused at once, and a removed user",
        citation: "row 8; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Adds somebody to the directory, logs in, changes the password there and tries both, \
                removes the entry and tries again. What the directory says now must count: a \
                cache goes on accepting a stolen password, or somebody who has left.",
        repair: "Run saslauthd without -c, and without nscd or sssd between it and the directory.",
        needs: &[Need::Login, Need::Lab, Need::Directory],
        long: true,
        sabotages: &[CACHES.seen_as("the old password: 235")],
        ..Check::by(&changes_count_at_once)
    },
    Check {
        id: "auth.special_characters_log_in",
        title: "Names and passwords in UTF-8 and with the characters of LDAP log in, each as itself",
        citation: "row 8; RFC 4616 section 2; RFC 4515 section 3; RFC 4514 section 2.4",
        severity: Severity::Medium,
        about: "Adds people whose names and passwords hold umlauts, characters that LDAP filters and \
                distinguished names give a meaning, quotes, spaces and percent signs. Each must \
                log in, and must be refused with another one's password. A chain that does not \
                escape somewhere either locks these people out or lets others in.",
        repair: "Use auth.ldap.filter with %u as it stands. By hand, look for a proxy between \
                 saslauthd and the directory that rewrites names.",
        needs: &[Need::Login, Need::Lab, Need::Directory, ANY_NAME],
        long: true,
        sabotages: &[Sabotage {
            name: "another filter than relay.yaml has",
            changes: &[
                Change::Given(Need::Setting("auth.ldap.filter", Says::Is("(uid=%u)"))),
                Change::Replace(
                    Role::Relay,
                    "saslauthd.conf",
                    "ldap_filter: (uid=%u)",
                    "ldap_filter: (&(uid=%u)(!(uid=*,*)))",
                ),
            ],
            sees: "its own password: 535",
        }],
        ..Check::by(&special_characters_log_in)
    },
    Check {
        id: "auth.person_goes_by_one_name",
        title: "However a login was typed, the trace header has the directory's own name",
        citation: "row 8; row 14; RFC 4518 section 2; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::Medium,
        about: "Logs in as the first user in capitals, with blanks around the name and in letters of \
                another width, as far as the directory takes them, and sends a message each time. \
                The trace header must name the user as the directory does. What an operator looks \
                for in log and header, and what counts messages, would else be as many logins as \
                there are spellings.",
        repair: "relaykit's guard tells Postfix the name that the directory has. By hand, a directory \
                 or a SASL server that does (Dovecot's auth_username_format).",
        needs: &[Need::Login, Need::Inbox, Need::Lab, LOGIN_SHOWN],
        long: true,
        sabotages: &[Sabotage {
            name: "people are named as they type",
            changes: &[another_guard!(
                "edit 's/^            return accept_login(.login, .found.*/            return accept_login($login, $login->{typed});/' other/Logins.pm"
            )],
            sees: "goes by another name",
        }],
        ..Check::by(&person_goes_by_one_name)
    },
    Check {
        id: "auth.identities_do_not_mix",
        title: "Sessions that log in at the same moment are judged and named each for itself",
        citation: "row 1; row 14; RFC 4954 section 4",
        severity: Severity::Critical,
        about: "Two people log in at the same moment in several sessions, some with the other one's \
                password. Each session must be judged for itself, and the trace headers of the \
                messages that are sent must name their own senders. Daemons that share a socket, a \
                connection to the directory or a table can mix them up.",
        repair: "By hand, look at what stands between Postfix and the directory: a rewriting of \
                 login names, a proxy, header checks with a fixed name.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, LOGIN_SHOWN],
        long: true,
        sabotages: &[
            Sabotage {
                name: "every login is named alike",
                changes: &[
                    Change::Given(REWRITTEN_ON_SUBMISSION),
                    Change::Replace(
                        Role::Relay,
                        "postfix/login_header_checks",
                        "(Authenticated sender: $2)",
                        "(Authenticated sender: user)",
                    ),
                ],
                sees: "(Authenticated sender: user)",
            },
            Sabotage {
                name: "every login is named alike in a trace that is kept",
                changes: &[
                    Change::Given(KEPT),
                    Change::Main(
                        "header_checks",
                        "pcre:{{/^(Received: .*)\\(Authenticated sender: [^)]*\\)(.*)/ REPLACE $$1(Authenticated sender: user)$$2}}",
                    ),
                ],
                sees: "(Authenticated sender: user)",
            },
        ],
        ..Check::by(&identities_do_not_mix)
    },
];

async fn long_password_is_not_cut(context: Context) -> Judged {
    let longest = "w".repeat(127);
    let somebody = people::add(&context, &people::name("long"), &longest).await?;
    expect(&context, &somebody.name, &longest, true, "127 bytes").await?;
    for (more, name) in [("x", "one byte more"), ("xxxxxxxx", "eight bytes more")] {
        let password = format!("{longest}{more}");
        expect(&context, &somebody.name, &password, false, name).await?;
    }
    PASS
}

/// Of whoever checks logins here: the directory or the users file.
pub(super) async fn changes_count_at_once(context: Context) -> Judged {
    let somebody = people::add(&context, &people::name("changed"), "the first one").await?;
    let name = somebody.name;
    expect(&context, &name, "the first one", true, "the password").await?;
    people::change(&context, &name, "the second one").await?;
    expect(&context, &name, "the first one", false, "the old password").await?;
    expect(&context, &name, "the second one", true, "the new password").await?;
    people::remove(&context, &name).await?;
    expect(&context, &name, "the second one", false, "after removal").await
}

async fn special_characters_log_in(context: Context) -> Judged {
    let own = people::name("");
    let people = [
        ("Jürgen Müller", "grüße, 密码 und ñ"),
        ("o'hara*(x)", "*)(uid=*"),
        ("a,b+c=d;e", "back\\slash \\2a"),
        ("\"quoted\"<n>#", "  spaces before and after  "),
        ("per%u%s$1", "%u $(id) `id`"),
    ];
    rows::each(
        &context,
        people,
        |(name, _)| name.to_owned(),
        |context, (name, password)| {
            let name = format!("{name}{own}");
            async move {
                people::add(&context, &name, password).await?;
                expect(&context, &name, password, true, "its own password").await?;
                expect(&context, &name, "another one's", false, "another password").await
            }
        },
    )
    .await
}

async fn person_goes_by_one_name(context: Context) -> Judged {
    let user = session::user(&context)?;
    let typed = [
        user.name.clone(),
        user.name.to_uppercase(),
        format!(" {} ", user.name),
        people::wide(&user.name),
    ];
    let mark = format!("(Authenticated sender: {})", user.name);
    let mut wrong = Vec::new();
    for typed in typed {
        let mut session = ready(&context, session::login_listener(&context)?).await?;
        let reply = attempt(&context, &mut session, &typed, &user.password).await?;
        if reply.code != 235 {
            continue;
        }
        let message = mail::plain();
        let delivered = mail::relayed_from_nobody(&context, &mut session, &message).await?;
        let head = String::from_utf8_lossy(mail::head(&delivered.raw)).into_owned();
        if !head.contains(&mark) {
            let named = head.lines().find(|line| line.contains("Authenticated"));
            let named = named.unwrap_or("no login").trim();
            wrong.push(format!("{typed:?} goes by another name: {named}"));
        }
    }
    require_none(&wrong, &mark)
}

async fn identities_do_not_mix(context: Context) -> Judged {
    let (one, two) = (people::name("one"), people::name("two"));
    let one = people::add(&context, &one, "what one knows").await?;
    let two = people::add(&context, &two, "what two knows").await?;
    let sessions = [
        (one.name.clone(), one.password.clone(), true),
        (two.name.clone(), two.password.clone(), true),
        (one.name.clone(), two.password.clone(), false),
        (two.name, one.password.clone(), false),
        (one.name, one.password, true),
    ];
    rows::each(
        &context,
        sessions.into_iter().enumerate(),
        |(number, (name, ..))| format!("session {} as {name}", number + 1),
        |context, (_, (name, password, right))| async move {
            let listener = session::login_listener(&context)?;
            let mut session = ready(&context, listener).await?;
            let reply = attempt(&context, &mut session, &name, &password).await?;
            if !right {
                return require(reply.is_permanent(), "535", || reply.to_string());
            }
            session::require_code(&reply, 235, "the right password")?;
            let message = mail::plain();
            let delivered = mail::relayed_from_nobody(&context, &mut session, &message).await?;
            let head = String::from_utf8_lossy(mail::head(&delivered.raw)).into_owned();
            let mark = format!("(Authenticated sender: {name})");
            if head.contains(&mark) {
                return PASS;
            }
            let named = head.lines().find(|line| line.contains("Authenticated"));
            fail(mark, named.unwrap_or("no login in the trace header"))
        },
    )
    .await
}

/// One login by PLAIN, in a session of its own.
pub(super) async fn expect(
    context: &Context,
    name: &str,
    password: &str,
    accepted: bool,
    what: &str,
) -> Judged {
    let user = User {
        name: name.to_owned(),
        password: Secret::new(password),
    };
    let mut session = ready(context, session::login_listener(context)?).await?;
    let reply = attempt(context, &mut session, &user.name, &user.password).await?;
    let right = if accepted {
        reply.code == 235
    } else {
        reply.is_permanent()
    };
    let expected = if accepted { "235" } else { "535" };
    require(right, &format!("{what}: {expected}"), || {
        format!("{what}: {reply}")
    })
}
