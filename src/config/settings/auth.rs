//! `auth`: how clients log in.

use std::collections::BTreeSet;

use super::listeners::Listener;
use crate::config::decode::{Decoder, Field, Section};
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::value::{FILE, Flag, Group, Words};

pub(in crate::config) mod ldap;

use ldap::Ldap;

/// Logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Which listeners offer a login; never without TLS.
    pub listeners: BTreeSet<Listener>,
    /// SASL mechanisms in the order offered.
    pub mechanisms: Vec<Mechanism>,
    /// Whether the `250-AUTH=` line of old Outlook versions is sent as well.
    pub outlook_compatible: bool,
    /// The directory that checks them.
    pub ldap: Ldap,
}

/// A SASL mechanism that saslauthd can serve: it needs the password itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The name in `relay.yaml` and in Cyrus SASL's `mech_list`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Login => "login",
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            listeners: [Listener::Submission, Listener::Submissions].into(),
            mechanisms: vec![Mechanism::Plain, Mechanism::Login],
            outlook_compatible: true,
            ldap: Ldap::default(),
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Auth>] = &[
    Setting {
        name: "backend",
        value: &Backend,
        about: "what checks passwords",
        doc: "What the relay asks whether a password is right. `ldap` is a directory. This version \
              has no other; `pam` is refused.",
        example: "ldap",
        source: "saslauthd(8)",
        ..Setting::USUAL
    },
    Setting {
        name: "mechanisms",
        value: &Words {
            get: |auth: &Auth| auth.mechanisms.clone(),
            put: |auth, mechanisms| auth.mechanisms = mechanisms,
            all: &Mechanism::ALL,
            name: Mechanism::name,
            none: Some((
                "the list is empty, so nobody could log in",
                "write [plain, login]",
            )),
        },
        about: "SASL mechanisms in the order offered",
        doc: "The ways in which a client may send its password, in the order in which the relay \
              offers them. Both send the password itself, which a directory needs to check it, so \
              that neither is offered without TLS. `login` is for old mail programs.",
        example: "[login]",
        source: "RFC 4616; RFC 4954; Postfix smtpd_sasl_mechanism_filter",
        parameters: &["smtpd_sasl_mechanism_filter"],
        promised: "these mechanisms are offered",
        ..Setting::USUAL
    },
    Setting {
        name: "listeners",
        value: &Words {
            get: |auth: &Auth| auth.listeners.iter().copied().collect(),
            put: |auth, listeners| auth.listeners = listeners.into_iter().collect(),
            all: &Listener::ALL,
            name: Listener::name,
            none: None,
        },
        about: "listeners that offer a login",
        doc: "On which listeners clients can log in, always under TLS. A submission port that is on \
              must be here (RFC 6409 section 4.3). `smtp` may be added, for clients that log in on \
              port 25.",
        example: "[smtp, submission, submissions]",
        source: "Postfix smtpd_sasl_auth_enable; RFC 6409 section 4.3",
        parameters: &["smtpd_sasl_auth_enable"],
        ..Setting::USUAL
    },
    Setting {
        name: "outlook_compatible",
        value: &Flag(|auth: &mut Auth| &mut auth.outlook_compatible),
        about: "the AUTH= line of broken clients",
        doc: "Whether the reply to EHLO has a second line, `AUTH=PLAIN LOGIN`, for old versions of \
              Outlook that read the draft of the standard and no other.",
        example: "false",
        source: "Postfix broken_sasl_auth_clients",
        parameters: &["broken_sasl_auth_clients"],
        promised: "whether there is an AUTH= line",
        ..Setting::USUAL
    },
    Setting {
        name: "ldap",
        value: &Group {
            at: |auth: &mut Auth| &mut auth.ldap,
            keys: ldap::KEYS,
        },
        about: "the directory that checks passwords",
        doc: "The directory that checks passwords. In a lab a directory of its own stands in, with \
              the people of lab.users.",
        source: "saslauthd.conf(5)",
        ..Setting::USUAL
    },
    Setting {
        name: "pam",
        value: &Pam,
        about: "the PAM stack that checks passwords",
        doc: "Not in this version: both keys must be `null`.",
        counts: Counts::Later,
        ..Setting::USUAL
    },
];

/// `ldap`: this version has no other.
struct Backend;

impl Value<Auth> for Backend {
    fn kind(&self) -> Kind {
        Kind::Word(vec!["ldap", "pam"])
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, _: &mut Auth) {
        if field.text() == "pam" {
            decoder.not_yet(field, "write `ldap`");
        }
    }

    fn show(&self, _: &mut Auth) -> Shown {
        Shown::text("ldap")
    }
}

/// Always empty: not in this version.
struct Pam;

static PAM: &[Setting<Pam>] = &[
    Setting {
        name: "users_file",
        value: &FILE,
        need: Need::Nullable,
        about: "name:hash lines; the default PAM stack reads them",
        doc: "Not in this version.",
        counts: Counts::Later,
        ..Setting::USUAL
    },
    Setting {
        name: "stack",
        value: &FILE,
        need: Need::Nullable,
        about: "a PAM service file of your own",
        doc: "Not in this version.",
        counts: Counts::Later,
        ..Setting::USUAL
    },
];

impl Value<Auth> for Pam {
    fn kind(&self) -> Kind {
        Kind::Section(PAM.iter().map(Setting::key).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, _: &mut Auth) {
        for key in PAM {
            if let Some(field) = field.as_section().field(key.name) {
                decoder.not_yet(&field, "write null");
            }
        }
    }

    fn show(&self, _: &mut Auth) -> Shown {
        let null = |key: &Setting<Self>| (key.name.to_owned(), Shown::Null);
        Shown::Mapping(PAM.iter().map(null).collect())
    }
}

impl Auth {
    /// What is off offers nothing: only a list that was written can be wrong about it.
    pub(in crate::config) fn settle(&mut self, section: &Section<'_>, on: &BTreeSet<Listener>) {
        if section.field("listeners").is_none() {
            self.listeners.retain(|listener| on.contains(listener));
        }
    }
}
