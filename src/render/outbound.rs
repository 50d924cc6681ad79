//! Where the relay's mail goes, and how: of main.cf what postconf(5) has for smtp(8), the
//! tables that it names, and of master.cf the client for next hops at port 465.

use std::fmt::Write as _;

use crate::config::{OutboundLevel, Policy};
use crate::container::{Content, FINGERPRINT, File, Role, file, public};
use crate::counterparts::{Destination, Hop, NextHop, Resolved, anchor_path};
use crate::secret::Secret;

use super::certificate;
use super::main_cf::Group;
use super::master_cf::Service;
use super::{next_hops, routes};

/// The operator's certificates for the next hop.
const NEXT_HOP_CA: &str = "/etc/relaykit/tls/next-hop-ca.pem";

/// The relay's logins, below /etc/relaykit.
const LOGINS: &str = "postfix/next_hop_password";
/// What single next hops must be, below /etc/relaykit.
const POLICIES: &str = "postfix/next_hop_tls";

/// The client that begins with TLS.
const WRAPPING: &str = "smtps";

/// main.cf: where mail goes.
pub(super) fn next_hop(next_hop: &NextHop) -> Group {
    let several = next_hop.hops.len() > 1;
    let transport = if next_hop.wraps() { WRAPPING } else { "smtp" };
    let group = if several {
        Group::new(
            "Where all mail goes. A list is tried in this order, each message anew: the next\n\
             one gets what the one before it does not take for now. (Of smtp_fallback_relay, a\n\
             recipient's own server would be tried first.) Next hops learn nothing of clients\n\
             (no XFORWARD), and get lines as they are: a break would spoil a signature (DKIM).",
        )
    } else {
        Group::new(
            "Where all mail goes. The next hop learns nothing of clients (no XFORWARD), and\n\
             gets lines as they are: a break would spoil a signature (DKIM).",
        )
    };
    let routed = routes::has_recipients(next_hop).then(routes::recipient_table);
    let played = next_hop.destination == Destination::Sink;
    let played = played.then(|| next_hops::transport_maps(next_hop));
    let transports: Vec<String> = routed.into_iter().chain(played).collect();
    let addresses: Vec<&str> = next_hop.hops.iter().map(|h| h.address.as_str()).collect();
    group
        .set("relayhost", addresses.join(", "))
        .when(next_hop.wraps(), |group| {
            group.set("default_transport", transport)
        })
        .when(!transports.is_empty(), |group| {
            // Routes, and in a lab domains of next hops that the sink plays.
            group.set("transport_maps", transports.join(", "))
        })
        .when(routes::has_senders(next_hop), |group| {
            group.set(
                "sender_dependent_default_transport_maps",
                routes::sender_table(),
            )
        })
        .set("relay_transport", transport)
        .switch("smtp_send_xforward_command", false)
        .set("smtp_line_length_limit", "0")
        .when(next_hop.has_login(), |group| {
            // Never in clear, whatever the next hop offers.
            group
                .switch("smtp_sasl_auth_enable", true)
                .set(
                    "smtp_sasl_password_maps",
                    format!("texthash:/etc/relaykit/{LOGINS}"),
                )
                .set("smtp_sasl_security_options", "noanonymous, noplaintext")
                .set("smtp_sasl_tls_security_options", "noanonymous")
        })
}

/// Postfix's own list of suites of these grades, but that those without forward secrecy come
/// last: its order is by the length of keys alone, and many servers take the first that they
/// know.
fn suites(grades: &str) -> String {
    format!(
        "aNULL:-aNULL:{grades}:!SEED:!IDEA:!3DES:!RC2:!RC4:!RC5:!kDH:!kECDH:!aDSS:!MD5:@STRENGTH:+kRSA"
    )
}

/// main.cf: how sure the relay is of whom it sends to.
pub(super) fn tls(resolved: &Resolved) -> Group {
    let level = resolved.spec.outbound_level();
    let (next_hop, named) = (&resolved.next_hop, asks_by_name(resolved));
    let group = if named {
        Group::new(
            "TLS as a client. Sessions are resumed, where a next hop offers it. A server of\n\
             several names is told which one is to be in its certificate (SNI, RFC 6066).",
        )
    } else {
        Group::new("TLS as a client. Sessions are resumed, where a next hop offers it.")
    };
    let group = match certificate::next_hop_chain(next_hop) {
        Some(chain) => group.set("smtp_tls_chain_files", chain),
        None => group,
    };
    group
        .set("smtp_tls_security_level", level.name())
        .when(!policies(resolved).is_empty(), |group| {
            group
                .set(
                    "smtp_tls_policy_maps",
                    format!("texthash:/etc/relaykit/{POLICIES}"),
                )
                .set("smtp_tls_fingerprint_digest", "sha256")
        })
        .when(named, |group| group.set("smtp_tls_servername", "hostname"))
        .set(
            "smtp_tls_CAfile",
            anchor_path(&next_hop.anchor, NEXT_HOP_CA),
        )
        .set("smtp_tls_protocols", ">=TLSv1.2")
        .set("smtp_tls_mandatory_protocols", ">=TLSv1.2")
        .set("smtp_tls_mandatory_ciphers", "high")
        .set("tls_high_cipherlist", suites("HIGH"))
        .set("tls_medium_cipherlist", suites("HIGH:MEDIUM"))
        .set(
            "smtp_tls_session_cache_database",
            "lmdb:${data_directory}/smtp_scache",
        )
        .set("smtp_tls_loglevel", "1")
}

/// master.cf: who delivers to next hops at port 465, and on routes.
pub(super) fn services(resolved: &Resolved) -> Vec<Service> {
    let wrapping = wrapping(resolved).into_iter();
    wrapping.chain(routes::services(resolved)).collect()
}

fn wrapping(resolved: &Resolved) -> Option<Service> {
    let level = resolved.spec.outbound_level().max(OutboundLevel::Encrypt);
    resolved.next_hop.wraps().then(|| {
        Service::unix(WRAPPING, ["-", "-", "-", "-"], "smtp")
            .why("Delivery to port 465, where TLS begins with the first byte (RFC 8314).")
            .option("smtp_tls_wrappermode", "yes")
            .option("smtp_tls_security_level", level.name())
    })
}

/// The tables that main.cf names.
pub(super) fn files(resolved: &Resolved) -> Vec<File> {
    let logins = logins(&resolved.next_hop);
    let logins = logins.map(|table| file(LOGINS, 0o600, Content::Secret(table)));
    let rows = policies(resolved);
    let table = (!rows.is_empty()).then(|| {
        let text = format!("# How sure the relay is of single next hops.\n{rows}");
        if rows.contains(FINGERPRINT) {
            file(POLICIES, 0o644, Content::WithFingerprint(Role::Sink, text))
        } else {
            public(POLICIES, text)
        }
    });
    let certificate = certificate::next_hop_files(&resolved.next_hop);
    let routes = routes::files(&resolved.next_hop);
    let own = logins.into_iter().chain(table);
    own.chain(certificate).chain(routes).collect()
}

/// The relay's logins at next hops (texthash(5)), and in a lab at those which the sink
/// plays.
fn logins(next_hop: &NextHop) -> Option<Secret> {
    if !next_hop.has_login() {
        return None;
    }
    let mut text = "# The relay's login at each next hop.\n".to_owned();
    let mut add = |address: &str, login: &crate::config::Credentials| {
        let (user, password) = (&login.user, login.password.reveal());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address} {user}:{password}");
    };
    for hop in &next_hop.hops {
        if let Some(login) = &hop.login {
            add(&hop.address, login);
        }
    }
    if next_hop.destination == Destination::Sink {
        let login = crate::counterparts::next_hop_login();
        for played in next_hops::with_login() {
            add(&played.destination(), &login);
        }
    }
    Some(Secret::new(text))
}

/// Whether every server is asked for by its own name: an address is none.
fn asks_by_name(resolved: &Resolved) -> bool {
    let mut hops = resolved.next_hop.all_hops();
    resolved.spec.outbound_level().names() && !hops.any(is_address)
}

fn is_address(hop: &Hop) -> bool {
    let host = hop.address.split(']').next().unwrap_or_default();
    let host = host.trim_start_matches('[');
    host.parse::<std::net::IpAddr>().is_ok()
}

/// The rows of `smtp_tls_policy_maps` (postconf(5)): a next hop as relayhost spells it, and
/// what it must be.
fn policies(resolved: &Resolved) -> String {
    let named = asks_by_name(resolved);
    let mut rows = String::new();
    let mut told: Vec<&str> = Vec::new();
    for hop in resolved.next_hop.all_hops() {
        let policy = match &hop.policy {
            Some(policy) => policy.clone(),
            // What is asked of all is asked of it.
            None if named || servername(hop).is_none() => continue,
            None => Policy::of_level(hop.level),
        };
        // Two ways may lead to one server, of which one thing is said.
        if told.contains(&hop.address.as_str()) {
            continue;
        }
        told.push(&hop.address);
        let servername = policy.servername.clone().or_else(|| servername(hop));
        let policy = Policy {
            servername,
            ..policy
        };
        let twins = next_hops::with_policy(&resolved.next_hop);
        let twins = twins.filter(|twin| twin.of == hop.address);
        let twins = twins.map(|twin| twin.address);
        for address in std::iter::once(hop.address.clone()).chain(twins) {
            // Writing to a String cannot fail.
            let _ = writeln!(rows, "{address} {policy}");
        }
    }
    rows
}

/// The name to ask a server for whose name is verified.
fn servername(hop: &Hop) -> Option<String> {
    if !hop.level.names() {
        return None;
    }
    if !is_address(hop) {
        return Some("hostname".to_owned());
    }
    let policy = hop.policy.as_ref()?;
    let strategy = |name: &&String| ["nexthop", "dot-nexthop", "hostname"].contains(&name.as_str());
    let mut names = policy.matches.iter().filter(|name| !strategy(name));
    names.find(|name| !name.starts_with('.')).cloned()
}
