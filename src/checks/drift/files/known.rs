//! The files that the services in the containers make for themselves.

use super::super::super::target::MARK;
use crate::plan::{Container, Role};
use crate::render::next_hops::STRANGERS_CERTIFICATE;

/// Whether a service makes such a file, of the kind that find(1) has a letter for.
pub(super) fn is_known(container: &Container, role: Role, kind: &str, path: &str) -> bool {
    let injected = container.files.iter().any(|file| file.path == path);
    if injected || path == format!("/etc/relaykit/{MARK}") {
        return kind == "f";
    }
    // Podman's own, by which a program knows that it runs in a container (podman-run(1)).
    if path == "/run/.containerenv" {
        return kind == "f";
    }
    // A link leads out of what is looked at; no service makes one.
    if kind == "l" {
        return false;
    }
    match role {
        Role::Directory => known_of_directory(path),
        Role::Relay => known_of_postfix(kind, path) || known_of_relay(path),
        Role::Sink => known_of_postfix(kind, path) || known_of_sink(path),
    }
}

fn known_of_directory(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/run/") else {
        return false;
    };
    let name = rest.rsplit('/').next().unwrap_or_default();
    // slapd-mdb(5), and what slapd(8) writes down of itself.
    ["data.mdb", "lock.mdb", "slapd.pid", "slapd.args", "ldapi"].contains(&name)
}

/// The queue (postfix-files, `queue_directory`), the sockets of master(8) and its
/// programs' own files (`data_directory`).
fn known_of_postfix(kind: &str, path: &str) -> bool {
    if let Some(state) = path.strip_prefix("/var/lib/postfix/") {
        let (name, end) = state.rsplit_once('.').unwrap_or_default();
        let cache = name.contains("cache") && ["lmdb", "lmdb-lock"].contains(&end);
        return cache || ["prng_exch", "master.lock"].contains(&state);
    }
    let Some(below) = path.strip_prefix("/var/spool/postfix/") else {
        return known_of_supervisor(path);
    };
    let Some((folder, name)) = below.split_once('/') else {
        return false;
    };
    let name = name.rsplit('/').next().unwrap_or_default();
    match folder {
        "public" | "private" => kind == "s" || kind == "p",
        "pid" => name.starts_with("unix.") || name.starts_with("inet.") || name == "master.pid",
        "active" | "bounce" | "corrupt" | "defer" | "deferred" | "flush" | "hold" | "incoming"
        | "maildrop" | "saved" | "trace" => is_queue_id(name),
        _ => false,
    }
}

/// A long queue id (`enable_long_queue_ids`), a short one, or a file that is still written,
/// whose name is a time with its process.
fn is_queue_id(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric());
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    letters && digits > 0 && name.len() >= 6
        || name.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn known_of_supervisor(path: &str) -> bool {
    const SUPERVISES: [&str; 5] = ["status", "death_tally", "control", "lock", "status.new"];
    let Some(below) = path.strip_prefix("/run/service/") else {
        return false;
    };
    let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
    if folder.ends_with("/supervise") || folder == ".s6-svscan" {
        return SUPERVISES.contains(&name) || ["finish", "crash", "SIGTERM"].contains(&name);
    }
    if folder.ends_with("/event") {
        return name.starts_with("ftrig1:");
    }
    [
        "run",
        "finish",
        "down-signal",
        "notification-fd",
        "type",
        "down",
    ]
    .contains(&name)
}

/// What the program that takes up certificates makes: the pair in use, and a renewed one.
const TLS: &str =
    "relay.pem relay.pem.new fault new/own.pem new/chain.pem new/last.pem new/key.pem";

fn known_of_relay(path: &str) -> bool {
    let folder = |name: &str| path.starts_with(&format!("/run/{name}/"));
    let name = path.rsplit('/').next().unwrap_or_default();
    if let Some(made) = path.strip_prefix("/run/tls/") {
        return TLS.split(' ').any(|known| known == made);
    }
    let secret = ["key", "pem", "bak"].iter().any(|end| name.ends_with(end));
    (folder("saslauthd") || folder("accounts") || folder("limits")) && !secret
}

fn known_of_sink(path: &str) -> bool {
    // A check makes a stranger's certificate for the next hop, in files with its own number.
    let making = |name: &str| {
        let (number, end) = name.split_once('.').unwrap_or_default();
        let number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        number && ["key", "crt", "pem"].contains(&end)
    };
    path.starts_with("/var/mail/inbox/")
        || path.starts_with("/run/inbox/")
        || path == STRANGERS_CERTIFICATE
        || path.strip_prefix("/run/").is_some_and(making)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_services_make_is_known_and_what_people_leave_is_not() {
        for (kind, path) in [
            ("f", "/var/spool/postfix/deferred/3/4jdX1s1RKFzDZt1"),
            ("f", "/var/spool/postfix/incoming/1764526012.33"),
            ("s", "/var/spool/postfix/public/qmgr"),
            ("f", "/var/spool/postfix/pid/unix.showq"),
            ("f", "/var/lib/postfix/smtpd_scache.lmdb"),
            ("p", "/run/service/postfix/log/supervise/control"),
            ("f", "/run/service/.s6-svscan/finish"),
        ] {
            assert!(known_of_postfix(kind, path), "{path}");
        }
        for (kind, path) in [
            ("f", "/var/spool/postfix/hold/cron"),
            ("f", "/var/spool/postfix/private/list"),
            ("f", "/var/spool/postfix/notes"),
            ("f", "/var/lib/postfix/relay.key.bak"),
            ("f", "/run/service/more/run.sh"),
            ("f", "/tmp/.passwords"),
        ] {
            assert!(!known_of_postfix(kind, path), "{path}");
        }
        assert!(!known_of_directory("/tmp/data.mdb"));
        assert!(known_of_directory("/run/slapd/data.mdb"));
    }
}
