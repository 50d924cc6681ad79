//! What the engine lets the relay's container do, if somebody breaks into it.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance::{self, Process};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, require, require_none};
use super::CARELESS;
use crate::plan::{Plan, Role};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.capabilities_are_the_named_ones",
        title: "No process has or can get a Linux capability beyond the named ones",
        citation: "row 3; row 9; Linux capabilities(7)",
        severity: Severity::High,
        about: "Reads all five capability sets of every process in the relay's container from /proc. \
                Nothing may be outside of the seven capabilities that Postfix's master needs, and a \
                process that is not root may hold none at all. With more, such as SYS_ADMIN or \
                NET_RAW, who breaks into smtpd is half-way to the machine.",
        repair: "Drop ALL capabilities and add CHOWN, DAC_OVERRIDE, FOWNER, KILL, NET_BIND_SERVICE, \
                 SETGID and SETUID alone, as `relaykit export` writes it; SYS_CHROOT is not needed \
                 where the chroot column of master.cf is n.",
        needs: &[Need::Lab],
        sabotages: &[
            UNCONFINED.seen_as("0xa80425fb"),
            Sabotage {
                name: "a capability too many",
                changes: &[Change::Plan(|plan| {
                    relay(plan, |relay| relay.capabilities.push("SYS_CHROOT"));
                })],
                sees: "0x404eb",
            },
        ],
        ..Check::by(&capabilities_are_the_named_ones)
    },
    Check {
        id: "runtime.no_new_privileges",
        title: "No process can gain privileges by running a program",
        citation: "row 9; Linux prctl(2)",
        severity: Severity::Medium,
        about: "Reads NoNewPrivs of every process in the relay's container. With it, no setuid \
                program and no file capability gives a process more than it has, even one that \
                somebody brings along.",
        repair: "Run the container with the security option no-new-privileges, as `relaykit export` \
                 writes it.",
        needs: &[Need::Lab],
        sabotages: &[UNCONFINED.seen_as("s6-svscan (1)")],
        ..Check::by(&no_new_privileges)
    },
    Check {
        id: "runtime.system_calls_are_filtered",
        title: "The engine filters the system calls of every process",
        citation: "Linux seccomp(2)",
        severity: Severity::Medium,
        about: "Reads the seccomp mode of every process in the relay's container. The engine's \
                filter keeps a broken-into daemon from the rarely used parts of the kernel, where \
                most ways out of a container have been found.",
        repair: "Do not run the container privileged or with seccomp=unconfined; the engine's default \
                 profile is enough.",
        needs: &[Need::Lab],
        sabotages: &[UNCONFINED.seen_as("s6-svscan (1)")],
        ..Check::by(&system_calls_are_filtered)
    },
    Check {
        id: "runtime.root_is_read_only",
        title: "The root file system, and every volume that is planned so, is mounted read-only",
        citation: "row 9",
        severity: Severity::Medium,
        about: "Reads the mounts of the relay's container, and tries as root to create a file in the \
                root, in /etc, /usr and on the configuration volume. Whoever breaks in finds no \
                program and no setting to change, and nothing outlives a restart but the queue.",
        repair: "Run the container with a read-only root and the configuration mounted read-only; \
                 only /var/spool/postfix, /var/lib/postfix, /run and /tmp are written.",
        needs: &[Need::Lab],
        sabotages: &[
            UNCONFINED.seen_as("/etc could be written"),
            Sabotage {
                name: "a configuration that can be written",
                changes: &[Change::Plan(|plan| {
                    relay(plan, |relay| {
                        for mount in &mut relay.mounts {
                            mount.read_only = false;
                        }
                    });
                })],
                sees: "/etc/relaykit with rw",
            },
        ],
        ..Check::by(&root_is_read_only)
    },
    Check {
        id: "runtime.memory_folders_run_nothing",
        title: "What is kept in memory is no place for devices or setuid files, and /tmp for no program",
        citation: "row 9; Linux mount(8)",
        severity: Severity::Low,
        about: "Reads the options of every tmpfs of the relay's container. All are nosuid and nodev; \
                all but /run, where the supervisor's scripts are, and the engine's own /dev are \
                noexec. A program that somebody brings along has no place to be run from.",
        repair: "Mount /tmp with noexec,nosuid,nodev and /run with nosuid,nodev and a size, as \
                 `relaykit export` writes it.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "programs in /tmp",
            changes: &[Change::Plan(|plan| {
                relay(plan, |relay| {
                    for (_, options) in &mut relay.tmpfs {
                        *options = options.replace("noexec", "exec");
                    }
                });
            })],
            sees: "/tmp without noexec",
        }],
        ..Check::by(&memory_folders_run_nothing)
    },
    Check {
        id: "runtime.no_setuid_files",
        title: "No file or folder in the image is setuid or setgid",
        citation: "row 9; Linux capabilities(7)",
        severity: Severity::Medium,
        about: "Looks through the relay's root file system for setuid and setgid files. Debian's \
                passwd, su and Postfix's postdrop have such bits; a relay where nobody logs in and \
                nobody submits by program needs none of them.",
        repair: "Take the bits off in the image (`find / -xdev -perm /6000 -exec chmod a-s {} +`) and \
                 tell dpkg with dpkg-statoverride, as relaykit's images do.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("/usr/bin/su")],
        ..Check::by(&no_setuid_files)
    },
];

/// What a container is with nothing but the engine's defaults, and no seccomp.
const UNCONFINED: Sabotage = Sabotage {
    name: "a container without confinement",
    changes: &[Change::Plan(|plan| {
        relay(plan, |relay| relay.confined = false);
    })],
    sees: "",
};

/// Changes the relay's container of a plan.
fn relay(plan: &mut Plan, change: fn(&mut crate::plan::Container)) {
    let mut containers = plan.containers.iter_mut();
    if let Some(relay) = containers.find(|c| c.role == Role::Relay) {
        change(relay);
    }
}

/// The numbers of the capabilities that a plan names (capabilities(7)).
const CAPABILITIES: [(&str, u32); 7] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("FOWNER", 3),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("NET_BIND_SERVICE", 10),
];

/// The places of the effective, permitted and bounding sets in a process's.
const ACTIVE: [usize; 4] = [0, 1, 2, 4];

async fn capabilities_are_the_named_ones(context: Context) -> Judged {
    let named = appliance::wanted(&context, Role::Relay)?.capabilities;
    let bit = |name: &&str| CAPABILITIES.iter().find(|known| known.0 == *name);
    let Some(mask) = named.iter().try_fold(0, |mask, name| {
        bit(name).map(|(_, number)| mask | 1_u64 << number)
    }) else {
        return broken(format!(
            "the number of one of these is not known: {named:?}"
        ));
    };
    let processes = appliance::processes(&context, Role::Relay).await?;
    let excess = |process: &Process| {
        let all = process.capabilities.iter().fold(0, |all, set| all | set);
        let active = ACTIVE
            .iter()
            .fold(0, |all, set| all | process.capabilities[*set]);
        match process.uid {
            _ if all & !mask != 0 => Some(format!("{}: {all:#x}", process.title())),
            0 => None,
            uid if active != 0 => Some(format!("{}, user {uid}: {active:#x}", process.title())),
            _ => None,
        }
    };
    let more: Vec<_> = processes.iter().filter_map(excess).collect();
    let expected = format!(
        "sets within {mask:#x} ({}), none but for root",
        named.join(" ")
    );
    require_none(&more, &expected)
}

async fn no_new_privileges(context: Context) -> Judged {
    let processes = appliance::processes(&context, Role::Relay).await?;
    let without = processes.iter().filter(|p| !p.no_new_privileges);
    let without: Vec<_> = without.map(Process::title).collect();
    require_none(&without, "NoNewPrivs: 1 for every process")
}

async fn system_calls_are_filtered(context: Context) -> Judged {
    const FILTERED: u32 = 2;
    let processes = appliance::processes(&context, Role::Relay).await?;
    if processes.iter().all(|p| p.seccomp.is_none()) {
        return super::super::verdict::skip("the kernel has no seccomp");
    }
    let without = processes.iter().filter(|p| p.seccomp != Some(FILTERED));
    let without: Vec<_> = without.map(Process::title).collect();
    require_none(&without, "Seccomp: 2 for every process")
}

async fn root_is_read_only(context: Context) -> Judged {
    let container = appliance::wanted(&context, Role::Relay)?;
    let read_only = container.mounts.iter().filter(|mount| mount.read_only);
    let volumes: Vec<_> = read_only.map(|mount| mount.target.as_str()).collect();
    let mounts = mounts(&context).await?;
    let mut wrong = Vec::new();
    for place in ["/"].into_iter().chain(volumes.iter().copied()) {
        // The last mount at a place is the one that is seen.
        let Some((_, _, options)) = mounts.iter().rfind(|(at, ..)| at == place) else {
            return fail(format!("a mount at {place}"), "none");
        };
        if !options.iter().any(|option| option == "ro") {
            wrong.push(format!("{place} with {}", options.join(",")));
        }
    }
    let mut try_to_write = vec![
        "sh",
        "-c",
        "for place do (: >\"$place/relaykit-probe\") 2>/dev/null || continue; \
         rm -f \"$place/relaykit-probe\"; echo \"$place\"; done",
        "sh",
    ];
    let places = ["/", "/etc", "/usr/sbin", "/etc/s6/services"];
    try_to_write.extend(places.into_iter().chain(volumes.iter().copied()));
    let written = appliance::output(&context, Role::Relay, &try_to_write).await?;
    wrong.extend(
        written
            .lines()
            .map(|place| format!("{place} could be written")),
    );
    require_none(
        &wrong,
        "all of them mounted ro, and no file created by root",
    )
}

async fn memory_folders_run_nothing(context: Context) -> Judged {
    // The engine makes these itself, for every container alike.
    let engines = |place: &str| {
        place.starts_with("/dev") || place.starts_with("/proc") || place.starts_with("/sys")
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (place, kind, options) in mounts(&context).await? {
        if kind != "tmpfs" || engines(&place) {
            continue;
        }
        seen += 1;
        let exempt = |option: &str| option == "noexec" && place == "/run";
        for option in ["nosuid", "nodev", "noexec"] {
            if !options.iter().any(|o| o == option) && !exempt(option) {
                wrong.push(format!("{place} without {option}"));
            }
        }
    }
    require(seen > 0, "folders in memory", || "none")?;
    require_none(&wrong, "nosuid, nodev and, but for /run, noexec")
}

/// The mounts of the relay's container: place, kind and options.
async fn mounts(context: &Context) -> Judged<Vec<(String, String, Vec<String>)>> {
    let text = appliance::output(context, Role::Relay, &["cat", "/proc/1/mounts"]).await?;
    let mount = |line: &str| {
        let mut columns = line.split(' ').skip(1).map(str::to_owned);
        let (place, kind) = (columns.next()?, columns.next()?);
        let options = columns.next()?.split(',').map(str::to_owned).collect();
        Some((place, kind, options))
    };
    Judged::Continue(text.lines().filter_map(mount).collect())
}

async fn no_setuid_files(context: Context) -> Judged {
    let find = ["find", "/", "-xdev", "-perm", "/6000", "!", "-type", "l"];
    let found = appliance::output(&context, Role::Relay, &find).await?;
    let files: Vec<String> = found.lines().map(str::to_owned).collect();
    require_none(&files, "no file with a setuid or setgid bit")?;
    PASS
}
