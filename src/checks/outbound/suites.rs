//! The cipher suites that the relay offers to next hops.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::postconf::Postconf;
use super::super::probe::rows;
use super::super::target::Context;
use super::super::verdict::{Judged, broken, fail, held};
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "outbound.forward_secrecy_comes_first",
    title: "The suites that next hops are offered begin with all that have forward secrecy",
    citation: "RFC 9325 section 4.1; Postfix tls_high_cipherlist",
    severity: Severity::Medium,
    about: "Asks OpenSSL in the relay's container for the suites that Postfix offers as a client, in \
            their order, where TLS is demanded and where it is only tried. No suite with a key \
            exchange by RSA may stand before one with forward secrecy: many servers take the \
            first that they know, and a session without it is open to whoever gets the server's \
            key later. Postfix's own order is by the length of keys alone.",
    repair: "Set no ciphers under postfix.main; by hand, end tls_high_cipherlist and \
             tls_medium_cipherlist with :+kRSA.",
    needs: &[Need::Lab],
    sabotages: &[Sabotage {
        name: "suites by the length of keys alone",
        changes: &[
            Change::Main("tls_high_cipherlist", "aNULL:-aNULL:HIGH:!MD5:@STRENGTH"),
            Change::Main(
                "tls_medium_cipherlist",
                "aNULL:-aNULL:HIGH:MEDIUM:!MD5:@STRENGTH",
            ),
        ],
        sees: "AES256-GCM-SHA384 before",
    }],
    ..Check::by(&forward_secrecy_comes_first)
}];

/// Where the grade of suites stands, and what is taken out of it.
const GRADES: [(&str, &[&str]); 2] = [
    (
        "smtp_tls_mandatory_ciphers",
        &[
            "smtp_tls_exclude_ciphers",
            "smtp_tls_mandatory_exclude_ciphers",
        ],
    ),
    ("smtp_tls_ciphers", &["smtp_tls_exclude_ciphers"]),
];

/// The exchanges of keys that leave none to be got later; of TLS 1.3 all do.
const EPHEMERAL: [&str; 3] = ["Kx=any", "Kx=ECDH", "Kx=DH"];

async fn forward_secrecy_comes_first(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let services: Vec<&str> = ["smtp/unix", "smtps/unix", "relay/unix"]
        .into_iter()
        .filter(|service| *service == "smtp/unix" || postconf.has_service(service))
        .collect();
    let mut lists: Vec<(String, String)> = Vec::new();
    for service in services {
        for (parameter, without) in GRADES {
            let grade = postconf.effective(service, parameter);
            let list = format!("tls_{grade}_cipherlist");
            let mut list = postconf.effective(service, &list).to_owned();
            for parameter in without {
                let names = postconf.effective(service, parameter);
                for name in names.split([',', ' ', ':']).filter(|name| !name.is_empty()) {
                    list = format!("{list}:!{name}");
                }
            }
            if !lists.iter().any(|(_, known)| *known == list) {
                lists.push((format!("{parameter} = {grade} of {service}"), list));
            }
        }
    }
    rows::each(
        &context,
        lists,
        |(what, _)| what,
        |context, (_, list)| async move { in_order(&context, &list).await },
    )
    .await
}

async fn in_order(context: &Context, list: &str) -> Judged {
    let argv = ["openssl", "ciphers", "-s", "-v", list];
    let text = appliance::output(context, Role::Relay, &argv).await?;
    let suites: Vec<(&str, bool)> = text
        .lines()
        .filter_map(|line| {
            let name = line.split_whitespace().next()?;
            let secret = EPHEMERAL.iter().any(|kx| line.contains(kx));
            Some((name, secret))
        })
        .collect();
    let Some(final_one) = suites.iter().rposition(|(_, secret)| *secret) else {
        return broken(format!(
            "OpenSSL knows no suite with forward secrecy of {list}"
        ));
    };
    let count = suites.len();
    let Some(first) = suites.iter().position(|(_, secret)| !secret) else {
        return held(
            "forward secrecy first",
            format!("all {count} suites have it"),
        );
    };
    let (early, late) = (suites[first].0, suites[final_one].0);
    if first < final_one {
        return fail("forward secrecy first", format!("{early} before {late}"));
    }
    held(
        "forward secrecy first",
        format!("{count} suites, {early} and all without it behind {late}"),
    )
}
