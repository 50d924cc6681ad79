//! `auth`: how clients log in.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::listeners::Listener;
use crate::config::decode::{Decoder, Field, Section};
use crate::config::files;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::value::{Flag, Group, Words};

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
    /// The directory that checks them, where there is no users file.
    pub ldap: Ldap,
    /// The users file that checks them in its place.
    pub users: Option<Users>,
    /// How PAM checks them by that file; `None`: as relaykit has it.
    pub stack: Option<PamStack>,
}

/// A PAM service file of the operator's (pam.conf(5)), which was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PamStack {
    /// Where it was read, absolute.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

/// A users file, see [`crate::accounts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// Where it is, absolute. Its folder is mounted in production: the file is replaced
    /// by another whenever somebody changes it.
    pub file: PathBuf,
    /// How many people are in it.
    pub people: usize,
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
            users: None,
            stack: None,
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Auth>] = &[
    Setting {
        name: "backend",
        value: &Backend,
        about: "what checks passwords",
        doc: "What the relay asks whether a password is right. `ldap` is a directory, `pam` the users \
              file of `auth.pam.users_file`; it follows from that key and need not be written.",
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
        value: &Group {
            at: |auth: &mut Auth| auth,
            keys: PAM,
        },
        about: "what PAM checks passwords by",
        doc: "What PAM checks passwords by, where `auth.backend` is `pam`.",
        source: "saslauthd(8); pam(7)",
        ..Setting::USUAL
    },
];

/// The word for what the other keys say.
struct Backend;

impl Value<Auth> for Backend {
    fn kind(&self) -> Kind {
        Kind::Word(vec!["ldap", "pam"])
    }

    /// Whether it is the word is seen when all keys are read (`combine`).
    fn read(&self, _: &mut Decoder<'_>, _: &Field<'_>, _: &mut Auth) {}

    fn show(&self, auth: &mut Auth) -> Shown {
        Shown::text(auth.backend())
    }
}

impl Auth {
    /// `auth.backend`, as it follows from the other keys.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        if self.users.is_some() { "pam" } else { "ldap" }
    }
}

/// The path of a users file, which is looked into if it exists.
struct UsersFile;

impl Value<Auth> for UsersFile {
    fn kind(&self) -> Kind {
        Kind::Text("the path of a file")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, auth: &mut Auth) {
        auth.users = None;
        if field.is_null() {
            return;
        }
        let Some(file) = decoder.path(field) else {
            return;
        };
        match files::read_users(&file) {
            Ok((people, warning)) => {
                if let Some(warning) = warning {
                    decoder.warn(field, warning);
                }
                auth.users = Some(Users { file, people });
            }
            Err(why) => decoder.refuse(field, why),
        }
    }

    fn show(&self, auth: &mut Auth) -> Shown {
        Shown::or_null(auth.users.as_ref().map(|users| users.file.display()))
    }
}

static PAM: &[Setting<Auth>] = &[
    Setting {
        name: "users_file",
        value: &UsersFile,
        need: Need::Nullable,
        about: "a users file that checks passwords, without any directory",
        doc: "The users file that checks passwords in the place of a directory; `relaykit users` \
              keeps it. A line is `name:hash:addresses`. In production its folder is mounted, so \
              give it one of its own. In a lab the people of lab.users stand in.",
        example: "users/accounts",
        source: "saslauthd(8); crypt(5); RFC 4616",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "stack",
        value: &Stack,
        need: Need::Nullable,
        about: "a PAM service file of your own; null: relaykit's",
        doc: "A PAM service file that takes the place of relaykit's, for further conditions beside the \
              password. `auth required pam_pwdfile.so pwdfile=/run/saslauthd/accounts nodelay` must \
              be in it, which compares the password with `users_file`, and a line for `account`. \
              Only the modules that the relay's image has can run, and nothing may let somebody in \
              before the password is compared. The file is read when a lab is brought up and when \
              a bundle is exported.",
        example: "relay.pam",
        source: "pam.conf(5); pam_pwdfile(8); saslauthd(8)",
        ..Setting::USUAL
    },
];

/// The path of a PAM service file, which is read.
struct Stack;

impl Value<Auth> for Stack {
    fn kind(&self) -> Kind {
        Kind::Text("the path of a file")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, auth: &mut Auth) {
        auth.stack = None;
        if field.is_null() {
            return;
        }
        let Some(file) = decoder.path(field) else {
            return;
        };
        match files::read_stack(&file) {
            Ok(text) => auth.stack = Some(PamStack { file, text }),
            Err(why) => decoder.refuse(field, why),
        }
    }

    fn show(&self, auth: &mut Auth) -> Shown {
        Shown::or_null(auth.stack.as_ref().map(|stack| stack.file.display()))
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
