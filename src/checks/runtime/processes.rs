//! Who runs in the relay's container, and how well it is looked after.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance::{self, Process};
use super::super::probe::log::Log;
use super::super::probe::mail;
use super::super::probe::session::{logged_in, login_listener};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, held, nothing_wrong, require, require_none};
use super::CARELESS;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.only_supervisors_are_root",
        title: "Nothing runs as root but the supervisor, Postfix's master and who hands it its files",
        citation: "row 9; Postfix master",
        severity: Severity::High,
        about: "Lists the processes of the relay's container. Root are PID 1, one s6-supervise for \
                each service, and Postfix's master, which starts every daemon as its own user and \
                speaks to no client; the program that takes up a renewed certificate; with \
                auth.pam.users_file, a program that hands the users file to the guard. Whatever speaks to the network is not root.",
        repair: "Start saslauthd as a user of its own, and leave mail_owner and the unprivileged \
                 column of master.cf as Postfix has them.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("saslauthd (")],
        ..Check::by(&only_supervisors_are_root)
    },
    Check {
        id: "runtime.daemons_have_no_further_groups",
        title: "No daemon is in a group that it does not need",
        citation: "row 4; row 9",
        severity: Severity::Medium,
        about: "Reads the groups of every process that is not root. Postfix's daemons are in \
                Postfix's group and in sasl, for saslauthd's socket; saslauthd is in its own alone. \
                Another group, such as shadow or postdrop, opens files that the daemon has no \
                business with.",
        repair: "Take the users postfix and saslauthd out of every other group of the image.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("shadow")],
        ..Check::by(&daemons_have_no_further_groups)
    },
    Check {
        id: "runtime.ended_processes_are_reaped",
        title: "A process whose parent is gone is taken care of when it ends",
        citation: "s6 s6-svscan(8)",
        severity: Severity::Low,
        about: "Starts a process in the relay's container whose parent ends at once, so that PID 1 \
                inherits it, and waits until it has ended and is gone from /proc. A PID 1 that does \
                not wait for its children collects dead ones until no process can be started.",
        repair: "Let PID 1 be a supervisor or an init (s6-svscan, tini, `docker run --init`) and not \
                 a shell script or Postfix itself.",
        needs: &[Need::Lab],
        sabotages: &[NO_INIT.seen_as("nobody waits for")],
        ..Check::by(&ended_processes_are_reaped)
    },
    Check {
        id: "runtime.process_one_is_the_supervisor",
        title: "PID 1 is the supervisor, and keeps one watcher for each service",
        citation: "row 9; s6 s6-svscan(8)",
        severity: Severity::Medium,
        about: "Reads who PID 1 is and whose children master, saslauthd and its guard are. Each has \
                an s6-supervise of its own, which starts it again or ends the container when it \
                dies; a daemon without one is dead for good and nobody notices.",
        repair: "Start the image's own entry point; do not replace it by a script that puts daemons \
                 into the background.",
        needs: &[Need::Lab],
        sabotages: &[NO_INIT.seen_as("1 is sleep")],
        ..Check::by(&process_one_is_the_supervisor)
    },
    Check {
        id: "runtime.no_core_is_dumped",
        title: "No daemon leaves a copy of its memory behind when it crashes",
        citation: "row 9; Linux core(5)",
        severity: Severity::Medium,
        about: "Reads the limits of every process in the relay's container. smtpd and saslauthd \
                hold passwords in memory; a core would put them on a disk, and nobody would think \
                of looking for them there.",
        repair: "Set the core limit to 0: `ulimit -c 0` before the daemons, or `ulimits: {core: 0}` \
                 in Compose.",
        needs: &[Need::Lab],
        long: true,
        sabotages: &[Sabotage {
            name: "cores of crashed daemons",
            changes: &[
                Change::Image(&[
                    "RUN sed -i 's/^ulimit -c 0$/ulimit -c unlimited/' /usr/libexec/relaykit/init",
                ]),
                Change::Plan(|plan| plan.containers.iter_mut().for_each(|c| c.confined = false)),
            ],
            sees: "unlimited",
        }],
        ..Check::by(&no_core_is_dumped)
    },
    Check {
        id: "runtime.time_is_utc",
        title: "The relay's clock shows UTC, in its log and in every trace header",
        citation: "RFC 5322 section 3.3; Postfix import_environment",
        severity: Severity::Low,
        about: "Reads the time zone in the relay's container, then the date in the trace header of a \
                message by login and the time of that message in the log. A zone tells every recipient where the operator sits, and logs of two relays \
                cannot be laid side by side when the clocks change.",
        repair: "Do not set TZ for the container, and do not mount the host's /etc/localtime. \
                 Leave TZ out of import_environment.",
        needs: &[Need::Lab, Need::Login, Need::Inbox],
        sabotages: &[
            CARELESS.seen_as("-0500"),
            Sabotage {
                name: "Postfix in a zone of its own",
                changes: &[Change::Main(
                    "import_environment",
                    "MAIL_CONFIG, MAIL_DEBUG, MAIL_LOGTAG, LANG=C, TZ=EST5",
                )],
                sees: "-0500",
            },
        ],
        ..Check::by(&time_is_utc)
    },
];

/// A PID 1 that starts the rest and waits for nobody.
const NO_INIT: Sabotage = Sabotage {
    name: "a PID 1 that is no init",
    changes: &[Change::Image(&[
        "ENTRYPOINT [\"sh\", \"-c\", \"/usr/libexec/relaykit/init & exec sleep infinity\"]",
    ])],
    sees: "",
};

/// Who takes up a renewed certificate, and what it asks: they read the key, and nobody
/// speaks to them.
const CERTIFICATE: [&str; 2] = ["certificate", "openssl"];

/// What an operator's own seccomp or supervisor cannot do without: PID 1, one
/// s6-supervise a service, and master, which starts Postfix's daemons as their users.
const ROOT: [&str; 3] = ["s6-svscan", "s6-supervise", "master"];

async fn only_supervisors_are_root(context: Context) -> Judged {
    // master starts a daemon as root, and the daemon becomes its user at once:
    // who is seen as root again and again is meant.
    const LOOKS: usize = 5;
    // Who owns the users file, nobody knows here: root hands it on, and speaks to the
    // guard alone.
    let hands_on = context.target().spec.auth.users.is_some();
    let hands_on = hands_on.then_some("accounts");
    let allowed: Vec<&str> = ROOT
        .into_iter()
        .chain(CERTIFICATE)
        .chain(hands_on)
        .collect();
    let mut root: Option<Vec<Process>> = None;
    for _ in 0..LOOKS {
        let mut now = appliance::processes(&context, Role::Relay).await?;
        now.retain(|p| p.uid == 0 && !allowed.contains(&p.name.as_str()));
        if let Some(before) = &root {
            now.retain(|p| before.iter().any(|b| b.pid == p.pid));
        }
        if now.is_empty() {
            return nothing_wrong(format!("root for {} alone", allowed.join(", ")));
        }
        root = Some(now);
    }
    let names: Vec<_> = root.iter().flatten().map(Process::title).collect();
    require_none(&names, &format!("root for {} alone", allowed.join(", ")))
}

async fn daemons_have_no_further_groups(context: Context) -> Judged {
    let names = appliance::output(&context, Role::Relay, &["cat", "/etc/group"]).await?;
    let group = |number: u32| {
        let found = names.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
        });
        found.unwrap_or_else(|| number.to_string())
    };
    let processes = appliance::processes(&context, Role::Relay).await?;
    let mut wrong = Vec::new();
    for process in processes.iter().filter(|p| p.uid != 0) {
        let groups: BTreeSet<_> = process.groups.iter().map(|number| group(*number)).collect();
        let allowed: &[&str] = match process.name.as_str() {
            "saslauthd" | "guard" | "ldapsearch" => &["saslauthd"],
            "limits" => &["limits"],
            // What takes clients' text out of Postfix's log.
            "sed" => &["nogroup"],
            _ => &["postfix", "sasl"],
        };
        if groups.iter().any(|name| !allowed.contains(&name.as_str())) {
            let groups: Vec<_> = groups.into_iter().collect();
            wrong.push(format!("{}: {}", process.title(), groups.join(" ")));
        }
    }
    require_none(
        &wrong,
        "postfix and sasl for Postfix's daemons, saslauthd for saslauthd",
    )
}

async fn ended_processes_are_reaped(context: Context) -> Judged {
    const PATIENCE: Duration = Duration::from_secs(5);
    // The child waits for its parent's end and ends after it: a parent that is still
    // there might be the one who waits for it.
    let orphan = "pipe my $from, my $to; defined(my $pid = fork) or die; \
                  if ($pid) { print $pid; exit } close $to; <$from>";
    let pid = appliance::output(&context, Role::Relay, &["perl", "-e", orphan]).await?;
    let pid = pid.trim();
    if pid.parse::<u32>().is_err() {
        return broken(format!("no process was started: {pid:?}"));
    }
    let started = Instant::now();
    loop {
        // Each look takes the engine longer than an end takes.
        let status = [
            "sh",
            "-c",
            "cat \"/proc/$1/status\" 2>/dev/null; :",
            "sh",
            pid,
        ];
        let status = appliance::output(&context, Role::Relay, &status).await?;
        if status.is_empty() {
            let observed = format!("process {pid} is gone from /proc");
            return held("nothing of a process that has ended", observed);
        }
        if started.elapsed() > PATIENCE {
            let zombie = status.lines().any(|line| line.starts_with("State:\tZ"));
            if zombie {
                let observed = format!("nobody waits for process {pid}: it is a zombie");
                return fail("nothing of a process that has ended", observed);
            }
            return broken(format!("process {pid} goes on:\n{status}"));
        }
    }
}

async fn process_one_is_the_supervisor(context: Context) -> Judged {
    let processes = appliance::processes(&context, Role::Relay).await?;
    let named = |pid: u32| {
        processes
            .iter()
            .find(|p| p.pid == pid)
            .map(|p| p.name.as_str())
    };
    let first = named(1).unwrap_or_default();
    let mut wrong = Vec::new();
    if first != "s6-svscan" {
        wrong.push(format!("1 is {first}"));
    }
    for daemon in ["master", "saslauthd", "guard"] {
        let watched = processes
            .iter()
            .any(|p| p.name == daemon && named(p.parent) == Some("s6-supervise"));
        if !watched {
            wrong.push(format!("no {daemon} under an s6-supervise"));
        }
    }
    require_none(
        &wrong,
        "s6-svscan, and an s6-supervise for each of the daemons",
    )
}

async fn no_core_is_dumped(context: Context) -> Judged {
    // A process may end between the list and the look at it.
    let script = "for p in /proc/[0-9]*; do \
                  echo \"$(cat $p/comm) $(grep '^Max core' $p/limits)\"; done 2>/dev/null";
    let text = appliance::output(&context, Role::Relay, &["sh", "-c", script]).await?;
    let (mut seen, mut wrong) = (0, BTreeSet::new());
    for line in text.lines() {
        let Some((name, limits)) = line.split_once(" Max core file size") else {
            continue;
        };
        seen += 1;
        let limits: Vec<_> = limits.split_whitespace().collect();
        // What the check itself has started in there is no daemon.
        let own = ["sh", "cat", "grep"].contains(&name);
        if limits.first() != Some(&"0") && !own {
            wrong.insert(format!("{name}: {}", limits.join(" ")));
        }
    }
    if seen == 0 {
        return broken("no limits in /proc");
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    require_none(&wrong, "a soft limit of 0 bytes for every process")
}

async fn time_is_utc(context: Context) -> Judged {
    // The container's own environment: what the engine starts in it has that too.
    let zone = appliance::output(&context, Role::Relay, &["date", "+%z"]).await?;
    require(zone.trim() == "+0000", "+0000", || zone.trim().to_owned())?;
    // Postfix passes on an environment of its own making.
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let message = mail::plain();
    let commands = [
        format!("MAIL FROM:<{}>", mail::SENDER),
        format!("RCPT TO:<{}>", mail::RECIPIENT),
    ];
    let queue_id = mail::queued(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    let head = String::from_utf8_lossy(mail::head(&delivered.raw)).replace("\r\n", " ");
    let Some(sent) = head.split_once("; ").map(|(_, rest)| rest.trim()) else {
        return fail("a trace header with its date", head);
    };
    let date: Vec<&str> = sent.split_whitespace().take(6).collect();
    let [_, day, month, _, clock, zone] = date[..] else {
        return fail("a trace header with its date", sent);
    };
    require(zone == "+0000", "+0000 in the trace header", || {
        format!("the trace header's date is {}", date.join(" "))
    })?;
    let mut log = Log::of(&context, Role::Relay)?;
    let mark = format!("]: {queue_id}: client=");
    let line = log
        .find(&context, "the message in the log", |line| {
            line.contains(&mark).then(|| line.to_owned())
        })
        .await?;
    // A line has no zone: its time is the trace header's, or that of another zone.
    let stamp: Vec<&str> = line.split_whitespace().take(3).collect();
    let [logged_month, logged_day, logged_clock] = stamp[..] else {
        return fail("a time in every line of the log", line);
    };
    let of_trace = seconds(clock);
    let of_log = seconds(logged_clock);
    let same_day = logged_month == month && logged_day == day;
    let near = of_trace.zip(of_log).is_some_and(|(trace, log)| {
        let apart = trace.abs_diff(log);
        // Midnight may be between the two.
        (same_day && apart <= SAME_TIME) || apart >= DAY - SAME_TIME
    });
    require(near, "the time of the trace header in the log", || {
        format!(
            "the log says {}, the trace header {}",
            stamp.join(" "),
            date.join(" ")
        )
    })
}

/// Seconds between two stamps of one moment, at most.
const SAME_TIME: u32 = 600;

const DAY: u32 = 24 * 60 * 60;

/// Since midnight, of `hh:mm:ss`.
fn seconds(clock: &str) -> Option<u32> {
    let mut parts = clock.split(':').map(str::parse::<u32>);
    let mut next = || parts.next()?.ok();
    Some(next()? * 3600 + next()? * 60 + next()?)
}
