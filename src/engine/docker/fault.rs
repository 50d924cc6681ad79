//! What an engine's refusals and broken connections mean. The words are those
//! of Docker Engine 20.10 to 29 and of Podman; each has its recorded sample below.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::SocketAddr;

use bollard::errors::Error as Fault;

use crate::engine::Error;

/// A fault of the first contact.
pub(super) fn unreachable(address: &str, fault: &Fault) -> Error {
    let address = address.to_owned();
    if io_kind(fault) == Some(ErrorKind::PermissionDenied) {
        return Error::Forbidden { address };
    }
    let reason = match fault {
        Fault::SocketNotFoundError(_) => "there is no such socket".to_owned(),
        other => with_causes(other),
    };
    Error::Unreachable { address, reason }
}

/// A fault of a request: what was being done, and the name of what it was done to.
pub(super) fn classify(action: &str, name: &str, fault: &Fault) -> Error {
    match fault {
        Fault::DockerResponseServerError {
            status_code,
            message,
        } => refusal(action, name, *status_code, message),
        Fault::DockerStreamError { error } => refusal(action, name, 0, error),
        Fault::HyperResponseError { .. }
        | Fault::HyperLegacyError { .. }
        | Fault::IOError { .. }
        | Fault::SocketNotFoundError(_) => Error::Lost {
            action: action.to_owned(),
            reason: with_causes(fault),
        },
        Fault::RequestTimeoutError => Error::Lost {
            action: action.to_owned(),
            reason: format!("no answer within {} s", super::ANSWER),
        },
        other => refusal(action, name, 0, &other.to_string()),
    }
}

/// What the engine said about a request that it understood.
pub(super) fn refusal(action: &str, name: &str, status: u16, message: &str) -> Error {
    let action = action.to_owned();
    let said = message.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if any(&["no space left on device", "disk quota exceeded"]) {
        return Error::DiskFull {
            action,
            reason: message.to_owned(),
        };
    }
    if any(&["port is already allocated", "address already in use"]) {
        return Error::PortInUse {
            action,
            port: host_address(message).map_or_else(|| "?".to_owned(), |a| a.to_string()),
            holder: String::new(),
        };
    }
    let podmans = status == 500 && any(&["that name is already in use"]);
    if podmans || status == 409 && any(&["already in use", "already exists"]) {
        return name_in_use(&action, name);
    }
    let advice = if has_no_range_left(&said) {
        "\n  the engine has no address range left for another network: remove networks that are \
         not used (`docker network ls`), or give it more with `default-address-pools` in \
         /etc/docker/daemon.json"
    } else if said.contains("cannot assign requested address") {
        "\n  listeners.bind is no address of the engine's host: write one that it has (`ip address`), \
         127.0.0.1 for itself alone, or 0.0.0.0 for all"
    } else {
        ""
    };
    Error::Refused {
        action,
        status,
        reason: format!("{message}{advice}"),
    }
}

/// Whether the engine refused a range because another network has it.
pub(super) fn is_taken_range(fault: &Fault) -> bool {
    says(
        fault,
        &[
            "overlaps with",
            "overlapping ipv4",
            "is already used on the host",
        ],
    )
}

/// Whether a container was on the network already.
pub(super) fn is_member_already(fault: &Fault) -> bool {
    says(fault, &["already exists in network", "already connected"])
}

/// Whether a container was not on the network.
pub(super) fn is_no_member(fault: &Fault) -> bool {
    says(fault, &["is not connected to"])
}

fn says(fault: &Fault, any: &[&str]) -> bool {
    let said = fault.to_string().to_lowercase();
    any.iter().any(|words| said.contains(words))
}

fn has_no_range_left(message: &str) -> bool {
    [
        "non-overlapping ipv4 address pool",
        "all predefined address pools have been fully subnetted",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// The name is held by something that is not ours.
pub(super) fn name_in_use(action: &str, name: &str) -> Error {
    Error::NameInUse {
        action: action.to_owned(),
        name: name.to_owned(),
        advice: "choose another name with --lab, or remove what holds it".to_owned(),
    }
}

/// Whether the engine said that the object is not there.
pub(super) fn is_missing(fault: &Fault) -> bool {
    status(fault) == Some(404)
}

/// The HTTP status of a refusal.
pub(super) fn status(fault: &Fault) -> Option<u16> {
    match fault {
        Fault::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The first `address:port` in a refusal. Engines write it as
/// `127.0.0.1:2525`, `[::1]:2525`, `127.0.0.1:2525/tcp` or, with the
/// container's side behind it, `127.0.0.1:2525:172.18.0.2:25/tcp`.
pub(super) fn host_address(message: &str) -> Option<SocketAddr> {
    message.split_whitespace().find_map(|word| {
        let word = word.trim_end_matches([':', ',', '.']);
        let word = word.split('/').next().unwrap_or(word);
        let first_two = || {
            let host_ends = word.rfind(']').map_or(0, |end| end + 1);
            let port = word[host_ends..].match_indices(':').nth(1)?.0 + host_ends;
            word[..port].parse().ok()
        };
        word.parse().ok().or_else(first_two)
    })
}

fn io_kind(fault: &Fault) -> Option<ErrorKind> {
    let mut cause = match fault {
        Fault::IOError { err } => return Some(err.kind()),
        Fault::HyperLegacyError { err } => err.source(),
        _ => fault.source(),
    };
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// hyper says little at the top: the last cause is what a person can use.
fn with_causes(fault: &Fault) -> String {
    let mut said = fault.to_string();
    let mut cause = match fault {
        Fault::HyperLegacyError { err } => err.source(),
        _ => fault.source(),
    };
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said.replace("Error in the hyper legacy client: ", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, message: &str) -> Error {
        refusal(
            "starting the container dev-relay",
            "dev-relay",
            status,
            message,
        )
    }

    #[test]
    fn a_port_in_use_is_told_in_the_words_of_every_engine() {
        for (message, port) in [
            // 20.10, held by a container
            (
                "driver failed programming external connectivity on endpoint dev-relay (0a4bd1): Bind for 127.0.0.1:2525 failed: port is already allocated",
                "127.0.0.1:2525",
            ),
            // 20.10, held by a process
            (
                "driver failed programming external connectivity on endpoint dev-relay (0a4bd1): Error starting userland proxy: listen tcp4 127.0.0.1:2525: bind: address already in use",
                "127.0.0.1:2525",
            ),
            // 27
            (
                "driver failed programming external connectivity on endpoint dev-relay (0a4bd1): failed to bind port 127.0.0.1:2525/tcp: Error starting userland proxy: listen tcp4 127.0.0.1:2525: bind: address already in use",
                "127.0.0.1:2525",
            ),
            // 28
            (
                "failed to set up container networking: driver failed programming external connectivity on endpoint dev-relay (0a4bd1): failed to bind host port for [::1]:2525:172.18.0.2:25/tcp: address already in use",
                "[::1]:2525",
            ),
            // 28, IPv4
            (
                "failed to bind host port for 0.0.0.0:25:172.18.0.2:25/tcp: address already in use",
                "0.0.0.0:25",
            ),
        ] {
            let Error::PortInUse { port: told, .. } = refused(500, message) else {
                panic!("{message}");
            };
            assert_eq!(told, port);
        }
    }

    #[test]
    fn a_name_in_use_a_full_disk_and_empty_pools_are_told_apart() {
        let name = refused(
            409,
            r#"Conflict. The container name "/dev-relay" is already in use by container "5c0". You have to remove (or rename) that container to be able to reuse that name."#,
        );
        assert!(matches!(name, Error::NameInUse { name, .. } if name == "dev-relay"));
        // Podman
        let name = refused(
            500,
            r#"container create: creating container storage: the container name "dev-relay" is already in use by 81d5. You have to remove that container to be able to reuse that name: that name is already in use"#,
        );
        assert!(matches!(name, Error::NameInUse { name, .. } if name == "dev-relay"));
        let network = refused(409, "network with name dev-net already exists");
        assert!(matches!(network, Error::NameInUse { .. }));
        let disk = refused(
            500,
            "Error processing tar file(exit status 1): write /big: no space left on device",
        );
        assert!(matches!(disk, Error::DiskFull { .. }));
        let pool = refused(
            500,
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
        );
        assert!(pool.to_string().contains("default-address-pools"), "{pool}");
    }

    #[test]
    fn anything_else_keeps_the_engines_own_words() {
        let error = refused(404, "No such image: nothing:here");
        assert_eq!(
            error,
            Error::Refused {
                action: "starting the container dev-relay".to_owned(),
                status: 404,
                reason: "No such image: nothing:here".to_owned(),
            }
        );
    }

    #[test]
    fn a_broken_connection_is_a_lost_engine() {
        let broken = Fault::IOError {
            err: std::io::Error::other("end of file before message length reached"),
        };
        assert!(matches!(
            classify("building", "x", &broken),
            Error::Lost { .. }
        ));
        let gone = Fault::SocketNotFoundError("/var/run/docker.sock".to_owned());
        assert!(matches!(
            unreachable("unix:///x", &gone),
            Error::Unreachable { .. }
        ));
        let denied = Fault::IOError {
            err: ErrorKind::PermissionDenied.into(),
        };
        assert!(matches!(
            unreachable("unix:///x", &denied),
            Error::Forbidden { .. }
        ));
    }
}
