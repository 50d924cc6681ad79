//! `outbound` and `tls.outbound`: next hops, the logins there, and how sure the relay is of
//! each.

use super::Check;
use crate::config::next_hop::NextHop;
use crate::config::node::Node;
use crate::config::problem::{Position, Refusal};
use crate::config::spec::{Credentials, OutboundLevel, Policy};
use crate::config::syntax;

const NEXT_HOP: &str = "outbound.next_hop";
const CREDENTIALS: &str = "outbound.credentials";
const ROUTES: &str = "outbound.routes";
const POLICIES: &str = "tls.outbound.policies";

/// Where some mail goes: all that has no route, or that of a route.
struct Way<'a> {
    /// The key of the section that it stands in.
    path: String,
    /// That section, if it is written.
    section: Option<&'a Node>,
    hops: &'a [NextHop],
    logins: &'a [Credentials],
    is_route: bool,
}

impl Way<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

impl<'a> Check<'a> {
    /// All ways of mail, those alone whose shape is right.
    fn ways(&self) -> Vec<Way<'a>> {
        let outbound = &self.spec.outbound;
        let section = |path: &str| self.root.find(path).map(|entry| &entry.value);
        let mut ways = Vec::new();
        if self.report.sound(&[NEXT_HOP, CREDENTIALS]) {
            ways.push(Way {
                path: "outbound".to_owned(),
                section: section("outbound"),
                hops: &outbound.next_hops,
                logins: &outbound.logins,
                is_route: false,
            });
        }
        if self.report.sound(&[ROUTES]) {
            let items = section(ROUTES).map_or(&[][..], Node::items);
            let routes = outbound.routes.iter().enumerate();
            ways.extend(routes.map(|(index, route)| Way {
                path: format!("{ROUTES}[{index}]"),
                section: items.get(index),
                hops: &route.next_hops,
                logins: &route.logins,
                is_route: true,
            }));
        }
        ways
    }

    /// Where `name` of a way is written.
    fn place(&self, way: &Way<'_>, name: &str) -> Position {
        let section = way.section.map_or(self.root, |section| section);
        section.locate(name)
    }

    fn refuse_way(&mut self, way: &Way<'_>, name: &str, why: Refusal) {
        let at = self.place(way, name);
        self.report.refuse(at, &way.key(name), why);
    }

    fn level_of(&self, way: &Way<'_>, hop: &NextHop) -> OutboundLevel {
        if way.is_route {
            self.spec.level_on_route(hop)
        } else {
            self.spec.level_towards(hop)
        }
    }

    pub(super) fn next_hops(&mut self) {
        for way in self.ways() {
            self.next_hops_of(&way);
        }
    }

    fn next_hops_of(&mut self, way: &Way<'_>) {
        let hostname = &self.spec.hostname;
        let own = |hop: &NextHop| hop.host.eq_ignore_ascii_case(hostname);
        if way.hops.iter().any(own) {
            let why = Refusal::new("this is the relay itself: mail would go in circles");
            self.refuse_way(way, "next_hop", why);
        }
        let (first, wrapped) = (way.hops.first(), |hop: &&NextHop| hop.wraps());
        let mut others = way.hops.iter();
        let other = others.find(|hop| Some(hop.wraps()) != first.map(NextHop::wraps));
        if let (Some(first), Some(other)) = (first, other) {
            let (at_465, not) = if wrapped(&first) {
                (first, other)
            } else {
                (other, first)
            };
            let why = format!(
                "{at_465} wants TLS from the first byte and {not} does not, and Postfix goes \
                 through a list in one way or the other"
            );
            let hint = "write both at port 465, or both at the port where they take STARTTLS, as a \
                        rule 587";
            self.refuse_way(way, "next_hop", Refusal::new(why).hint(hint));
        }
    }

    /// The relay's logins: each for one next hop.
    pub(super) fn logins_there(&mut self) {
        for way in self.ways() {
            self.logins_of(&way);
        }
    }

    fn logins_of(&mut self, way: &Way<'_>) {
        const NAME: &str = "credentials";
        let (hops, logins) = (way.hops, way.logins);
        if logins.is_empty() {
            return;
        }
        if hops.is_empty() {
            let why = Refusal::new("a login, and no next hop to log in to");
            return self.refuse_way(way, NAME, why.hint("set outbound.next_hop"));
        }
        for (index, login) in logins.iter().enumerate() {
            let Some(at) = &login.next_hop else {
                if hops.len() > 1 || logins.len() > 1 {
                    let why = "this login does not say for which next hop it is, and there are \
                               several";
                    let hint = format!(
                        "write {{next_hop: '{}', user: ..., password_file: ...}}, an item for each \
                         next hop that wants a login",
                        hops[0]
                    );
                    self.refuse_way(way, NAME, Refusal::new(why).hint(hint));
                }
                continue;
            };
            if !hops.contains(at) {
                let why = format!("a login for {at}, where no mail goes");
                let hint = listed(&way.key("next_hop"), hops);
                self.refuse_way(way, NAME, Refusal::new(why).hint(hint));
            } else if logins[..index]
                .iter()
                .any(|other| other.next_hop == login.next_hop)
            {
                let why = Refusal::new(format!("two logins for {at}"));
                self.refuse_way(way, NAME, why.hint("keep one of them"));
            }
        }
        let mut with_login = hops
            .iter()
            .filter(|hop| Credentials::at(logins, hop).is_some());
        if with_login.any(|hop| !self.level_of(way, hop).verifies()) {
            let why = "the next hop's certificate is not verified: whoever answers in its \
                       place gets this password, though under TLS";
            let hint = "write tls.outbound.level: secure";
            let at = self.place(way, NAME);
            self.report
                .warn(at, &way.key(NAME), Refusal::new(why).hint(hint));
        }
    }

    /// Whether each next hop can be what is demanded of it.
    pub(super) fn policies(&mut self) {
        let keys = [
            NEXT_HOP,
            POLICIES,
            "tls.outbound.level",
            CREDENTIALS,
            ROUTES,
        ];
        if !self.report.sound(&keys) {
            return;
        }
        let (spec, ways) = (self.spec, self.ways());
        for (hop, policy) in &spec.tls.outbound.policies {
            let used: Vec<&Way<'_>> = ways.iter().filter(|way| way.hops.contains(hop)).collect();
            if used.is_empty() {
                let why = format!("no mail goes to {hop}, so this does nothing");
                let all: Vec<NextHop> = ways.iter().flat_map(|way| way.hops.to_vec()).collect();
                let hint = listed(NEXT_HOP, &all);
                self.refuse_policy(hop, Refusal::new(why).hint(hint));
            } else {
                let logs_in = |way: &&Way<'_>| Credentials::at(way.logins, hop).is_some();
                self.policy(hop, policy, used.iter().any(logs_in));
            }
        }
        for way in &ways {
            self.names_of(way);
        }
    }

    /// An address has no name to look for.
    fn names_of(&mut self, way: &Way<'_>) {
        let spec = self.spec;
        let unnamed = |hop: &&NextHop| {
            let matches = spec
                .policy(hop)
                .is_some_and(|policy| !policy.matches.is_empty());
            hop.is_address() && self.level_of(way, hop).names() && !matches
        };
        let unnamed: Vec<&NextHop> = way.hops.iter().filter(unnamed).collect();
        for hop in unnamed {
            let level = self.level_of(way, hop).name();
            let why = format!(
                "{hop} is an address, and `{level}` looks for a name in the certificate: no mail \
                 would leave"
            );
            let hint = format!(
                "write the name in the place of the address, or tls.outbound.policies: {{'{hop}': \
                 secure match=NAME}} with the name that stands in the certificate"
            );
            self.refuse_way(way, "next_hop", Refusal::new(why).hint(hint));
        }
    }

    fn policy(&mut self, hop: &NextHop, policy: &Policy, logs_in: bool) {
        if policy.level >= OutboundLevel::Encrypt {
            return;
        }
        let level = policy.level.name();
        if hop.wraps() {
            let why = format!("`{level}`, and at port 465 there is nothing but TLS");
            self.refuse_policy(hop, Refusal::new(why).hint("write encrypt, or secure"));
        } else if logs_in {
            let why = format!("`{level}`, and there are credentials for it");
            let hint = "write encrypt or secure: the password is never sent in clear";
            self.refuse_policy(hop, Refusal::new(why).hint(hint));
        } else if policy.level == OutboundLevel::None {
            let why = "all mail goes there in clear, for everybody on the way to read and change";
            let hint = "write may, or encrypt where it offers STARTTLS";
            let path = format!("{POLICIES}.{hop}");
            let at = self.at(hop);
            self.report.warn(at, &path, Refusal::new(why).hint(hint));
        }
    }

    fn refuse_policy(&mut self, hop: &NextHop, why: Refusal) {
        let at = self.at(hop);
        let path = format!("{POLICIES}.{hop}");
        self.report.refuse(at, &path, why);
    }

    /// Where it is written: its key has dots, and may be spelt in more ways than one.
    fn at(&self, hop: &NextHop) -> Position {
        let entries = self.root.find(POLICIES).map(|entry| &entry.value);
        let names = |key: &str| {
            let read = syntax::next_hop(key);
            read.is_ok_and(|read| read == *hop)
        };
        let entry = entries.and_then(|node| node.entries().iter().find(|e| names(&e.key)));
        entry.map_or_else(|| self.root.locate(POLICIES), |entry| entry.at)
    }
}

/// What there is in its place.
fn listed(key: &str, hops: &[NextHop]) -> String {
    if hops.is_empty() {
        return "set outbound.next_hop".to_owned();
    }
    let hops: Vec<String> = hops.iter().map(|hop| format!("'{hop}'")).collect();
    format!("{key} is {}", hops.join(", "))
}
