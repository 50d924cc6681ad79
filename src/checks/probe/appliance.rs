//! Looking into the relay's container while it runs.

use std::ops::ControlFlow;

use super::super::target::{Context, Lab};
use super::super::verdict::Judged;
use super::super::verdict::broken;
use crate::counterparts::{Directory, Resolved};
use crate::engine::ContainerFacts;
use crate::plan::{Container, Plan, Role};

/// The containers of the target's lab. A check that uses it has `Need::Lab`.
pub(in super::super) fn lab(context: &Context) -> Judged<&Lab> {
    match &context.target().lab {
        Some(lab) => ControlFlow::Continue(lab),
        None => broken("the check looks into containers and did not say that it needs a lab"),
    }
}

/// The roles of the lab's containers.
pub(in super::super) fn roles(context: &Context) -> Judged<Vec<Role>> {
    let containers = lab(context)?.plan.containers.iter();
    ControlFlow::Continue(containers.map(|container| container.role).collect())
}

/// The container with `role` as it was planned.
pub(in super::super) fn container(context: &Context, role: Role) -> Judged<&Container> {
    match lab(context)?.plan.container(role) {
        Some(container) => ControlFlow::Continue(container),
        None => broken(format!("the lab has no container for the {}", role.name())),
    }
}

/// The container with `role` as relay.yaml wants it, whatever was made of it.
pub(in super::super) fn wanted(context: &Context, role: Role) -> Judged<Container> {
    let plan = Plan::new(resolved(context)?, &lab(context)?.plan.name);
    match plan.container(role) {
        Some(container) => ControlFlow::Continue(container.clone()),
        None => broken(format!("a lab has no container for the {}", role.name())),
    }
}

/// The relay with its counterparts as relay.yaml wants them, whatever was made of it. Its
/// sink may be that of other relays, too.
pub(in super::super) fn resolved(context: &Context) -> Judged<Resolved> {
    let there = &lab(context)?.plan.resolved;
    let wanted = Resolved::new(context.target().spec.clone(), there.purpose);
    ControlFlow::Continue(wanted.beside([there]))
}

/// The lab's directory. A check that uses it has `Need::Directory`.
pub(in super::super) fn directory(context: &Context) -> Judged<Directory> {
    match resolved(context)?.backend.directory() {
        Some(directory) => ControlFlow::Continue(directory.clone()),
        None => broken("no directory checks logins, and the check did not say that it needs one"),
    }
}

/// What the engine knows of the container with `role`.
pub(in super::super) async fn facts(context: &Context, role: Role) -> Judged<ContainerFacts> {
    let name = &container(context, role)?.name;
    match lab(context)?.engine.inspect(name).await {
        Ok(Some(facts)) => {
            let note = format!("the engine was asked about the container {name}");
            context.transcript().note(note);
            ControlFlow::Continue(facts)
        }
        Ok(None) => broken(format!("the container {name} is gone")),
        Err(error) => broken(error.to_string()),
    }
}

/// What a program prints that root runs in the container with `role`. A program
/// that fails breaks the check: it looks, and judges what it sees.
pub(in super::super) async fn output(
    context: &Context,
    role: Role,
    argv: &[&str],
) -> Judged<String> {
    succeeded(role, argv, exec(context, role, argv, None).await?)
}

/// As [`output`], where secrets may be printed, or what nobody reads: the transcript has the number of lines alone.
pub(in super::super) async fn secret_output(
    context: &Context,
    role: Role,
    argv: &[&str],
) -> Judged<String> {
    succeeded(role, argv, ran(context, role, argv, None, 0).await?)
}

fn succeeded(role: Role, argv: &[&str], ended: (i64, String, String)) -> Judged<String> {
    let (code, stdout, stderr) = ended;
    if code == 0 {
        return ControlFlow::Continue(stdout);
    }
    broken(format!(
        "`{}` in the {}'s container ended with code {code}: {}",
        argv.join(" "),
        role.name(),
        stderr.trim()
    ))
}

/// The exit code, standard output and standard error of a program in the
/// container with `role`, run by `user`, or by root.
pub(in super::super) async fn exec(
    context: &Context,
    role: Role,
    argv: &[&str],
    user: Option<&str>,
) -> Judged<(i64, String, String)> {
    ran(context, role, argv, user, SHOWN).await
}

/// As [`exec`], where what is printed is not for a report.
pub(in super::super) async fn secret_exec(
    context: &Context,
    role: Role,
    argv: &[&str],
    user: Option<&str>,
) -> Judged<(i64, String, String)> {
    ran(context, role, argv, user, 0).await
}

/// How many lines of what a program prints stand in the transcript.
const SHOWN: usize = 25;

async fn ran(
    context: &Context,
    role: Role,
    argv: &[&str],
    user: Option<&str>,
    shown: usize,
) -> Judged<(i64, String, String)> {
    let container = &container(context, role)?.name;
    let command = argv.join(" ");
    match lab(context)?.exec(container, argv, user).await {
        Ok(output) => {
            let prompt = user.map_or_else(|| "#".to_owned(), |user| format!(" as {user}$"));
            let lines = output.stdout.lines().count();
            let mut ended = match lines {
                0 => "printed nothing".to_owned(),
                1 => "printed 1 line".to_owned(),
                many => format!("printed {many} lines"),
            };
            if output.exit_code != 0 {
                ended = format!("{ended}, code {}", output.exit_code);
            }
            // What it did before how: a script is long, and readers see the first words.
            let transcript = context.transcript();
            transcript.note(format!("{}{prompt} {ended}: {command}", role.name()));
            for line in output.stdout.lines().take(shown) {
                transcript.note(format!("| {line}"));
            }
            if shown > 0 && lines > shown {
                transcript.note(format!("| and {} more lines", lines - shown));
            }
            ControlFlow::Continue((output.exit_code, output.stdout, output.stderr))
        }
        Err(error) => broken(format!("running `{command}` failed: {error}")),
    }
}

/// As proc(5) names the sets of [`Process::capabilities`].
const CAPABILITY_SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

/// A process in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Process {
    /// Its number in the container.
    pub(in super::super) pid: u32,
    /// The program's name, at most 15 bytes long.
    pub(in super::super) name: String,
    /// Effective user.
    pub(in super::super) uid: u32,
    /// All its groups, the effective one first.
    pub(in super::super) groups: Vec<u32>,
    /// Linux' capabilities as bit sets: inheritable, permitted, effective, bounding,
    /// ambient (capabilities(7)).
    pub(in super::super) capabilities: [u64; 5],
    /// Whether `no_new_privs` is set.
    pub(in super::super) no_new_privileges: bool,
    /// The mode of seccomp(2): 0 off, 2 with a filter; `None` on a kernel without it.
    pub(in super::super) seccomp: Option<u32>,
    /// Whether it has ended and nobody has taken notice.
    pub(in super::super) zombie: bool,
    /// Whether somebody has stopped it (SIGSTOP): it is there and does nothing.
    pub(in super::super) stopped: bool,
    /// The process that started it.
    pub(in super::super) parent: u32,
}

impl Process {
    /// Its name and number, for people.
    pub(in super::super) fn title(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }
}

/// The processes of the container with `role`, without those that the check
/// itself has started.
pub(in super::super) async fn processes(context: &Context, role: Role) -> Judged<Vec<Process>> {
    // A process may end between the list and the look at it.
    let script = "cat /proc/[0-9]*/status 2>/dev/null; :";
    let text = secret_output(context, role, &["sh", "-c", script]).await?;
    let processes = without_own(parse(&text));
    let titles: Vec<_> = processes.iter().map(Process::title).collect();
    let (count, titles) = (processes.len(), titles.join(", "));
    let note = format!("{count} processes in the {}: {titles}", role.name());
    context.transcript().note(note);
    if processes.iter().any(|p| p.pid == 1) {
        ControlFlow::Continue(processes)
    } else {
        broken("/proc shows no process 1 in the container")
    }
}

fn parse(text: &str) -> Vec<Process> {
    let mut processes: Vec<Process> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        let mut numbers = value.split_whitespace().map_while(|n| n.parse().ok());
        if key == "Name" {
            processes.push(Process {
                pid: 0,
                name: value.to_owned(),
                uid: 0,
                groups: Vec::new(),
                capabilities: [0; 5],
                no_new_privileges: false,
                seccomp: None,
                zombie: false,
                stopped: false,
                parent: 0,
            });
        }
        let Some(process) = processes.last_mut() else {
            continue;
        };
        match key {
            "Pid" => process.pid = numbers.next().unwrap_or_default(),
            "PPid" => process.parent = numbers.next().unwrap_or_default(),
            // Real, effective, saved, file system.
            "Uid" => process.uid = numbers.nth(1).unwrap_or_default(),
            "Gid" => process.groups.extend(numbers.nth(1)),
            "Groups" => process.groups.extend(numbers),
            "State" => {
                process.zombie = value.starts_with('Z');
                process.stopped = value.starts_with(['T', 't']);
            }
            "NoNewPrivs" => process.no_new_privileges = value == "1",
            "Seccomp" => process.seccomp = value.parse().ok(),
            key => {
                if let Some(set) = CAPABILITY_SETS.iter().position(|name| *name == key) {
                    let bits = u64::from_str_radix(value, 16).unwrap_or(u64::MAX);
                    process.capabilities[set] = bits;
                }
            }
        }
    }
    processes
}

/// What an engine starts in a running container has no parent in there.
fn without_own(all: Vec<Process>) -> Vec<Process> {
    let is_own = |process: &Process| {
        let mut current = process.clone();
        loop {
            if current.pid == 1 {
                return false;
            }
            match all.iter().find(|p| p.pid == current.parent) {
                Some(parent) => current = parent.clone(),
                // An orphan whose parent ended meanwhile belongs to process 1.
                None => return current.parent == 0,
            }
        }
    };
    let own: Vec<u32> = all.iter().filter(|p| is_own(p)).map(|p| p.pid).collect();
    all.into_iter().filter(|p| !own.contains(&p.pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, pid: u32, parent: u32, uid: u32) -> String {
        format!(
            "Name:\t{name}\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t0\t{uid}\t0\t0\n\
             Gid:\t{uid}\t{uid}\t{uid}\t{uid}\nGroups:\t{uid} 45 \nCapBnd:\t00000000000004eb\nNoNewPrivs:\t1\n\
             Seccomp:\t2\nSeccomp_filters:\t1\n"
        )
    }

    #[test]
    fn processes_are_read_from_proc_without_those_of_the_check() {
        let text = [
            status("s6-svscan", 1, 0, 0),
            status("smtpd", 9, 7, 200),
            status("sh", 40, 0, 0),
            status("cat", 41, 40, 0),
        ]
        .concat();
        let processes = without_own(parse(&text));
        let names: Vec<_> = processes.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["s6-svscan", "smtpd"]);
        assert_eq!(processes[1].uid, 200);
        assert_eq!(processes[1].groups, [200, 200, 45]);
        assert_eq!(processes[1].capabilities, [0, 0, 0, 0x4eb, 0]);
        assert_eq!(processes[1].seccomp, Some(2));
        assert!(!processes[1].zombie && !processes[1].stopped);
        assert!(processes[1].no_new_privileges);
    }
}
