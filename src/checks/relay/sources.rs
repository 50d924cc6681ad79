//! Where a client comes from: whom the relay could take for one of its own.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::lifecycle::done;
use super::super::probe::mail::RECIPIENT;
use super::super::probe::networks::Network;
use super::super::probe::pairs::all_pairs;
use super::super::probe::{appliance, neighbour, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, held, require};
use super::matrix::{Door, Row, greetings, judged, parent, senders};
use super::{ANYBODY, Way, own_domain};
use crate::config::{Listener, Says};
use crate::plan::Role;
use crate::report::Severity;

const OWN_NETWORKS: Sabotage = Sabotage {
    name: "the relay trusts its own networks",
    changes: &[
        ON_SMTP,
        Change::Main(
            "mynetworks",
            "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 [::1]/128",
        ),
    ],
    sees: "",
};

const NOBODY_TRUSTED: Need = Need::Setting("relay.trusted_networks", Says::Is("[]"));

/// What a variant of relay.yaml trusts.
const BENCHMARKING: Need = Need::Setting("relay.trusted_networks", Says::Has("198.18.5.0/24"));

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.no_address_is_trusted",
        title: "Without a login no client address or name opens the relay, not even its own",
        citation: "row 1; Postfix mynetworks; Postfix XCLIENT_README",
        severity: Severity::Critical,
        about: "Comes, as XCLIENT lets a check, from the loopback, from private, shared and \
                link-local networks in IPv4, IPv6 and IPv4 within IPv6, from each network's \
                gateway and each container of the lab, under names that a table may trust, without \
                a certificate, with one of the lab's own authority and with a stranger's. Every two \
                of port with TLS, address, greeting, sender and recipient meet in some row, and so \
                do port and address with certificate and name. Behind an engine's port proxy, strangers come from exactly such \
                addresses. A lab's networks have no IPv6: such clients are real at the relay's own \
                loopback alone, where `relay.neighbours_are_strangers` comes from.",
        repair: "Leave relay.trusted_networks empty. By hand: an empty mynetworks, not \
                 mynetworks_style, and no permit_mynetworks that it does not need.",
        needs: &[Need::Xclient, NOBODY_TRUSTED],
        sabotages: &[
            ANYBODY.seen_as("port 25 in clear: 192.0.2.77 ("),
            OWN_NETWORKS.seen_as("port 25 in clear: 127.0.0.1 ("),
            Sabotage {
                name: "one shared address is trusted",
                changes: &[
                    ON_SMTP,
                    Change::Main(
                        "smtpd_relay_restrictions",
                        "check_client_access cidr:{{100.64.0.1 OK}}, reject",
                    ),
                    Change::Main("smtpd_data_restrictions", ""),
                ],
                sees: "100.64.0.1 (",
            },
            Sabotage {
                name: "certificates of the lab relay",
                changes: &[
                    Change::Service("smtp/inet", "smtpd_tls_ask_ccert", "yes"),
                    Change::Service("smtp/inet", "smtpd_tls_CAfile", "/etc/relaykit/tls/ca.pem"),
                    Change::Service(
                        "smtp/inet",
                        "smtpd_relay_restrictions",
                        "permit_tls_all_clientcerts, reject",
                    ),
                    Change::Service("smtp/inet", "smtpd_data_restrictions", ""),
                ],
                sees: "port 25 under TLS with a certificate: ",
            },
            Sabotage {
                name: "whoever goes by one name is trusted",
                changes: &[
                    Change::Service(
                        "submissions/inet",
                        "smtpd_relay_restrictions",
                        "check_client_access inline:{localhost.localdomain=OK}, permit_sasl_authenticated, reject",
                    ),
                    Change::Service("submissions/inet", "smtpd_recipient_restrictions", ""),
                    Change::Service("submissions/inet", "smtpd_data_restrictions", ""),
                ],
                sees: "(localhost.localdomain), ",
            },
        ],
        ..Check::by(&no_address_is_trusted)
    },
    Check {
        id: "relay.neighbours_are_strangers",
        title: "Nobody relays without a login from a container beside the relay, or from its own",
        citation: "row 1; Postfix mynetworks_style; Postfix smtpd_relay_restrictions",
        severity: Severity::Critical,
        about: "Speaks to port 25 from inside: over the loopback of the relay's own container, \
                from the directory's container and from the sink's, each on a network that it \
                shares with the relay. What breaks into a neighbour must not find an open relay \
                there, and nothing is asked of XCLIENT, so that this is what a client sees.",
        repair: "Leave relay.trusted_networks empty. By hand: mynetworks is empty; \
                 mynetworks_style = subnet or host trusts the networks of the containers.",
        needs: &[Need::Lab, Need::Listener(Listener::Smtp), NOBODY_TRUSTED],
        sabotages: &[
            OWN_NETWORKS.seen_as("relay to 127.0.0.1: mail taken"),
            ANYBODY.seen_as("sink to relay: mail taken"),
        ],
        ..Check::by(&neighbours_are_strangers)
    },
    Check {
        id: "relay.trusted_networks_alone_relay",
        title: "Of all strangers just those in relay.trusted_networks relay, and on port 25 alone",
        citation: "row 1; Postfix mynetworks; RFC 6409 section 4.3",
        severity: Severity::Critical,
        about: "Comes from the first and last address of each trusted network, which must be \
                taken, and from those just before and behind it, which must not: a wrong prefix \
                length shows there. On submission nobody is taken without a login, trusted or not. \
                Each of them meets every port, certificate, greeting, sender and recipient: of a \
                domain of relay.domains, which all the world may write to on port 25, of one below \
                it, of one with a name that ends like it, and of others.",
        repair: "Write relay.trusted_networks with the right prefix lengths; by hand, mynetworks, \
                 and permit_mynetworks for port 25 alone.",
        needs: &[
            Need::Xclient,
            Need::Listener(Listener::Smtp),
            Need::Setting("relay.trusted_networks", Says::Something),
        ],
        sabotages: &[
            Sabotage {
                name: "a wrong prefix length",
                changes: &[
                    Change::Given(BENCHMARKING),
                    Change::Main("mynetworks", "198.18.0.0/16 [2001:db8:5::]/48"),
                ],
                sees: "198.18.6.0 ([UNAVAILABLE]), ",
            },
            Sabotage {
                name: "no network is trusted",
                changes: &[Change::Main("mynetworks", "")],
                sees: "mail refused from <",
            },
            Sabotage {
                name: "submission trusts networks, too",
                changes: &[
                    Change::Service(
                        "submissions/inet",
                        "smtpd_relay_restrictions",
                        "permit_mynetworks, permit_sasl_authenticated, reject",
                    ),
                    Change::Service("submissions/inet", "smtpd_recipient_restrictions", ""),
                    Change::Service("submissions/inet", "smtpd_data_restrictions", ""),
                ],
                sees: "port 465 under TLS with a certificate: 198.18.5.",
            },
        ],
        ..Check::by(&trusted_networks_alone_relay)
    },
];

/// Addresses that a careless table trusts: of the loopback, of private networks, of those
/// that are shared (RFC 6598), of one link, and of nobody's (RFC 5737, RFC 3849).
const ADDRESSES: [&str; 17] = [
    "192.0.2.77",
    "127.0.0.1",
    "127.0.0.53",
    "10.0.0.1",
    "10.255.255.254",
    "172.17.0.1",
    "172.18.0.2",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.1.1",
    "0.0.0.0",
    "IPV6:::1",
    "IPV6:fe80::1",
    "IPV6:fd00::1",
    "IPV6:::ffff:127.0.0.1",
    "IPV6:::ffff:10.0.0.1",
    "IPV6:2001:db8::77",
];

/// The addresses of the lab itself: of each network's gateway, by which this host comes,
/// and of the containers.
async fn own_addresses(context: &Context) -> Judged<Vec<String>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let Some(lab) = &context.target().lab else {
        return ControlFlow::Continue(Vec::new());
    };
    for network in &lab.plan.networks {
        addresses.push(done(lab.engine.gateway(&network.name).await)?);
    }
    for role in appliance::roles(context)? {
        addresses.extend(
            appliance::facts(context, role)
                .await?
                .addresses
                .into_values(),
        );
    }
    addresses.sort_unstable();
    addresses.dedup();
    ControlFlow::Continue(addresses.iter().map(as_client).collect())
}

/// As XCLIENT writes an address.
fn as_client(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("IPV6:{address}"),
    }
}

/// Names of clients that a careless table trusts; the first is none.
fn names(context: &Context) -> Vec<String> {
    let host = &context.target().hostname;
    vec![
        "[UNAVAILABLE]".to_owned(),
        "localhost".to_owned(),
        "localhost.localdomain".to_owned(),
        host.clone(),
        format!("mail.{}", parent(host)),
        "relay".to_owned(),
    ]
}

/// The ways that tell: in the clear, submission refuses everybody alike.
fn ways(context: &Context) -> Vec<Way> {
    let mut ways = Way::all(context);
    ways.retain(|way| *way != Way::Clear(Listener::Submission));
    ways
}

async fn no_address_is_trusted(context: Context) -> Judged {
    let mut addresses: Vec<String> = ADDRESSES.map(str::to_owned).to_vec();
    addresses.extend(own_addresses(&context).await?);
    let (ways, names, greetings) = (ways(&context), names(&context), greetings(&context));
    let (senders, recipients) = (senders(&context), strange_recipients(&context));
    let columns = [
        ways.len(),
        addresses.len(),
        greetings.len(),
        senders.len(),
        recipients.len(),
    ];
    let table = all_pairs(&columns).into_iter().map(|row| {
        let (way, address) = (row[0], row[1]);
        Row {
            door: Door::of(&context, ways[way], way + address),
            client: Some((
                addresses[address].clone(),
                names[(way + address) % names.len()].clone(),
            )),
            greeting: greetings[row[2]].clone(),
            sender: senders[row[3]].clone(),
            recipient: recipients[row[4]].clone(),
            right: false,
        }
    });
    judged(&context, table.collect()).await
}

/// Recipients that no stranger may name.
fn strange_recipients(context: &Context) -> Vec<String> {
    let host = &context.target().hostname;
    let mut recipients = vec![
        format!("<{RECIPIENT}>"),
        format!("<recipient@{host}>"),
        format!("<recipient@sub.{host}>"),
        format!("<recipient@{}>", parent(host)),
        format!("<recipient%elsewhere.example@{host}>"),
    ];
    if let Some(own) = own_domain(&context.target().spec) {
        recipients.push(format!("<recipient@sub.{own}>"));
        recipients.push(format!("<recipient@not{own}>"));
    }
    recipients
}

async fn neighbours_are_strangers(context: Context) -> Judged {
    let doors = [
        (Role::Relay, "127.0.0.1"),
        (Role::Relay, "::1"),
        (Role::Relay, "relay"),
        (Role::Directory, "relay"),
        (Role::Sink, "relay"),
    ];
    let roles = appliance::roles(&context)?;
    let doors = doors.into_iter().filter(|(role, _)| roles.contains(role));
    let recipient = format!("RCPT TO:<{RECIPIENT}>");
    let sender = format!("MAIL FROM:<postmaster@{}>", context.target().hostname);
    let (recipient, sender) = (recipient.as_str(), sender.as_str());
    rows::each(
        &context,
        doors,
        |(role, server)| format!("{} to {server}", role.name()),
        |context, (role, server)| async move {
            let commands = ["EHLO localhost", sender, recipient, "DATA"];
            match neighbour::said(&context, role, server, &commands).await? {
                Some(replies) => {
                    let taken = replies.last().is_some_and(|(code, _)| *code == 354);
                    require(!taken, "no mail taken", || {
                        let (_, text) = replies.last().cloned().unwrap_or_default();
                        let what = if taken { "mail taken" } else { "no mail taken" };
                        format!("{what}, the last of four replies: {text}")
                    })
                }
                // An engine may leave IPv6 out of its containers altogether.
                None if server == "::1" => held("no mail taken", "nothing listens at ::1"),
                None => broken(format!("nothing answers at {server}:25")),
            }
        },
    )
    .await
}

async fn trusted_networks_alone_relay(context: Context) -> Judged {
    let spec = &context.target().spec;
    let networks: Vec<Network> = spec
        .relay
        .trusted_networks
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let is_in = |address: &IpAddr| networks.iter().any(|n| n.contains(*address));
    let edges = networks
        .iter()
        .flat_map(|network| [network.first(), network.last()])
        .chain(networks.iter().flat_map(Network::neighbours));
    let mut addresses: Vec<IpAddr> = edges.collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut recipients: Vec<(String, bool)> = strange_recipients(&context)
        .into_iter()
        .map(|recipient| (recipient, false))
        .collect();
    recipients.extend(own_domain(spec).map(|own| (format!("<recipient@{own}>"), true)));
    let ways = ways(&context);
    let (greetings, senders) = (greetings(&context), senders(&context));
    let columns = [
        ways.len(),
        addresses.len(),
        recipients.len(),
        greetings.len(),
        senders.len(),
    ];
    let table = all_pairs(&columns).into_iter().map(|row| {
        let (way, address) = (ways[row[0]], addresses[row[1]]);
        let (recipient, is_own) = &recipients[row[2]];
        let on_smtp = matches!(way, Way::Clear(Listener::Smtp) | Way::Tls(Listener::Smtp));
        Row {
            door: Door::of(&context, way, row[0] + row[1]),
            client: Some((as_client(&address), "[UNAVAILABLE]".to_owned())),
            greeting: greetings[row[3]].clone(),
            sender: senders[row[4]].clone(),
            recipient: recipient.clone(),
            right: on_smtp && (*is_own || is_in(&address)),
        }
    });
    judged(&context, table.collect()).await
}
