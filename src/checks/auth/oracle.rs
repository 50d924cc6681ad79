//! What a refusal tells to those who guess: nothing, in its words or in its time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::people;
use super::super::probe::session::{
    attempt, attempt_by, judged, login_listener, require_code, user,
};
use super::super::probe::unguarded::another_guard;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require};
use super::users_file::USERS_FILE;
use super::{BY_LIBRARY, ITS_SOCKET, LIBRARY_FOLDER, LIBRARY_PATH, ready};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::Session;

/// A guard that does not go by how long comparisons take.
pub(super) const FIXED_TIME: Sabotage = Sabotage {
    name: "a refusal waits for a fixed time",
    changes: &[another_guard!(
        "edit 's/^    return .COLD if /    return 0.1; &/' other/Refusals.pm && \
         edit 's/^    my .own .*/    my $own = $tried ? $passed : 0;/' other/Refusals.pm"
    )],
    sees: "an unknown name is answered sooner",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.refusals_read_alike",
        title: "The refusal reads alike for an unknown name, a wrong and an empty password",
        citation: "RFC 4954 section 6; RFC 4616 section 6",
        severity: Severity::Medium,
        about: "Logs in with an unknown name, with a wrong password and with none, by PLAIN and by \
                LOGIN, and compares the replies. In a lab all must be the same text, elsewhere what \
                differs in the name alone: one that tells which half was wrong lets anybody find out \
                names first and passwords after.",
        repair: "By hand, look for a smtpd_reject_footer, a smtpd_command_filter or a mechanism whose \
                 words differ.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[Sabotage {
            name: "an empty password is not seen as one",
            changes: &[Change::Main(
                "smtpd_command_filter",
                "pcre:{{/^AUTH PLAIN .*A=*$$/ NOOP}}",
            )],
            sees: "250 2.0.0 Ok",
        }],
        ..Check::by(&refusals_read_alike)
    },
    Check {
        id: "auth.refusals_take_alike",
        title: "The refusal takes as long for an unknown name as for a wrong password",
        citation: "RFC 4616 section 6; RFC 4513 section 6.3.1",
        severity: Severity::Medium,
        about: "Logs in up to nine times with an unknown name and as often with a wrong password, in \
                turns, and compares each pair. Where nearly all pairs differ by a quarter in the \
                same direction, the time tells whether a name exists: a directory compares a \
                password, slowly, only where there is one.",
        repair: "relaykit's guard refuses at a moment after the slowest comparison of late. By hand \
                 nothing in Postfix does; a slow password hash makes it worse.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[
            Sabotage {
                name: "no guard before a slow directory",
                changes: &[
                    Change::Given(Need::Directory),
                    BY_LIBRARY,
                    LIBRARY_PATH,
                    LIBRARY_FOLDER,
                    ITS_SOCKET,
                    // Nobody's right password fits it; a wrong one is compared at length.
                    Change::Replace(
                        Role::Directory,
                        "people.ldif",
                        "inetOrgPerson\nuserPassword: {CRYPT}$6$rounds=1000$",
                        "inetOrgPerson\nuserPassword: {CRYPT}$6$rounds=300000$",
                    ),
                ],
                sees: "an unknown name is answered sooner",
            },
            Sabotage {
                name: "slow hashes in a users file, and nothing compared for unknown names",
                changes: &[
                    Change::Given(USERS_FILE),
                    Change::Script(
                        Role::Relay,
                        "perl -i -pe 's/:.6.rounds=[^:\\n]*/q(:) . crypt(q(nobody knows it), \
                     q($6$rounds=1500000$abcdefgh))/e' /var/lib/relaykit/accounts",
                    ),
                    another_guard!(
                        "edit 's/^    return .COLD if /    return 0.1; &/' other/Refusals.pm && \
                     edit 's/^    my .own .*/    my $own = $tried ? $passed : 0;/' other/Refusals.pm && \
                     edit 's/^    return .then->(0) if .*/    return $then->(0);/' other/Accounts.pm"
                    ),
                ],
                sees: "an unknown name is answered sooner",
            },
        ],
        ..Check::by(&refusals_take_alike)
    },
    Check {
        id: "auth.slow_hash_tells_no_name",
        title: "However slow the directory's hash, an unknown name is refused no sooner",
        citation: "RFC 4616 section 2; RFC 4513 section 6.3.1",
        severity: Severity::Medium,
        about: "Adds somebody whose password takes the directory some tenths of a second to compare, lets \
                them log in, and then tries that name and unknown ones with wrong passwords, in \
                turns. If all unknown names but one are answered sooner by a quarter, the time tells \
                which names exist. A delay that is the same for all hides only what is faster than it.",
        repair: "relaykit's guard refuses at a moment after the slowest comparison of late. By hand \
                 nothing in Postfix does.",
        needs: &[Need::Login, Need::Lab, Need::Directory],
        long: true,
        sabotages: &[FIXED_TIME],
        ..Check::by(&slow_hash_tells_no_name)
    },
];

async fn refusals_read_alike(context: Context) -> Judged {
    if context.target().is_stranger() {
        return names_read_alike(&context).await;
    }
    let name = &user(&context)?.name;
    let unknown = people::name("unknown");
    let cases = [
        ("an unknown name", unknown.as_str(), "a password"),
        ("a wrong password", name, "a password"),
        ("no password", name, ""),
    ];
    let mut session = ready(&context, login_listener(&context)?).await?;
    let mut replies = BTreeSet::new();
    let mut told = Vec::new();
    for (what, name, password) in cases {
        let password = Secret::new(password);
        for mechanism in &context.target().spec.auth.mechanisms {
            let reply = attempt_by(&mut session, *mechanism, name, &password)
                .await?
                .to_string();
            told.push(format!("{what}: {reply}"));
            replies.insert(reply);
        }
    }
    require(replies.len() == 1, "one text for all", || told.join("\n"))
}

/// The same of a stranger, whose words may differ by mechanism, and for a password
/// that is none at all (RFC 4616 section 2).
async fn names_read_alike(context: &Context) -> Judged {
    let known = &user(context)?.name;
    let unknown = people::name("unknown");
    for mechanism in &context.target().spec.auth.mechanisms {
        for password in ["a password", ""].map(Secret::new) {
            let mut session = ready(context, login_listener(context)?).await?;
            let mut replies = Vec::new();
            for name in [unknown.as_str(), known] {
                let reply = attempt_by(&mut session, *mechanism, name, &password).await?;
                judged(context, &reply)?;
                replies.push(reply.to_string());
            }
            let with = if password.reveal().is_empty() {
                "no"
            } else {
                "a wrong"
            };
            require(replies[0] == replies[1], "one text for both names", || {
                format!(
                    "{} with {with} password: {} to an unknown name, {} to a known one",
                    mechanism.name(),
                    replies[0],
                    replies[1]
                )
            })?;
        }
    }
    PASS
}

/// Pairs at once, each in a session of its own: a stranger may end one at the third
/// refusal (RFC 4954 section 4), and gets one session at a time.
const AT_ONCE: usize = 3;

/// Pairs in all, where one direction shows in nearly all of them.
const PAIRS: usize = 9;

/// How many of them must differ in one direction to tell something. By chance alone
/// that is one run in fifty thousand, if one pair in four differs.
const TELLING: usize = 8;

async fn refusals_take_alike(context: Context) -> Judged {
    let at_once = match context.target().manners {
        Some(_) => 1,
        None => AT_ONCE,
    };
    let known = &user(&context)?.name;
    let mut all = Vec::new();
    for first in (0..PAIRS).step_by(AT_ONCE) {
        let turns: Vec<_> = (first..first + AT_ONCE)
            .map(|turn| pair(&context, known, turn))
            .collect();
        let judged: Vec<_> = stream::iter(turns).buffered(at_once).collect().await;
        for judged in judged {
            all.push(judged?);
        }
        // A quarter more, or it is noise.
        let sooner = |a: Duration, b: Duration| a * 5 < b * 4;
        let unknown = all.iter().filter(|(u, w)| sooner(*u, *w)).count();
        let wrong = all.iter().filter(|(u, w)| sooner(*w, *u)).count();
        let medians = format!(
            "medians {:?} for an unknown name, {:?} for a wrong password",
            median(all.iter().map(|pair| pair.0)),
            median(all.iter().map(|pair| pair.1)),
        );
        context.transcript().note(&medians);
        // What is left could not tell any more.
        if all.len() - unknown.max(wrong) > PAIRS - TELLING {
            return PASS;
        }
        for (count, what) in [(unknown, "an unknown name"), (wrong, "a wrong password")] {
            if count >= TELLING {
                let of = all.len();
                return fail(
                    "no difference that shows in nearly every pair",
                    format!("{what} is answered sooner in {count} of {of} pairs: {medians}"),
                );
            }
        }
    }
    PASS
}

/// How many pairs must all differ in one direction where a comparison is slow.
const SLOW_PAIRS: usize = 4;

/// How long one refusal took.
async fn timed(
    context: &Context,
    session: &mut Session,
    name: &str,
    password: &Secret,
) -> Judged<Duration> {
    let began = Instant::now();
    let reply = attempt(context, session, name, password).await?;
    judged(context, &reply)?;
    let refused = reply.code >= 400 && reply.code != 503;
    require(refused, "a refusal", || reply.to_string())?;
    ControlFlow::Continue(began.elapsed())
}

/// Of whoever checks logins here: the directory or the users file.
pub(super) async fn slow_hash_tells_no_name(context: Context) -> Judged {
    let name = people::name("slow");
    let slow = people::add_slow(&context, &name, "what takes long to compare").await?;
    let mut session = ready(&context, login_listener(&context)?).await?;
    session.set_timeout(session.timeout() * 2);
    let reply = attempt(&context, &mut session, &slow.name, &slow.password).await?;
    require_code(&reply, 235, "the right password")?;
    let mut session = ready(&context, login_listener(&context)?).await?;
    session.set_timeout(session.timeout() * 2);
    let mut other = ready(&context, login_listener(&context)?).await?;
    let told = |unknown: Duration, wrong: Duration| unknown * 5 < wrong * 4;
    let mut all = Vec::new();
    let mut silent = 0;
    for _ in 0..=SLOW_PAIRS {
        let unknown = people::name("unknown");
        let wrong = Secret::new(&*unknown);
        // At the same moment, so that whatever else the machine does slows both.
        let (one, two) = tokio::join!(
            timed(&context, &mut other, &unknown, &wrong),
            timed(&context, &mut session, &slow.name, &wrong),
        );
        let (one, two) = (one?, two?);
        let pair = format!("{one:?} for an unknown name, {two:?} for a wrong password");
        context.transcript().note(&pair);
        // One may be what else the machine does.
        silent += usize::from(!told(one, two));
        if silent > 1 {
            return PASS;
        }
        all.push(pair);
    }
    fail(
        "no difference that shows in every pair but one",
        format!(
            "an unknown name is answered sooner in every pair but one at most: {}",
            all.join("; ")
        ),
    )
}

/// How long the refusals of an unknown name and of a wrong password for `known` took,
/// this one or the other first.
async fn pair(context: &Context, known: &str, turn: usize) -> Judged<(Duration, Duration)> {
    let mut session = ready(context, login_listener(context)?).await?;
    // How long it takes is the answer; the check's own deadline comes first.
    session.set_timeout(Duration::from_secs(30));
    let unknown = people::name("unknown");
    let mut took = [Duration::ZERO; 2];
    let order = if turn.is_multiple_of(2) {
        [0, 1]
    } else {
        [1, 0]
    };
    for which in order {
        let name = [unknown.as_str(), known][which];
        took[which] = timed(context, &mut session, name, &Secret::new(&*unknown)).await?;
    }
    ControlFlow::Continue((took[0], took[1]))
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
