//! Certificates on disk: one folder for each lab, mode 0700, keys mode 0600.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::inspect::{is_for_clients, objection, permits_just};
use super::issue::{authority, is_client, server};
use super::{Certificates, Error, Issued, Names};
use crate::plan::Role;
use crate::secret::Secret;

/// The certificates of `lab` kept in `folder`: those that still serve are
/// read, the others made anew and written. A new authority means new
/// certificates for all.
///
/// # Errors
/// When the folder cannot be read or written, or a name cannot stand in a
/// certificate.
pub fn keep(
    folder: &Path,
    lab: &str,
    servers: &BTreeMap<Role, Names>,
    now: Timestamp,
) -> Result<Certificates, Error> {
    create_folder(folder)?;
    kept_or_new(folder, lab, servers, now, write)
}

/// As [`keep`], but what is made anew is not written: for looking ahead.
///
/// # Errors
/// As [`keep`].
pub fn foresee(
    folder: &Path,
    lab: &str,
    servers: &BTreeMap<Role, Names>,
    now: Timestamp,
) -> Result<Certificates, Error> {
    kept_or_new(folder, lab, servers, now, |_, _, issued| Ok(issued))
}

/// The certificate and key of the CA that is kept in `folder`; `None`: there is none.
///
/// # Errors
/// When it cannot be read.
pub fn authority_of(folder: &Path) -> Result<Option<Issued>, Error> {
    read(folder, "ca")
}

/// What is kept in `folder`: `ca` and the servers' roles, each with its certificate, PEM.
///
/// # Errors
/// When one cannot be read.
pub fn kept(folder: &Path) -> Result<Vec<(&'static str, String)>, Error> {
    let roles = [Role::Relay, Role::Directory, Role::Sink].map(Role::name);
    let all = ["ca"].into_iter().chain(roles);
    let mut kept = Vec::new();
    for name in all {
        if let Some(text) = read_file(&folder.join(format!("{name}.pem")))? {
            kept.push((name, text));
        }
    }
    Ok(kept)
}

/// Makes a new certificate and key for `names`, the relay's, under the CA that is kept in
/// `folder`, and keeps it there in the place of the one before; `None`: there is no CA.
///
/// # Errors
/// As [`keep`].
pub fn rotate(folder: &Path, names: &Names, now: Timestamp) -> Result<Option<Issued>, Error> {
    let Some(authority) = authority_of(folder)? else {
        return Ok(None);
    };
    let issued = server(&authority, Role::Relay, names, now)?;
    write(folder, Role::Relay.name(), issued).map(Some)
}

fn kept_or_new(
    folder: &Path,
    lab: &str,
    servers: &BTreeMap<Role, Names>,
    now: Timestamp,
    write: impl Fn(&Path, &str, Issued) -> Result<Issued, Error>,
) -> Result<Certificates, Error> {
    let kept = read(folder, "ca")?.filter(|issued| {
        objection(issued, None, None, now).is_none() && permits_just(issued, servers)
    });
    let authority = match kept {
        Some(issued) => issued,
        None => write(folder, "ca", authority(lab, servers, now)?)?,
    };
    let mut held = BTreeMap::new();
    for (role, names) in servers {
        let still_good = |issued: &Issued| {
            let right = !is_client(*role) || is_for_clients(issued);
            right && objection(issued, Some(names), Some(&authority), now).is_none()
        };
        let issued = match read(folder, role.name())?.filter(still_good) {
            Some(issued) => issued,
            None => write(folder, role.name(), server(&authority, *role, names, now)?)?,
        };
        held.insert(*role, issued);
    }
    Ok(Certificates {
        authority,
        servers: held,
    })
}

fn create_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::File {
            action: "creating",
            path: folder.to_owned(),
            source,
        })
}

/// Both halves of a pair, or `None` where one is missing.
fn read(folder: &Path, name: &str) -> Result<Option<Issued>, Error> {
    let certificate = read_file(&folder.join(format!("{name}.pem")))?;
    let key = read_file(&folder.join(format!("{name}.key")))?;
    Ok(certificate.zip(key).map(|(certificate, key)| Issued {
        certificate,
        key: Secret::new(key),
    }))
}

fn read_file(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            action: "reading",
            path: path.to_owned(),
            source,
        }),
    }
}

/// The key first: a certificate on disk always has its key beside it.
fn write(folder: &Path, name: &str, issued: Issued) -> Result<Issued, Error> {
    replace(
        &folder.join(format!("{name}.key")),
        issued.key.reveal(),
        0o600,
    )?;
    replace(
        &folder.join(format!("{name}.pem")),
        &issued.certificate,
        0o644,
    )?;
    Ok(issued)
}

/// Writes beside the file and renames, so that a reader sees the old file or
/// the new one and an owner-only file is never readable by others.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    let failed = |source| Error::File {
        action: "writing",
        path: path.to_owned(),
        source,
    };
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jiff::SignedDuration;

    use super::*;

    fn wanted(name: &str) -> BTreeMap<Role, Names> {
        let addresses = vec![[127, 0, 0, 1].into()];
        BTreeMap::from([
            (
                Role::Relay,
                Names {
                    dns: vec![name.to_owned()],
                    addresses,
                },
            ),
            (
                Role::Sink,
                Names {
                    dns: vec!["sink".to_owned()],
                    addresses: vec![],
                },
            ),
        ])
    }

    fn days(days: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn kept_while_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        let later = now + days(300);
        let second = keep(folder.path(), "a", &wanted("relay.example.test"), later).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn a_changed_name_makes_one_certificate_anew() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        let second = keep(folder.path(), "a", &wanted("mail.example.test"), now).unwrap();
        assert_eq!(first.authority, second.authority);
        assert_eq!(first.servers[&Role::Sink], second.servers[&Role::Sink]);
        assert_ne!(first.servers[&Role::Relay], second.servers[&Role::Relay]);
    }

    #[test]
    fn a_name_in_the_world_makes_the_authority_anew() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        let second = keep(folder.path(), "a", &wanted("mail.example.org"), now).unwrap();
        assert_ne!(first.authority, second.authority);
        let again = keep(folder.path(), "a", &wanted("mail.example.org"), now).unwrap();
        assert_eq!(second, again);
        let third = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        assert_ne!(
            second.authority, third.authority,
            "it need not sign for that any more"
        );
    }

    /// As the CA of an older relaykit.
    #[test]
    fn an_authority_for_the_whole_world_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let servers = wanted("relay.example.test");
        create_folder(folder.path()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let any = Issued {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: Secret::new(key.serialize_pem()),
        };
        let any = write(folder.path(), "ca", any).unwrap();
        assert_ne!(
            keep(folder.path(), "a", &servers, now).unwrap().authority,
            any
        );
    }

    #[test]
    fn near_expiry_makes_anew() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        let soon = keep(
            folder.path(),
            "a",
            &wanted("relay.example.test"),
            now + days(370),
        )
        .unwrap();
        assert_eq!(first.authority, soon.authority);
        assert_ne!(first.servers, soon.servers);
        let late = keep(
            folder.path(),
            "a",
            &wanted("relay.example.test"),
            now + days(3640),
        )
        .unwrap();
        assert_ne!(first.authority, late.authority);
    }

    #[test]
    fn a_key_that_does_not_belong_is_replaced_with_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        fs::copy(
            folder.path().join("sink.key"),
            folder.path().join("relay.key"),
        )
        .unwrap();
        let second = keep(folder.path(), "a", &wanted("relay.example.test"), now).unwrap();
        let relay = &second.servers[&Role::Relay];
        assert_eq!(objection(relay, None, Some(&second.authority), now), None);
    }

    #[test]
    fn keys_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        keep(
            folder.path(),
            "a",
            &wanted("relay.example.test"),
            Timestamp::now(),
        )
        .unwrap();
        for name in ["ca.key", "relay.key", "sink.key"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
