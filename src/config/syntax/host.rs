//! Host names, domains, addresses and next hops.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::NextHop;
use crate::config::problem::{Refusal, quoted};

/// A fully qualified host name: RFC 1123 2.1, at least two labels, no dot at the end.
pub(in crate::config) fn hostname(text: &str) -> Result<String, Refusal> {
    name(
        text,
        "a fully qualified host name such as relay.example.com",
        2,
    )
}

/// A domain that mail is accepted for.
pub(in crate::config) fn domain(text: &str) -> Result<String, Refusal> {
    if let Some(parent) = text.strip_prefix('.') {
        let why = format!(
            "found {} with a dot in front, expected a domain",
            quoted(text)
        );
        return Err(Refusal::new(why).hint(format!(
            "write {}: Postfix takes its subdomains with it",
            quoted(parent)
        )));
    }
    name(text, "a domain such as example.com", 2)
}

/// Whose mail takes a way of its own, as the keys of transport(5): `domain`, `.domain` or
/// `user@domain`.
pub(in crate::config) fn routed_recipient(text: &str) -> Result<String, Refusal> {
    match text.rsplit_once('@') {
        Some(("", domain)) => {
            let why = format!("found {}, expected a domain or an address", quoted(text));
            Err(Refusal::new(why).hint(format!("write {} for all of its mail", quoted(domain))))
        }
        Some(_) => routed_address(text),
        None if text == "*" => {
            let why = Refusal::new("found `*`, which is all mail");
            Err(why.hint("that is what outbound.next_hop is for"))
        }
        None => {
            let name = text.strip_prefix('.').unwrap_or(text);
            domain(name)?;
            Ok(text.to_owned())
        }
    }
}

/// Whose mail takes a way of its own, by its sender: `@domain` or `user@domain`.
pub(in crate::config) fn routed_sender(text: &str) -> Result<String, Refusal> {
    match text.rsplit_once('@') {
        Some(("", of)) => domain(of).map(|_| text.to_owned()),
        Some(_) => routed_address(text),
        None => {
            let why = format!("found {}, expected `@domain` or an address", quoted(text));
            Err(Refusal::new(why).hint(format!("write '@{text}' for all senders there")))
        }
    }
}

/// An address that can stand in a table of Postfix's, whose keys end at white space.
fn routed_address(text: &str) -> Result<String, Refusal> {
    let (local, of) = text.rsplit_once('@').unwrap_or((text, ""));
    let odd = |c: char| !(c.is_alphanumeric() || "!$%&'*+-/=?^_`{|}~.".contains(c));
    if let Some(c) = local.chars().find(|c| odd(*c)) {
        let why = format!(
            "found {}: {} cannot stand in a table of addresses",
            quoted(text),
            quoted(&c.to_string())
        );
        return Err(Refusal::new(why).hint("name its domain"));
    }
    domain(of)?;
    Ok(text.to_owned())
}

/// An address to listen on.
pub(in crate::config) fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        let why = Refusal::new(format!("found {}, expected an IP address", quoted(text)));
        match text {
            "localhost" => why.hint("write 127.0.0.1 or '::1'"),
            "*" | "" => why.hint("write 0.0.0.0 or '::' for all addresses"),
            _ if text.starts_with('[') => why.hint("write an IPv6 address without brackets"),
            _ => why.hint("such as 127.0.0.1 or '::1'"),
        }
    })
}

/// `[host]:port`, `[host]`, `host:port`, `host`, `[192.0.2.1]`, `[ipv6:2001:db8::1]`:
/// the forms of Postfix's transport(5). Brackets switch the MX lookup off.
pub(in crate::config) fn next_hop(text: &str) -> Result<NextHop, Refusal> {
    const EXPECTED: &str = "`[host]:port` or `host`";
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected {EXPECTED}",
            quoted(text)
        ))
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest
            .split_once(']')
            .ok_or_else(|| wrong("the `]` is missing"))?;
        let port = match after {
            "" => None,
            _ => Some(port(after.strip_prefix(':').unwrap_or("")).ok_or_else(|| {
                wrong("what follows the `]` is no port").hint("write `[host]:587`")
            })?),
        };
        return Ok(NextHop {
            host: bracketed(inside)?,
            port,
            mx_lookup: false,
        });
    }
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err(wrong("an address has no MX record").hint(format!("write '[{text}]'")));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(wrong("an address has no MX record").hint(format!("write '[ipv6:{text}]'")));
    }
    if text.contains("://") {
        return Err(wrong("a URL").hint("write the host and port alone"));
    }
    let (host, port) = match text.split_once(':') {
        None => (text, None),
        Some((host, digits)) => {
            let port = port(digits).ok_or_else(|| {
                wrong("what follows the `:` is no port").hint("a number from 1 to 65535")
            })?;
            (host, Some(port))
        }
    };
    Ok(NextHop {
        host: name(host, EXPECTED, 1)?,
        port,
        mx_lookup: true,
    })
}

fn bracketed(inside: &str) -> Result<String, Refusal> {
    let prefix = inside
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("ipv6:"));
    let address = if prefix { &inside[5..] } else { inside };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) if !prefix => Ok(v4.to_string()),
        Ok(IpAddr::V6(v6)) => Ok(v6.to_string()),
        _ if prefix || address.contains(':') => Err(Refusal::new(format!(
            "found {}, expected an IPv6 address in the brackets",
            quoted(address)
        ))),
        _ => name(address, "a host name or address in the brackets", 1),
    }
}

/// A port from 1 to 65535 in digits alone.
pub(super) fn port(digits: &str) -> Option<u16> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

/// Letters, digits and hyphens (RFC 1123 2.1), with at least `labels` labels.
pub(in crate::config) fn name(
    text: &str,
    expected: &str,
    labels: usize,
) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected {expected}",
            quoted(text)
        ))
    };
    if text.is_empty() {
        return Err(Refusal::new(format!("found nothing, expected {expected}")));
    }
    if !text.is_ascii() {
        return Err(wrong("not only ASCII letters")
            .hint("write an international name in its A-label form, xn--..."));
    }
    if text.ends_with('.') {
        return Err(wrong("a dot at the end").hint("leave the dot out"));
    }
    if text.len() > 253 {
        return Err(wrong("longer than the 253 characters of a name"));
    }
    for label in text.split('.') {
        if label.is_empty() {
            return Err(wrong("two dots, or a dot in front"));
        }
        if label.len() > 63 {
            return Err(wrong("a label longer than 63 characters"));
        }
        if let Some(odd) = label
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
        {
            return Err(wrong(&format!(
                "{} is no letter, digit or hyphen",
                quoted(&odd.to_string())
            )));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(wrong("a label that begins or ends with a hyphen"));
        }
    }
    if text
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(wrong("an address or number, not a name"));
    }
    if text.split('.').count() < labels {
        return Err(wrong("only one label").hint(format!("add the domain: `{text}.example.com`")));
    }
    Ok(text.to_owned())
}
