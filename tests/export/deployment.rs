//! An operator's machine: certificate files as certbot keeps them, the exported
//! bundle under Compose, and beside it a directory and a next hop, which are
//! those of a lab under other names.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use relaykit::certs::{self, Certificates};
use relaykit::config::{Spec, User, built_in};
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::lab::{Readiness, Running, certificate_names, up};
use relaykit::plan::{Plan, Role};
use relaykit::secret::Secret;

use crate::bench::{composes, export, succeed};
use crate::lab::{block_on, program, workshop};

pub(crate) const DIRECTORY: &str = "ldap.example.org";
pub(crate) const NEXT_HOP: &str = "smtp.example.net";
pub(crate) const USER: &str = "carol";
pub(crate) const PASSWORD: &str = "c4rol's \"pass\" $word %u";
/// As certbot names its folders.
pub(crate) const LIVE: &str = "letsencrypt/live/relay";
const ARCHIVE: &str = "letsencrypt/archive/relay";
const ARCHIVE_BELOW: &str = "archive/relay";
const SEARCH_BASE: &str = "ou=People,dc=example,dc=org";

/// A name of this test's own: the deployment is named after it.
pub(crate) fn hostname() -> String {
    format!("relay-{}.example.org", std::process::id())
}

/// The whole of it; dropping it removes everything, also on a panic.
pub(crate) struct Deployment {
    root: tempfile::TempDir,
    /// The address that the relay's ports are published on.
    pub(crate) address: IpAddr,
    /// Where `compose` works: the bundle in use.
    bundle: PathBuf,
    compose: Vec<&'static str>,
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let mut down = self.compose(&["down", "--volumes", "--remove-orphans"]);
        let lab = Self::lab();
        let mut lab = self.relaykit(&["down", "--lab", &lab, "--volumes"]);
        for command in [&mut down, &mut lab] {
            let ended = command.output();
            let good = ended.as_ref().is_ok_and(|output| output.status.success());
            // A test that panics already has its message; one that passed must clear up.
            assert!(
                good || std::thread::panicking(),
                "clearing up failed: {ended:?}"
            );
        }
    }
}

impl Deployment {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let id = std::process::id();
        // All of 127/8 is this machine's, so that the ports can be fixed as an
        // operator's are and still not meet another test's.
        let [.., high, low] = id.to_be_bytes();
        let new = Self {
            address: Ipv4Addr::new(127, 86, high, low).into(),
            bundle: root.path().join("bundle"),
            compose: composes().swap_remove(0),
            root,
        };
        new.write("passwords/directory", 0o600, "d1rectory's $password\n");
        new.write("passwords/next-hop", 0o600, "next-hop's $password\n");
        new.write("relay.yaml", 0o600, &new.relay_yaml("10MiB"));
        new.write("override.yaml", 0o600, &Self::override_file());
        new
    }

    fn lab() -> String {
        format!("export-{}", std::process::id())
    }

    pub(crate) fn socket(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn write(&self, below: &str, mode: u32, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn relay_yaml(&self, message_size_limit: &str) -> String {
        let live = self.path(LIVE);
        let live = live.display();
        format!(
            "version: 1
hostname: {hostname}
listeners: {{smtp: 2525, submission: 2587, submissions: 2465, bind: {}}}
relay: {{message_size_limit: {message_size_limit}}}
auth:
  ldap:
    servers: [ldaps://{DIRECTORY}]
    search_base: {SEARCH_BASE}
    bind: {{dn: 'cn=relay,ou=Services,dc=example,dc=org', password_file: passwords/directory}}
    ca: {live}/ca.pem
tls:
  certificate: {{cert: '{live}/full $chain.pem', key: {live}/key.pem}}
  outbound: {{level: secure, ca: {live}/ca.pem}}
outbound:
  next_hop: '[{NEXT_HOP}]'
  credentials: {{user: relay, password_file: passwords/next-hop}}
",
            self.address,
            hostname = hostname(),
        )
    }

    /// Joins the lab's networks, and lets `relaykit down --all` find what a
    /// killed test leaves. Old engines take the default route from the first
    /// network by name: the bundle's own must sort before these.
    fn override_file() -> String {
        let lab = Self::lab();
        let labels = |role| format!("{{dev.relaykit.lab: {lab}, dev.relaykit.role: {role}}}");
        format!(
            "services:
  relay:
    labels: {}
    networks: [directory, next-hop]
networks:
  clients: {{labels: {network}}}
  directory: {{external: true, name: relaykit-{lab}-directory}}
  next-hop: {{external: true, name: relaykit-{lab}-sink}}
volumes:
  spool: {{labels: {volume}}}
  state: {{labels: {volume}}}
",
            labels("relay"),
            network = labels("network"),
            volume = labels("volume"),
        )
    }

    /// Exports relay.yaml to a folder of this name and works in it from now on.
    pub(crate) fn export(&mut self, folder: &str) {
        self.bundle = self.path(folder);
        succeed(&mut export(&self.path("relay.yaml"), &self.bundle));
    }

    /// Changes relay.yaml.
    pub(crate) fn configure(&self, relay_yaml: &str) {
        self.write("relay.yaml", 0o600, relay_yaml);
    }

    pub(crate) fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.compose[0]);
        command
            .args(&self.compose[1..])
            .args(["-f", "compose.yaml", "-f"])
            .arg(self.path("override.yaml"))
            .args(arguments)
            .env_remove("COMPOSE_PROJECT_NAME")
            .current_dir(&self.bundle);
        command
    }

    /// A program in the relay's container.
    pub(crate) fn exec(&self, argv: &[&str]) -> String {
        succeed(&mut self.compose(&[&["exec", "-T", "relay"], argv].concat()))
    }

    /// The id of the relay's container.
    pub(crate) fn container(&self) -> String {
        succeed(&mut self.compose(&["ps", "--quiet", "relay"]))
            .trim()
            .to_owned()
    }

    /// The network that clients come from.
    pub(crate) fn clients() -> String {
        format!("{}_clients", hostname().replace('.', "-"))
    }

    fn relaykit(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("RELAYKIT_STATE", self.path("state"));
        command
    }

    /// The lab whose directory and next hop stand for the operator's.
    fn plan() -> Plan {
        let mut plan = Plan::new(Resolved::new(lab_spec(), Purpose::Lab), &Self::lab());
        let names = [(Role::Directory, DIRECTORY), (Role::Sink, NEXT_HOP)];
        for container in &mut plan.containers {
            for (_, name) in names.iter().filter(|(role, _)| *role == container.role) {
                container.networks[0].aliases.push((*name).to_owned());
            }
        }
        plan
    }

    /// Certificates of the same authority each time; `renewed` makes the
    /// relay's anew.
    pub(crate) fn certificates(&self, renewed: bool) -> Certificates {
        let mut names = certificate_names(&Self::plan());
        if renewed {
            names
                .get_mut(&Role::Relay)
                .unwrap()
                .dns
                .push("renewed.relaykit.test".to_owned());
        }
        certs::keep(&self.path("ca"), "example", &names, Timestamp::now()).unwrap()
    }

    /// Puts certificate and key where the operator keeps them: in `archive/NAME`,
    /// with links in `live/NAME`, as certbot does.
    pub(crate) fn install(&self, certificates: &Certificates, edition: &str) {
        let relay = &certificates.servers[&Role::Relay];
        let files = [
            ("full $chain.pem", 0o644, relay.certificate.as_str()),
            ("key.pem", 0o600, relay.key.reveal()),
            ("ca.pem", 0o644, certificates.authority.certificate.as_str()),
        ];
        fs::create_dir_all(self.path(LIVE)).unwrap();
        for (name, mode, text) in files {
            self.write(&format!("{ARCHIVE}/{edition}-{name}"), mode, text);
            let link = self.path(LIVE).join(name);
            drop(fs::remove_file(&link));
            let target = Path::new("../..").join(ARCHIVE_BELOW);
            symlink(target.join(format!("{edition}-{name}")), link).unwrap();
        }
    }

    /// Brings up the directory and the next hop.
    pub(crate) fn surroundings(certificates: &Certificates) -> Running {
        let workshop = workshop(Readiness::Proved);
        block_on(up(Self::plan(), certificates.clone(), &workshop))
            .unwrap()
            .running
    }
}

fn lab_spec() -> Spec {
    let mut spec = built_in();
    spec.hostname = hostname();
    (spec.listeners.smtp, spec.listeners.submission) = (Some(0), Some(0));
    (spec.listeners.submissions, spec.lab.ldaps) = (Some(0), 0);
    SEARCH_BASE.clone_into(&mut spec.auth.ldap.search_base);
    spec.auth.ldap.bind = Some(relaykit::config::Bind {
        dn: "cn=relay,ou=Services,dc=example,dc=org".to_owned(),
        password: Secret::new("d1rectory's $password"),
        password_file: PathBuf::new(),
    });
    spec.lab.users = vec![User {
        name: USER.to_owned(),
        password: Secret::new(PASSWORD),
    }];
    spec
}
