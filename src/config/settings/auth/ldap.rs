//! `auth.ldap`: the directory that checks passwords.

use std::path::PathBuf;

use crate::config::decode::{Decoder, Field};
use crate::config::filter::Filter;
use crate::config::problem::Refusal;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::trust::{Authority, TrustAnchor};
use crate::config::value::{FILE, Flag, Part, Text};
use crate::secret::Secret;

/// saslauthd's LDAP settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ldap {
    /// `ldaps://host[:port]` or, with `start_tls` or `unencrypted`, `ldap://host[:port]`.
    pub servers: Vec<String>,
    /// Whether `StartTLS` is used on `ldap://` servers.
    pub start_tls: bool,
    /// Whether `ldap://` servers are asked without any TLS.
    pub unencrypted: bool,
    /// Where users are searched: a distinguished name, the same for every login.
    pub search_base: String,
    /// RFC 4515 filter; `%u` is the login as it was typed.
    pub filter: String,
    /// The account that searches; `None`: anonymously.
    pub bind: Option<Bind>,
    /// Who signs the directory's certificate.
    pub ca: TrustAnchor,
}

impl Ldap {
    /// Whether passwords travel in clear to any of the servers.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        let clear = |server: &String| server.starts_with("ldap://");
        self.unencrypted && !self.start_tls && self.servers.iter().any(clear)
    }

    /// The filter, taken apart; `None`: it is none, which relay.yaml cannot say.
    #[must_use]
    pub fn parsed(&self) -> Option<Filter> {
        Filter::read(&self.filter).ok()
    }

    /// The attributes that hold logins: those that the filter compares with the login
    /// or its first half, such as `uid` in `(uid=%u)`. A person goes by the first that
    /// their entry has.
    #[must_use]
    pub fn login_attributes(&self) -> Vec<String> {
        let filter = self.parsed();
        filter.map_or_else(Vec::new, |filter| filter.login_attributes())
    }
}

/// An LDAP account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its name: a distinguished name or, for Active Directory, `user@domain` or
    /// `DOMAIN\user`.
    pub dn: String,
    /// Its password, read from `password_file`.
    pub password: Secret,
    /// Where the password was read from, absolute.
    pub password_file: PathBuf,
}

impl Default for Ldap {
    fn default() -> Self {
        Self {
            servers: vec!["ldaps://directory".to_owned()],
            start_tls: false,
            unencrypted: false,
            search_base: "ou=People,dc=relaykit,dc=test".to_owned(),
            filter: "(uid=%u)".to_owned(),
            bind: None,
            ca: TrustAnchor::Generated,
        }
    }
}

pub(super) static KEYS: &[Setting<Ldap>] = &[
    Setting {
        name: "servers",
        value: &Servers,
        about: "ldaps://host, or ldap://host with start_tls: true",
        doc: "The servers of the directory. Each is judged by itself: one that is silent, refuses, \
              or shows a wrong certificate is left aside, and nobody waits for it meanwhile. A \
              password never travels to one in clear. `ldaps://directory` is the lab's own.",
        example: "[ldaps://ldap1.example.org, ldaps://ldap2.example.org:1636]",
        source: "RFC 4516; saslauthd.conf(5) ldap_servers",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "start_tls",
        value: &Flag(|ldap: &mut Ldap| &mut ldap.start_tls),
        about: "StartTLS on ldap:// servers",
        doc: "Whether the relay begins in clear on the directory's port 389 and starts TLS there, \
              before it says anything else. The servers then begin with `ldap://`.",
        example: "true",
        source: "RFC 4511 section 4.14; saslauthd.conf(5) ldap_start_tls",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "unencrypted",
        value: &Flag(|ldap: &mut Ldap| &mut ldap.unencrypted),
        about: "ask ldap:// servers without TLS: passwords in clear",
        doc: "Whether the relay may ask `ldap://` servers without any TLS. Every password of everybody \
              who logs in then travels in clear, and whoever is on the way, or answers in the \
              directory's place, has them all. It is for a directory on the same machine or behind \
              a tunnel that can do no TLS itself; use `ldaps://` or start_tls wherever there is a way.",
        example: "true",
        source: "RFC 4513 section 5.1.3",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "search_base",
        value: &Text {
            what: "a distinguished name",
            at: |ldap: &mut Ldap| &mut ldap.search_base,
            read: syntax::search_base,
            show: |base| Some(base.clone()),
            null: None,
            wary: None,
        },
        about: "where users are searched",
        doc: "The entry of the directory below which people are searched. It is the same for every \
              login: tokens such as `%u` are for the filter.",
        example: "ou=Staff,dc=example,dc=com",
        source: "RFC 4514; saslauthd.conf(5) ldap_search_base",
        ..Setting::USUAL
    },
    Setting {
        name: "filter",
        value: &Text {
            what: "an LDAP filter",
            at: |ldap: &mut Ldap| &mut ldap.filter,
            read: syntax::filter,
            show: |filter| Some(filter.clone()),
            null: None,
            wary: Some(|filter| wary_of_realms(filter)),
        },
        about: "which entry is the user's; %u is the login",
        doc: "Which entry below search_base is that of whoever logs in. `%u` stands for the login as \
              it was typed, `%U` for its part before the `@`, `%d` for the part behind it. The \
              attribute that is compared with the login names the person: to the log, to limits \
              and to sender_login. The lab's people have whatever the filter asks for, and for each \
              of its terms there is somebody who misses just that and cannot log in.",
        example: "(&(objectClass=person)(mail=%u))",
        source: "RFC 4515; saslauthd.conf(5) ldap_filter",
        ..Setting::USUAL
    },
    Setting {
        name: "bind",
        value: &SearchingAccount,
        need: Need::Nullable,
        about: "the account that searches; null: anonymously",
        doc: "The account by which the relay searches for people. It must be able to read the \
              attribute that the filter compares with the login and, for `sender_login: own`, \
              `mail`. Without an account the relay searches as nobody in particular.",
        example: "{dn: 'cn=relay,dc=example,dc=com', password_file: ldap.password}",
        source: "RFC 4513 section 5.1; saslauthd.conf(5) ldap_bind_dn",
        ..Setting::USUAL
    },
    Setting {
        name: "ca",
        value: &Authority(|ldap: &mut Ldap| &mut ldap.ca),
        about: "who signs the directory's certificate",
        doc: "Whose certificates the relay believes of the directory: `system` for the public \
              authorities that Debian lists, or the path of your own CA's certificate. `generated` \
              is the lab's CA, which signed nobody else's.",
        example: "system",
        source: "saslauthd.conf(5) ldap_tls_cacert_file",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
];

fn wary_of_realms(filter: &str) -> Option<Refusal> {
    let whole = ["%u", "%d", "%r", "%R"];
    if whole.iter().any(|token| filter.contains(token)) {
        return None;
    }
    let why = Refusal::new("`%U` leaves the realm out: alice@anything logs in as alice");
    Some(why.hint("use `%u`, or `%d` beside it"))
}

/// saslauthd's buffer for all servers, separated by spaces (`LAK_URL_LEN`).
const SERVERS_LIMIT: usize = 1023;

struct Servers;

impl Value<Ldap> for Servers {
    fn kind(&self) -> Kind {
        Kind::List(Box::new(Kind::Text("an LDAP URL")), false)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, ldap: &mut Ldap) {
        let start_tls = field.beside("start_tls");
        let start_tls = start_tls.and_then(|field| field.node.flag());
        let start_tls = start_tls.unwrap_or(ldap.start_tls);
        let unencrypted = field.beside("unencrypted");
        let unencrypted = unencrypted.and_then(|field| field.node.flag());
        let unencrypted = unencrypted.unwrap_or(ldap.unencrypted);
        let known = if decoder.adding {
            ldap.servers.clone()
        } else {
            Vec::new()
        };
        let server = |text: &str| syntax::server(text, start_tls, unencrypted);
        let servers = decoder.list(field, known, server, PartialEq::eq);
        let none = (
            "the list is empty, so nobody could log in",
            "write ['ldaps://directory'] for the lab's own",
        );
        if !decoder.has_some(field, Some(none)) {
            return;
        }
        if servers.join(" ").len() > SERVERS_LIMIT {
            let why = format!("more than {SERVERS_LIMIT} bytes together, saslauthd drops the rest");
            decoder.refuse(field, Refusal::new(why));
        } else {
            ldap.servers = servers;
        }
    }

    fn show(&self, ldap: &mut Ldap) -> Shown {
        Shown::List(ldap.servers.iter().map(Shown::text).collect())
    }
}

/// A simple bind needs both halves: a name without a password is the
/// unauthenticated bind of RFC 4513 5.1.2, which directories take for anonymous.
struct SearchingAccount;

static BIND: &[Setting<SearchingAccount>] = &[
    Setting {
        name: "dn",
        value: &Part(|| Kind::Text("the name of an account")),
        need: Need::Nullable,
        about: "its name",
        doc: "The name of the account: a distinguished name or, where the directory is Active \
              Directory, `user@domain` or `DOMAIN\\user`. Other directories take a distinguished \
              name alone. It stands with password_file, or both are `null`. In a lab an account of \
              the lab's own stands in for a name of the other kinds.",
        example: "cn=relay,dc=example,dc=com",
        source: "RFC 4514; RFC 4513 section 5.1.3; saslauthd.conf(5) ldap_bind_dn",
        ..Setting::USUAL
    },
    Setting {
        name: "password_file",
        value: &FILE,
        need: Need::Nullable,
        about: "its password: the only line of this file",
        doc: "The file whose only line is the account's password. Nobody else on the machine should \
              be able to read it.",
        example: "ldap.password",
        source: "saslauthd.conf(5) ldap_bind_pw",
        ..Setting::USUAL
    },
];

impl Value<Ldap> for SearchingAccount {
    fn kind(&self) -> Kind {
        Kind::Section(BIND.iter().map(Setting::key).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, ldap: &mut Ldap) {
        let bind = field.as_section();
        let dn = bind.field("dn");
        let file = bind.field("password_file");
        let complete = |other: &str| {
            Refusal::new(format!("`{other}` is missing, expected both or neither"))
                .hint("without either, the directory is searched anonymously")
        };
        let read_dn = dn
            .as_ref()
            .and_then(|field| decoder.read(field, syntax::account));
        let read_file = file.as_ref().and_then(|field| {
            let (password, path) = decoder.password_file(field)?;
            bind_password(decoder, field, password.reveal()).then_some((password, path))
        });
        match (&dn, &file) {
            (Some(dn), None) if bind.written("password_file").is_none_or(|e| e.value.sound) => {
                decoder.refuse(dn, complete("password_file"));
            }
            (None, Some(file)) if bind.written("dn").is_none_or(|e| e.value.sound) => {
                decoder.refuse(file, complete("dn"));
            }
            _ => {}
        }
        ldap.bind = match (read_dn, read_file) {
            (Some(dn), Some((password, password_file))) => Some(Bind {
                dn,
                password,
                password_file,
            }),
            _ => None,
        };
    }

    fn show(&self, ldap: &mut Ldap) -> Shown {
        let bind = ldap.bind.as_ref();
        let file = bind.map(|bind| bind.password_file.display());
        Shown::Mapping(vec![
            ("dn".to_owned(), Shown::or_null(bind.map(|bind| &bind.dn))),
            ("password_file".to_owned(), Shown::or_null(file)),
        ])
    }
}

/// saslauthd.conf has no quotes: it would lose white space in front.
fn bind_password(decoder: &mut Decoder<'_>, field: &Field<'_>, password: &str) -> bool {
    let why = if password.starts_with(char::is_whitespace) {
        Refusal::new("the password in this file begins with white space, which saslauthd drops")
    } else if let Err(why) = syntax::password(password) {
        why
    } else {
        return true;
    };
    decoder.refuse(field, why);
    false
}
