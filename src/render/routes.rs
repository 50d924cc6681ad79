//! Mail that takes a way of its own: a client of Postfix for each route, which knows the logins
//! of that route and of no other, and the tables that lead there.

use std::fmt::Write as _;

use crate::container::{CONFIG, Content, File, file, public};
use crate::counterparts::{NextHop, Resolved, Route};
use crate::secret::Secret;

use super::master_cf::Service;

/// Whose mail goes there, by recipient and by sender, below /etc/relaykit.
const RECIPIENTS: &str = "postfix/recipient_routes";
const SENDERS: &str = "postfix/sender_routes";

/// Whether some mail goes by its recipient.
pub(super) fn has_recipients(next_hop: &NextHop) -> bool {
    let mut routes = next_hop.routes.iter();
    routes.any(|route| !route.recipients.is_empty())
}

/// Whether some mail goes by its sender.
pub(super) fn has_senders(next_hop: &NextHop) -> bool {
    let mut routes = next_hop.routes.iter();
    routes.any(|route| !route.senders.is_empty())
}

/// The table in `transport_maps`.
pub(super) fn recipient_table() -> String {
    format!("texthash:{CONFIG}/{RECIPIENTS}")
}

/// `sender_dependent_default_transport_maps`.
pub(super) fn sender_table() -> String {
    format!("texthash:{CONFIG}/{SENDERS}")
}

/// The clients in master.cf.
pub(super) fn services(resolved: &Resolved) -> Vec<Service> {
    let level = resolved.spec.route_level();
    let routes = resolved.next_hop.routes.iter().enumerate();
    let service = |(index, route): (usize, &Route)| {
        let service = Service::unix(route.service.clone(), ["-", "-", "-", "-"], "smtp");
        let why = "Delivery on routes, each with TLS whatever else is said, and with no login but\n\
                   its own. (Of smtp_sender_dependent_authentication, a sender's password would go\n\
                   to whatever next hop his mail goes to.)";
        let service = if index == 0 {
            service.why(why)
        } else {
            service
        };
        let service = service
            .option("smtp_tls_security_level", level.name())
            .when(route.wraps(), |service| {
                service.option("smtp_tls_wrappermode", "yes")
            });
        if !has_login(route) {
            return service.option("smtp_sasl_auth_enable", "no");
        }
        let table = format!("texthash:{CONFIG}/{}", logins(route));
        service
            .option("smtp_sasl_auth_enable", "yes")
            .option("smtp_sasl_password_maps", table)
            .option("smtp_sasl_security_options", "noanonymous, noplaintext")
            .option("smtp_sasl_tls_security_options", "noanonymous")
    };
    routes.map(service).collect()
}

/// The tables.
pub(super) fn files(next_hop: &NextHop) -> Vec<File> {
    let mut files = Vec::new();
    if has_recipients(next_hop) {
        let head = "# Mail to these goes by a route, see transport(5).";
        let text = table(head, next_hop, |route| &route.recipients);
        files.push(public(RECIPIENTS, text));
    }
    if has_senders(next_hop) {
        let head = "# Mail from these goes by a route, but for that to relay.domains.";
        files.push(public(
            SENDERS,
            table(head, next_hop, |route| &route.senders),
        ));
    }
    let with_login = next_hop.routes.iter().filter(|route| has_login(route));
    files.extend(with_login.map(|route| {
        let secret = Content::Secret(passwords(route));
        file(&logins(route), 0o600, secret)
    }));
    files
}

fn table(head: &str, next_hop: &NextHop, keys: impl Fn(&Route) -> &[String]) -> String {
    let mut text = format!("{head}\n");
    for route in &next_hop.routes {
        let addresses: Vec<&str> = route.hops.iter().map(|hop| hop.address.as_str()).collect();
        for key in keys(route) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key} {}:{}", route.service, addresses.join(", "));
        }
    }
    text
}

fn has_login(route: &Route) -> bool {
    route.hops.iter().any(|hop| hop.login.is_some())
}

/// The file of a route's logins, below /etc/relaykit.
fn logins(route: &Route) -> String {
    format!("postfix/{}_password", route.service)
}

fn passwords(route: &Route) -> Secret {
    let mut text = "# The relay's login at each next hop of this route.\n".to_owned();
    for hop in &route.hops {
        if let Some(login) = &hop.login {
            let (user, password) = (&login.user, login.password.reveal());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {user}:{password}", hop.address);
        }
    }
    Secret::new(text)
}
