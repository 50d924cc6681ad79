//! What the relay's container could do if somebody broke into it.

use std::ops::ControlFlow;

use super::super::probe::appliance::{self, Process};
use super::super::verdict::{PASS, fail, require, require_none};
use super::super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use crate::plan::{Content, Role};
use crate::secret::Secret;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.capabilities_are_the_named_ones",
        title: "No process can have a Linux capability beyond the named ones",
        citation: "row 3; row 9",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(capabilities_are_the_named_ones(context)),
    },
    Check {
        id: "runtime.no_new_privileges",
        title: "No process can gain privileges by running a program",
        citation: "row 9",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(no_new_privileges(context)),
    },
    Check {
        id: "runtime.root_is_read_only",
        title: "The root file system, and every volume that is planned so, is mounted read-only",
        citation: "row 9",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(root_is_read_only(context)),
    },
    Check {
        id: "runtime.no_setuid_files",
        title: "No file in the image is setuid or setgid",
        citation: "row 9",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(no_setuid_files(context)),
    },
    Check {
        id: "runtime.only_supervisors_are_root",
        title: "Only the supervisor and Postfix's master run as root",
        citation: "row 9; Postfix OVERVIEW",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(only_supervisors_are_root(context)),
    },
    Check {
        id: "runtime.no_secret_beside_files",
        title: "No password is in an environment or on a command line",
        citation: "row 8; row 9",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(no_secret_beside_files(context)),
    },
    Check {
        id: "runtime.configuration_files_are_as_planned",
        title: "Configuration files have the planned owners and modes, secrets 0600",
        citation: "row 9; row 11",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Lab],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "a key that everybody can read",
            changes: &[Change::Command(
                Role::Relay,
                &["chmod", "0644", "/etc/relaykit/tls/relay.key"],
            )],
            sees: "",
        }],
        run: |context| Box::pin(configuration_files_are_as_planned(context)),
    },
];

/// The numbers of the capabilities that a plan can name (capabilities(7)).
const CAPABILITIES: [(&str, u32); 9] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("FOWNER", 3),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("NET_BIND_SERVICE", 10),
    ("SYS_CHROOT", 18),
    ("SYS_ADMIN", 21),
];

/// What an operator's own seccomp or supervisor cannot do without: PID 1, one
/// s6-supervise a service, and master, which starts Postfix's daemons as their users.
const ROOT: [&str; 3] = ["s6-svscan", "s6-supervise", "master"];

async fn capabilities_are_the_named_ones(context: Context) -> Judged {
    let named = &appliance::container(&context, Role::Relay)?.capabilities;
    let mask = CAPABILITIES
        .iter()
        .filter(|(name, _)| named.contains(name))
        .fold(0, |mask, (_, bit)| mask | 1_u64 << bit);
    let processes = appliance::processes(&context, Role::Relay).await?;
    let more: Vec<_> = processes
        .iter()
        .filter(|p| p.bounding & !mask != 0)
        .map(|p| format!("{} ({}): {:#x}", p.name, p.pid, p.bounding))
        .collect();
    require_none(
        &more,
        &format!("a bounding set within {mask:#x}: {}", named.join(" ")),
    )
}

async fn no_new_privileges(context: Context) -> Judged {
    let processes = appliance::processes(&context, Role::Relay).await?;
    let without: Vec<_> = processes
        .iter()
        .filter(|p| !p.no_new_privileges)
        .map(|p| format!("{} ({})", p.name, p.pid))
        .collect();
    require_none(&without, "NoNewPrivs: 1 for every process")
}

async fn root_is_read_only(context: Context) -> Judged {
    let container = appliance::container(&context, Role::Relay)?;
    let read_only = container.mounts.iter().filter(|mount| mount.read_only);
    let volumes = read_only.map(|mount| mount.target.as_str());
    let mounts = appliance::output(&context, Role::Relay, &["cat", "/proc/1/mounts"]).await?;
    for place in ["/"].into_iter().chain(volumes) {
        // The last mount at a place is the one that is seen.
        let mount = mounts
            .lines()
            .rfind(|line| line.split(' ').nth(1) == Some(place));
        let Some(options) = mount.and_then(|line| line.split(' ').nth(3)) else {
            return fail(format!("a mount at {place}"), mounts);
        };
        require(
            options.split(',').any(|o| o == "ro"),
            &format!("{place} mounted ro"),
            || format!("{place} with {options}"),
        )?;
    }
    PASS
}

async fn no_setuid_files(context: Context) -> Judged {
    let find = ["find", "/", "-xdev", "-perm", "/6000", "-type", "f"];
    let found = appliance::output(&context, Role::Relay, &find).await?;
    let files: Vec<String> = found.lines().map(str::to_owned).collect();
    require_none(&files, "no file with a setuid or setgid bit")
}

async fn only_supervisors_are_root(context: Context) -> Judged {
    // master starts a daemon as root, and the daemon becomes its user at once:
    // who is seen as root again and again is meant.
    const LOOKS: usize = 5;
    let mut root: Option<Vec<Process>> = None;
    for _ in 0..LOOKS {
        let mut now = appliance::processes(&context, Role::Relay).await?;
        now.retain(|p| p.uid == 0 && !ROOT.contains(&p.name.as_str()));
        if let Some(before) = &root {
            now.retain(|p| before.iter().any(|b| b.pid == p.pid));
        }
        if now.is_empty() {
            return PASS;
        }
        root = Some(now);
    }
    let names = root.unwrap_or_default();
    let names: Vec<_> = names
        .iter()
        .map(|p| format!("{} ({})", p.name, p.pid))
        .collect();
    require_none(&names, &format!("root for {} alone", ROOT.join(", ")))
}

async fn no_secret_beside_files(context: Context) -> Judged {
    // A process may end between the list and the look at it.
    let script = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; :";
    let text = appliance::output(&context, Role::Relay, &["sh", "-c", script]).await?;
    let spec = &context.target().spec;
    let users = context.target().users.iter().map(|u| &u.password);
    let bind = spec.auth.ldap.bind.iter().map(|b| &b.password);
    let own = spec.outbound.credentials.iter().map(|c| &c.password);
    let secrets: Vec<_> = users.chain(bind).chain(own).map(Secret::reveal).collect();
    let shown: Vec<_> = text
        .lines()
        .filter(|line| {
            let name = line.split('=').next().unwrap_or_default().to_lowercase();
            let named = name.contains("passw") && line.contains('=');
            named || secrets.iter().any(|s| s.len() > 3 && line.contains(s))
        })
        .map(|line| format!("a line that begins with {:?}", line.split('=').next()))
        .collect();
    require_none(&shown, "no password")
}

async fn configuration_files_are_as_planned(context: Context) -> Judged {
    let files = &appliance::container(&context, Role::Relay)?.files;
    let mut argv = vec!["stat", "-c", "%a %u %g %n"];
    argv.extend(files.iter().map(|file| file.path.as_str()));
    let seen = appliance::output(&context, Role::Relay, &argv).await?;
    let seen: Vec<_> = seen.lines().collect();
    let mut wrong = Vec::new();
    for file in files {
        let (uid, gid) = file.owner;
        let expected = format!("{:o} {uid} {gid} {}", file.mode, file.path);
        if !seen.contains(&expected.as_str()) {
            wrong.push(format!("not {expected}"));
        }
        let secret = matches!(
            file.content,
            Content::Secret(_) | Content::CertificateKey(_)
        );
        if secret && file.mode & 0o077 != 0 {
            wrong.push(format!(
                "{} holds a secret and is {:o}",
                file.path, file.mode
            ));
        }
    }
    require(wrong.is_empty(), "owners and modes as planned", || {
        format!("{}\nseen:\n{}", wrong.join("\n"), seen.join("\n"))
    })?;
    ControlFlow::Continue(())
}
