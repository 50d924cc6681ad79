//! `postfix`: the operator's last word. What it may not say, `overrides` and `promises`
//! know.

use std::collections::BTreeMap;

use crate::audit;
use crate::config::decode::{Decoder, Field};
use crate::config::parameters::Surroundings;
use crate::config::setting::{Kind, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;

/// The operator's last word: any parameter, any service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Postfix {
    /// main.cf: parameter to value.
    pub main: BTreeMap<String, String>,
    /// master.cf: `service/type` to the rest of its line, as `postconf -M` takes it.
    pub master: BTreeMap<String, String>,
    /// Rules of `config lint` whose findings are meant, by id.
    pub accept: Vec<String>,
}

pub(in crate::config) static KEYS: &[Setting<Postfix>] = &[
    Setting {
        name: "main",
        value: &Main,
        about: "main.cf: parameter and value",
        doc: "Parameters of main.cf that go over relaykit's own. A name must be one of Postfix's, one \
              that a service makes, or one of your own that another value uses (`$mine`); Postfix \
              would pass over any other in silence. What relay.yaml promises, a parameter may add \
              to and not take back.",
        example: "{smtp_connect_timeout: 10s, relay_transport: ''}",
        source: "Postfix postconf",
        ..Setting::USUAL
    },
    Setting {
        name: "master",
        value: &Master,
        about: "master.cf: service/type and the rest of its line",
        doc: "Services of master.cf that go over relaykit's own or stand beside them: `service/type`, \
              and the rest of the line as `postconf -M` takes it. A line keeps the options of \
              relaykit's own that it does not name.",
        example: "{10025/inet: n - n - - smtpd}",
        source: "Postfix master",
        ..Setting::USUAL
    },
    Setting {
        name: "accept",
        value: &Accept,
        about: "findings of `config lint` that are meant, by the id of their rule",
        doc: "`relaykit config lint` says what the lines of `main` and `master` let through, and each \
              of its findings has the id of a rule. An id here says that this is meant: the lint and \
              the check of it then pass, and every report names what was accepted. The rules are in \
              docs/LINT.md.",
        example: "[copied, rerouted]",
        ..Setting::USUAL
    },
];

/// Ids of rules.
struct Accept;

impl Value<Postfix> for Accept {
    fn kind(&self) -> Kind {
        Kind::List(Box::new(Kind::Word(ids())), true)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, postfix: &mut Postfix) {
        let known = if decoder.adding {
            std::mem::take(&mut postfix.accept)
        } else {
            Vec::new()
        };
        let read = |id: &str| Ok(id.to_owned());
        postfix.accept = decoder.list(field, known, read, PartialEq::eq);
    }

    fn show(&self, postfix: &mut Postfix) -> Shown {
        Shown::List(postfix.accept.iter().map(Shown::text).collect())
    }
}

fn ids() -> Vec<&'static str> {
    audit::all().map(|rule| rule.id).collect()
}

/// Parameters of main.cf. What one may be depends on the others, and on the services.
struct Main;

impl Value<Postfix> for Main {
    fn kind(&self) -> Kind {
        Kind::Open("a Postfix parameter")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, postfix: &mut Postfix) {
        let main = field.entries();
        let master = field.beside("master").map(|field| field.entries());
        let master = master.unwrap_or_default();
        let values = main.iter().chain(&master);
        let surroundings = Surroundings {
            values: values
                .map(|(entry, field)| (entry.key.as_str(), field.text()))
                .collect(),
            services: master
                .iter()
                .map(|(entry, _)| {
                    entry
                        .key
                        .rsplit_once('/')
                        .map_or(entry.key.as_str(), |(name, _)| name)
                })
                .collect(),
        };
        if !decoder.adding {
            postfix.main.clear();
        }
        for (entry, field) in &main {
            let name = syntax::parameter_name(&entry.key)
                .and_then(|name| surroundings.judge(&name).map(|()| name));
            match name {
                Err(why) => decoder.refuse_name(entry, field, why),
                Ok(name) => {
                    postfix.main.insert(name, field.text().to_owned());
                }
            }
        }
    }

    fn show(&self, postfix: &mut Postfix) -> Shown {
        show(&postfix.main)
    }
}

/// Services of master.cf.
struct Master;

impl Value<Postfix> for Master {
    fn kind(&self) -> Kind {
        Kind::Open("service/type")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, postfix: &mut Postfix) {
        if !decoder.adding {
            postfix.master.clear();
        }
        for (entry, field) in &field.entries() {
            match syntax::service_name(&entry.key) {
                Err(why) => decoder.refuse_name(entry, field, why),
                Ok(service) => {
                    let line = decoder.read(field, |text| syntax::service_line(&service, text));
                    if let Some(line) = line {
                        postfix.master.insert(service, line);
                    }
                }
            }
        }
    }

    fn show(&self, postfix: &mut Postfix) -> Shown {
        show(&postfix.master)
    }
}

fn show(map: &BTreeMap<String, String>) -> Shown {
    let entries = map.iter();
    Shown::Mapping(
        entries
            .map(|(name, value)| (name.clone(), Shown::text(value)))
            .collect(),
    )
}
