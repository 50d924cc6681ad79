//! Mail that takes a way of its own.

use super::super::{Warning, load_bytes};
use super::table::folder;

const HEAD: &str = "version: 1\noutbound:\n  next_hop: '[a.example]:587'\n  routes:\n";

/// Problems and warnings of a file with these lines of routes.
fn told(routes: &str, more: &str) -> Vec<String> {
    let folder = folder();
    let text = format!("{HEAD}{routes}{more}");
    let (problems, warnings) = match load_bytes(text.as_bytes(), "f", folder.path()) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems.problems, problems.warnings),
    };
    let problems = problems.iter().map(ToString::to_string);
    let warnings = warnings.iter().map(|w| Warning(w).to_string());
    // That everybody can read these files is not asked here.
    let all = problems
        .chain(warnings)
        .filter(|line| !line.contains("(mode "));
    all.collect()
}

const SECURE: &str = "tls: {outbound: {level: secure}}\n";

#[test]
fn a_route_is_read_as_it_is_shown() {
    let routes = "  - recipients: [b.example, .b.example, one@c.example]\n    next_hop: ['[x.example]:587', y.example]\n  \
                  - senders: ['@d.example', two@e.example]\n    next_hop: '[z.example]:465'\n    \
                  credentials: {user: u, password_file: next-hop.password}\n";
    let folder = folder();
    let text = format!("{HEAD}{routes}{SECURE}relay: {{sender_login: own}}\n");
    let spec = load_bytes(text.as_bytes(), "f", folder.path())
        .unwrap()
        .spec;
    assert_eq!(
        told(
            routes,
            "tls: {outbound: {level: secure}}\nrelay: {sender_login: own}\n"
        ),
        [""; 0]
    );
    let [first, second] = spec.outbound.routes.as_slice() else {
        panic!("{:?}", spec.outbound.routes);
    };
    assert_eq!(
        first.recipients,
        ["b.example", ".b.example", "one@c.example"]
    );
    assert_eq!(first.next_hops.len(), 2);
    assert_eq!(second.senders, ["@d.example", "two@e.example"]);
    assert_eq!(second.logins[0].user, "u");
    assert!(second.next_hops[0].wraps());
}

#[test]
fn routes_that_cannot_be_say_where_and_why() {
    for (route, expected) in [
        (
            "next_hop: '[b.example]:587'",
            "f:5:5: outbound.routes[0]: neither recipients nor senders: no mail would go this way",
        ),
        (
            "recipients: [b.example], senders: ['@c.example'], next_hop: '[b.example]:587'",
            "f:5:5: outbound.routes[0]: recipients and senders: a route goes by one of the two; write two routes",
        ),
        (
            "recipients: [b.example]",
            "f:5:5: outbound.routes[0]: `next_hop` is missing",
        ),
        (
            "recipients: ['*'], next_hop: '[b.example]:587'",
            "found `*`, which is all mail; that is what outbound.next_hop is for",
        ),
        (
            "recipients: ['@b.example'], next_hop: '[b.example]:587'",
            "found `@b.example`, expected a domain or an address; write `b.example` for all of its mail",
        ),
        (
            "senders: [b.example], next_hop: '[b.example]:587'",
            "found `b.example`, expected `@domain` or an address; write '@b.example' for all senders there",
        ),
        (
            "senders: ['\"a b\"@b.example'], next_hop: '[b.example]:587'",
            "cannot stand in a table of addresses; name its domain",
        ),
        (
            "recipients: [b.example], next_hop: '[relay.relaykit.test]:587'",
            "outbound.routes[0].next_hop: this is the relay itself",
        ),
        (
            "recipients: [b.example], next_hop: ['[b.example]:587', '[c.example]:465']",
            "outbound.routes[0].next_hop: [c.example]:465 wants TLS from the first byte and [b.example]:587 does not",
        ),
        (
            "recipients: [b.example], next_hop: '[b.example]:587', credentials: {next_hop: '[a.example]:587', user: u, password_file: next-hop.password}",
            "outbound.routes[0].credentials: a login for [a.example]:587, where no mail goes; outbound.routes[0].next_hop is '[b.example]:587'",
        ),
        (
            "recipients: [b.example], next_hop: '[192.0.2.1]:587'",
            "outbound.routes[0].next_hop: [192.0.2.1]:587 is an address, and `secure` looks for a name",
        ),
    ] {
        let told = told(&format!("  - {{{route}}}\n"), SECURE);
        assert!(
            told.iter().any(|line| line.contains(expected)),
            "{expected}\n{told:?}"
        );
    }
}

#[test]
fn one_way_for_each() {
    let routes = "  - {recipients: [b.example], next_hop: '[x.example]:587'}\n  \
                  - {recipients: [B.example], next_hop: '[y.example]:587'}\n";
    assert_eq!(
        told(routes, ""),
        [
            "f:6:5: outbound.routes[1]: mail to b.example goes the way of outbound.routes[0] already; take it out of one"
        ]
    );
}

/// Whoever may write a sender may use the login of his route.
#[test]
fn whose_senders_they_are_is_told() {
    let routes = "  - {senders: ['@b.example'], next_hop: '[x.example]:587', credentials: {user: u, password_file: next-hop.password}}\n";
    let open = told(routes, SECURE);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(
        open[0].contains("everybody who logs in may write these senders"),
        "{open:?}"
    );
    assert_eq!(
        told(routes, &format!("{SECURE}relay: {{sender_login: own}}\n")),
        [""; 0]
    );
    let trusted =
        format!("{SECURE}relay: {{sender_login: own, trusted_networks: [192.0.2.0/24]}}\n");
    let trusted = told(routes, &trusted);
    assert!(
        trusted
            .iter()
            .any(|line| line.contains("each client in relay.trusted_networks")),
        "{trusted:?}"
    );
}

#[test]
fn policies_hold_for_the_next_hops_of_routes() {
    let route = |login: &str| {
        format!("  - {{recipients: [b.example], next_hop: '[x.example]:587'{login}}}\n")
    };
    let policy =
        |level: &str| format!("tls: {{outbound: {{policies: {{'[x.example]:587': {level}}}}}}}\n");
    assert_eq!(told(&route(""), &policy("secure")), [""; 0]);
    let login = ", credentials: {user: u, password_file: next-hop.password}";
    let told = told(&route(login), &policy("may"));
    assert!(
        told.iter()
            .any(|line| line.contains("`may`, and there are credentials for it")),
        "{told:?}"
    );
}

#[test]
fn a_second_table_of_ways_is_refused() {
    let route = "  - {recipients: [b.example], next_hop: '[x.example]:587'}\n";
    let beside = "postfix: {main: {transport_maps: 'texthash:/etc/x'}}\n";
    let told = told(route, beside);
    let expected = "what `outbound.routes` promises in line 4: which mail goes which way";
    assert!(told.iter().any(|line| line.contains(expected)), "{told:?}");
}
