//! `outbound.routes`: mail that takes a way of its own.

use super::logins::LoginsThere;
use super::next_hops::NextHops;
use super::{Credentials, NextHop};
use crate::config::decode::{Decoder, Field};
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::value::{List, equal_in_any_case};

/// Mail that goes to next hops of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Mail to these: a domain, `.domain` for all below it, or an address. None: it goes by
    /// the sender.
    pub recipients: Vec<String>,
    /// Mail whose envelope is from these: `@domain` or an address. None: it goes by the
    /// recipient.
    pub senders: Vec<String>,
    /// Where it goes, in the order in which they are tried.
    pub next_hops: Vec<NextHop>,
    /// The relay's own logins there.
    pub logins: Vec<Credentials>,
}

static ROUTE: &[Setting<Route>] = &[
    Setting {
        name: "recipients",
        value: &List {
            what: "a domain, `.domain` or an address",
            at: |route: &mut Route| &mut route.recipients,
            read: syntax::routed_recipient,
            same: equal_in_any_case,
            wary: None,
        },
        about: "mail to these",
        doc: "Whose mail goes this way: a domain means just that domain, `.domain` all below it and \
              not itself, and an address its own mail alone, before any domain.",
        example: "[partner.example, .partner.example]",
        source: "Postfix transport",
        ..Setting::USUAL
    },
    Setting {
        name: "senders",
        value: &List {
            what: "`@domain` or an address",
            at: |route: &mut Route| &mut route.senders,
            read: syntax::routed_sender,
            same: equal_in_any_case,
            wary: None,
        },
        about: "mail from these senders",
        doc: "Whose mail goes this way, by the sender of its envelope: `@domain`, or an address, \
              which goes before its domain. Mail to `relay.domains` is left out, since strangers \
              send it, too, and make up its sender. So are reports: their sender is empty.",
        example: "['@shop.example']",
        source: "Postfix sender_dependent_default_transport_maps",
        ..Setting::USUAL
    },
    Setting {
        name: "next_hop",
        value: &NextHops(|route: &mut Route| &mut route.next_hops),
        need: Need::Required,
        about: "where it goes: a next hop, or a list in order",
        doc: "The server that takes this mail, or a list in order, as `outbound.next_hop`. In a lab \
              servers of the lab's own stand in.",
        example: "'[mx.partner.example]:587'",
        source: "Postfix transport",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "credentials",
        value: &LoginsThere(|route: &mut Route| &mut route.logins),
        need: Need::Nullable,
        about: "the relay's login there, or a list of them",
        doc: "How the relay logs in on this route, as `outbound.credentials`. Another route to the \
              same server may have another login.",
        example: "{user: shop, password_file: next-hop.password}",
        source: "Postfix smtp_sasl_password_maps",
        ..Setting::USUAL
    },
];

/// A list of mappings.
pub(super) struct Routes;

impl Value<super::Outbound> for Routes {
    fn kind(&self) -> Kind {
        let route = Kind::Section(ROUTE.iter().map(Setting::key).collect());
        Kind::List(Box::new(route), true)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut super::Outbound) {
        let mut routes = Vec::new();
        if decoder.adding {
            routes.append(&mut outbound.routes);
        }
        for item in field.items() {
            let (section, mut route) = (item.as_section(), Route::default());
            for setting in ROUTE {
                if let Some(field) = section.sound(setting.name) {
                    setting.value.read(decoder, &field, &mut route);
                }
            }
            routes.push(route);
        }
        outbound.routes = routes;
    }

    fn show(&self, outbound: &mut super::Outbound) -> Shown {
        let show = |route: &mut Route| {
            let show = |setting: &Setting<Route>| {
                let shown = setting.value.show(route);
                let empty = matches!(&shown, Shown::List(items) if items.is_empty());
                let none = empty || shown == Shown::Null;
                (!none).then(|| (setting.name.to_owned(), shown))
            };
            Shown::Mapping(ROUTE.iter().filter_map(show).collect())
        };
        Shown::List(outbound.routes.iter_mut().map(show).collect())
    }
}
