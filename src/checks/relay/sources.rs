//! Where a client comes from: whom the relay could take for one of its own.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{RECIPIENT, SENDER};
use super::super::probe::networks::Network;
use super::super::probe::session::{CLIENT, command, ehlo};
use super::super::probe::xclient::{Client, xclient};
use super::super::probe::{appliance, neighbour, postconf, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, held, require, require_none};
use super::{ANYBODY, Way, takes};
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
        about: "Comes from the loopback, from private networks in IPv4 and IPv6, and under the \
                relay's own name, as XCLIENT lets a check, and asks for a recipient elsewhere on \
                every port. Behind an engine's port proxy, strangers come from exactly such \
                addresses.",
        repair: "Leave relay.trusted_networks empty. By hand: an empty mynetworks, not \
                 mynetworks_style, and no permit_mynetworks that it does not need.",
        needs: &[Need::Xclient, NOBODY_TRUSTED],
        sabotages: &[
            ANYBODY.seen_as("192.0.2.77 (HOST) on port 25 in clear: taken"),
            OWN_NETWORKS.seen_as("127.0.0.1 (localhost) on port 25 in clear: taken"),
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
                length shows there. On submission nobody is taken without a login, trusted or not.",
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
                sees: "198.18.6.0 on port 25 in clear: mail taken",
            },
            Sabotage {
                name: "no network is trusted",
                changes: &[Change::Main("mynetworks", "")],
                sees: "on port 25 in clear: mail refused",
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
                sees: "on port 465 under TLS: mail taken",
            },
        ],
        ..Check::by(&trusted_networks_alone_relay)
    },
    Check {
        id: "relay.strangers_cannot_be_somebody_else",
        title: "XCLIENT and XFORWARD are neither offered to a stranger nor taken from one",
        citation: "Postfix smtpd_authorized_xclient_hosts; Postfix smtpd_authorized_xforward_hosts",
        severity: Severity::Critical,
        about: "Says EHLO as a stranger, looks for the two words, and tries both commands all the \
                same. XCLIENT makes its client anybody it likes, even a login, without a password; \
                XFORWARD writes a false trace. In a lab the stranger is a neighbour, since the \
                host may use XCLIENT there, and Postfix's settings are looked at too.",
        repair: "Remove smtpd_authorized_xclient_hosts and smtpd_authorized_xforward_hosts, from \
                 postfix.main and from every service of master.cf.",
        sabotages: &[
            Sabotage {
                name: "everybody may use XCLIENT",
                changes: &[
                    ON_SMTP,
                    Change::Main("smtpd_authorized_xclient_hosts", "0.0.0.0/0 [::]/0"),
                ],
                sees: "220 to XCLIENT",
            },
            Sabotage {
                name: "everybody may use XFORWARD",
                changes: &[
                    ON_SMTP,
                    Change::Main("smtpd_authorized_xforward_hosts", "0.0.0.0/0 [::]/0"),
                ],
                sees: "250 to XFORWARD",
            },
        ],
        ..Check::by(&strangers_cannot_be_somebody_else)
    },
];

async fn no_address_is_trusted(context: Context) -> Judged {
    let clients = [
        ("127.0.0.1", "localhost"),
        ("127.0.0.53", "localhost.localdomain"),
        ("IPV6:::1", "localhost"),
        ("10.0.0.1", "[UNAVAILABLE]"),
        ("172.17.0.1", "[UNAVAILABLE]"),
        ("172.18.0.2", "relay"),
        ("192.168.0.1", "[UNAVAILABLE]"),
        ("IPV6:fe80::1", "[UNAVAILABLE]"),
        ("IPV6:fd00::1", "[UNAVAILABLE]"),
        ("192.0.2.77", "HOST"),
    ];
    let table = rows::pairs(Way::all(&context), &clients);
    // In the clear, submission refuses everybody alike.
    let table = table
        .into_iter()
        .filter(|(way, _)| !matches!(way, Way::Clear(Listener::Submission)));
    rows::each(
        &context,
        table,
        |(way, (address, name))| format!("{address} ({name}) on {}", way.name()),
        |context, (way, (address, name))| async move {
            let name = name.replace("HOST", &context.target().hostname);
            let taken = taken_from(&context, way, address, &name).await?;
            require(!taken, "no recipient taken", || "taken")
        },
    )
    .await
}

/// Whether a client with this address gets mail taken without a login.
async fn taken_from(context: &Context, way: Way, address: &str, name: &str) -> Judged<bool> {
    let mut session = way.open(context).await?;
    ehlo(&mut session, CLIENT).await?;
    xclient(&mut session, Client { address, name }).await?;
    ehlo(&mut session, CLIENT).await?;
    takes(&mut session, SENDER, &format!("<{RECIPIENT}>")).await
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
    let trusted = &context.target().spec.relay.trusted_networks;
    let networks: Vec<Network> = trusted
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let is_in = |address: &IpAddr| networks.iter().any(|n| n.contains(*address));
    let inside = networks
        .iter()
        .flat_map(|network| [network.first(), network.last()]);
    let outside = networks.iter().flat_map(Network::neighbours);
    let mut table = Vec::new();
    for address in inside.chain(outside) {
        table.push((Way::Clear(Listener::Smtp), address, is_in(&address)));
    }
    let submission = context
        .target()
        .listeners()
        .filter(|l| *l != Listener::Smtp);
    for (listener, network) in submission.flat_map(|l| networks.iter().map(move |n| (l, n))) {
        table.push((Way::Tls(listener), network.first(), false));
    }
    rows::each(
        &context,
        table,
        |(way, address, _)| format!("{address} on {}", way.name()),
        |context, (way, address, right)| async move {
            let written = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("IPV6:{address}"),
            };
            match (
                taken_from(&context, way, &written, "[UNAVAILABLE]").await?,
                right,
            ) {
                (true, false) => fail("no mail taken", "mail taken"),
                (false, true) => fail("mail taken", "mail refused"),
                _ => PASS,
            }
        },
    )
    .await
}

/// What a stranger tries, and the code that would let it.
const CLAIMS: [(&str, u16); 2] = [
    ("XCLIENT ADDR=127.0.0.1", 220),
    ("XFORWARD NAME=spike", 250),
];

async fn strangers_cannot_be_somebody_else(context: Context) -> Judged {
    let mut wrong = Vec::new();
    if context.target().lab.is_some() {
        for (role, server) in [(Role::Sink, "relay"), (Role::Relay, "127.0.0.1")] {
            for (claim, code) in CLAIMS {
                let commands = ["EHLO stranger.example", claim];
                let said = neighbour::said(&context, role, server, &commands).await?;
                let Some([_, (_, offers), reply]) = said.as_deref() else {
                    continue;
                };
                judge(
                    &format!("from the {}'s container", role.name()),
                    claim,
                    code,
                    offers,
                    reply,
                    &mut wrong,
                );
            }
        }
        settings(&context, &mut wrong).await?;
    }
    if !context.target().xclient {
        for way in Way::all(&context) {
            let mut session = way.open(&context).await?;
            let offers = ehlo(&mut session, CLIENT).await?.reply.to_string();
            for (claim, code) in CLAIMS {
                let reply = command(&mut session, claim).await?;
                judge(
                    &way.name(),
                    claim,
                    code,
                    &offers,
                    &(reply.code, reply.to_string()),
                    &mut wrong,
                );
            }
        }
    }
    require_none(&wrong, "neither offered nor taken")
}

fn judge(
    place: &str,
    claim: &str,
    code: u16,
    offers: &str,
    reply: &(u16, String),
    wrong: &mut Vec<String>,
) {
    let word = claim.split(' ').next().unwrap_or(claim);
    if offers.contains(word) {
        wrong.push(format!("{place}: {word} is offered"));
    }
    if reply.0 == code {
        wrong.push(format!("{place}: {code} to {word}: {}", reply.1));
    }
}

/// Nobody but the lab's own gateway, where there is one, in any service.
async fn settings(context: &Context, wrong: &mut Vec<String>) -> Judged {
    let postconf = postconf::Postconf::read(context).await?;
    let gateway = if context.target().xclient {
        "/etc/relaykit/postfix/xclient_hosts"
    } else {
        ""
    };
    for (parameter, right) in [
        ("smtpd_authorized_xclient_hosts", gateway),
        ("smtpd_authorized_xforward_hosts", ""),
    ] {
        for (place, value) in postconf.everywhere(parameter) {
            if value != right {
                wrong.push(format!("{place}: {parameter} = {value}"));
            }
        }
    }
    if !gateway.is_empty() {
        let hosts = appliance::output(context, Role::Relay, &["cat", gateway]).await?;
        let address = |line: &str| line.parse::<IpAddr>().is_ok();
        if hosts.is_empty() || !hosts.lines().all(address) {
            wrong.push(format!("{gateway} has more than addresses: {hosts:?}"));
        }
    }
    ControlFlow::Continue(())
}
