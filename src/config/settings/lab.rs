//! `lab`: what only a lab has.

use super::listeners::HIGHEST_PORT;
use crate::config::decode::{Decoder, Field};
use crate::config::problem::{Refusal, quoted};
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::value::{List, Number, Part, equal};
use crate::secret::Secret;

/// What only a lab has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// The people in the directory.
    pub users: Vec<User>,
    /// Networks that somebody else has made on the engine: the relay joins them under
    /// its host name, so that programs in containers reach it.
    pub networks: Vec<String>,
    /// The port on the host where the directory answers `ldaps://`; `0` lets the kernel pick.
    pub ldaps: u16,
}

/// A person in the lab's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `uid`.
    pub name: String,
    /// Clear text; hashed before it reaches the directory.
    pub password: Secret,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            users: vec![User {
                name: "alice".to_owned(),
                password: Secret::new("wonderland"),
            }],
            networks: Vec::new(),
            ldaps: 2636,
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Lab>] = &[
    Setting {
        name: "users",
        value: &People,
        about: "the people of the lab, who can log in",
        doc: "Who can log in, in a lab: the people of its directory. The checks of `relaykit test` \
              log in as the first of them.",
        example: "[{name: Zoë, password: 'a: b #c'}, {name: '7', password: '0x10'}]",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
    Setting {
        name: "networks",
        value: &List {
            what: "the name of a network on the engine",
            at: |lab: &mut Lab| &mut lab.networks,
            read: syntax::network_name,
            same: equal,
            wary: None,
        },
        about: "networks of your own that the relay joins under its host name",
        doc: "Networks that somebody else has made on the engine, such as that of a compose project. \
              A lab's relay joins them under its host name, so that programs in containers reach \
              it. `down` leaves them alone.",
        example: "[shop_default]",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
    Setting {
        name: "ldaps",
        value: &Number {
            at: |lab: &mut Lab| &mut lab.ldaps,
            least: 0,
            most: HIGHEST_PORT,
        },
        about: "the directory's port on the host; 0: the kernel picks",
        doc: "The port on the host at which the lab's own directory answers `ldaps://`, to look into \
              it.",
        example: "0",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
];

/// A list of mappings.
struct People;

static USER: &[Setting<People>] = &[
    Setting {
        name: "name",
        value: &Part(|| Kind::Text("a user name")),
        need: Need::Required,
        about: "what the user types",
        doc: "The login, which is the entry's `uid`, or what else auth.ldap.filter compares with it. \
              Where it compares logins with addresses alone, as in `(mail=%u)`, a name without an \
              `@` gets the domain of search_base: alice logs in as alice@example.com.",
        example: "bob",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
    Setting {
        name: "password",
        value: &Part(|| Kind::Secret),
        need: Need::Required,
        about: "the password in clear text; the directory gets a hash",
        doc: "The password in clear text; the directory gets a hash of it. It is for tests: write no \
              password of a real person here.",
        example: "looking-glass",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
];

impl Value<Lab> for People {
    fn kind(&self) -> Kind {
        let user = Kind::Section(USER.iter().map(Setting::key).collect());
        Kind::List(Box::new(user), true)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, lab: &mut Lab) {
        let mut users: Vec<User> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        if decoder.adding {
            users.append(&mut lab.users);
            names.extend(users.iter().map(|user| user.name.clone()));
        }
        for item in field.items() {
            let person = item.as_section();
            let name = person.field("name");
            let name = name
                .as_ref()
                .and_then(|field| login(decoder, field, &mut names));
            let password = person.field("password").and_then(|field| {
                let password = decoder.read(&field, syntax::password);
                password.map(|()| Secret::new(field.text()))
            });
            if let (Some(name), Some(password)) = (name, password) {
                users.push(User { name, password });
            }
        }
        lab.users = users;
    }

    fn show(&self, lab: &mut Lab) -> Shown {
        let user = |user: &User| {
            Shown::Mapping(vec![
                ("name".to_owned(), Shown::text(&user.name)),
                ("password".to_owned(), Shown::text(&user.password)),
            ])
        };
        Shown::List(lab.users.iter().map(user).collect())
    }
}

/// A directory compares names without regard to case (RFC 4519 2.39).
fn login(decoder: &mut Decoder<'_>, field: &Field<'_>, names: &mut Vec<String>) -> Option<String> {
    let name = decoder.read(field, syntax::login_name)?;
    let why = match names
        .iter()
        .find(|other| other.to_lowercase() == name.to_lowercase())
    {
        None => {
            names.push(name.clone());
            return Some(name);
        }
        Some(other) if *other == name => {
            Refusal::new(format!("{} is in the list already", quoted(&name)))
        }
        Some(other) => Refusal::new(format!(
            "{} is {} to a directory, which ignores case",
            quoted(&name),
            quoted(other)
        )),
    };
    decoder.refuse(field, why);
    None
}
