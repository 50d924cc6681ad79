//! What is known about single Postfix parameters that `postfix.main` may set over
//! relaykit's own. Most are the operator's business; some open the relay.

use super::node::{Entry, Node, Value};
use super::problem::{Refusal, Report};
use super::settings;
use super::syntax;

/// What a setting does to the relay's promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing known against it.
    Fine,
    /// It goes round a key of relay.yaml, so that two places say different things.
    Unwise { why: &'static str, instead: String },
    /// It takes back a promise: who may relay, or what a message tells.
    Unsafe {
        why: &'static str,
        instead: &'static str,
    },
    /// Nobody may set it.
    Forbidden { why: &'static str },
}

const XCLIENT: &str = "smtpd_authorized_xclient_hosts";
const RELAYING: &str = "it decides who may relay without a login";
const LOGIN: &str = "it decides how and where passwords travel";
const TRACE: &str = "it decides what a message tells of its sender";
const XFORWARD: &str = "a next hop that offers XFORWARD is told each client's name and address";
const LOGGED: &str = "whole sessions are written down, the client and its password with them";
const RECHECK: &str = "relaykit test tells what still holds";

/// Parameters whose every value matters: name, why, what to use instead.
const UNSAFE: &[(&str, &str, &str)] = &[
    (
        "mynetworks",
        RELAYING,
        "use relay.trusted_networks, which is checked",
    ),
    (
        "mynetworks_style",
        RELAYING,
        "use relay.trusted_networks, which is checked",
    ),
    (
        "relay_domains",
        RELAYING,
        "use relay.domains, which is checked",
    ),
    ("smtpd_relay_restrictions", RELAYING, RECHECK),
    ("smtpd_recipient_restrictions", RELAYING, RECHECK),
    ("smtpd_data_restrictions", RELAYING, RECHECK),
    ("smtpd_command_filter", RELAYING, RECHECK),
    ("address_verify_sender", RELAYING, RECHECK),
    ("allow_untrusted_routing", RELAYING, RECHECK),
    ("mydestination", RELAYING, "use relay.domains"),
    (
        "parent_domain_matches_subdomains",
        RELAYING,
        "use relay.domains",
    ),
    ("virtual_alias_domains", RELAYING, "use relay.domains"),
    ("virtual_mailbox_domains", RELAYING, "use relay.domains"),
    (
        "smtpd_authorized_xforward_hosts",
        "such a client can claim any origin",
        RECHECK,
    ),
    ("smtpd_sasl_exceptions_networks", LOGIN, RECHECK),
    ("smtpd_sasl_security_options", LOGIN, RECHECK),
    ("smtpd_sasl_tls_security_options", LOGIN, RECHECK),
    ("smtpd_sasl_local_domain", LOGIN, RECHECK),
    ("smtpd_sasl_type", LOGIN, RECHECK),
    ("smtpd_sasl_path", LOGIN, RECHECK),
    ("smtpd_tls_security_level", LOGIN, RECHECK),
    (
        "debug_peer_list",
        LOGGED,
        "set it in a lab, never in production",
    ),
    ("header_checks", TRACE, "use privacy.strip_headers"),
    ("smtp_header_checks", TRACE, "use privacy.strip_headers"),
    ("mime_header_checks", TRACE, "use privacy.strip_headers"),
    ("nested_header_checks", TRACE, "use privacy.strip_headers"),
    ("smtp_send_xforward_command", XFORWARD, "remove it"),
    ("lmtp_send_xforward_command", XFORWARD, "remove it"),
    ("smtpd_discard_ehlo_keywords", TRACE, RECHECK),
    (
        "smtpd_sasl_authenticated_header",
        TRACE,
        "use privacy.show_login",
    ),
    ("mail_name", TRACE, RECHECK),
    ("cleanup_service_name", TRACE, RECHECK),
];

/// Tells what is known against each override of a file.
pub(super) fn check(root: &Node, report: &mut Report) {
    let postfix = root.entry("postfix").map(|entry| &entry.value);
    for (section, judge) in [
        ("main", main as fn(&Entry) -> Vec<Verdict>),
        ("master", master),
    ] {
        let section = postfix.and_then(|node| node.entry(section));
        let Some(Value::Mapping(entries)) = section.map(|entry| &entry.value.value) else {
            continue;
        };
        let above = section.map_or("", |entry| &entry.key);
        for entry in entries.iter().filter(|entry| entry.value.sound) {
            let path = format!("postfix.{above}.{}", entry.key);
            for verdict in judge(entry) {
                say(report, entry, &path, verdict);
            }
        }
    }
}

fn main(entry: &Entry) -> Vec<Verdict> {
    vec![parameter(&entry.key, entry.value.text())]
}

fn master(entry: &Entry) -> Vec<Verdict> {
    let known = syntax::service_name(&entry.key).is_ok();
    if known {
        service(entry.value.text())
    } else {
        Vec::new()
    }
}

fn say(report: &mut Report, entry: &Entry, path: &str, verdict: Verdict) {
    let at = entry.value.at;
    match verdict {
        Verdict::Fine => {}
        Verdict::Unwise { why, instead } => report.warn(at, path, Refusal::new(why).hint(instead)),
        Verdict::Unsafe { why, instead } => report.warn(at, path, Refusal::new(why).hint(instead)),
        Verdict::Forbidden { why } => report.refuse(at, path, Refusal::new(why).hint("remove it")),
    }
}

/// What `name = value` in main.cf does.
pub(super) fn parameter(name: &str, value: &str) -> Verdict {
    if name == XCLIENT {
        return Verdict::Forbidden {
            why: "a client in it can claim to be anybody, logged in or not (XCLIENT)",
        };
    }
    if name == "smtpd_tls_auth_only" && !value.eq_ignore_ascii_case("yes") {
        return Verdict::Unsafe {
            why: "passwords could travel in clear",
            instead: "remove it",
        };
    }
    if let Some((_, why, instead)) = UNSAFE.iter().find(|(unsafe_name, ..)| *unsafe_name == name) {
        return Verdict::Unsafe { why, instead };
    }
    match settings::same(name).next() {
        Some((key, _)) => Verdict::Unwise {
            why: "relay.yaml has a key for it",
            instead: format!("use {key}"),
        },
        None => Verdict::Fine,
    }
}

/// Whether `name = value`, in main.cf or as an option in master.cf, takes back a promise.
#[must_use]
pub fn takes_back_a_promise(name: &str, value: &str) -> bool {
    matches!(parameter(name, value), Verdict::Unsafe { .. })
}

/// What a line of master.cf does: its `-o name=value` options and its chroot column.
pub(super) fn service(line: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    // Whatever the form: an option has several, with braces and without.
    if line.contains(XCLIENT) {
        verdicts.push(parameter(XCLIENT, ""));
    }
    if line
        .split_ascii_whitespace()
        .nth(2)
        .is_some_and(|chroot| chroot != "n")
    {
        verdicts.push(Verdict::Unwise {
            why: "the chroot column is not `n`, and the container has neither the files nor the \
                  capability for a chroot",
            instead: "write n in the third place".to_owned(),
        });
    }
    for (name, value) in options(line) {
        if name != XCLIENT {
            verdicts.push(parameter(name, value));
        }
    }
    verdicts
}

/// The options of a line of master(5): `-o name=value`, both in one word as
/// getopt(3) allows, and `-o { name = value }`.
pub(super) fn options(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find("-o") {
        let own_word = rest[..start].ends_with(|c: char| c.is_ascii_whitespace());
        rest = &rest[start + 2..];
        if !own_word {
            continue;
        }
        let option = rest.trim_start();
        let option = match option.strip_prefix('{') {
            Some(braced) => braced.split('}').next(),
            None => option.split_ascii_whitespace().next(),
        };
        let option = option.unwrap_or_default();
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        found.push((name.trim(), value.trim()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Verdict, options, parameter, service};

    #[test]
    fn options_are_read_in_every_form() {
        assert_eq!(
            options("n - n - - smtpd -oa=b -v -o c=d -o { e = f, -g }\n -o {h=i}"),
            [("a", "b"), ("c", "d"), ("e", "f, -g"), ("h", "i")]
        );
        let line = "n - n - - smtpd -o { mynetworks = 0.0.0.0/0 }";
        assert!(matches!(service(line)[..], [Verdict::Unsafe { .. }]));
    }

    #[test]
    fn each_parameter_here_is_one_of_postfix() {
        let known = crate::config::parameters::names();
        let unsafe_ones = super::UNSAFE.iter().map(|(name, ..)| name);
        let keys = super::settings::all();
        let own = keys.iter().flat_map(|(_, key)| key.parameters);
        for name in unsafe_ones.chain(own).chain([&super::XCLIENT]) {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn what_tells_the_next_hop_of_clients_is_unsafe() {
        let verdict = parameter("smtp_send_xforward_command", "yes");
        assert!(matches!(verdict, Verdict::Unsafe { .. }));
    }
}
