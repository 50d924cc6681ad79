//! What runs in the containers against the services that were planned.

use std::collections::BTreeSet;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance::{self, Process};
use super::super::probe::postconf;
use super::super::target::Context;
use super::super::verdict::{Judged, held, nothing_wrong, unless_wrong};
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "drift.processes_are_the_planned_ones",
    title: "In every container the services that were planned run, as their users, and nothing else",
    citation: "row 9; Postfix master",
    severity: Severity::High,
    about: "Lists the processes of the relay, the directory and the next hop with their command lines, \
            users and, where root may read it, environment, and compares them with the services of the image and of \
            master.cf. A shell, a second server, a daemon with another configuration or with \
            LD_PRELOAD is what somebody leaves behind who was inside; so is one that a helpful \
            hand has started. A process that somebody has stopped (SIGSTOP) is there and does \
            nothing: it watches over nobody any more.",
    repair: "Find out who started it; then `relaykit down` and `relaykit up`: a container that \
             somebody was in is not to be trusted any more.",
    needs: &[Need::Lab],
    long: true,
    sabotages: &[
        Sabotage {
            name: "somebody's shell goes on in the relay",
            changes: &[Change::Script(
                Role::Relay,
                "perl -e 'exit if fork; exec q(perl), q(-e), q(sleep 600)'",
            )],
            sees: "perl -e sleep 600",
        },
        Sabotage {
            name: "a second server in the directory's container",
            changes: &[Change::Script(
                Role::Directory,
                "perl -e 'exit if fork; exec q(perl), q(-e), q(sleep 600)'",
            )],
            sees: "the directory: perl",
        },
        Sabotage {
            name: "the watcher over the guard is stopped",
            changes: &[Change::Script(Role::Relay, "s6-svc -p /run/service/guard")],
            sees: "is stopped (SIGSTOP)",
        },
        Sabotage {
            name: "an environment that nobody planned",
            changes: &[Change::Image(&["ENV LD_BIND_NOW=1"])],
            sees: "has LD_BIND_NOW in its environment",
        },
    ],
    ..Check::by(&processes_are_the_planned_ones)
}];

/// What a process of a container is asked for: more than its status says.
struct Line {
    pid: u32,
    command: String,
    /// The names of its environment; empty where it cannot be read.
    names: Vec<String>,
}

/// Number, command line and names of the environment of every process. In Perl, since there
/// are many: a program of its own for each would take seconds.
const SCRIPT: &str = r#"
        sub all { open my $f, "<", $_[0] or return ""; local $/; my $t = <$f>; defined $t ? $t : "" }
        for my $p (glob "/proc/[0-9]*") {
            my ($pid) = $p =~ /([0-9]+)$/;
            (my $command = all("$p/cmdline")) =~ tr/\0\n/  /;
            my $names = join " ", map { (split /=/, $_, 2)[0] } split /\0/, all("$p/environ");
            $names =~ tr/|\n/  /;
            print "$pid|$command|$names\n";
        }"#;

async fn processes_are_the_planned_ones(context: Context) -> Judged {
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let programs: BTreeSet<String> = match role {
            Role::Directory => BTreeSet::new(),
            _ => postconf::services_of(&context, role)
                .await?
                .into_iter()
                .map(|s| s.program)
                .collect(),
        };
        // Between a fork and what the child becomes, a process is nothing yet: who is seen
        // again and again is meant.
        let mut strange = strangers(&context, role, &programs).await?;
        for _ in 1..LOOKS {
            if strange.is_empty() {
                break;
            }
            let again = strangers(&context, role, &programs).await?;
            strange.retain(|one| again.contains(one));
        }
        if strange.is_empty() {
            nothing_wrong(format!(
                "in the {}, no process that stays and was not planned",
                role.name()
            ))?;
        }
        wrong.extend(
            strange
                .iter()
                .map(|(_, line)| format!("the {}: {line}", role.name())),
        );
    }
    unless_wrong(
        &wrong,
        "the supervisor, its services, and Postfix's own programs, as their users",
    )
}

/// How often a process must be seen that was not planned.
const LOOKS: usize = 5;

/// The processes that were not planned, each by its number and in words. Where there is
/// none, the planned ones are said.
async fn strangers(
    context: &Context,
    role: Role,
    programs: &BTreeSet<String>,
) -> Judged<Vec<(u32, String)>> {
    let user = appliance::wanted(context, role)?.user;
    let argv = ["perl", "-e", SCRIPT];
    let (_, text, _) = appliance::exec(context, role, &argv, user.as_deref()).await?;
    let lines: Vec<Line> = text.lines().filter_map(line).collect();
    let processes = appliance::processes(context, role).await?;
    let mut names = BTreeSet::new();
    let mut own = Vec::new();
    for process in &processes {
        let line = lines.iter().find(|line| line.pid == process.pid);
        let command = line.map_or("", |line| line.command.trim());
        let shown = if command.is_empty() {
            &*process.name
        } else {
            command
        };
        let shown: String = shown.chars().take(120).collect();
        if !is_planned(role, process, command, programs) {
            own.push((process.pid, format!("{shown} (user {})", process.uid)));
        }
        if process.stopped {
            let words = format!("{shown} (user {}) is stopped (SIGSTOP)", process.uid);
            own.push((process.pid, words));
        }
        let strange = line.into_iter().flat_map(|line| &line.names);
        let strange = strange.filter(|name| !is_usual(name));
        own.extend(strange.map(|name| {
            let words = format!("{shown} has {name} in its environment");
            (process.pid, words)
        }));
        names.insert(format!("{} as {}", process.name, process.uid));
    }
    if own.is_empty() {
        let shown: Vec<_> = names.into_iter().collect();
        held(
            format!("in the {}, the planned processes", role.name()),
            format!("{} processes: {}", processes.len(), shown.join(", ")),
        )?;
    }
    Judged::Continue(own)
}

fn line(line: &str) -> Option<Line> {
    let (pid, rest) = line.split_once('|')?;
    let (command, names) = rest.rsplit_once('|')?;
    Some(Line {
        pid: pid.parse().ok()?,
        command: command.to_owned(),
        names: names.split_whitespace().map(str::to_owned).collect(),
    })
}

/// What the image, the engine, the supervisor and master(8) put there
/// (`import_environment`, `export_environment`).
fn is_usual(name: &str) -> bool {
    const USUAL: [&str; 20] = [
        "PATH",
        "HOME",
        "HOSTNAME",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LANG",
        "TZ",
        "TERM",
        "container",
        "MAIL_CONFIG",
        "MAIL_LOGTAG",
        "MAIL_DEBUG",
        "GENERATION",
        "OPENSSL_CONF",
        "LDAPTLS_CACERT",
        "LDAPCONF",
        "LDAPNOINIT",
        "LC_ALL",
    ];
    USUAL.contains(&name) || name.starts_with("LDAPTLS_") || name.starts_with("MAIL_")
}

/// Whether the image, or master.cf, has such a process. Daemons change their names, so that
/// the kernel's name and the command line are both looked at.
fn is_planned(role: Role, process: &Process, command: &str, programs: &BTreeSet<String>) -> bool {
    const POSTFIX: u32 = 200;
    const SASLAUTHD: u32 = 202;
    const INBOX: u32 = 203;
    const SLAPD: u32 = 204;
    const NOBODY: u32 = 65534;
    // What has ended and is not yet reaped has no command line any more.
    if process.zombie {
        return true;
    }
    let name = process.name.as_str();
    if role == Role::Directory {
        return name == "slapd" && process.uid == SLAPD;
    }
    let starts = |with: &str| command.starts_with(with);
    match (name, process.uid) {
        ("s6-svscan", 0) => starts("s6-svscan /run/service"),
        ("s6-supervise", 0) => starts("s6-supervise "),
        // As it runs, and as its service's script begins it.
        ("master", 0) => command.contains("/master -"),
        ("sed", NOBODY) => starts("sed -E") || starts("sed "),
        // What the engine, the shells of the checks themselves and a service begin with.
        ("accounts" | "certificate" | "openssl" | "run" | "init", 0)
        | ("saslauthd" | "guard" | "ldapsearch", SASLAUTHD) => true,
        ("limits", _) => process.uid != 0,
        ("inbox" | "store", INBOX) => role == Role::Sink,
        // A program of master.cf, started by master with the name that it has there. As root
        // until it has become its user.
        (program, POSTFIX | 0) => {
            let is_service = programs.iter().any(|known| known == program);
            is_service
                && (command.is_empty() || command.contains(" -t ") || command.contains(" -u"))
                || ["postlogd", "cleanup", "pickup", "qmgr"].contains(&program) && starts(program)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, uid: u32) -> Process {
        Process {
            pid: 9,
            name: name.to_owned(),
            uid,
            groups: Vec::new(),
            capabilities: [0; 5],
            no_new_privileges: true,
            seccomp: Some(2),
            zombie: false,
            stopped: false,
            parent: 1,
        }
    }

    #[test]
    fn a_program_as_another_user_or_in_another_container_is_not_planned() {
        let programs = BTreeSet::from(["smtpd".to_owned()]);
        let planned = |role, name, uid, command: &str| {
            is_planned(role, &process(name, uid), command, &programs)
        };
        let smtpd = "smtpd -n submission -t inet -u -c";
        assert!(planned(Role::Relay, "smtpd", 200, smtpd));
        assert!(planned(Role::Relay, "saslauthd", 202, "saslauthd -d"));
        assert!(planned(Role::Directory, "slapd", 204, "slapd -d stats"));
        assert!(!planned(Role::Relay, "saslauthd", 0, "saslauthd -d"));
        assert!(!planned(Role::Relay, "smtpd", 65534, smtpd));
        assert!(!planned(Role::Relay, "local", 200, "local -t unix"));
        assert!(!planned(Role::Relay, "perl", 0, "perl -e sleep"));
        assert!(!planned(Role::Directory, "smtpd", 200, smtpd));
    }

    #[test]
    fn a_line_has_the_names_of_an_environment_and_no_value() {
        let found = line("12|smtpd -n a|b |PATH LD_PRELOAD ").unwrap();
        assert_eq!((found.pid, found.command.as_str()), (12, "smtpd -n a|b "));
        let strange: Vec<_> = found.names.iter().filter(|name| !is_usual(name)).collect();
        assert_eq!(strange, ["LD_PRELOAD"]);
    }
}
