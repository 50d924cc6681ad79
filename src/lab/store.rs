//! What a lab leaves on this machine: a folder with its certificates, its
//! people's passwords for `status`, and a lock. Labs themselves are found on
//! the engine, by label; losing this folder loses no lab.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use tracing::{Instrument as _, info_span};

use super::{Error, Ports, check_name};
use crate::config::User;
use crate::progress::{Event, Progress};
use crate::secret::Secret;

/// The file with a lab's [`Ports`].
const PORTS: &str = "ports.json";

/// The folder `RELAYKIT_STATE`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Held while one process works on a lab; released when dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "the open file is the lock (flock(2))")] File);

/// What `status` cannot learn from the engine: passwords are on no label.
#[derive(Serialize, Deserialize)]
struct People {
    users: Vec<Person>,
}

#[derive(Serialize, Deserialize)]
struct Person {
    name: String,
    password: String,
}

impl Store {
    /// The store below `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What tells this state folder from all others, made when it is first needed.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn id(&self) -> Result<String, Error> {
        let path = self.root.join("id");
        let failed = |source| Error::File {
            action: "writing",
            path: path.clone(),
            source,
        };
        let known = self.known_id();
        if !known.is_empty() {
            return Ok(known);
        }
        create_folder(&self.root)?;
        let mut bytes = [0; 16];
        let random = SystemRandom::new().fill(&mut bytes);
        random.map_err(|_| failed(std::io::Error::other("no random numbers")))?;
        let id = bytes
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        // Whole at once, and of two that come at the same moment the first is right.
        let beside = self.root.join(format!("id.{}.new", std::process::id()));
        fs::write(&beside, &id).map_err(failed)?;
        let linked = fs::hard_link(&beside, &path);
        fs::remove_file(&beside).map_err(failed)?;
        match linked {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(failed(e)),
            _ => Ok(self.known_id()),
        }
    }

    /// The same without making it; empty where it was never needed.
    #[must_use]
    pub fn known_id(&self) -> String {
        let id = fs::read_to_string(self.root.join("id")).unwrap_or_default();
        id.trim().to_owned()
    }

    /// The names of the labs that left something here, in their order.
    #[must_use]
    pub fn labs(&self) -> Vec<String> {
        let found = fs::read_dir(self.root.join("labs")).into_iter().flatten();
        let names = found.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| check_name(name).is_ok()).collect();
        names.sort();
        names
    }

    /// The ports that a lab without a relay.yaml has, once they are chosen.
    #[must_use]
    pub fn ports(&self, lab: &str) -> Option<Ports> {
        let text = fs::read_to_string(self.folder(lab).join(PORTS)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Chooses ports for `lab` and remembers them; `choose` is told those of all other
    /// labs. One at a time, so that labs that come up together get ports of their own.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn choose_ports(
        &self,
        lab: &str,
        choose: impl FnOnce(&[Ports]) -> Ports,
    ) -> Result<Ports, Error> {
        create_folder(&self.folder(lab))?;
        let path = self.root.join("ports.lock");
        let failed = |source| Error::File {
            action: "locking",
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let others = self.labs().into_iter().filter(|name| name != lab);
        let others: Vec<Ports> = others.filter_map(|name| self.ports(&name)).collect();
        let ports = choose(&others);
        let path = self.folder(lab).join(PORTS);
        let text = serde_json::to_string(&ports).map_err(|e| failed(e.into()))?;
        fs::write(&path, text).map_err(|source| Error::File {
            action: "writing",
            path,
            source,
        })?;
        Ok(ports)
    }

    /// The folder of one lab.
    #[must_use]
    pub fn folder(&self, lab: &str) -> PathBuf {
        self.root.join("labs").join(lab)
    }

    /// Where the CA's certificate of `lab` is.
    #[must_use]
    pub fn ca_certificate(&self, lab: &str) -> PathBuf {
        self.folder(lab).join("ca.pem")
    }

    /// Waits until no other process works on `lab`, telling the person if
    /// that takes a while. The lock ends with the process, however it ends.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub async fn lock(&self, lab: &str, progress: &Progress) -> Result<Lock, Error> {
        let folder = self.folder(lab);
        create_folder(&folder)?;
        let path = folder.join("lock");
        let failed = |source| Error::File {
            action: "locking",
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        if file.try_lock().is_ok() {
            return Ok(Lock(file));
        }
        let line = format!("waiting for another relaykit that works on the lab {lab}");
        progress.report(Event::Warning { line });
        let waited = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        let waited = waited.instrument(info_span!("lock", lab)).await;
        match waited {
            Ok(Ok(file)) => Ok(Lock(file)),
            Ok(Err(source)) => Err(failed(source)),
            Err(e) => Err(failed(std::io::Error::other(e))),
        }
    }

    /// Remembers the people of `lab` for `status`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&self, lab: &str, users: &[User]) -> Result<(), Error> {
        let person = |user: &User| Person {
            name: user.name.clone(),
            password: user.password.reveal().to_owned(),
        };
        let people = People {
            users: users.iter().map(person).collect(),
        };
        let path = self.folder(lab).join("people.json");
        let failed = |source| Error::File {
            action: "writing",
            path: path.clone(),
            source,
        };
        create_folder(&self.folder(lab))?;
        let text = serde_json::to_string(&people).map_err(|e| failed(e.into()))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)
    }

    /// The people of `lab`, none where nobody remembers them.
    #[must_use]
    pub fn people(&self, lab: &str) -> Vec<User> {
        let text = fs::read_to_string(self.folder(lab).join("people.json")).unwrap_or_default();
        let people: People = serde_json::from_str(&text).unwrap_or(People { users: vec![] });
        let user = |person: Person| User {
            name: person.name,
            password: Secret::new(person.password),
        };
        people.users.into_iter().map(user).collect()
    }

    /// Removes the folder of `lab`: the CA is gone, clients must trust a new one.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    pub fn forget(&self, lab: &str) -> Result<(), Error> {
        // What is removed with all that is in it is never another folder than a lab's.
        check_name(lab).map_err(Error::Impossible)?;
        let path = self.folder(lab);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::File {
                action: "removing",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_back_with_their_passwords() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let alice = User {
            name: "alice".to_owned(),
            password: Secret::new("wonder\"land"),
        };
        store.remember("a", std::slice::from_ref(&alice)).unwrap();
        assert_eq!(store.people("a"), [alice]);
        assert_eq!(store.people("b"), []);
    }

    #[test]
    fn a_state_folder_has_one_id_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let store = |name: &str| Store::new(root.path().join(name));
        assert_eq!(store("a").known_id(), "");
        let id = store("a").id().unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(
            (store("a").id().unwrap(), store("a").known_id()),
            (id.clone(), id.clone())
        );
        assert_ne!(store("b").id().unwrap(), id);
    }

    #[test]
    fn labs_get_ports_that_no_other_has() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let choose = |others: &[Ports]| Ports::choose(others, |_| true);
        let first = store.choose_ports("a", choose).unwrap();
        let second = store.choose_ports("b", choose).unwrap();
        assert_eq!((first.smtp, second.smtp), (2525, 3525));
        assert_eq!(store.ports("b"), Some(second));
        assert_eq!(
            store.choose_ports("a", choose).unwrap(),
            first,
            "its own are no other's"
        );
        let busy = |others: &[Ports]| Ports::choose(others, |port| port != 4587);
        assert_eq!(store.choose_ports("c", busy).unwrap().smtp, 5525);
        store.forget("a").unwrap();
        assert_eq!(store.choose_ports("d", choose).unwrap().smtp, 2525);
    }

    #[test]
    fn no_folder_but_a_labs_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let beside = root.path().join("beside");
        fs::create_dir(&beside).unwrap();
        let store = Store::new(root.path().join("state"));
        fs::create_dir_all(store.folder("a")).unwrap();
        for name in ["../../beside", "..", ".", "", "/tmp"] {
            assert!(store.forget(name).is_err(), "{name}");
        }
        assert!(beside.exists() && store.folder("a").exists());
        store.forget("a").unwrap();
        assert!(!store.folder("a").exists());
    }

    #[tokio::test]
    async fn one_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let progress = Progress::new(move |event| drop(told.send(event)));
        let first = store.lock("a", &progress).await.unwrap();
        let second = tokio::spawn({
            let (store, progress) = (store.clone(), progress.clone());
            async move { store.lock("a", &progress).await.map(drop) }
        });
        assert!(matches!(hears.recv().await, Some(Event::Warning { .. })));
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }
}
