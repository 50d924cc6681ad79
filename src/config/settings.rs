//! The settings of `relay.yaml`, version 1: one table for each mapping, and a file for
//! each section. The shape of a file is checked against them, its values are read and
//! shown by them, hints, the schema and the reference come from them, and nothing that
//! is not in them is ever read.

pub(super) mod auth;
pub(super) mod lab;
pub(super) mod limits;
pub(super) mod listeners;
pub(super) mod outbound;
pub(super) mod postfix;
pub(super) mod privacy;
pub(super) mod relay;
pub(super) mod tls;

use std::sync::LazyLock;

use super::decode::{Decoder, Field};
use super::node::{Node, join};
use super::setting::{Counts, Key, Kind, Need, Setting, Value};
use super::shown::Shown;
use super::spec::{Listener, Spec};
use super::syntax;
use super::value::{Group, Text};

/// The whole file.
static ROOT: Group<Spec, Spec> = Group {
    at: |spec| spec,
    keys: SECTIONS,
};

static SECTIONS: &[Setting<Spec>] = &[
    Setting {
        name: "version",
        value: &Version,
        need: Need::Required,
        about: "the version of this format: 1",
        doc: "The version of relay.yaml that the file is written in. It stands in every file, so that \
              a later relaykit knows what the keys mean.",
        example: "1",
        ..Setting::USUAL
    },
    Setting {
        name: "hostname",
        value: &Text {
            what: "a host name",
            at: |spec: &mut Spec| &mut spec.hostname,
            read: syntax::hostname,
            show: |name| Some(name.clone()),
            null: None,
            wary: None,
        },
        about: "the relay's fully qualified name",
        doc: "The name that clients connect to, that the relay greets them with, and that its \
              certificate must have.",
        example: "relay.example.org",
        source: "Postfix myhostname; RFC 5321 section 4.1.1.1",
        parameters: &["myhostname"],
        promised: "the relay's name",
        ..Setting::USUAL
    },
    Setting {
        name: "listeners",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.listeners,
            keys: listeners::KEYS,
        },
        about: "ports on the host; 0: the kernel picks",
        doc: "Where the relay listens on the host.",
        ..Setting::USUAL
    },
    Setting {
        name: "relay",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.relay,
            keys: relay::KEYS,
        },
        about: "what is relayed without a login, and how large",
        doc: "Who may relay what.",
        ..Setting::USUAL
    },
    Setting {
        name: "auth",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.auth,
            keys: auth::KEYS,
        },
        about: "how clients log in",
        doc: "How clients log in, and who checks their passwords.",
        ..Setting::USUAL
    },
    Setting {
        name: "tls",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.tls,
            keys: tls::KEYS,
        },
        about: "certificates and protocol versions",
        doc: "TLS towards clients and next hops.",
        ..Setting::USUAL
    },
    Setting {
        name: "privacy",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.privacy,
            keys: privacy::KEYS,
        },
        about: "what a delivered message may tell of its sender",
        doc: "What a delivered message may tell of its sender.",
        ..Setting::USUAL
    },
    Setting {
        name: "outbound",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.outbound,
            keys: outbound::KEYS,
        },
        about: "where mail goes",
        doc: "Where mail goes.",
        ..Setting::USUAL
    },
    Setting {
        name: "limits",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.limits,
            keys: limits::KEYS,
        },
        about: "limits on clients",
        doc: "How much one client may do. In labs of its own `relaykit test` leaves these to the \
              checks of them.",
        ..Setting::USUAL
    },
    Setting {
        name: "postfix",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.postfix,
            keys: postfix::KEYS,
        },
        about: "the last word: any Postfix parameter",
        doc: "The operator's last word: any parameter, any service.",
        ..Setting::USUAL
    },
    Setting {
        name: "lab",
        value: &Group {
            at: |spec: &mut Spec| &mut spec.lab,
            keys: lab::KEYS,
        },
        about: "what only a lab has",
        doc: "What only a lab has. An export has nothing of it.",
        counts: Counts::InLabs,
        ..Setting::USUAL
    },
];

/// It is judged before all else.
struct Version;

impl Value<Spec> for Version {
    fn kind(&self) -> Kind {
        Kind::Number(0, u64::MAX)
    }

    fn read(&self, _: &mut Decoder<'_>, _: &Field<'_>, _: &mut Spec) {}

    fn show(&self, _: &mut Spec) -> Shown {
        Shown::Number(super::VERSION)
    }
}

/// The keys of the whole file.
pub(super) fn root() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| SECTIONS.iter().map(Setting::key).collect());
    &KEYS
}

/// Puts what the mapping `node` says, whose shape was checked, over what `spec` says.
/// What has problems stays as it is, and the decoder's report says so.
pub(super) fn read(node: &Node, decoder: &mut Decoder<'_>, spec: &mut Spec) {
    ROOT.read(decoder, &Field::file(node), spec);
}

/// What follows from other settings where it is not written.
pub(super) fn settle(node: &Node, spec: &mut Spec) {
    let file = Field::file(node);
    let listeners = &spec.listeners;
    let on = |listener: &Listener| listeners.port(*listener).is_some();
    let on = Listener::ALL.into_iter().filter(on).collect();
    spec.auth.settle(&file.as_section().section("auth"), &on);
}

/// What a configuration comes to, every key at the value that is used, passwords
/// as `***`, in the order of the table. It serializes to YAML that
/// [`load`](super::load) takes, and to JSON of the same structure.
#[must_use]
pub fn effective(spec: &Spec) -> Shown {
    ROOT.show(&mut spec.clone())
}

/// What a configuration comes to at one key, such as `privacy.show_login` or
/// `postfix.main.soft_bounce`; `None`: there is nothing at that key.
#[must_use]
pub fn value(spec: &Spec, key: &str) -> Option<Shown> {
    ROOT.find(&mut spec.clone(), key)
}

/// Where else in the file a key of this name stands, such as `listeners.smtp`.
pub(super) fn elsewhere(name: &str) -> Option<String> {
    fn search(keys: &[Key], above: &str, name: &str) -> Option<String> {
        keys.iter().find_map(|key| {
            let path = join(above, key.name);
            if key.name == name {
                return Some(path);
            }
            search(key.below(), &(path + key.items()), name)
        })
    }
    search(root(), "", name)
}

/// Every key with its path, sections before what is in them. The keys of a list's items
/// are below `[]`.
pub(super) fn all() -> Vec<(String, &'static Key)> {
    fn walk(keys: &'static [Key], above: &str, all: &mut Vec<(String, &'static Key)>) {
        for key in keys {
            let path = join(above, key.name);
            all.push((path.clone(), key));
            walk(key.below(), &(path + key.items()), all);
        }
    }
    let mut all = Vec::new();
    walk(root(), "", &mut all);
    all
}

/// The settings that `parameter` of Postfix would say in a second place: their paths, and
/// what each promises, which may be nothing.
pub(super) fn same(parameter: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    static OF: LazyLock<Vec<(&'static str, String, &'static str)>> = LazyLock::new(|| {
        let of = |(path, key): (String, &'static Key)| {
            let names = key.parameters.iter();
            names
                .map(move |name| (*name, path.clone(), key.promised))
                .collect::<Vec<_>>()
        };
        all().into_iter().flat_map(of).collect()
    });
    let of = OF.iter().filter(move |(name, ..)| *name == parameter);
    of.map(|(_, path, promised)| (path.as_str(), *promised))
}
