//! A users file in the place of a directory: PAM compares the passwords
//! (`pam_pwdfile(8)`), the guard knows the names.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::session::user;
use super::super::probe::unguarded::another_guard;
use super::super::probe::{appliance, people, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use super::oracle::{FIXED_TIME, slow_hash_tells_no_name};
use super::people::{CACHES, changes_count_at_once, expect};
use crate::accounts::Accounts;
use crate::config::Says;
use crate::plan::Role;
use crate::report::Severity;

/// Logins are checked by a users file.
pub(in super::super) const USERS_FILE: Need = Need::Setting("auth.pam.users_file", Says::Something);

/// Where a lab's users file is in the relay.
const FILE: &str = "/var/lib/relaykit/accounts";

/// saslauthd's copy of it.
const COPY: &str = "/run/saslauthd/accounts";

/// PAM's module that says yes to everybody.
pub(super) const PERMITS: Sabotage = Sabotage {
    name: "PAM permits everybody",
    changes: &[
        Change::Given(USERS_FILE),
        Change::Script(
            Role::Relay,
            "printf '%s required pam_permit.so\\n' auth account >/run/saslauthd/pam",
        ),
    ],
    sees: "",
};

/// As PAM stacks have it that were put together from two.
pub(super) const GOES_ON: Sabotage = Sabotage {
    name: "PAM goes on after a wrong password",
    changes: &[
        Change::Given(USERS_FILE),
        Change::Script(
            Role::Relay,
            "sed -i '/^auth/s/required/sufficient/' /run/saslauthd/pam && \
             echo 'auth required pam_permit.so' >>/run/saslauthd/pam && \
             chown saslauthd:saslauthd /run/saslauthd/pam",
        ),
    ],
    sees: "",
};

/// Nobody is at the path that PAM looks at.
pub(super) const NOT_READ: Sabotage = Sabotage {
    name: "PAM reads a file that is not there",
    changes: &[
        Change::Given(USERS_FILE),
        Change::Script(
            Role::Relay,
            "sed -i 's,/run/saslauthd/accounts,/run/saslauthd/nowhere,' /run/saslauthd/pam && \
             chown saslauthd:saslauthd /run/saslauthd/pam",
        ),
    ],
    sees: "",
};

/// What is behind `@` counts for nothing.
pub(super) const REALMS_DROPPED: Sabotage = Sabotage {
    name: "the part of a name after @ is dropped",
    changes: &[
        Change::Given(USERS_FILE),
        another_guard!(
            "edit 's/^    return .text =~ tr.*/    return lc($text) =~ s,@.*,,r;/' other/Accounts.pm"
        ),
    ],
    sees: "",
};

/// A [`Change`] that lets the relay run another program in the place of `accounts`, which
/// hands the users file on: `$edit` is what sed(1) does with its text. It has made its copy
/// before anything else is done.
macro_rules! another_accounts {
    ($edit:literal) => {
        Change::Script(
            Role::Relay,
            concat!(
                "cd /run/service/accounts && s6-svc -wD -d . && sed '",
                $edit,
                "' /usr/libexec/relaykit/accounts >other && \
                 ! cmp -s other /usr/libexec/relaykit/accounts && \
                 sed -i 's|exec /usr/libexec/relaykit/accounts|exec perl /run/service/accounts/other|' run && \
                 rm -f /run/accounts/socket && s6-svc -wu -u . && \
                 until [ -S /run/accounts/socket ]; do sleep 0.05; done && \
                 perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && \
                 connect(S, sockaddr_un(q(/run/accounts/socket))) or die $!; print <S>'",
            ),
        )
    };
}
pub(in super::super) use another_accounts;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.users_file_changes_count_at_once",
        title: "In the users file a newcomer, a new password and a removal count at once",
        citation: "row 6; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Adds somebody to the users file, logs in, changes the password there and tries both, \
                removes the line and tries again. What the file says now must count, without a \
                restart: a copy of it that is kept goes on accepting a stolen password, or somebody \
                who has left.",
        repair: "relaykit's guard asks before each login whether the file is another. By hand, run \
                 saslauthd without -c, and let PAM read the file itself.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        long: true,
        sabotages: &[
            Sabotage {
                name: "the users file is read once",
                changes: &[another_accounts!(
                    "s/^    open my .source,.*/    return \"same\" if defined $last;\\n&/"
                )],
                sees: "the password: 535",
            },
            Sabotage {
                name: "who has left stays in the copy of the users file",
                changes: &[another_accounts!(
                    "s|^    my .why = put(copied(.text));|our %kept; $kept{(split /:/)[0]} = $_ for split $/, $text; \
                     my $why = put(copied(join $/, values %kept));|"
                )],
                sees: "after removal: 235",
            },
            CACHES.seen_as("the old password: 235"),
        ],
        ..Check::by(&changes_count_at_once)
    },
    Check {
        id: "auth.users_file_compares_passwords",
        title: "In the users file a name logs in with its own password and with nothing else",
        citation: "row 6; Linux pam.conf(5); Linux crypt(5)",
        severity: Severity::Critical,
        about: "Adds two people to the users file. Each must log in with their own password, and not \
                with the other one's, with the hash that stands in the file or with their name. A \
                PAM stack is a list of modules, and one word too lax in it lets in everybody.",
        repair: "Let relaykit write the PAM stack. By hand, `auth required` for the module that \
                 compares, and no pam_permit in the stack of `auth`.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        long: true,
        sabotages: &[
            PERMITS.seen_as("another one's password: 235"),
            GOES_ON.seen_as("another one's password: 235"),
        ],
        ..Check::by(&compares_passwords)
    },
    Check {
        id: "auth.users_file_names_are_whole",
        title: "In the users file names count whole, in any case of letters",
        citation: "row 6; RFC 4616 section 2; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Adds people whose names begin alike, are longer than old Unix names, or differ in what \
                is behind the @ alone. Each must log in with their own password, also typed in \
                capitals, and must be refused with that of another. A chain that cuts names or \
                drops a realm makes one person of several.",
        repair: "Run saslauthd with -r, and compare whole names. By hand, look for a module in the PAM \
                 stack that rewrites names.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        long: true,
        sabotages: &[
            Sabotage {
                name: "names end after eight letters",
                changes: &[another_guard!(
                    "edit 's/^    return .text =~ tr.*/    return lc substr $text, 0, 8;/' other/Accounts.pm"
                )],
                sees: "-longer: its own password: 535",
            },
            Sabotage {
                name: "capital letters make another name",
                changes: &[another_guard!(
                    "edit 's/^    return .text =~ tr.*/    return $text;/' other/Accounts.pm"
                )],
                sees: "in capitals: 535",
            },
            REALMS_DROPPED.seen_as("@two.example: its own password: 535"),
            Sabotage {
                name: "saslauthd drops the part after @",
                changes: &[Change::Script(
                    Role::Relay,
                    "cd /run/service/saslauthd && s6-svc -wD -d . && \
                     sed -i 's/ -d -r / -d /' run && s6-svc -wu -u . && \
                     until [ -S /run/saslauthd/behind/mux ]; do sleep 0.05; done",
                )],
                sees: "@two.example: its own password: 454",
            },
        ],
        ..Check::by(&names_are_whole)
    },
    Check {
        id: "auth.users_file_is_its_readers_alone",
        title: "The users file has strong hashes, and no other daemon can read it or its copy",
        citation: "row 6; Linux crypt(5)",
        severity: Severity::High,
        about: "Logs in, and reads the users file in the relay's container and saslauthd's copy of it. \
                Every line must hold a hash that is slow to guess by (yescrypt, bcrypt or SHA-512 \
                crypt); the file must be its owner's alone, and Postfix and whoever else runs there \
                must be able to read neither. Whoever has a hash can try passwords at home by the \
                million, where no limit and no log sees it.",
        repair: "Change the file with `relaykit users` only, which hashes and keeps mode 0600, and \
                 give it a folder of its own. By hand, `mkpasswd -m yescrypt` and chmod 600.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        sabotages: &[
            Sabotage {
                name: "a password stands in the users file as it is",
                changes: &[Change::Script(
                    Role::Relay,
                    "echo careless:in-clear >>/var/lib/relaykit/accounts",
                )],
                sees: "the hash of careless",
            },
            Sabotage {
                name: "a hash in the users file is fast to guess by",
                changes: &[Change::Script(
                    Role::Relay,
                    "echo 'old:$1$abcdefgh$abcdefghijklmnopqrstuv' >>/var/lib/relaykit/accounts",
                )],
                sees: "the hash of old",
            },
            Sabotage {
                name: "everybody can read the users file",
                changes: &[Change::Script(
                    Role::Relay,
                    "chmod 0644 /var/lib/relaykit/accounts",
                )],
                sees: "/var/lib/relaykit/accounts has mode 644",
            },
            Sabotage {
                name: "everybody can read the copy of the users file",
                changes: &[another_accounts!(
                    "s/^    chown(.uid/    chmod 0444, $new; chown($uid/"
                )],
                sees: "postfix can read /run/saslauthd/accounts",
            },
        ],
        ..Check::by(&is_its_readers_alone)
    },
    Check {
        id: "auth.users_file_tells_no_name",
        title: "However slow a hash in the users file, an unknown name is refused no sooner",
        citation: "row 6; RFC 4616 section 2",
        severity: Severity::Medium,
        about: "Adds somebody whose password takes some tenths of a second to compare, lets them log \
                in, and then tries that name and unknown ones with wrong passwords, in turns. If \
                every unknown name is answered sooner by a quarter, the time tells which names \
                exist. The hashes of a users file are slow on purpose, and PAM compares one only \
                where there is a name to it.",
        repair: "relaykit's guard has a hash compared for unknown names, too, and refuses at a moment \
                 after the slowest comparison of late. By hand, PAM's own delay (pam_faildelay) only \
                 adds to the difference.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        long: true,
        sabotages: &[FIXED_TIME],
        ..Check::by(&slow_hash_tells_no_name)
    },
];

async fn compares_passwords(context: Context) -> Judged {
    let (one, two) = (people::name("one"), people::name("two"));
    people::add(&context, &one, "what one knows").await?;
    people::add(&context, &two, "what two knows").await?;
    let hash = "sed -n \"s/^$1:\\([^:]*\\).*/\\1/p\" /var/lib/relaykit/accounts";
    let argv = ["sh", "-c", hash, "sh", &one];
    let hash = appliance::output(&context, Role::Relay, &argv).await?;
    let hash = hash.trim();
    let cases = [
        (one.as_str(), "what one knows", true, "its own password"),
        (&two, "what two knows", true, "its own password"),
        (&one, "what two knows", false, "another one's password"),
        (&one, hash, false, "the hash itself"),
        (&one, one.as_str(), false, "the name as a password"),
    ];
    rows::each(
        &context,
        cases,
        |(name, _, _, what)| format!("{name}, {what}"),
        |context, (name, password, accepted, what)| async move {
            expect(&context, name, password, accepted, what).await
        },
    )
    .await
}

async fn names_are_whole(context: Context) -> Judged {
    let own = people::name("somebody");
    let names = [
        "",
        "-longer",
        "-longer-still",
        "@one.example",
        "@two.example",
    ];
    let names = names.map(|rest| format!("{own}{rest}"));
    for name in &names {
        people::add(&context, name, &format!("of {name}")).await?;
    }
    let others = names.iter().cycle().skip(1);
    let cases: Vec<(&String, &String)> = names.iter().zip(others).collect();
    rows::each(
        &context,
        cases,
        |(name, _)| name.clone(),
        |context, (name, other)| async move {
            let (right, wrong) = (format!("of {name}"), format!("of {other}"));
            let say = |what: &str| format!("{name}: {what}");
            expect(&context, name, &right, true, &say("its own password")).await?;
            expect(&context, name, &wrong, false, &say("that of another")).await?;
            let capitals = name.to_uppercase();
            expect(&context, &capitals, &right, true, &say("in capitals")).await
        },
    )
    .await
}

/// Who runs in the relay and has no business with passwords.
const OTHERS: [&str; 3] = ["postfix", "limits", "nobody"];

async fn is_its_readers_alone(context: Context) -> Judged {
    // The copy is made at a login.
    let user = user(&context)?;
    let password = user.password.reveal();
    expect(&context, &user.name, password, true, "the first user").await?;
    let text = appliance::output(&context, Role::Relay, &["cat", FILE]).await?;
    if let Err(wrong) = Accounts::parse(&text) {
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        require_none(&wrong, "a strong hash in every line of the users file")?;
    }
    let mut wrong = Vec::new();
    for (path, mode) in [(FILE, "600"), (COPY, "400")] {
        let stat = ["stat", "-c", "%a", path];
        let seen = appliance::output(&context, Role::Relay, &stat).await?;
        if seen.trim() != mode {
            wrong.push(format!("{path} has mode {}, not {mode}", seen.trim()));
        }
        for user in OTHERS {
            let reading = ["test", "-r", path];
            let (code, ..) = appliance::exec(&context, Role::Relay, &reading, Some(user)).await?;
            if code == 0 {
                wrong.push(format!("{user} can read {path}"));
            }
        }
    }
    require_none(&wrong, "files that their readers alone can read")
}
