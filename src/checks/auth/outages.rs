//! While nobody can say who a login is, the answer is to try again; and when
//! somebody can, logins return by themselves.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::session::{attempt, login_listener, user};
use super::super::probe::unguarded::another_guard;
use super::super::probe::{appliance, people};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require};
use super::users_file::{USERS_FILE, another_accounts};
use super::{BY_LIBRARY, LIBRARY_FOLDER, LIBRARY_PATH, NO_GUARD, ready};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::Reply;

/// The directory's port in its container.
const LDAPS: u16 = 636;

/// How long the answer to one login may take while nobody can be asked: long enough
/// for a loaded machine, short enough for a client to wait.
const ANSWER: Duration = Duration::from_secs(10);

/// How long logins may take to return.
const RETURN: Duration = Duration::from_secs(20);

/// Between two tries of a login that is not back yet.
const BETWEEN: Duration = Duration::from_millis(100);

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.directory_away_is_temporary",
        title: "While the directory is away logins get 4xx, and they return with it",
        citation: "row 8; RFC 4954 section 6; Postfix SASL_README",
        severity: Severity::High,
        about: "Stops the directory and logs in, with the right password and with a wrong one: both \
                must be answered with 4xx within seconds. Then it starts the directory again: as \
                soon as one login is accepted, ten more at once must be judged, right passwords and \
                wrong ones, with no other help. After 535 a mail program asks its owner for another \
                password and forgets the good one; saslauthd alone says NO for both.",
        repair: "relaykit's guard hangs up while the directory cannot be asked, which Postfix \
                 turns into 454. By hand nothing in Postfix or saslauthd does that: take the \
                 saslauthd socket away while the directory does not answer.",
        needs: &[Need::Login, Need::Lab, Need::Directory],
        exclusive: true,
        sabotages: &[NO_GUARD.seen_as("while the directory is away: ")],
        ..Check::by(&directory_away_is_temporary)
    },
    Check {
        id: "auth.late_words_are_no_outage",
        title: "What saslauthd tells late of an outage that is over puts no login off",
        citation: "row 8; RFC 4954 section 6; Cyrus saslauthd(8)",
        severity: Severity::Medium,
        about: "Tells the guard, in saslauthd's words, that the directory cannot be asked about a \
                name: once while a wrong password of that name is compared, and once while none is. \
                Both wrong passwords must be refused for good. saslauthd gives up on a directory \
                later than a login does that waits for it; who takes its last words for the next \
                login's puts people off for an outage that is over.",
        repair: "relaykit's guard drops what nobody asked for, and asks once more where the directory \
                 answers and saslauthd says that it cannot. Others do not read these words.",
        needs: &[Need::Login, Need::Lab, Need::Built, Need::Directory],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "saslauthd's words count for whoever comes next",
            changes: &[another_guard!(
                "edit 's/^        my .tries = .*/        my $tries = 99;/' other/Directory.pm && \
                 edit 's/^\\(    push .*failed.*reason\\) if .*/\\1;/' other/Saslauthd.pm"
            )],
            sees: "454",
        }],
        ..Check::by(&late_words_are_no_outage)
    },
    Check {
        id: "auth.users_file_away_is_temporary",
        title: "While the users file cannot be read logins get 4xx, and they return with it",
        citation: "row 6; RFC 4954 section 6; Postfix SASL_README",
        severity: Severity::High,
        about: "Takes the users file away and logs in, with the right password and with a wrong one: \
                both must be answered with 4xx within seconds. Then it puts the file back, and a \
                login must succeed. An editor that saves, a backup or a disk that is late leave no \
                file for a moment; after 535 a mail program asks its owner for another password \
                and forgets the good one.",
        repair: "relaykit's guard hangs up while the file cannot be read, which Postfix turns into \
                 454. By hand, write the new file beside the old one and rename it.",
        needs: &[Need::Login, Need::Lab, USERS_FILE],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "a users file that is away counts as empty",
            changes: &[another_accounts!(
                "s/^    open my .source.*/    my $source; if (!open $source, \"<\", $file) { $last = undef; put(\"\"); return \"new\" }/"
            )],
            sees: "while the users file is away: 535",
        }],
        ..Check::by(&users_file_away_is_temporary)
    },
    Check {
        id: "auth.saslauthd_away_is_temporary",
        title: "While saslauthd is down logins get 4xx, and they return with it",
        citation: "row 2; row 7; RFC 4954 section 6",
        severity: Severity::High,
        about: "Stops saslauthd through its supervisor and logs in: 4xx must come within seconds. \
                Started again, it must serve logins at once. An answer of 5xx would make mail \
                programs forget good passwords.",
        repair: "By hand, run saslauthd under a supervisor that starts it again, and let \
                 saslauthd_path in smtpd.conf name its socket and no file that stays behind.",
        needs: &[Need::Login, Need::Lab],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "Postfix asks a local table",
            changes: &[
                BY_LIBRARY,
                LIBRARY_PATH,
                LIBRARY_FOLDER,
                Change::Script(
                    Role::Relay,
                    "mkdir /run/library && printf 'pwcheck_method: auxprop\\nmech_list: plain login\\n' \
                     >/run/library/smtpd.conf",
                ),
            ],
            sees: "while saslauthd is down: 535",
        }],
        ..Check::by(&saslauthd_away_is_temporary)
    },
    Check {
        id: "auth.hanging_saslauthd_is_replaced",
        title: "A saslauthd that hangs is replaced, and refuses nobody for good",
        citation: "row 2; RFC 4954 section 6; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Stops every process of saslauthd with SIGSTOP, as a deadlock does, and logs in: 4xx \
                must come within seconds, or 235 where another saslauthd is there by then, and \
                after it a login must succeed without anybody's help. Postfix itself waits for saslauthd without any limit, and each login that \
                waits keeps a process of Postfix until none is left.",
        repair: "relaykit's guard ends a saslauthd that answers nobody while the directory answers. \
                 By hand, put a watchdog that logs in beside saslauthd.",
        needs: &[Need::Login, Need::Lab],
        exclusive: true,
        sabotages: &[NO_GUARD.seen_as("no answer")],
        ..Check::by(&hanging_saslauthd_is_replaced)
    },
];

async fn directory_away_is_temporary(context: Context) -> Judged {
    let lab = appliance::lab(&context)?;
    let directory = &appliance::container(&context, Role::Directory)?.name;
    // Each process of saslauthd then has a connection, which ends with the directory.
    judged_at_once(&context, "before").await?;
    let grace = Duration::from_secs(1);
    if let Err(error) = lab.engine.stop(directory, grace).await {
        return broken(format!("the directory cannot be stopped: {error}"));
    }
    context.transcript().note("the directory is stopped");
    let judged = both_are_put_off(&context, "while the directory is away").await;
    if let Err(error) = lab.engine.start(directory).await {
        return broken(format!("the directory cannot be started again: {error}"));
    }
    context.transcript().note("the directory is started");
    follow(&context, directory).await?;
    let returned = logins_return(&context).await;
    judged?;
    returned?;
    judged_at_once(&context, "once the directory is back").await
}

/// More logins at once than saslauthd has processes, each of which is judged.
const MANY: usize = 10;

async fn judged_at_once(context: &Context, when: &str) -> Judged {
    let right = user(context)?.password.clone();
    let wrong = wrong(context)?;
    let logins = (0..MANY).map(async |number| {
        let (password, code) = match number % 2 {
            0 => (&right, 235),
            _ => (&wrong, 535),
        };
        let reply = log_in(context, password).await?;
        require(reply.code == code, &format!("{when}: {code}"), || {
            format!("{when}: {reply}")
        })
    });
    for judged in join_all(logins).await {
        judged?;
    }
    Judged::Continue(())
}

/// The engine may have given the directory another port.
async fn follow(context: &Context, directory: &str) -> Judged {
    let lab = appliance::lab(context)?;
    let facts = match lab.engine.inspect(directory).await {
        Ok(Some(facts)) => facts,
        Ok(None) => return broken("the directory's container is gone"),
        Err(error) => return broken(format!("the directory cannot be looked at: {error}")),
    };
    if let Some((address, port)) = facts.ports.get(&LDAPS) {
        let endpoint = SocketAddr::new(*address, *port);
        lab.moved.to([("ldaps", endpoint)].into());
    }
    Judged::Continue(())
}

async fn both_are_put_off(context: &Context, when: &str) -> Judged {
    let right = user(context)?.password.clone();
    let wrong = wrong(context)?;
    let of_wrong = format!("a wrong password {when}");
    let (right, wrong) = tokio::join!(
        put_off(context, &right, when),
        put_off(context, &wrong, &of_wrong),
    );
    right?;
    wrong
}

/// As saslauthd tells it of the login in `$1`: at once, or by a process that stays, as soon
/// as saslauthd is asked. That one is there before anybody logs in, and writes to `$2`.
const TELL: &str = r#"
say() { logger -t saslauthd --id=9999 -p auth.debug -- "$1"; }
tell() {
    say "ldap_simple_bind() failed -1 (Can't contact LDAP server)."
    say "Authentication failed for $1: Other error (-1)"
}
asked() { grep -q ' 0001 03 .*/behind/mux' /proc/net/unix; }
[ -n "$2" ] || { tell "$1"; exit; }
{
    tries=0
    until asked; do
        tries=$((tries + 1))
        [ "$tries" -lt 1000 ] || { echo 'nobody asks saslauthd'; exit 1; }
        sleep 0.01
    done
    tell "$1" && echo told
} >"$2" 2>&1 &
"#;

/// Waits until what stays of [`TELL`] has written to `$1`.
const TOLD: &str = r#"
tries=0
until [ -s "$1" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 2000 ] || { echo 'nobody tells whether saslauthd was asked' >&2; exit 1; }
    sleep 0.01
done
said=$(cat "$1")
rm "$1"
[ "$said" = told ] || { echo "$said" >&2; exit 1; }
"#;

async fn late_words_are_no_outage(context: Context) -> Judged {
    let name = people::name("late");
    let password = "what takes long to compare";
    let slow = people::add_slow(&context, &name, password).await?;
    let wrong = Secret::new("x");
    let file = format!("/run/{name}");
    let tell = |file| ["bash", "-c", TELL, "late", &slow.name, file];
    appliance::output(&context, Role::Relay, &tell(&file)).await?;
    let reply = log_in_as(&context, &slow.name, &wrong).await;
    let told = ["bash", "-c", TOLD, "late", &file];
    appliance::output(&context, Role::Relay, &told).await?;
    let expected = "535 to a wrong password";
    let reply = reply?;
    require(reply.code == 535, expected, || {
        format!("told while it is asked: {reply}")
    })?;
    appliance::output(&context, Role::Relay, &tell("")).await?;
    let reply = log_in_as(&context, &slow.name, &wrong).await?;
    require(reply.code == 535, expected, || {
        format!("told before it is asked: {reply}")
    })
}

async fn users_file_away_is_temporary(context: Context) -> Judged {
    let [away, back] = ["accounts away", "away accounts"].map(|names| {
        let script = format!("cd /var/lib/relaykit && set -- {names} && mv \"$1\" \"$2\"");
        ["sh".to_owned(), "-c".to_owned(), script]
    });
    let run = async |argv: &[String; 3]| {
        let argv = argv.each_ref().map(String::as_str);
        appliance::output(&context, Role::Relay, &argv).await
    };
    run(&away).await?;
    let judged = both_are_put_off(&context, "while the users file is away").await;
    run(&back).await?;
    let returned = logins_return(&context).await;
    judged?;
    returned
}

async fn saslauthd_away_is_temporary(context: Context) -> Judged {
    // Each server of the directory has one.
    let all = |how: &'static str| ["sh", "-c", how];
    let down = "for s in /run/service/saslauthd*; do s6-svc -wD -d $s; done";
    let up = "for s in /run/service/saslauthd*; do s6-svc -wu -u $s; done";
    appliance::output(&context, Role::Relay, &all(down)).await?;
    let right = user(&context)?.password.clone();
    let judged = put_off(&context, &right, "while saslauthd is down").await;
    appliance::output(&context, Role::Relay, &all(up)).await?;
    let returned = logins_return(&context).await;
    judged?;
    returned
}

async fn hanging_saslauthd_is_replaced(context: Context) -> Judged {
    signal(&context, "STOP").await?;
    let right = user(&context)?.password.clone();
    let judged = answered(&context, &right, "while saslauthd hangs", &[235]).await;
    let returned = match judged {
        Judged::Continue(()) => logins_return(&context).await,
        // It was not replaced: let it go on, so that the lab is as it was.
        Judged::Break(_) => signal(&context, "CONT").await,
    };
    judged?;
    returned
}

async fn signal(context: &Context, signal: &str) -> Judged {
    let script = format!(
        "kill -{signal} $(grep -lx saslauthd /proc/[0-9]*/comm | cut -d/ -f3) 2>/dev/null; :"
    );
    appliance::output(context, Role::Relay, &["sh", "-c", &script]).await?;
    Judged::Continue(())
}

/// Demands 4xx, soon.
async fn put_off(context: &Context, password: &Secret, when: &str) -> Judged {
    answered(context, password, when, &[]).await
}

/// Demands 4xx or one of these codes, soon.
async fn answered(context: &Context, password: &Secret, when: &str, or: &[u16]) -> Judged {
    let codes = or.iter().map(ToString::to_string);
    let codes: Vec<String> = std::iter::once("4xx".to_owned()).chain(codes).collect();
    let expected = format!(
        "{when}: {} within {} s",
        codes.join(" or "),
        ANSWER.as_secs()
    );
    match timeout(ANSWER, log_in(context, password)).await {
        Ok(reply) => {
            let reply = reply?;
            let fits = reply.is_transient() || or.contains(&reply.code);
            require(fits, &expected, || format!("{when}: {reply}"))
        }
        Err(_) => fail(
            expected,
            format!("{when}: no answer after {} s", ANSWER.as_secs()),
        ),
    }
}

/// Tries until a login succeeds. Nothing tells when the directory or saslauthd is back.
async fn logins_return(context: &Context) -> Judged {
    let deadline = Instant::now() + RETURN;
    let right = user(context)?.password.clone();
    loop {
        let reply = log_in(context, &right).await?;
        if reply.code == 235 {
            return Judged::Continue(());
        }
        if Instant::now() > deadline {
            return fail(
                format!("logins within {} s", RETURN.as_secs()),
                format!("logins have not returned: {reply}"),
            );
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// The reply to one login of the first user in a session of its own.
async fn log_in(context: &Context, password: &Secret) -> Judged<Reply> {
    log_in_as(context, &user(context)?.name, password).await
}

/// The same of somebody else.
async fn log_in_as(context: &Context, name: &str, password: &Secret) -> Judged<Reply> {
    let mut session = ready(context, login_listener(context)?).await?;
    // The check's own deadline comes first.
    session.set_timeout(ANSWER * 2);
    attempt(context, &mut session, name, password).await
}

fn wrong(context: &Context) -> Judged<Secret> {
    let right = user(context)?.password.reveal();
    Judged::Continue(Secret::new(format!("{right}x")))
}
