//! `outbound` and `tls.outbound`: next hops, the logins there, and how sure the relay is of
//! each.

use super::Check;
use crate::config::next_hop::NextHop;
use crate::config::problem::{Position, Refusal};
use crate::config::spec::{OutboundLevel, Policy};
use crate::config::syntax;

const NEXT_HOP: &str = "outbound.next_hop";
const CREDENTIALS: &str = "outbound.credentials";
const POLICIES: &str = "tls.outbound.policies";

impl Check<'_> {
    pub(super) fn next_hops(&mut self) {
        if !self.report.sound(&[NEXT_HOP]) {
            return;
        }
        let spec = self.spec;
        let all = &spec.outbound.next_hops;
        let own = |hop: &&NextHop| hop.host.eq_ignore_ascii_case(&spec.hostname);
        if all.iter().any(|hop| own(&hop)) {
            let why = Refusal::new("this is the relay itself: mail would go in circles");
            self.refuse(NEXT_HOP, why);
        }
        let (first, wrapped) = (all.first(), |hop: &&NextHop| hop.wraps());
        let other = all
            .iter()
            .find(|hop| Some(hop.wraps()) != first.map(NextHop::wraps));
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
            self.refuse(NEXT_HOP, Refusal::new(why).hint(hint));
        }
    }

    /// The relay's logins: each for one next hop.
    pub(super) fn logins_there(&mut self) {
        if !self.report.sound(&[NEXT_HOP, CREDENTIALS]) {
            return;
        }
        let spec = self.spec;
        let (hops, logins) = (&spec.outbound.next_hops, &spec.outbound.logins);
        if logins.is_empty() {
            return;
        }
        if hops.is_empty() {
            let why = Refusal::new("a login, and no next hop to log in to");
            return self.refuse(CREDENTIALS, why.hint("set outbound.next_hop"));
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
                    self.refuse(CREDENTIALS, Refusal::new(why).hint(hint));
                }
                continue;
            };
            if !hops.contains(at) {
                let why = format!("a login for {at}, where no mail goes");
                self.refuse(CREDENTIALS, Refusal::new(why).hint(listed(hops)));
            } else if logins[..index]
                .iter()
                .any(|other| other.next_hop == login.next_hop)
            {
                let why = Refusal::new(format!("two logins for {at}"));
                self.refuse(CREDENTIALS, why.hint("keep one of them"));
            }
        }
        let with_login = |hop: &&NextHop| spec.login_at(hop).is_some();
        let unsure = |hop: &NextHop| !spec.level_towards(hop).verifies();
        if hops.iter().filter(with_login).any(unsure) {
            let why = "the next hop's certificate is not verified: whoever answers in its \
                       place gets this password, though under TLS";
            let hint = "write tls.outbound.level: secure";
            self.warn(CREDENTIALS, Refusal::new(why).hint(hint));
        }
    }

    /// Whether each next hop can be what is demanded of it.
    pub(super) fn policies(&mut self) {
        if !self
            .report
            .sound(&[NEXT_HOP, POLICIES, "tls.outbound.level", CREDENTIALS])
        {
            return;
        }
        let spec = self.spec;
        let hops = &spec.outbound.next_hops;
        for (hop, policy) in &spec.tls.outbound.policies {
            if hops.contains(hop) {
                self.policy(hop, policy);
            } else {
                let why = format!("no mail goes to {hop}, so this does nothing");
                self.refuse_policy(hop, Refusal::new(why).hint(listed(hops)));
            }
        }
        let unnamed = |hop: &&NextHop| {
            let matches = spec
                .policy(hop)
                .is_some_and(|policy| !policy.matches.is_empty());
            hop.is_address() && spec.level_towards(hop).names() && !matches
        };
        for hop in hops.iter().filter(unnamed) {
            let level = spec.level_towards(hop).name();
            let why = format!(
                "{hop} is an address, and `{level}` looks for a name in the certificate: no mail \
                 would leave"
            );
            let hint = format!(
                "write the name in the place of the address, or tls.outbound.policies: {{'{hop}': \
                 secure match=NAME}} with the name that stands in the certificate"
            );
            self.refuse(NEXT_HOP, Refusal::new(why).hint(hint));
        }
    }

    fn policy(&mut self, hop: &NextHop, policy: &Policy) {
        if policy.level >= OutboundLevel::Encrypt {
            return;
        }
        let level = policy.level.name();
        if hop.wraps() {
            let why = format!("`{level}`, and at port 465 there is nothing but TLS");
            self.refuse_policy(hop, Refusal::new(why).hint("write encrypt, or secure"));
        } else if self.spec.login_at(hop).is_some() {
            let why = format!("`{level}`, and outbound.credentials has a password for it");
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
fn listed(hops: &[NextHop]) -> String {
    if hops.is_empty() {
        return "set outbound.next_hop".to_owned();
    }
    let hops: Vec<String> = hops.iter().map(|hop| format!("'{hop}'")).collect();
    format!("outbound.next_hop is {}", hops.join(", "))
}
