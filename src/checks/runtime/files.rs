//! Who may read and change the files in the relay's container.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use super::CARELESS;
use crate::plan::{Content, Plan, Role};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.configuration_files_are_as_planned",
        title: "Configuration files have the planned owners and modes, secrets 0600",
        citation: "row 9; row 11",
        severity: Severity::High,
        about: "Compares owner, group and mode of every injected file with what was planned, and \
                tries to read each secret, such as the private key, as postfix, saslauthd and \
                nobody. A key that a daemon can read is everybody's who breaks into that daemon.",
        repair: "Give private keys and password files to root with mode 0600; Postfix reads them \
                 before it gives up its rights.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "a key that everybody can read",
            changes: &[Change::Plan(|plan| {
                with_file(plan, "relay.key", |file| file.mode = 0o644);
            })],
            sees: "postfix can read /etc/relaykit/tls/relay.key",
        }],
        ..Check::by(&configuration_files_are_as_planned)
    },
    Check {
        id: "runtime.daemons_cannot_change_what_they_run",
        title: "Only root may change programs, libraries, settings and service scripts",
        citation: "row 9; Postfix postfix-files",
        severity: Severity::High,
        about: "Looks for files in /etc, /usr, /run/service and on the configuration volume that \
                do not belong to root or that a group or everybody may write. What Postfix's \
                daemons could change there, root would run or believe at the next start.",
        repair: "chown root and chmod go-w what is listed; nothing below config_directory, \
                 daemon_directory and command_directory belongs to mail_owner.",
        needs: &[Need::Lab],
        sabotages: &[
            CARELESS.seen_as("/usr/libexec/relaykit/inbox"),
            Sabotage {
                name: "Postfix's user owns main.cf",
                changes: &[Change::Plan(|plan| {
                    with_file(plan, "main.cf", |file| file.owner = (200, 200));
                })],
                sees: "/etc/relaykit/postfix/main.cf",
            },
        ],
        ..Check::by(&daemons_cannot_change_what_they_run)
    },
    Check {
        id: "runtime.nothing_is_world_writable",
        title: "Nobody but its owner can write to a file, outside of sticky folders",
        citation: "row 9",
        severity: Severity::Medium,
        about: "Looks through the root file system, the volumes and the folders in memory for files \
                and folders that everybody may write. Exempt are sticky folders, as /tmp, and \
                sockets, which lie in folders that are closed.",
        repair: "chmod o-w what is listed.",
        needs: &[Need::Lab],
        sabotages: &[
            CARELESS.seen_as("/etc/default/postfix"),
            Sabotage {
                name: "a session cache that everybody can write",
                changes: &[Change::Script(
                    Role::Relay,
                    "chmod 0666 /var/lib/postfix/master.lock",
                )],
                sees: "/var/lib/postfix/master.lock",
            },
        ],
        ..Check::by(&nothing_is_world_writable)
    },
    Check {
        id: "runtime.queue_folders_are_closed",
        title: "The queue's folders have the owners and modes that Postfix gives them",
        citation: "Postfix postfix-files",
        severity: Severity::High,
        about: "Compares owner, group and mode of every folder of the queue with Postfix's own list. \
                Queued mail is nobody's but Postfix's; the sockets in private are for its daemons \
                alone, those in public for them and the group postdrop.",
        repair: "Run `postfix set-permissions`, or chown and chmod what is listed. Do not change \
                 modes of the volume from outside.",
        needs: &[Need::Lab],
        sabotages: &[
            Sabotage {
                name: "a queue that everybody can read",
                changes: &[Change::Script(
                    Role::Relay,
                    "chmod 0755 /var/spool/postfix/deferred",
                )],
                sees: "deferred postfix root 755",
            },
            Sabotage {
                name: "private sockets for everybody",
                changes: &[Change::Script(
                    Role::Relay,
                    "chmod 0711 /var/spool/postfix/private",
                )],
                sees: "private postfix root 711",
            },
        ],
        ..Check::by(&queue_folders_are_closed)
    },
    Check {
        id: "runtime.packages_are_whole",
        title: "Debian's package tool finds nothing half-installed in the image",
        citation: "row 2; Debian dpkg(1)",
        severity: Severity::Low,
        about: "Runs `dpkg --audit` in the relay's container and asks for the packages that the \
                relay is made of. A package that was installed in part fails when its feature is \
                first used, and security updates of it fail too.",
        repair: "Build the image anew; do not remove packages with --force, and let \
                 `dpkg --audit` end the image's build when it finds something.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("half configured")],
        ..Check::by(&packages_are_whole)
    },
];

/// Changes an injected file of the relay.
fn with_file(plan: &mut Plan, name: &str, change: fn(&mut crate::plan::File)) {
    let relay = plan.containers.iter_mut().find(|c| c.role == Role::Relay);
    let files = relay.into_iter().flat_map(|relay| &mut relay.files);
    files
        .filter(|file| file.path.ends_with(name))
        .for_each(change);
}

async fn configuration_files_are_as_planned(context: Context) -> Judged {
    let files = appliance::wanted(&context, Role::Relay)?.files;
    let mut argv = vec!["stat", "-c", "%a %u %g %n"];
    argv.extend(files.iter().map(|file| file.path.as_str()));
    let seen = appliance::output(&context, Role::Relay, &argv).await?;
    let seen: Vec<_> = seen.lines().collect();
    let mut wrong = Vec::new();
    for file in &files {
        let (uid, gid) = file.owner;
        let expected = format!("{:o} {uid} {gid} {}", file.mode, file.path);
        if !seen.contains(&expected.as_str()) {
            let found = seen.iter().find(|line| line.ends_with(&file.path));
            wrong.push(format!("{}, not {expected}", found.unwrap_or(&"nothing")));
        }
    }
    let is_secret =
        |content: &Content| matches!(content, Content::Secret(_) | Content::CertificateKey(_));
    let secrets = files.iter().filter(|file| is_secret(&file.content));
    let secrets: Vec<_> = secrets.map(|file| file.path.as_str()).collect();
    for user in ["postfix", "saslauthd", "nobody"] {
        let script = "for file do [ ! -r \"$file\" ] || echo \"$file\"; done";
        let argv = [&["sh", "-c", script, "sh"], secrets.as_slice()].concat();
        let (_, open, _) = appliance::exec(&context, Role::Relay, &argv, Some(user)).await?;
        wrong.extend(open.lines().map(|file| format!("{user} can read {file}")));
    }
    require_none(
        &wrong,
        "owners and modes as planned, and secrets for root alone",
    )
}

async fn daemons_cannot_change_what_they_run(context: Context) -> Judged {
    let find = [
        "find",
        "/etc",
        "/usr",
        "/run/service",
        "/etc/relaykit",
        "-xdev",
        // The supervisor's own pipes and state.
        "(",
        "-name",
        "supervise",
        "-o",
        "-name",
        "event",
        "-o",
        "-name",
        ".s6-svscan",
        ")",
        "-prune",
        "-o",
        "!",
        "-type",
        "l",
        "(",
        "!",
        "-user",
        "root",
        "-o",
        "-perm",
        "/022",
        ")",
        "-printf",
        "%p %u %g %m\n",
    ];
    let found = appliance::output(&context, Role::Relay, &find).await?;
    let found: Vec<_> = found.lines().map(str::to_owned).collect();
    require_none(&found, "root's own files, written by root alone")
}

async fn nothing_is_world_writable(context: Context) -> Judged {
    let planned = appliance::wanted(&context, Role::Relay)?;
    let mut find = vec!["find", "/"];
    find.extend(planned.mounts.iter().map(|mount| mount.target.as_str()));
    find.extend(planned.tmpfs.iter().map(|(place, _)| place.as_str()));
    find.extend([
        "-xdev", "-perm", "-0002", "!", "-type", "l", "!", "-type", "s", "!", "-perm", "-1000",
    ]);
    let found = appliance::output(&context, Role::Relay, &find).await?;
    let found: Vec<_> = found.lines().map(str::to_owned).collect();
    require_none(&found, "no file that everybody may write")
}

/// Folder, owner, group and mode, as postfix-files of Postfix 3.10 has them.
const QUEUE: &[(&str, &str)] = &[
    ("active", "postfix root 700"),
    ("bounce", "postfix root 700"),
    ("corrupt", "postfix root 700"),
    ("defer", "postfix root 700"),
    ("deferred", "postfix root 700"),
    ("flush", "postfix root 700"),
    ("hold", "postfix root 700"),
    ("incoming", "postfix root 700"),
    ("maildrop", "postfix postdrop 730"),
    ("pid", "root root 755"),
    ("private", "postfix root 700"),
    ("public", "postfix postdrop 710"),
    ("saved", "postfix root 700"),
    ("trace", "postfix root 700"),
];

async fn queue_folders_are_closed(context: Context) -> Judged {
    let script = "cd \"$(postconf -xh queue_directory)\" && stat -c '%n %U %G %a' *";
    let text = appliance::output(&context, Role::Relay, &["sh", "-c", script]).await?;
    let seen: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let mut wrong = Vec::new();
    for (folder, rights) in QUEUE {
        match seen.iter().find(|(name, _)| name == folder) {
            Some((_, found)) if found == rights => {}
            Some((_, found)) => wrong.push(format!("{folder} {found}, not {rights}")),
            None => wrong.push(format!("no {folder}")),
        }
    }
    let known = |name: &str| QUEUE.iter().any(|(folder, _)| *folder == name);
    let strangers = seen.iter().filter(|(name, _)| !known(name));
    wrong.extend(strangers.map(|(name, found)| format!("{name} {found} is none of Postfix's")));
    require_none(
        &wrong,
        "the folders of the queue as Postfix's postfix-files has them",
    )
}

async fn packages_are_whole(context: Context) -> Judged {
    let script = "dpkg --audit; dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version}\\n' \
                  postfix postfix-lmdb postfix-pcre sasl2-bin libsasl2-modules s6 ca-certificates \
                  | sed 's/^/= /'";
    let text = appliance::output(&context, Role::Relay, &["sh", "-c", script]).await?;
    let (packages, audit): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("= "));
    let missing = packages.iter().filter(|line| !line.starts_with("= ii "));
    let wrong: Vec<_> = audit
        .iter()
        .chain(missing)
        .map(|line| (*line).to_owned())
        .collect();
    require_none(
        &wrong,
        "no word of dpkg --audit, and every package installed",
    )?;
    require(packages.len() == 7, "the seven packages of a relay", || {
        packages.join("\n")
    })
}
