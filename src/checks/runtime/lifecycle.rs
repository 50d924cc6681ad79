//! What becomes of the relay, and of the mail it holds, when something ends it.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lifecycle::{self, done};
use super::super::probe::session::{command, logged_in, login_listener};
use super::super::probe::{appliance, mail, played};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, held, require, require_none};
use crate::engine::LogRequest;
use crate::plan::{Plan, Role};
use crate::render::next_hops::AWAY;
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.stop_is_clean",
        title: "A relay that is asked to stop does so by itself, with a client still there",
        citation: "Postfix master; s6 s6-svscan(8)",
        severity: Severity::Medium,
        about: "Opens a session, stops the relay's container as `docker stop` does, and starts it \
                again. It must end with code 0 before its grace is over, and say in the log that \
                Postfix has stopped; a login must work afterwards. A relay that has to be killed \
                costs the grace at every update, and whatever was under way.",
        repair: "Let the stop signal reach the supervisor (an entry point that ends in exec), and \
                 do not change STOPSIGNAL.",
        needs: &[Need::Lab, Need::Login],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "a stop that kills",
            changes: &[Change::Image(&["STOPSIGNAL SIGKILL"])],
            sees: "code 137",
        }],
        ..Check::by(&stop_is_clean)
    },
    Check {
        id: "runtime.dead_master_ends_the_container",
        title: "When Postfix's master dies the container ends, with a code and a line that tell why",
        citation: "Postfix master; s6 s6-supervise(8)",
        severity: Severity::High,
        about: "Kills Postfix's master with SIGKILL and waits for the container's end: code 137, and \
                a line in the log. Whoever runs the container has a restart policy and an alarm for \
                that; a container that goes on without Postfix, or mends itself in silence, hides \
                an outage.",
        repair: "Let the supervisor end the container when Postfix has ended, as relaykit's \
                 finish script does, and run it with `restart: unless-stopped`.",
        needs: &[Need::Lab, Need::Login],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "a crash that is mended in silence",
            changes: &[Change::Script(
                Role::Relay,
                "rm /run/service/postfix/finish",
            )],
            sees: "the container goes on",
        }],
        ..Check::by(&dead_master_ends_the_container)
    },
    Check {
        id: "runtime.kill_loses_nothing",
        title: "Mail that was acknowledged is still there after the container was killed",
        citation: "RFC 5321 section 6.1; RFC 5321 section 4.2.5",
        severity: Severity::Critical,
        about: "Submits messages for a next hop that is away, kills the whole container with SIGKILL \
                as soon as the last 250 is there, starts it again, and looks for every message in \
                the queue. After 250 the relay alone is responsible for a message: what it loses \
                then, nobody ever misses until it is too late.",
        repair: "Keep /var/spool/postfix on a volume, not in the container or in memory, and use no \
                 before-queue proxy that answers before the queue file is written.",
        needs: &[Need::Lab, Need::Login],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "a queue in memory",
            changes: &[Change::Plan(queue_in_memory)],
            sees: "is not in the queue",
        }],
        ..Check::by(&kill_loses_nothing)
    },
    Check {
        id: "runtime.dead_daemons_return",
        title: "A daemon of the login that dies is started again, and logins go on",
        citation: "row 7; s6 s6-supervise(8)",
        severity: Severity::High,
        about: "Kills saslauthd, all of its children, and the guard before it, with SIGKILL, and \
                logs in until that succeeds. Nobody is there at night to start a daemon again; \
                without it nobody can send mail although every port is open.",
        repair: "Run saslauthd under a supervisor that starts it again (s6, `Restart=always` of \
                 systemd), and see that what its dead children held is cleaned up.",
        needs: &[Need::Lab, Need::Login],
        exclusive: true,
        sabotages: &[Sabotage {
            name: "a saslauthd that stays dead",
            changes: &[Change::Script(
                Role::Relay,
                "echo 'exit 125' >>/run/service/saslauthd/finish",
            )],
            sees: "nobody can log in again",
        }],
        ..Check::by(&dead_daemons_return)
    },
];

/// The code of a process that SIGKILL has ended, as shells tell it.
const KILLED: i64 = 128 + 9;

/// The line of a Postfix that has started.
const STARTED: &str = "daemon started -- version";

/// How many messages are submitted before a kill.
const MESSAGES: usize = 3;

/// How long a queue manager may take to move what it found.
const MOVED: Duration = Duration::from_secs(5);

fn queue_in_memory(plan: &mut Plan) {
    const QUEUE: &str = "/var/spool/postfix";
    let relay = plan.containers.iter_mut().find(|c| c.role == Role::Relay);
    if let Some(relay) = relay {
        relay.mounts.retain(|mount| mount.target != QUEUE);
        let options = "noexec,nosuid,nodev,mode=0755,size=256m";
        relay.tmpfs.push((QUEUE.to_owned(), options.to_owned()));
    }
}

/// All that the relay has logged.
async fn log(context: &Context) -> Judged<Vec<String>> {
    let name = &appliance::container(context, Role::Relay)?.name;
    let lines = appliance::lab(context)?
        .engine
        .logs(name, LogRequest::default());
    let lines: Vec<_> = lines.collect().await;
    done(lines.into_iter().collect())
}

async fn stop_is_clean(context: Context) -> Judged {
    let engine = appliance::lab(&context)?.engine.clone();
    let relay = appliance::container(&context, Role::Relay)?;
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    command(&mut session, "NOOP").await?;
    let before = log(&context).await?.len();
    done(engine.stop(&relay.name, relay.stop_grace).await)?;
    let facts = appliance::facts(&context, Role::Relay).await?;
    let said = log(&context).await?;
    lifecycle::start(&context).await?;
    let code = facts.exit_code.unwrap_or(-1);
    require(code == 0, "an end by itself, with code 0", || {
        format!("code {code}")
    })?;
    let told = said
        .iter()
        .skip(before)
        .any(|line| line.contains("Postfix has stopped"));
    require(told, "a line that says that Postfix has stopped", || {
        said[before.min(said.len())..].join("\n")
    })
}

async fn dead_master_ends_the_container(context: Context) -> Judged {
    let engine = appliance::lab(&context)?.engine.clone();
    let relay = &appliance::container(&context, Role::Relay)?.name;
    let before = log(&context).await?;
    let starts = before.iter().filter(|line| line.contains(STARTED)).count();
    let processes = appliance::processes(&context, Role::Relay).await?;
    let Some(master) = processes.iter().find(|p| p.name == "master") else {
        return fail("a process master", "none");
    };
    let pid = master.pid.to_string();
    let kill = ["sh", "-c", "kill -KILL \"$1\"", "sh", &pid];
    // The container may end before the engine can tell what came of it.
    let _ = appliance::exec(&context, Role::Relay, &kill, None).await;
    // Either the log ends with its container, or another master starts.
    let follow = LogRequest {
        follow: true,
        ..LogRequest::default()
    };
    let mut lines = engine.logs(relay, follow);
    let (mut seen, mut told) = (0, false);
    while let Some(line) = lines.next().await {
        let line = done(line)?;
        told |= line.contains("Postfix was ended by signal 9");
        seen += usize::from(line.contains(STARTED));
        if seen > starts {
            lifecycle::ready(&context).await?;
            return fail(
                "the end of the container",
                "the container goes on with a new master",
            );
        }
    }
    let code = done(engine.wait(relay).await)?;
    lifecycle::start(&context).await?;
    require(code == KILLED, "code 137", || format!("code {code}"))?;
    require(
        told,
        "a line that says which signal ended Postfix",
        || "no such line",
    )
}

async fn kill_loses_nothing(context: Context) -> Judged {
    let engine = appliance::lab(&context)?.engine.clone();
    let relay = &appliance::container(&context, Role::Relay)?.name;
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let mut messages = Vec::new();
    for _ in 0..MESSAGES {
        let message = played::message(AWAY.domain);
        let commands = played::envelope(mail::SENDER, AWAY.domain);
        let id = mail::queued(&mut session, &commands, &message).await?;
        messages.push((id, message));
    }
    done(engine.kill(relay, "KILL").await)?;
    done(engine.wait(relay).await)?;
    context
        .transcript()
        .note("the relay's container was killed");
    lifecycle::start(&context).await?;
    let lost = missing(&context, &messages).await?;
    let ids = messages.iter().map(|(id, _)| id.as_str());
    let remove = "printf '%s\\n' \"$@\" | postsuper -d - 2>/dev/null; :";
    let remove: Vec<_> = ["sh", "-c", remove, "sh"].into_iter().chain(ids).collect();
    appliance::output(&context, Role::Relay, &remove).await?;
    let lost: Vec<_> = lost
        .iter()
        .map(|id| format!("{id} is not in the queue"))
        .collect();
    require_none(&lost, &format!("all of {MESSAGES} acknowledged messages"))
}

/// The queue IDs of those of `messages` that are not in the queue. A queue manager that
/// begins moves every file from one folder to the next: one look can miss what is there.
async fn missing(context: &Context, messages: &[(String, Message)]) -> Judged<Vec<String>> {
    let look = "cd /var/spool/postfix && find incoming active deferred hold -type f \
                -exec postcat {} \\; 2>/dev/null; :";
    let deadline = Instant::now() + MOVED;
    let mut missing: Vec<_> = messages.iter().collect();
    loop {
        let queue = appliance::output(context, Role::Relay, &["sh", "-c", look]).await?;
        missing.retain(|(_, message)| !queue.contains(message.token()));
        if missing.is_empty() || Instant::now() > deadline {
            let ids = missing.iter().map(|(id, _)| id.clone());
            return ControlFlow::Continue(ids.collect());
        }
    }
}

async fn dead_daemons_return(context: Context) -> Judged {
    let processes = appliance::processes(&context, Role::Relay).await?;
    let of_login = |name: &str| ["saslauthd", "guard"].contains(&name);
    let pids = processes.iter().filter(|p| of_login(&p.name));
    let pids: Vec<_> = pids.map(|p| p.pid.to_string()).collect();
    if pids.is_empty() {
        return broken("there is no saslauthd to kill");
    }
    // A child may be gone before its turn.
    let script = "kill -KILL \"$@\" 2>/dev/null; :";
    let mut kill = vec!["sh", "-c", script, "sh"];
    kill.extend(pids.iter().map(String::as_str));
    appliance::output(&context, Role::Relay, &kill).await?;
    lifecycle::ready(&context).await?;
    held(
        "logins again after saslauthd and its guard were killed",
        format!("{} processes killed, then a login succeeded", pids.len()),
    )
}
