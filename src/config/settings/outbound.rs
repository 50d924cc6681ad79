//! `outbound`: where mail goes.

mod logins;
mod next_hops;
mod routes;

use std::path::PathBuf;

use crate::config::next_hop::NextHop;
use crate::config::setting::{Counts, Need, Setting};
use crate::config::value::Flag;
use crate::secret::Secret;

use logins::LoginsThere;
use next_hops::NextHops;
use routes::Routes;

pub use routes::Route;

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbound {
    /// In the order in which they are tried. None: in a lab the sink, elsewhere not
    /// allowed.
    pub next_hops: Vec<NextHop>,
    /// The relay's own logins there.
    pub logins: Vec<Credentials>,
    /// Mail that goes another way.
    pub routes: Vec<Route>,
    /// Whether an exported relay has IPv6 on its way out, wherever its next hops are.
    pub ipv6: bool,
}

impl Outbound {
    /// Whether an exported relay has IPv6 on its way out: because relay.yaml says so, or a next
    /// hop has nothing else.
    #[must_use]
    pub fn needs_ipv6(&self) -> bool {
        let routes = self.routes.iter().flat_map(|route| &route.next_hops);
        let mut hops = self.next_hops.iter().chain(routes);
        self.ipv6 || hops.any(NextHop::is_ipv6)
    }
}

/// A login at a next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Where; `None`: at the only one.
    pub next_hop: Option<NextHop>,
    /// The user name.
    pub user: String,
    /// The password, read from `password_file`.
    pub password: Secret,
    /// Where the password was read from, absolute.
    pub password_file: PathBuf,
}

pub(in crate::config) static KEYS: &[Setting<Outbound>] = &[
    Setting {
        name: "next_hop",
        value: &NextHops(|outbound: &mut Outbound| &mut outbound.next_hops),
        need: Need::Nullable,
        about: "the host that takes all mail, or a list in order; null: the lab's sink",
        doc: "The server that takes all mail that leaves. Brackets mean this very host, without a \
              look at its MX records. At port 465 TLS begins with the first byte. Of a list, the \
              first is tried first, for each message; the next one gets what that one does not take \
              for now (it cannot be reached, its TLS is not as it must be, or it answers 4xx). All \
              of a list have port 465, or none: Postfix speaks either way to all. In a lab servers \
              of the lab's own stand in, whatever is written here, so that test mail does not leave.",
        example: "'[smtp.example.net]:587'",
        source: "Postfix relayhost; Postfix smtp_tls_wrappermode; Postfix transport; RFC 8314 section 7.3",
        counts: Counts::InProduction,
        parameters: &["relayhost"],
        promised: "where mail goes",
    },
    Setting {
        name: "credentials",
        value: &LoginsThere(|outbound: &mut Outbound| &mut outbound.logins),
        need: Need::Nullable,
        about: "the relay's login at the next hop, or a list of them",
        doc: "How the relay itself logs in at the next hop. With them TLS is required on the way, \
              even where `tls.outbound.level` is `may`, so that the password never travels in \
              clear. Where there are several next hops, each login names its own: nobody is told \
              another's password.",
        example: "{user: relay, password_file: next-hop.password}",
        source: "Postfix smtp_sasl_password_maps; RFC 4954",
        parameters: &["smtp_sasl_password_maps"],
        ..Setting::USUAL
    },
    Setting {
        name: "routes",
        value: &Routes,
        about: "mail to some recipients, or of some senders, that goes to a next hop of its own",
        doc: "Mail that takes another way than `next_hop`: each route names recipients or senders, \
              and a next hop with logins of its own. Nothing of it goes to DNS or to `next_hop`: \
              where its next hop cannot be reached, it waits. TLS is required on a route, unless \
              `tls.outbound.policies` says otherwise of its next hop. Each route is a client of \
              its own in Postfix, which knows the logins of that route alone. A recipient's route \
              goes before a sender's.",
        example: "[{recipients: [partner.example], next_hop: '[mx.partner.example]:587'}, \
                  {senders: ['@shop.example'], next_hop: '[smtp.example.org]:465', credentials: \
                  {user: shop, password_file: next-hop.password}}]",
        source: "Postfix transport; Postfix sender_dependent_default_transport_maps",
        parameters: &[
            "transport_maps",
            "sender_dependent_relayhost_maps",
            "sender_dependent_default_transport_maps",
            "smtp_sender_dependent_authentication",
        ],
        promised: "which mail goes which way",
        ..Setting::USUAL
    },
    Setting {
        name: "ipv6",
        value: &Flag(|outbound: &mut Outbound| &mut outbound.ipv6),
        about: "whether an exported relay reaches next hops by IPv6",
        doc: "Whether the network of an exported relay has IPv6, for next hops whose name has no \
              other address. A next hop that is an IPv6 address brings it about by itself. The \
              machine needs a way out by IPv6, and Docker before 27 `ip6tables: true` in its \
              daemon.json: no answer comes back without.",
        example: "true",
        source: "Postfix inet_protocols; RFC 4193",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
];
