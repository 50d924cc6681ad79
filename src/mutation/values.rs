//! Other values that Postfix's documentation (postconf(5)) allows.

use super::Operator;
use super::Operator::{AddPermit, DropElement, FlipValue, Reorder, SwapMap};
use crate::audit::words;

/// Names, or ends of names after a star, and what such a parameter may say.
const ALLOWED: &[(&str, &[&str])] = &[
    ("smtpd_tls_security_level", &["none", "may", "encrypt"]),
    (
        "smtp_tls_security_level",
        &["none", "may", "encrypt", "dane", "verify", "secure"],
    ),
    (
        "*_protocols",
        &[">=TLSv1", ">=TLSv1.2", ">=TLSv1.3", "<=TLSv1.2", "!TLSv1.3"],
    ),
    ("*_ciphers", &["null", "low", "medium", "high"]),
    ("smtpd_forbid_bare_newline", &["normalize", "note", "no"]),
    ("compatibility_level", &["0", "2", "3.6"]),
    ("inet_protocols", &["ipv4", "ipv6"]),
    ("inet_interfaces", &["loopback-only"]),
    ("smtpd_sasl_type", &["cyrus"]),
    (
        "*_security_options",
        &["noanonymous", "noplaintext", "noanonymous, noplaintext"],
    ),
    ("default_database_type", &["texthash"]),
    ("tls_ssl_options", &["NO_TICKET", "NO_COMPRESSION"]),
    ("relay_transport", &["smtp", "error", "discard", "relay"]),
    ("local_transport", &["smtp", "discard", "error"]),
    ("local_header_rewrite_clients", &["static:all"]),
    ("remote_header_rewrite_domain", &["domain.invalid"]),
    (
        "notify_classes",
        &["resource, software", "bounce, 2bounce, policy, protocol"],
    ),
    ("mynetworks", &["127.0.0.0/8", "0.0.0.0/0 [::]/0"]),
    ("mydestination", &["$myhostname", "$mydomain"]),
    ("relay_domains", &["$mydestination", "example.org"]),
    (
        "smtpd_banner",
        &["$myhostname ESMTP $mail_name ($mail_version)"],
    ),
    ("address_verify_sender", &["$double_bounce_sender"]),
    ("smtpd_etrn_restrictions", &["permit"]),
    ("syslog_name", &["postfix"]),
    ("mail_name", &["Postfix"]),
    ("cleanup_service_name", &["cleanup", "cleanup-login"]),
    ("header_checks", &["static:DUNNO"]),
];

/// Lists of who may, and an element that lets in everybody.
const WHO_MAY: [(&str, &str); 4] = [
    ("mynetworks", "0.0.0.0/0"),
    ("relay_domains", "static:all"),
    ("permit_mx_backup_networks", "0.0.0.0/0"),
    ("smtpd_authorized_verp_clients", "0.0.0.0/0"),
];

/// Ends of the names of lists whose order counts. All others are sets.
const ORDERED: [&str; 4] = ["_restrictions", "_checks", "_maps", "_chain_files"];

/// Everything that could stand in the place of `value`, and which operator says so.
pub(super) fn others(name: &str, value: &str, tables: &[String]) -> Vec<(Operator, String)> {
    let mut all: Vec<(Operator, String)> = Vec::new();
    let fits = |known: &str| match known.strip_prefix('*') {
        Some(end) => name.ends_with(end),
        None => name == known,
    };
    let allowed = ALLOWED.iter().find(|(known, _)| fits(known));
    match allowed {
        Some((_, values)) => {
            let others = values.iter().filter(|other| **other != value);
            all.extend(others.map(|other| (FlipValue, (*other).to_owned())));
            if !value.is_empty() {
                all.push((FlipValue, String::new()));
            }
        }
        None => all.extend(plain(value)),
    }
    all.extend(host(value));
    let list = words(value);
    if name.ends_with("_restrictions") && !value.starts_with("permit,") {
        let rest = if value.is_empty() { "" } else { ", " };
        all.push((AddPermit, format!("permit{rest}{value}")));
    }
    if let Some((_, everybody)) = WHO_MAY.iter().find(|(known, _)| *known == name) {
        all.push((AddPermit, format!("{value} {everybody}").trim().to_owned()));
    }
    if list.len() > 1 && value.contains(',') && !value.starts_with("inline:") {
        let without = |gone: usize| {
            let kept = list.iter().enumerate().filter(|(at, _)| *at != gone);
            kept.map(|(_, word)| word.as_str()).collect::<Vec<_>>()
        };
        let fewer = (0..list.len()).map(|gone| (DropElement, without(gone).join(", ")));
        all.extend(fewer);
        if ORDERED.iter().any(|end| name.ends_with(end)) {
            let turned: Vec<&str> = list.iter().rev().map(String::as_str).collect();
            all.push((Reorder, turned.join(", ")));
        }
    }
    all.extend(inline(value));
    for table in list.iter().filter(|word| tables.contains(word)) {
        let others = tables.iter().filter(|other| *other != table);
        all.extend(others.map(|other| (SwapMap, value.replacen(table, other, 1))));
    }
    let mut known = Vec::new();
    all.retain(|(_, other)| {
        let new = other != value && !known.contains(other);
        known.push(other.clone());
        new
    });
    all
}

/// What a value could be of which nothing is known but how it reads.
pub(super) fn plain(value: &str) -> Vec<(Operator, String)> {
    let flipped = |others: Vec<String>| others.into_iter().map(|o| (FlipValue, o)).collect();
    match value {
        "" => return Vec::new(),
        "yes" => return flipped(vec!["no".to_owned()]),
        "no" => return flipped(vec!["yes".to_owned()]),
        _ => {}
    }
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = value.split_at(digits);
    if let Ok(number) = number.parse::<u64>()
        && (unit.is_empty() || ["s", "m", "h", "d"].contains(&unit))
    {
        let mut others = vec![0, number / 10, number.saturating_mul(10)];
        others.retain(|other| *other != number);
        others.dedup();
        let texts = others.into_iter().map(|other| format!("{other}{unit}"));
        return flipped(texts.collect());
    }
    let mut all = flipped(vec![String::new()]);
    let list: Vec<&str> = value.split(' ').collect();
    if list.len() > 1 && !value.contains(',') && !value.contains(['{', '$', ':']) {
        for gone in 0..list.len() {
            let kept = list.iter().enumerate().filter(|(at, _)| *at != gone);
            let kept: Vec<&str> = kept.map(|(_, word)| *word).collect();
            all.push((DropElement, kept.join(" ")));
        }
    }
    all
}

/// A next hop that is looked up, or called at another port.
fn host(value: &str) -> Vec<(Operator, String)> {
    let Some((host, port)) = value
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    else {
        return Vec::new();
    };
    if host.contains('[') || port.contains([' ', ',']) {
        return Vec::new();
    }
    vec![
        (FlipValue, format!("{host}{port}")),
        (FlipValue, format!("[{host}]:2525")),
    ]
}

/// A table within a value, without one of its entries.
fn inline(value: &str) -> Vec<(Operator, String)> {
    let inner = value
        .strip_prefix("inline:{")
        .and_then(|rest| rest.strip_suffix('}'));
    let Some(inner) = inner else {
        return Vec::new();
    };
    let entries = words(inner);
    let without = |gone: usize| {
        let kept = entries.iter().enumerate().filter(|(at, _)| *at != gone);
        let kept: Vec<&str> = kept.map(|(_, entry)| entry.as_str()).collect();
        format!("inline:{{{}}}", kept.join(", "))
    };
    (0..entries.len())
        .map(|gone| (Operator::RemoveRule, without(gone)))
        .collect()
}
