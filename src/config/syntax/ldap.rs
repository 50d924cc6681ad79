//! LDAP servers, filters and distinguished names, as saslauthd uses them.
//!
//! saslauthd copies each of these into a buffer of fixed size and drops the rest
//! without a word (`LAK_DN_LEN` of Cyrus SASL 2.1.28), so length is checked here.

use crate::config::filter::{Filter, Test, Text, Token};
use crate::config::problem::{Refusal, quoted};

use super::host::{name, port};

const LONGEST: usize = 511;
/// What a filter looks like.
const EXAMPLE: &str = "such as (&(objectClass=person)(uid=%u))";

/// A server, `ldaps://host[:port]` or, with `StartTLS` or what says that all may be read
/// on the way, `ldap://host[:port]`.
pub(in crate::config) fn server(
    text: &str,
    start_tls: bool,
    unencrypted: bool,
) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected an LDAP URL",
            quoted(text)
        ))
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong("no ldaps:// in front").hint(format!("write `ldaps://{text}`")));
    };
    match (scheme, start_tls) {
        ("ldaps", false) | ("ldap", true) => {}
        ("ldap", false) if unencrypted => {}
        ("ldap", false) => {
            return Err(wrong("passwords would travel in clear")
                .hint("use ldaps://, or set auth.ldap.start_tls: true"));
        }
        ("ldaps", true) => {
            return Err(
                wrong("start_tls is true, and ldaps:// has TLS from the first byte")
                    .hint("write ldap://, or remove start_tls"),
            );
        }
        ("ldapi", _) => {
            return Err(wrong("a socket on another machine's disk")
                .hint("the relay's container reaches a directory over the network only"));
        }
        _ => return Err(wrong("not ldaps:// or ldap://")),
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(wrong("more than host and port")
            .hint("the search base, filter and account have keys of their own"));
    }
    let (host, digits) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((inside, after)) => {
            inside
                .parse::<std::net::Ipv6Addr>()
                .map_err(|_| wrong("no IPv6 address in the brackets"))?;
            (
                None,
                after
                    .strip_prefix(':')
                    .or((!after.is_empty()).then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, digits)) => (Some(host), Some(digits)),
            None => (Some(authority), None),
        },
    };
    if digits.is_some_and(|digits| port(digits).is_none()) {
        return Err(wrong("what follows the host is no port from 1 to 65535"));
    }
    if let Some(host) = host.filter(|host| host.parse::<std::net::Ipv4Addr>().is_err()) {
        name(host, "the host name of an LDAP server", 1)?;
    }
    Ok(format!("{scheme}://{authority}"))
}

/// A search filter (RFC 4515) with the login in it.
pub(in crate::config) fn filter(text: &str) -> Result<String, Refusal> {
    let refused = |what: String| {
        Refusal::new(format!(
            "found {}: {what}, expected an LDAP filter",
            quoted(text)
        ))
    };
    limited(text, "filter")?;
    let filter = Filter::read(text).map_err(|wrong| {
        let hint = wrong.hint.unwrap_or_else(|| EXAMPLE.to_owned());
        refused(format!("at character {}: {}", wrong.at, wrong.what)).hint(hint)
    })?;
    let tokens =
        |test: &Test| -> Vec<Token> { test.texts().into_iter().flat_map(Text::tokens).collect() };
    let mut tokens = filter
        .tests()
        .into_iter()
        .flat_map(|(test, _)| tokens(test));
    if tokens.any(|token| matches!(token, Token::Typed | Token::Before)) {
        Ok(text.to_owned())
    } else {
        let why = "it is the same for every user".to_owned();
        Err(refused(why).hint("put the login in: (uid=%u)"))
    }
}

/// A search base: a distinguished name, and the same for every login. saslauthd would
/// replace tokens in it; others who look for the same person would not.
pub(in crate::config) fn search_base(text: &str) -> Result<String, Refusal> {
    let expanded = text.replace("%%", "");
    if let Some((_, after)) = expanded.split_once('%') {
        let token: String = after.chars().take(1).collect();
        return Err(Refusal::new(format!(
            "found {}: the search base is the same for every login, expected no token such as `%{token}`",
            quoted(text)
        ))
        .hint("search above it, and put the token into auth.ldap.filter; a percent sign is `%%`"));
    }
    distinguished_name(text)
}

/// The name of the account that searches: a distinguished name or, as Active Directory
/// takes them too, `user@domain` or `DOMAIN\user` ([MS-ADTS] section 5.1.1.1.1).
pub(in crate::config) fn account(text: &str) -> Result<String, Refusal> {
    if text.contains('=') {
        return distinguished_name(text);
    }
    limited(text, "name of an account")?;
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected a distinguished name such as cn=relay,dc=example,dc=com, \
             relay@example.com or EXAMPLE\\relay",
            quoted(text)
        ))
    };
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(wrong("blanks around it, or a control character"));
    }
    match (text.split_once('\\'), text.rsplit_once('@')) {
        (Some((domain, user)), _) if domain.is_empty() || user.is_empty() => {
            Err(wrong("nothing before or behind the `\\`"))
        }
        (Some((_, user)), _) if user.contains('\\') => Err(wrong("more than one `\\`")),
        (Some(_), _) => Ok(text.to_owned()),
        (None, Some((user, domain))) if user.is_empty() || domain.is_empty() => {
            Err(wrong("nothing before or behind the `@`"))
        }
        (None, Some((_, domain))) => {
            name(domain, "the domain of an account", 1)?;
            Ok(text.to_owned())
        }
        (None, None) => Err(wrong("no `=`, `@` or `\\` in it")),
    }
}

/// A distinguished name (RFC 4514), roughly: attributes with values, separated by
/// commas and plus signs.
pub(in crate::config) fn distinguished_name(text: &str) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected a distinguished name such as ou=People,dc=example,dc=com",
            quoted(text)
        ))
    };
    limited(text, "distinguished name")?;
    for part in unescaped_parts(text) {
        let part = part.trim();
        let Some((attribute, value)) = part.split_once('=') else {
            return Err(wrong(&format!("{} has no `=`", quoted(part))));
        };
        let attribute = attribute.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if attribute.is_empty() || !attribute.chars().all(plain) {
            return Err(wrong(&format!("{} is no attribute", quoted(attribute))));
        }
        if value.trim().is_empty() {
            return Err(wrong(&format!("{} has no value", quoted(attribute))));
        }
        if unescaped(value).contains(['"', ';', '<', '>']) {
            return Err(wrong("one of `\"`, `;`, `<`, `>` in a value").hint("put a `\\` before it"));
        }
    }
    Ok(text.to_owned())
}

/// `text` without its backslashes and what they protect.
fn unescaped(text: &str) -> String {
    let mut escaped = false;
    text.chars()
        .filter(|c| {
            let keep = !escaped && *c != '\\';
            escaped = !escaped && *c == '\\';
            keep
        })
        .collect()
}

/// `text` at its commas and plus signs, those after a backslash excepted.
fn unescaped_parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | '+' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn limited(text: &str, what: &str) -> Result<(), Refusal> {
    match text.len() {
        0 => Err(Refusal::new(format!("found nothing, expected a {what}"))),
        1..=LONGEST => Ok(()),
        n => Err(Refusal::new(format!(
            "the {what} has {n} bytes, saslauthd takes {LONGEST} and drops the rest"
        ))),
    }
}
