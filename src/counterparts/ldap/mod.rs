//! A directory checks logins (LDAP, RFC 4511): the guard searches the person, and
//! saslauthd binds with the password. A lab has a directory of its own, with the
//! people of `lab.users` in it.

mod dn;
mod people;
mod readme;
mod saslauthd;
mod slapd;
mod tree;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Purpose, StoodIn};
use crate::config::{Ldap, Missing, SenderLogin, Spec, TrustAnchor, User, in_lab};
use crate::container::{
    Container, Content, File, Image, Limits, Names, Neighbour, Port, Reach, Role, file, public,
};
use tree::Tree;

pub use saslauthd::PLAYED;

/// The port in the container where a lab's directory answers `ldaps://`.
pub const LDAPS_PORT: u16 = 636;

/// User and group of slapd in the directory's image: injected files belong to it.
const OWNER: (u32, u32) = (204, 204);

/// slapd with a few people in it takes 20 MB, and at most 32 threads.
const LIMITS: Limits = Limits {
    memory: 256 << 20,
    processes: 256,
};

/// How long slapd may take to stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// By which name people go.
pub(super) const NAMES: &str = "# Who knows the people. A person goes by the first of these attributes that the\n\
     # entry has: in the log, in the trace header, and to whatever counts messages.\n";

/// The attribute with a person's addresses (RFC 4524 section 2.16).
const ADDRESSES: &str = "mail";

/// The directory that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// `auth.ldap`. Where its servers are and who vouches for them stands below.
    pub settings: Ldap,
    /// The servers that are asked, in this order, as URLs.
    pub servers: Vec<String>,
    /// Who signs its certificate.
    pub anchor: TrustAnchor,
    /// Whether a login may only send from the addresses that it has there.
    owns_senders: bool,
    /// What the lab has of its own; `None`: the directory is the operator's.
    own: Option<Own>,
}

/// The directory of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    people: Vec<User>,
    /// Where it answers on the host.
    port: u16,
}

impl Directory {
    pub(super) fn of(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Self {
        let settings = spec.auth.ldap.clone();
        let owns_senders = spec.relay.sender_login == SenderLogin::Own;
        if !purpose.is_lab() {
            return Self {
                servers: settings.servers.clone(),
                anchor: settings.ca.clone(),
                settings,
                owns_senders,
                own: None,
            };
        }
        let own = saslauthd::own_server(&settings);
        let swapped = [
            (
                settings.servers.iter().any(|server| *server != own),
                "auth.ldap.servers",
            ),
            (settings.ca != TrustAnchor::Generated, "auth.ldap.ca"),
        ];
        let swapped = swapped.into_iter().filter(|(is, _)| *is);
        stood_in.extend(swapped.map(|(_, key)| StoodIn {
            key,
            by: "a directory of its own",
        }));
        Self {
            servers: saslauthd::servers_in_lab(&settings, purpose),
            anchor: TrustAnchor::Generated,
            owns_senders,
            own: Some(Own {
                people: spec.lab.users.clone(),
                port: purpose.host_port(spec.lab.ldaps),
            }),
            settings,
        }
    }

    /// The address that a lab's directory has for a user, `NAME@DOMAIN`.
    pub(super) fn address(&self, user: &User) -> String {
        people::address(&Tree::of(&self.settings), user)
    }

    /// slapd under its own user, without any capability. It shares a network with
    /// the relay alone; that network publishes `ldaps` for people who look into it.
    pub(super) fn neighbour(&self, names: Names<'_>) -> Option<Neighbour> {
        let own = self.own.as_ref()?;
        let (uid, gid) = OWNER;
        let network = names.network("directory", Reach::Host);
        let container = Container {
            role: Role::Directory,
            name: names.of("directory"),
            image: Image::Directory,
            command: self.urls(),
            hostname: "directory".to_owned(),
            user: Some(format!("{uid}:{gid}")),
            networks: vec![names.attach("directory", &["directory"])],
            ports: vec![Port {
                name: "ldaps",
                container: LDAPS_PORT,
                host: own.port,
                bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            }],
            mounts: vec![names.mount("directory-config", "/etc/relaykit", true)],
            tmpfs: vec![
                (
                    "/run".to_owned(),
                    format!("noexec,nosuid,nodev,uid={uid},gid={gid},mode=0700,size=64m"),
                ),
                (
                    "/tmp".to_owned(),
                    "noexec,nosuid,nodev,mode=1777,size=16m".to_owned(),
                ),
            ],
            capabilities: Vec::new(),
            confined: true,
            limits: LIMITS,
            stop_grace: STOP_GRACE,
            files: self.own_files(own),
        };
        Some(Neighbour {
            network,
            volumes: vec![names.volume("directory-config", false)],
            container,
        })
    }

    /// Where slapd listens: no port for what nobody asks for in the clear.
    fn urls(&self) -> Vec<String> {
        let start_tls = self.settings.start_tls.then_some("ldap:///");
        let urls = start_tls.into_iter().chain(["ldaps:///"]);
        urls.map(str::to_owned).collect()
    }

    /// Everything in the directory's container, owned by slapd's user, sorted by path.
    fn own_files(&self, own: &Own) -> Vec<File> {
        let tree = Tree::of(&self.settings);
        let people = people::ldif(self, own, &tree);
        let files = [
            file("people.ldif", 0o600, Content::Secret(people)),
            public("slapd.conf", slapd::slapd_conf(self, &tree)),
            file("tls/ca.pem", 0o644, Content::CaCertificate),
            file(
                "tls/directory.key",
                0o600,
                Content::CertificateKey(Role::Directory),
            ),
            file(
                "tls/directory.pem",
                0o644,
                Content::Certificate(Role::Directory),
            ),
        ];
        let owned = files.into_iter().map(|file| File {
            owner: OWNER,
            ..file
        });
        owned.collect()
    }
}

/// What `ldap` lacks for production.
pub(super) fn missing(ldap: &Ldap) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |path: &str, reason: &str, write: &str| {
        missing.push(Missing::new(path, reason, write));
    };
    if ldap.servers.iter().any(|url| in_lab(url)) {
        let reason = "`directory` is the lab's test directory";
        add("auth.ldap.servers", reason, "[ldaps://your.directory]");
    }
    let base = ldap.search_base.to_ascii_lowercase();
    if base.ends_with("dc=relaykit,dc=test") {
        let reason = "the lab's own people";
        add("auth.ldap.search_base", reason, "where your users are");
    }
    if ldap.ca == TrustAnchor::Generated {
        let reason = "the lab's CA signed no other directory's certificate";
        add(
            "auth.ldap.ca",
            reason,
            "system, or the path of your CA's certificate",
        );
    }
    missing
}
