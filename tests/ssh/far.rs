//! The far side: an sshd on 127.0.0.1 with keys, configuration and port of its own,
//! and this side's ssh with a configuration that knows it.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

/// The engine behind the name that only ssh's configuration knows.
pub(crate) fn alias() -> String {
    format!("ssh://far{}", other_socket())
}

/// A running sshd. Dropping it ends it.
pub(crate) struct Far {
    folder: TempDir,
    sshd: Child,
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
    user: String,
}

impl Far {
    /// Starts one with `more` in its `sshd_config(5)`; `None`, and a word about it, where
    /// there is no sshd or no engine's socket.
    pub(crate) fn start(more: &str) -> Option<Self> {
        let Some((sshd, _)) = program("sshd").zip(socket()) else {
            // Past the test's captured output: what was not tested must be seen.
            #[allow(clippy::explicit_write, reason = "tests capture what eprintln! writes")]
            writeln!(
                std::io::stderr(),
                "\nNOT TESTED: an engine behind ssh; install openssh-server for it, and have the engine at a socket"
            )
            .unwrap();
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        // sshd's own place for processes without rights; only root has need of it.
        drop(std::fs::create_dir_all("/run/sshd"));
        for key in ["host", "id"] {
            generate(folder.path(), key);
        }
        // Nobody can keep a port free for another program, so one that was just free may be taken.
        let (sshd, port, log) = (0..10)
            .find_map(|_| listen(&sshd, folder.path(), more))
            .unwrap();
        let far = Self {
            folder,
            sshd,
            port,
            log,
            user,
        };
        far.write("authorized", &far.read("id.pub"));
        far.write_ssh();
        far.knows(&far.read("host.pub"));
        Some(far)
    }

    /// What [`alias`] is, with everything in the address.
    pub(crate) fn address_with_port(&self) -> String {
        let Self { user, port, .. } = self;
        format!("ssh://{user}@127.0.0.1:{port}{}", other_socket())
    }

    /// Lets `command` use the engine at `address`, with this side's ssh.
    pub(crate) fn is_where(&self, command: &mut Command, address: &str) {
        #[allow(
            clippy::disallowed_methods,
            reason = "a test program is its own main: it reads the environment"
        )]
        let path = std::env::var("PATH").unwrap();
        command
            .env("DOCKER_HOST", address)
            .env("PATH", format!("{}:{path}", self.path("bin")))
            .env("TMPDIR", self.path("tmp"))
            .env_remove("DOCKER_CONTEXT")
            // Nobody is asked anything.
            .stdin(Stdio::null());
    }

    /// How many logins there were.
    pub(crate) fn logins(&self) -> usize {
        let log = self.log.lock().unwrap();
        let accepted = |line: &&String| line.contains("Accepted publickey");
        log.iter().filter(accepted).count()
    }

    /// What is left of relaykit's ssh: processes, and folders of sockets.
    pub(crate) fn left(&self) -> Vec<String> {
        let ours = self.path("bin");
        let config = self.path("config");
        let mut left: Vec<String> = std::fs::read_dir(self.path("tmp"))
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            if words.contains(&ours) || words.contains(&config) || words.contains(&self.path("tmp"))
            {
                left.push(words);
            }
        }
        left
    }

    /// Has this side know the far host by the public `key` alone.
    pub(crate) fn knows(&self, key: &str) {
        let line = match key {
            "" => String::new(),
            key => format!("[127.0.0.1]:{} {key}", self.port),
        };
        self.write("known_hosts", &line);
    }

    /// Makes another key; its public part.
    pub(crate) fn make_key(&mut self, name: &str) -> String {
        generate(self.folder.path(), name);
        self.read(&format!("{name}.pub"))
    }

    /// Takes the key away that opens the far host.
    pub(crate) fn lets_nobody_in(&self) {
        self.write("authorized", "");
    }

    /// A path in the folder of all this.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A program `ssh` that reads our configuration: ssh takes the home of its user from
    /// the password database, not from the environment.
    fn write_ssh(&self) {
        for folder in ["bin", "tmp"] {
            std::fs::create_dir(self.path(folder)).unwrap();
        }
        let ssh = program("ssh").unwrap();
        let (ssh, config) = (ssh.display(), self.path("config"));
        self.write(
            "bin/ssh",
            &format!("#!/bin/sh\nexec {ssh} -F {config} \"$@\"\n"),
        );
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path("bin/ssh"), executable).unwrap();
        let Self { port, user, .. } = self;
        self.write(
            "config",
            &format!(
                "Host far\n HostName 127.0.0.1\n Port {port}\n User {user}\nHost *\n \
                 UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n IdentityFile {}\n \
                 IdentitiesOnly yes\n IdentityAgent none\n",
                self.path("known_hosts"),
                self.path("id"),
            ),
        );
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        drop(self.sshd.kill());
        drop(self.sshd.wait());
    }
}

type Log = Arc<Mutex<Vec<String>>>;

/// An sshd that listens, on a port that was free; `None` where it is not any more.
fn listen(sshd: &Path, folder: &Path, more: &str) -> Option<(Child, u16, Log)> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let file = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         UsePAM no\nStrictModes no\n{more}\n",
        file("host"),
        file("authorized")
    );
    std::fs::write(folder.join("sshd_config"), config).unwrap();
    let mut sshd = Command::new(sshd)
        .args(["-D", "-e", "-f", &file("sshd_config")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(sshd.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    loop {
        let Some(Ok(line)) = lines.next() else {
            let status = sshd.wait().unwrap();
            let taken = said
                .iter()
                .any(|line: &String| line.contains("already in use"));
            assert!(taken, "sshd ended with {status}: {said:?}");
            return None;
        };
        if line.starts_with("Server listening") {
            break;
        }
        said.push(line);
    }
    let log = Log::default();
    let heard = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            heard.lock().unwrap().push(line);
        }
    });
    Some((sshd, port, log))
}

fn generate(folder: &Path, name: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(folder.join(name))
        .status();
    assert!(made.unwrap().success());
}

/// A program by its whole path, which sshd insists on for itself.
#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let mut files = folders.iter().map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// The engine's socket on this machine.
#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn socket() -> Option<String> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => host.strip_prefix("unix://").map(str::to_owned),
        _ => Some("/var/run/docker.sock".to_owned()),
    }
}

/// The same as the path of an address, empty for the one that needs no naming.
fn other_socket() -> String {
    let socket = socket().unwrap_or_default();
    if socket == "/var/run/docker.sock" {
        String::new()
    } else {
        socket
    }
}
