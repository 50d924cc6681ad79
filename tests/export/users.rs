//! The exported relay with a users file: no other container, and what `relaykit users`
//! changes counts at the next login.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use relaykit::certs;
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::lab::certificate_names;
use relaykit::plan::{Plan, Role};
use relaykit::smtp::{Connect, Session, TlsSettings};

use crate::bench::{composes, export, succeed};
use crate::lab::{block_on, program, until};

const PORT: u16 = 2465;

/// A bundle that runs; dropping it removes it, also on a panic.
pub(crate) struct Relay {
    root: tempfile::TempDir,
    hostname: String,
    address: SocketAddr,
    authority: String,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let ended = self.compose(&["down", "--volumes"]).output();
        let good = ended.as_ref().is_ok_and(|o| o.status.success());
        assert!(good || std::thread::panicking(), "{ended:?}");
    }
}

/// A name of this test's own: the deployment is named after it.
pub(crate) fn hostname(name: &str) -> String {
    format!("{name}-{}.example.org", std::process::id())
}

impl Relay {
    fn new() -> Self {
        Self::named("users", 87, "outbound: {next_hop: '[192.0.2.1]:25'}")
    }

    /// One whose host name begins with `name`, at an address of 127.`octet`, and with these
    /// lines more.
    pub(crate) fn named(name: &str, octet: u8, more: &str) -> Self {
        // Compose makes no image, and no registry has this one.
        succeed(&mut program(&["build"]));
        let root = tempfile::tempdir().unwrap();
        let id = std::process::id();
        let [.., high, low] = id.to_be_bytes();
        let hostname = hostname(name);
        let mut spec = relaykit::config::built_in();
        spec.hostname.clone_from(&hostname);
        let names = certificate_names(&Plan::new(Resolved::new(spec, Purpose::Lab), "users"));
        let certificates = certs::issue("users", &names, Timestamp::now()).unwrap();
        let relay = &certificates.servers[&Role::Relay];
        let path = |name: &str| root.path().join(name);
        fs::create_dir(path("tls")).unwrap();
        fs::write(path("tls/cert.pem"), &relay.certificate).unwrap();
        fs::write(path("tls/key.pem"), relay.key.reveal()).unwrap();
        let address = Ipv4Addr::new(127, octet, high, low);
        let text = format!(
            "version: 1
hostname: {hostname}
listeners: {{smtp: null, submission: 2587, submissions: {PORT}, bind: {address}}}
relay: {{sender_login: own}}
auth: {{pam: {{users_file: users/accounts}}}}
tls: {{certificate: {{cert: tls/cert.pem, key: tls/key.pem}}}}
{more}
"
        );
        fs::write(path("relay.yaml"), text).unwrap();
        Self {
            hostname,
            address: SocketAddr::new(address.into(), PORT),
            authority: certificates.authority.certificate,
            root,
        }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn compose(&self, arguments: &[&str]) -> Command {
        let compose = composes().swap_remove(0);
        let mut command = Command::new(compose[0]);
        command
            .args(&compose[1..])
            .args(arguments)
            .env_remove("COMPOSE_PROJECT_NAME")
            .current_dir(self.path("bundle"));
        command
    }

    /// `relaykit users`, with a password where it takes one.
    pub(crate) fn users(&self, arguments: &[&str], password: Option<&str>) -> String {
        let mut all = vec!["users"];
        all.extend(arguments);
        let file = self.path("relay.yaml");
        let secret = self.path("password");
        let paths = [file.display().to_string(), secret.display().to_string()];
        all.extend(["-f", &paths[0]]);
        if let Some(password) = password {
            fs::write(&secret, format!("{password}\n")).unwrap();
            all.extend(["--password-file", &paths[1]]);
        }
        succeed(&mut program(&all))
    }

    /// A session in which this pair was tried, and the code of the answer.
    async fn tried(&self, name: &str, password: &str) -> Option<(Session, u16)> {
        let tls = TlsSettings::trusting(&self.hostname, &self.authority);
        let options = Connect::wrapper(tls);
        let mut session = Session::connect(self.address, &options).await.ok()?;
        session.greeting().await.ok()?;
        session.ehlo("client.example.org").await.ok()?;
        let pair = STANDARD.encode(format!("\0{name}\0{password}"));
        let reply = session.command(&format!("AUTH PLAIN {pair}")).await.ok()?;
        Some((session, reply.code))
    }

    /// The code of the answer to a login, and whether it may then send from `sender`.
    fn login(&self, name: &str, password: &str, sender: &str) -> Option<(u16, bool)> {
        block_on(async {
            let (mut session, code) = self.tried(name, password).await?;
            session.mail_from(sender).await.ok()?;
            let taken = session.rcpt_to("dave@example.net").await.ok()?;
            Some((code, taken.is_positive()))
        })
    }

    /// The same, as soon as the relay answers.
    fn answers(&self, name: &str, password: &str, sender: &str) -> (u16, bool) {
        until("an answer to a login", || {
            self.login(name, password, sender)
        })
    }

    /// Sends a message by login; `None`: the relay does not take it, for now.
    pub(crate) fn submit(&self, name: &str, password: &str, sender: &str) -> Option<()> {
        block_on(async {
            let (mut session, _) = self.tried(name, password).await?;
            let from = format!("MAIL FROM:<{sender}>");
            let message = "Subject: by IPv6\r\n\r\nhello\r\n.";
            for command in [&*from, "RCPT TO:<dave@example.net>", "DATA", message] {
                let reply = session.command(command).await.ok()?;
                (reply.code < 400).then_some(())?;
            }
            Some(())
        })
    }
}

#[test]
fn a_users_file_is_all_that_logins_need() {
    let relay = Relay::new();
    let bundle = relay.path("bundle");
    // Nobody could log in: such a relay does not leave the lab.
    let refused = export(&relay.path("relay.yaml"), &bundle).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let address = ["add", "carol", "--address", "carol@example.org"];
    relay.users(&address, Some("the first one"));
    succeed(&mut export(&relay.path("relay.yaml"), &bundle));
    succeed(&mut relay.compose(&["up", "-d"]));
    let own = "carol@example.org";
    until("a login", || {
        let answer = relay.login("carol", "the first one", own);
        answer.filter(|answer| *answer == (235, true))
    });
    assert_eq!(relay.answers("Carol", "the first one", own), (235, true));
    let others = "dave@example.org";
    assert_eq!(
        relay.answers("carol", "the first one", others),
        (235, false)
    );
    assert_eq!(relay.answers("carol", "another", own).0, 535);
    assert_eq!(relay.answers("nobody", "the first one", own).0, 535);

    relay.users(&["passwd", "carol"], Some("the second one"));
    assert_eq!(relay.answers("carol", "the first one", own).0, 535);
    assert_eq!(relay.answers("carol", "the second one", own), (235, true));
    relay.users(&["add", "dave"], Some("a third one"));
    assert_eq!(relay.answers("dave", "a third one", others), (235, false));
    assert!(relay.users(&["list"], None).contains("dave"));
    relay.users(&["remove", "carol"], None);
    assert_eq!(relay.answers("carol", "the second one", own).0, 535);

    // A line that was written by hand, and is none, lets nobody in and is told.
    let accounts = relay.path("users/accounts");
    let text = fs::read_to_string(&accounts).unwrap();
    fs::write(&accounts, format!("{text}erin:another\n")).unwrap();
    assert_eq!(relay.answers("erin", "another", own).0, 535);
    let number = text.lines().count() + 1;
    let told = succeed(&mut relay.compose(&["logs", "--no-color", "relay"]));
    let line = format!("line {number} of the users file lets nobody in");
    assert!(told.contains(&line), "{line}: {told}");
    fs::write(&accounts, text).unwrap();
    for password in ["the first one", "the second one", "a third one", "another"] {
        assert!(!told.contains(password), "{told}");
    }
    // Half a file is never seen: what cannot be read puts a login off.
    let users = relay.path("users");
    fs::rename(users.join("accounts"), users.join("away")).unwrap();
    assert_eq!(put_off(&relay), 454);
    fs::rename(users.join("away"), users.join("accounts")).unwrap();
    assert_eq!(relay.answers("dave", "a third one", others).0, 235);
    assert!(is_owners_alone(&users.join("accounts")));
}

fn put_off(relay: &Relay) -> u16 {
    relay.answers("dave", "a third one", "dave@example.org").0
}

fn is_owners_alone(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}
