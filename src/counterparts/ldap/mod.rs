//! A directory checks logins (LDAP, RFC 4511): the guard searches the person, and
//! saslauthd binds with the password. A lab has a directory of its own, with the
//! people of `lab.users` in it.

mod dn;
mod draft;
mod entry;
mod making;
mod people;
mod population;
mod readme;
mod saslauthd;
mod schema;
mod slapd;
#[cfg(test)]
mod tests;
mod tree;
mod ways;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Purpose, StoodIn};
use crate::config::filter::{Compare, Filter, Login, Test};
use crate::config::{Ldap, Missing, SenderLogin, Spec, TrustAnchor, User, in_lab};
use crate::container::{
    Container, Content, File, Image, Limits, Names, Neighbour, Port, Reach, Role, file, public,
};
use making::{Impossible, Maker, Person};
use population::Population;
use schema::Schema;
use tree::Tree;

pub use population::Nearly;
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
    /// What slapd has to know for the sake of the filter.
    schema: Schema,
    population: Population,
    /// Why nobody could log in; who is there is then as for `(uid=%u)`.
    impossible: Option<Impossible>,
    /// Where it answers on the host.
    port: u16,
}

impl Directory {
    pub(super) fn of(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Self {
        let mut settings = spec.auth.ldap.clone();
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
        own_account(&mut settings, stood_in);
        own_filter(&mut settings, stood_in);
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
            own: Some(Own::of(spec, &settings, purpose.host_port(spec.lab.ldaps))),
            settings,
        }
    }

    /// Why a lab can give nobody what `auth.ldap.filter` asks for, in words that go after
    /// that key; `None`: it can, or it is the operator's directory.
    #[must_use]
    pub fn impossible(&self) -> Option<String> {
        let Impossible { term, why } = self.own.as_ref()?.impossible.as_ref()?;
        Some(format!("{term} lets nobody of a lab log in: {why}"))
    }

    /// Whom a lab has who misses one term of the filter.
    #[must_use]
    pub fn nearly(&self) -> &[Nearly] {
        self.own
            .as_ref()
            .map_or(&[], |own| own.population.nearly.as_slice())
    }

    /// The entry of somebody whom the filter finds for the login `name`, as LDIF (RFC
    /// 2849) without a password, and its distinguished name. `None`: there can be none.
    #[must_use]
    pub fn entry(&self, name: &str, address: Option<&str>) -> Option<(String, String)> {
        let own = self.own.as_ref()?;
        let filter = self.settings.parsed()?;
        let tree = Tree::of(&self.settings);
        let person = Person {
            name: name.to_owned(),
            addresses: address.map(str::to_owned).into_iter().collect(),
            number: own.people.len() + own.population.nearly.len(),
        };
        let entry = Own::maker(&filter, &own.schema, &tree)
            .fitting(&person)
            .ok()?;
        let text = people::record(&entry, &own.schema, None);
        Some((dn::join(&entry.dn), text))
    }

    /// Whether the filter finds one of a lab's people for a login.
    #[must_use]
    pub fn finds(&self, login: &str) -> bool {
        let (Some(own), Some(filter)) = (&self.own, self.settings.parsed()) else {
            return false;
        };
        let login = Login::new(login);
        let mut people = own.population.people.iter();
        people.any(|entry| entry.passes(&filter, &login, &own.schema) == Some(true))
    }

    /// A login for a person called `name`, as the filter compares it.
    #[must_use]
    pub fn login_for(&self, name: &str) -> String {
        login_for(&self.settings, name)
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
            entrypoint: Vec::new(),
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
        let ldap = self.settings.start_tls || self.settings.is_in_clear();
        let urls = ldap.then_some("ldap:///").into_iter().chain(["ldaps:///"]);
        urls.map(str::to_owned).collect()
    }

    /// Everything in the directory's container, owned by slapd's user, sorted by path.
    fn own_files(&self, own: &Own) -> Vec<File> {
        let tree = Tree::of(&self.settings);
        let people = people::ldif(self, own, &tree);
        let files = [
            file("people.ldif", 0o600, Content::Secret(people)),
            public("slapd.conf", slapd::slapd_conf(self, &own.schema, &tree)),
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

impl Own {
    fn of(spec: &Spec, settings: &Ldap, port: u16) -> Self {
        let tree = Tree::of(settings);
        let people = spec.lab.users.clone();
        let owns_senders = spec.relay.sender_login == SenderLogin::Own;
        let addresses = people::addresses(&tree, &people, owns_senders);
        let populated = |filter: &Filter| {
            let schema = Schema::of(&[filter]);
            let maker = Self::maker(filter, &schema, &tree);
            let population = Population::of(&maker, &people, &addresses, &tree.domain());
            population.map(|population| (schema, population))
        };
        let plain = || Ldap::default().parsed().map(|filter| populated(&filter));
        let (made, impossible) = match settings.parsed().map(|filter| populated(&filter)) {
            Some(Ok(made)) => (made, None),
            other => {
                let made = plain().and_then(Result::ok).unwrap_or_default();
                (made, other.and_then(Result::err))
            }
        };
        let (schema, population) = made;
        Self {
            people,
            schema,
            population,
            impossible,
            port,
        }
    }

    fn maker<'a>(filter: &'a Filter, schema: &'a Schema, tree: &'a Tree) -> Maker<'a> {
        Maker {
            filter,
            schema,
            base: &tree.people,
        }
    }
}

/// slapd takes distinguished names alone for an account; Active Directory takes others.
fn own_account(settings: &mut Ldap, stood_in: &mut Vec<StoodIn>) {
    let suffix = dn::join(
        &Tree::of(&Ldap {
            bind: None,
            ..settings.clone()
        })
        .suffix,
    );
    let Some(bind) = &mut settings.bind else {
        return;
    };
    if bind.dn.contains('=') {
        return;
    }
    let user = match bind.dn.split_once('\\') {
        Some((_, user)) => user,
        None => bind.dn.split('@').next().unwrap_or_default(),
    };
    bind.dn = format!("cn={},{suffix}", dn::escape(user));
    stood_in.push(StoodIn {
        key: "auth.ldap.bind.dn",
        by: "a directory of its own",
    });
}

/// slapd knows nobody who is in a group by way of another: a lab's people are in it
/// themselves, and the filter asks for that.
fn own_filter(settings: &mut Ldap, stood_in: &mut Vec<StoodIn>) {
    let Some(filter) = settings.parsed() else {
        return;
    };
    let plain = filter.map(&|test| match &test.compare {
        Compare::Extensible {
            in_name: false,
            rule: Some(rule),
            value,
        } if rule == schema::IN_CHAIN => Test {
            attribute: test.attribute.clone(),
            compare: Compare::Equal(value.clone()),
        },
        _ => test.clone(),
    });
    if plain != filter {
        settings.filter = plain.to_string();
        stood_in.push(StoodIn {
            key: "the rule 1.2.840.113556.1.4.1941 of auth.ldap.filter",
            by: "groups without groups in them",
        });
    }
}

/// A login for a person called `name`, as `auth.ldap.filter` compares it: with the domain
/// of the search base where it compares logins with addresses.
pub(super) fn login_for(ldap: &Ldap, name: &str) -> String {
    let domain = Tree::of(ldap).domain();
    match ldap.parsed() {
        Some(filter) => population::login_for(&filter, name, &domain),
        None => name.to_owned(),
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
