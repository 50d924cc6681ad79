//! Promises of relay.yaml that a line of `postfix.main` or `postfix.master` could
//! take back without a word: what one key says, an override may add to or say in
//! its own way, and not undo. What a single parameter says over again stands on the
//! setting (`Setting::parameters`), what takes more to see in `table`. Of parameters
//! that are dangerous whatever relay.yaml says, `overrides` knows.

mod table;
mod words;

use super::node::Node;
use super::problem::{Refusal, Report};
use super::settings;
use super::spec::{Listener, Spec};
use table::{Key, Promise, promises};

/// Where a parameter is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// main.cf: every service that has no option of its own.
    Main,
    /// The service of this listener.
    Listener(Listener),
    /// One of relaykit's cleanup services for mail that came by login.
    Cleanup,
    /// A service that is not relaykit's.
    Other,
}

impl Place {
    fn of(service: &str) -> Self {
        match service {
            "cleanup-login/unix" | "cleanup-mixed/unix" => return Self::Cleanup,
            _ => {}
        }
        let listener = service.strip_suffix("/inet").and_then(|name| {
            // A port may stand for its name, with an address before it.
            let name = name.rsplit(':').next().unwrap_or(name);
            Listener::ALL
                .into_iter()
                .find(|l| l.name() == name || l.port().to_string() == name)
        });
        listener.map_or(Self::Other, Self::Listener)
    }

    /// Whether clients log in there.
    fn has_logins(self, spec: &Spec) -> bool {
        matches!(self, Self::Listener(listener) if spec.auth.listeners.contains(&listener))
    }

    /// Whether what is set there counts on port 25.
    fn is_port_25(self) -> bool {
        matches!(self, Self::Main | Self::Listener(Listener::Smtp))
    }
}

/// One parameter that an operator sets.
struct Override<'a> {
    spec: &'a Spec,
    place: Place,
    name: &'a str,
    /// With the operator's own parameters (`$name`) put in.
    value: &'a str,
}

/// Refuses what takes back a promise of `spec`, which was filled from `root`.
pub(super) fn check(spec: &Spec, root: &Node, report: &mut Report) {
    for (name, value) in &spec.postfix.main {
        let path = format!("postfix.main.{name}");
        judge(spec, root, report, &path, Place::Main, name, value);
    }
    for (service, line) in &spec.postfix.master {
        let path = format!("postfix.master.{service}");
        for (name, value) in super::overrides::options(line) {
            let place = Place::of(service);
            judge(spec, root, report, &path, place, name, value);
        }
    }
}

fn judge(
    spec: &Spec,
    root: &Node,
    report: &mut Report,
    path: &str,
    place: Place,
    name: &str,
    value: &str,
) {
    twice(root, report, path, name);
    let value = words::expanded(value, &spec.postfix.main);
    let over = Override {
        spec,
        place,
        name,
        value: &value,
    };
    for promise in promises() {
        if !promise.parameters.contains(&name) || !made(promise, spec, root) {
            continue;
        }
        if let Some(instead) = (promise.taken)(&over) {
            let (Key::Written(key) | Key::Says(key, _)) = promise.key;
            let why = format!("this takes back {}", told(key, promise.promised, root));
            report.refuse(
                root.locate(path),
                path,
                Refusal::new(why).hint(instead.replace("NAME", name)),
            );
        }
    }
}

/// Whether relay.yaml makes the promise.
fn made(promise: &Promise, spec: &Spec, root: &Node) -> bool {
    match promise.key {
        Key::Written(key) => written(root, key),
        Key::Says(_, says) => says(spec),
    }
}

/// Two places for one value: what a written key says, a parameter may not say again.
fn twice(root: &Node, report: &mut Report, path: &str, name: &str) {
    for (key, promised) in settings::same(name) {
        if !promised.is_empty() && written(root, key) {
            let why = format!("this takes back {}", told(key, promised, root));
            let instead = format!("remove {name} here and write the value there");
            report.refuse(root.locate(path), path, Refusal::new(why).hint(instead));
        }
    }
}

/// What is promised, and where.
fn told(key: &str, promised: &str, root: &Node) -> String {
    let place = if written(root, key) {
        format!("in line {}", root.locate(key).line)
    } else {
        "by default".to_owned()
    };
    format!("what `{key}` promises {place}: {promised}")
}

fn written(root: &Node, key: &str) -> bool {
    root.find(key).is_some()
}
