//! Mail that takes a way of its own: it goes there, and nobody else's does.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::{Fate, Log};
use super::super::probe::mail::{self, ANY_SENDER, SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require;
use crate::counterparts::{NextHop, Part, Route};
use crate::plan::Role;
use crate::report::Severity;
use crate::smtp::Message;

const BY_RECIPIENT: Need = Need::Comes {
    to: "outbound.routes with recipients",
    holds: |spec| {
        let mut routes = spec.outbound.routes.iter();
        routes.any(|route| !route.recipients.is_empty())
    },
};

const BY_SENDER: Need = Need::Comes {
    to: "outbound.routes with senders",
    holds: |spec| {
        let mut routes = spec.outbound.routes.iter();
        routes.any(|route| !route.senders.is_empty())
    },
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.recipients_take_their_route",
        title: "Mail to the recipients of a route goes to its next hop, and nobody else's does",
        citation: "RFC 5321 section 5.1; Postfix transport_maps",
        severity: Severity::High,
        about: "Sends mail to each domain and address of outbound.routes, and to their neighbours: \
                a domain below, the one above, another person there. Reads in the log which \
                server took each: that of the route for those that it names, as transport(5) \
                reads them, and outbound.next_hop for the others.",
        repair: "Write recipients of outbound.routes as domain, .domain or address; by hand, rows \
                 of transport_maps, where a domain does not mean those below it.",
        needs: &[Need::Login, Need::Lab, PLAYED, BY_RECIPIENT],
        long: true,
        sabotages: &[
            Sabotage {
                name: "no recipient has a route",
                changes: &[Change::Main("transport_maps", "")],
                sees: "status=sent",
            },
            Sabotage {
                name: "a route takes the domains below its own, too",
                changes: &[Change::Main(
                    "parent_domain_matches_subdomains",
                    "transport_maps",
                )],
                sees: "status=sent",
            },
        ],
        ..Check::by(&recipients_take_their_route)
    },
    Check {
        id: "outbound.senders_take_their_route",
        title: "Mail from the senders of a route goes to its next hop, and nobody else's does",
        citation: "RFC 5321 section 5.1; Postfix sender_dependent_default_transport_maps",
        severity: Severity::High,
        about: "Sends mail from each domain and address that outbound.routes names, from their \
                neighbours, and from one of them to a recipient with a route of his own. Reads in \
                the log which server took each: that of the sender's route, outbound.next_hop for \
                the others, and the recipient's where both have one.",
        repair: "Write senders of outbound.routes as @domain or address; by hand, \
                 sender_dependent_default_transport_maps. sender_dependent_relayhost_maps keeps \
                 the client of all mail, and with it that one's logins.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER, BY_SENDER],
        long: true,
        sabotages: &[Sabotage {
            name: "no sender has a route",
            changes: &[Change::Main("sender_dependent_default_transport_maps", "")],
            sees: "status=sent",
        }],
        ..Check::by(&senders_take_their_route)
    },
];

/// The name of the server of a route that takes mail.
fn host_of(route: &Route) -> Option<&str> {
    let mut played = route.hops.iter().filter_map(|hop| hop.stand_in.as_ref());
    let taking = played.find(|stand_in| stand_in.part == Part::TakesMail);
    taking.map(|stand_in| stand_in.host.as_str())
}

/// The route of mail to `recipient`, as transport(5) finds it: by the address, its domain, and
/// each domain above that with a dot in front.
fn by_recipient<'a>(next_hop: &'a NextHop, recipient: &str) -> Option<&'a Route> {
    let (_, domain) = recipient.rsplit_once('@')?;
    let above = domain.match_indices('.').map(|(at, _)| &domain[at..]);
    let mut keys = [recipient, domain].into_iter().chain(above);
    keys.find_map(|key| named(next_hop, key, |route| &route.recipients))
}

/// The route of mail from `sender`: by the address, and by its domain.
fn by_sender<'a>(next_hop: &'a NextHop, sender: &str) -> Option<&'a Route> {
    let domain = &sender[sender.rfind('@')?..];
    let mut keys = [sender, domain].into_iter();
    keys.find_map(|key| named(next_hop, key, |route| &route.senders))
}

fn named<'a>(
    next_hop: &'a NextHop,
    key: &str,
    of: impl Fn(&Route) -> &[String],
) -> Option<&'a Route> {
    let mut routes = next_hop.routes.iter();
    routes.find(|route| of(route).iter().any(|own| own.eq_ignore_ascii_case(key)))
}

/// Somebody whom `key` of a route names: an address, `@domain`, `domain` or `.domain`.
fn somebody(key: &str) -> String {
    match key.split_once('@') {
        Some(("", domain)) => format!("somebody@{domain}"),
        Some(_) => key.to_owned(),
        None if key.starts_with('.') => format!("somebody@below{key}"),
        None => format!("somebody@{key}"),
    }
}

/// Him, and neighbours whom it may not name.
fn around(key: &str) -> Vec<String> {
    let own = somebody(key);
    let (local, domain) = own.split_once('@').unwrap_or_default();
    let above = domain.split_once('.').map_or("", |(_, above)| above);
    let mut all = vec![
        format!("{local}@{}", domain.to_uppercase()),
        format!("not-{local}@{domain}"),
        format!("{local}@below.{domain}"),
        format!("{local}@not-{domain}"),
    ];
    if above.contains('.') {
        all.push(format!("{local}@{above}"));
    }
    all.insert(0, own);
    all
}

async fn recipients_take_their_route(context: Context) -> Judged {
    let next_hop = appliance::resolved(&context)?.next_hop;
    let keys = next_hop.routes.iter().flat_map(|route| &route.recipients);
    let cases: Vec<(String, String)> = keys
        .flat_map(|key| around(key))
        .map(|recipient| (SENDER.to_owned(), recipient))
        .collect();
    take_their_way(&context, &next_hop, cases).await
}

async fn senders_take_their_route(context: Context) -> Judged {
    let next_hop = appliance::resolved(&context)?.next_hop;
    let keys = || next_hop.routes.iter().flat_map(|route| &route.senders);
    let elsewhere = |sender| (sender, mail::RECIPIENT.to_owned());
    let mut cases: Vec<(String, String)> =
        keys().flat_map(|key| around(key)).map(elsewhere).collect();
    let mut recipients = next_hop.routes.iter().flat_map(|route| &route.recipients);
    let both = keys().next().zip(recipients.next());
    cases.extend(both.map(|(sender, recipient)| (somebody(sender), somebody(recipient))));
    take_their_way(&context, &next_hop, cases).await
}

/// Sends mail from each sender to the recipient beside, and demands that it goes where it must.
async fn take_their_way(
    context: &Context,
    next_hop: &NextHop,
    cases: Vec<(String, String)>,
) -> Judged {
    let all = next_hop.taking_host().unwrap_or_default();
    let cases = cases.into_iter().map(|(sender, recipient)| {
        let (from, to) = (sender.to_lowercase(), recipient.to_lowercase());
        let route = by_recipient(next_hop, &to).or_else(|| by_sender(next_hop, &from));
        let host = route.map_or(Some(all), host_of).unwrap_or_default();
        (sender, recipient, host.to_owned())
    });
    rows::each(
        context,
        cases.collect::<Vec<_>>(),
        |(sender, recipient, host)| format!("from {sender} to {recipient}: {host}"),
        |context, (sender, recipient, host)| async move {
            let fate = sent(&context, &sender, &recipient).await?.0;
            let right = fate.status == "sent" && fate.line.contains(&format!("relay={host}["));
            require(right, &format!("relay={host}, status=sent"), || fate.line)
        },
    )
    .await
}

/// Submits a message; what becomes of it, and the message.
pub(super) async fn sent(
    context: &Context,
    sender: &str,
    recipient: &str,
) -> Judged<(Fate, Message)> {
    let mut log = Log::of(context, Role::Relay)?;
    let message = Message::from_to(sender, recipient).build();
    let commands = [
        format!("MAIL FROM:<{sender}>"),
        format!("RCPT TO:<{recipient}>"),
    ];
    let id = played::submit(context, &commands, &message).await?;
    let fate = log.fate(context, &id).await?;
    std::ops::ControlFlow::Continue((fate, message))
}

/// A sender and a recipient whose mail takes `route`.
pub(super) fn on(route: &Route) -> (String, String) {
    let sender = route.senders.first().map(|key| somebody(key));
    let recipient = route.recipients.first().map(|key| somebody(key));
    (
        sender.unwrap_or_else(|| SENDER.to_owned()),
        recipient.unwrap_or_else(|| mail::RECIPIENT.to_owned()),
    )
}
