//! The files of containers against those that were injected.

mod known;

use std::collections::BTreeMap;

use self::known::is_known;
use super::super::check::{Change, Check, Compares, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::target::Context;
use super::super::verdict::{Judged, broken, held, unless_wrong};
use crate::lab;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "drift.injected_files_are_unchanged",
        title: "Every injected file holds, byte for byte, what relay.yaml gives, with its owner and mode",
        citation: "row 9; row 11",
        severity: Severity::High,
        about: "Takes the SHA-256, the mode, the owner and the kind of every file that was injected \
                into the containers of the relay, the directory and the next hop, keys and \
                passwords among them, and compares them with what relay.yaml and the lab's own \
                certificates give today. The report names files and digests, never a content. Files \
                on a volume outlive a container: what somebody has changed there goes on.",
        repair: "`relaykit up` injects the files anew. Where a file of your own has changed since \
                 (a certificate, a users file), that is what is told: bring the lab up again.",
        needs: &[Need::Lab],
        // It sees every change of a file, and would stand by at all of them.
        long: true,
        compares: Compares::Files,
        sabotages: &[
            Sabotage {
                name: "a blank line at the end of main.cf",
                changes: &[Change::File(Role::Relay, "postfix/main.cf", " ")],
                sees: "/etc/relaykit/postfix/main.cf holds something else",
            },
            Sabotage {
                name: "the directory's settings are everybody's",
                changes: &[Change::Plan(|plan| {
                    let directory = plan
                        .containers
                        .iter_mut()
                        .find(|c| c.role == Role::Directory);
                    let files = directory.into_iter().flat_map(|c| &mut c.files);
                    files
                        .filter(|file| file.path.ends_with("slapd.conf"))
                        .for_each(|file| file.mode = 0o604);
                })],
                sees: "the directory: /etc/relaykit/slapd.conf is 604",
            },
        ],
        ..Check::by(&injected_files_are_unchanged)
    },
    Check {
        id: "drift.no_file_lies_beside_them",
        title: "On volumes and in writable folders lie the files of the services and no other",
        citation: "row 9; row 11",
        severity: Severity::High,
        about: "Lists every file on the volumes and in the folders in memory of each container, and \
                compares the names with those that Postfix, saslauthd, slapd, the supervisor and the \
                next hop's inbox make for themselves; the service scripts that root runs are \
                compared with those of the image. A copied key, a list of passwords or a program \
                that somebody has left there is in no plan, and the volume keeps it through \
                `relaykit up` and `relaykit down`.",
        repair: "Look at what is listed, and at who may have put it there; then remove it, or make \
                 the volumes anew: `relaykit down --volumes`, `relaykit up`. Change every secret \
                 that was in it.",
        needs: &[Need::Lab],
        long: true,
        sabotages: &[
            Sabotage {
                name: "a copied key",
                changes: &[Change::Script(
                    Role::Relay,
                    "cp /etc/relaykit/tls/relay.key /var/lib/postfix/relay.key.bak",
                )],
                sees: "/var/lib/postfix/relay.key.bak",
            },
            Sabotage {
                name: "a list of passwords",
                changes: &[Change::Script(
                    Role::Directory,
                    "echo alice:secret >/tmp/.passwords",
                )],
                sees: "the directory: /tmp/.passwords",
            },
            Sabotage {
                name: "a program among the waiting mail",
                changes: &[Change::Script(
                    Role::Relay,
                    "cp /bin/true /var/spool/postfix/hold/cron",
                )],
                sees: "/var/spool/postfix/hold/cron",
            },
            Sabotage {
                name: "a service script that is not the image's",
                changes: &[Change::Script(
                    Role::Relay,
                    "sed -i '2i : more' /run/service/guard/run",
                )],
                sees: "/run/service/guard/run is not the image's",
            },
        ],
        ..Check::by(&no_file_lies_beside_them)
    },
];

async fn injected_files_are_unchanged(context: Context) -> Judged {
    let certificates = appliance::lab(&context)?.certificates.clone();
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let wanted = appliance::wanted(&context, role)?;
        if wanted.files.is_empty() {
            continue;
        }
        let digests = match lab::injected(&wanted, &certificates) {
            Ok(digests) => digests,
            Err(error) => return broken(error.to_string()),
        };
        // A link may lead anywhere: what stands at the path itself is looked at.
        let script = "stat -c '%a %u %g %F|%n' -- \"$@\"; sha256sum -- \"$@\"; :";
        let mut argv = vec!["sh", "-c", script, "sh"];
        argv.extend(wanted.files.iter().map(|file| file.path.as_str()));
        // As the one who may read them: a directory's container is not root's.
        let user = wanted.user.as_deref();
        // The digest of a short password is as good as the password.
        let (_, text, _) = appliance::secret_exec(&context, role, &argv, user).await?;
        let (stats, sums) = read(&text);
        let (mut own, mut seen) = (Vec::new(), Vec::new());
        for file in &wanted.files {
            let (uid, gid) = file.owner;
            let expected = format!("{:o} {uid} {gid}", file.mode);
            match stats.get(&file.path) {
                None => own.push(format!("{} is not there", file.path)),
                Some((found, kind)) if *found != expected || !kind.starts_with("regular") => {
                    own.push(format!(
                        "{} is {found}, a {kind}; planned: {expected}",
                        file.path
                    ));
                }
                Some(_) => {}
            }
            let found = sums.get(&file.path).map_or("nothing", String::as_str);
            match digests.get(&file.path) {
                Some(planned) if found != planned && stats.contains_key(&file.path) => {
                    let is_secret = file.content.is_secret();
                    let shown = |sum: &str| {
                        if is_secret {
                            "not shown".to_owned()
                        } else {
                            short(sum)
                        }
                    };
                    own.push(format!(
                        "{} holds something else: SHA-256 {}, planned {}",
                        file.path,
                        shown(found),
                        shown(planned)
                    ));
                }
                _ if file.content.is_secret() => {
                    seen.push(format!("{} (a secret, the same)", file.path));
                }
                _ => seen.push(format!("{} {}", file.path, short(found))),
            }
        }
        if own.is_empty() {
            held(
                format!("the {}'s files as relay.yaml gives them", role.name()),
                format!("{} files: {}", seen.len(), seen.join(", ")),
            )?;
        }
        wrong.extend(
            own.iter()
                .map(|line| format!("the {}: {line}", role.name())),
        );
    }
    unless_wrong(
        &wrong,
        "each injected file with the content, mode and owner that was planned",
    )
}

/// The beginning of a digest, which tells it from others.
fn short(sum: &str) -> String {
    sum.chars().take(12).collect()
}

type Stats = BTreeMap<String, (String, String)>;

/// What stat(1) and sha256sum(1) say, by path.
fn read(text: &str) -> (Stats, BTreeMap<String, String>) {
    let (mut stats, mut sums) = (Stats::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some((head, path)) = line.split_once('|') {
            let mut words = head.splitn(4, ' ');
            let rights: Vec<&str> = words.by_ref().take(3).collect();
            let kind = words.next().unwrap_or_default();
            stats.insert(path.to_owned(), (rights.join(" "), kind.to_owned()));
        } else if let Some((sum, path)) = line.split_once("  ") {
            sums.insert(path.to_owned(), sum.to_owned());
        }
    }
    (stats, sums)
}

async fn no_file_lies_beside_them(context: Context) -> Judged {
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let wanted = appliance::wanted(&context, role)?;
        let mounts = wanted.mounts.iter().map(|mount| mount.target.as_str());
        let places = mounts.chain(wanted.tmpfs.iter().map(|(place, _)| place.as_str()));
        let places: Vec<&str> = places.collect();
        // What ends while it is looked at is nobody's file. The scripts of services lie
        // in a folder in memory, so that what root runs could be changed there.
        let script = "find \"$@\" -xdev ! -type d -printf '%y %p\\n' 2>/dev/null; \
                      cd /etc/s6/services 2>/dev/null || exit 0; find . -type f | while read -r f; do \
                      [ ! -e \"/run/service/$f\" ] || cmp -s \"$f\" \"/run/service/$f\" || \
                      echo \"changed /run/service/${f#./}\"; done; :";
        let argv = [&["sh", "-c", script, "sh"], places.as_slice()].concat();
        let (_, text, _) = appliance::exec(&context, role, &argv, wanted.user.as_deref()).await?;
        let mut own = Vec::new();
        let mut seen = 0;
        for (kind, path) in text.lines().filter_map(|line| line.split_once(' ')) {
            seen += 1;
            if kind == "changed" {
                own.push(format!("{path} is not the image's"));
            } else if !is_known(&wanted, role, kind, path) {
                own.push(format!("{path} is nobody's"));
            }
        }
        if own.is_empty() {
            held(
                format!("in the {}, no file but those of its services", role.name()),
                format!("{seen} files in {}, each of them known", places.join(", ")),
            )?;
        }
        wrong.extend(
            own.iter()
                .map(|line| format!("the {}: {line}", role.name())),
        );
    }
    unless_wrong(
        &wrong,
        "the injected files, and those that the services make for themselves",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_blank_and_a_bar_is_read() {
        let (stats, sums) = read("600 0 0 regular file|/a b\nab12  /a b\n");
        assert_eq!(
            stats["/a b"],
            ("600 0 0".to_owned(), "regular file".to_owned())
        );
        assert_eq!(sums["/a b"], "ab12");
    }
}
