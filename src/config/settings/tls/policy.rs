//! `tls.outbound.policies`: another level of TLS for single next hops.

use std::fmt;

use super::outbound::{DANE, OutboundLevel, OutboundTls};
use crate::config::decode::{Decoder, Field};
use crate::config::next_hop::NextHop;
use crate::config::problem::{Refusal, alternatives, nearest, quoted};
use crate::config::setting::{Kind, Value};
use crate::config::shown::Shown;
use crate::config::syntax;

/// How sure the relay is of one next hop (`smtp_tls_policy_maps` in postconf(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How sure.
    pub level: OutboundLevel,
    /// Names or, with `fingerprint`, digests: one of them has to match. None: the next
    /// hop's own name.
    pub matches: Vec<String>,
    /// The name that is asked for in the handshake (RFC 6066 section 3).
    pub servername: Option<String>,
}

impl Policy {
    /// What `tls.outbound.level` says for all.
    #[must_use]
    pub fn of_level(level: OutboundLevel) -> Self {
        Self {
            level,
            matches: Vec::new(),
            servername: None,
        }
    }
}

impl fmt::Display for Policy {
    /// As relay.yaml has it behind the next hop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.level.name())?;
        if !self.matches.is_empty() {
            let digests = self.level == OutboundLevel::Fingerprint;
            let between = if digests { "|" } else { ":" };
            write!(f, " match={}", self.matches.join(between))?;
        }
        let mut servername = self.servername.iter();
        servername.try_for_each(|name| write!(f, " servername={name}"))
    }
}

/// A mapping of next hops to levels.
pub(super) struct Policies;

impl Value<OutboundTls> for Policies {
    fn kind(&self) -> Kind {
        Kind::Open("next hops")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut OutboundTls) {
        let mut policies = Vec::new();
        if decoder.adding {
            policies.append(&mut outbound.policies);
        }
        for (entry, value) in field.entries() {
            let next_hop = match syntax::next_hop(&entry.key) {
                Ok(next_hop) => next_hop,
                Err(why) => {
                    decoder.refuse_name(entry, &value, why);
                    continue;
                }
            };
            policies.retain(|(of, _): &(NextHop, Policy)| *of != next_hop);
            let policy = decoder.read(&value, policy);
            policies.extend(policy.map(|policy| (next_hop, policy)));
        }
        outbound.policies = policies;
    }

    fn show(&self, outbound: &mut OutboundTls) -> Shown {
        let policies = outbound.policies.iter();
        let shown = policies.map(|(of, policy)| (of.to_string(), Shown::text(policy)));
        Shown::Mapping(shown.collect())
    }
}

fn policy(text: &str) -> Result<Policy, Refusal> {
    let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let mut policy = Policy::of_level(level(words.next().unwrap_or_default())?);
    for word in words {
        attribute(&mut policy, word)?;
    }
    let digests = policy.level == OutboundLevel::Fingerprint;
    if digests && policy.matches.is_empty() {
        let why = Refusal::new("`fingerprint` without one, so that no server would do");
        return Err(why.hint(MAKE_FINGERPRINT));
    }
    if !policy.matches.is_empty() && !policy.level.verifies() {
        let level = policy.level.name();
        let why = format!("`match=` with `{level}`, which looks at no certificate");
        return Err(Refusal::new(why).hint("write secure, or leave match= out"));
    }
    if policy.servername.is_some() && policy.level == OutboundLevel::None {
        return Err(Refusal::new(
            "`servername=` with `none`, where there is no TLS",
        ));
    }
    Ok(policy)
}

fn level(word: &str) -> Result<OutboundLevel, Refusal> {
    let mut levels = OutboundLevel::ALL.into_iter();
    if let Some(level) = levels.find(|level| level.name() == word) {
        return Ok(level);
    }
    if let Some((_, why, hint)) = DANE.iter().find(|(name, ..)| *name == word) {
        return Err(Refusal::new(format!("`{word}`: {why}")).hint(*hint));
    }
    let names = OutboundLevel::ALL.map(OutboundLevel::name);
    let why = format!("found {}, expected {}", quoted(word), alternatives(&names));
    let why = Refusal::new(why);
    Err(match nearest(word, &names) {
        Some(meant) => why.hint(format!("did you mean `{meant}`?")),
        None => why.hint("such as 'secure match=mx.example.net'"),
    })
}

fn attribute(policy: &mut Policy, word: &str) -> Result<(), Refusal> {
    match word.split_once('=') {
        Some(("match", list)) if policy.level == OutboundLevel::Fingerprint => {
            for digest in list.split('|') {
                policy.matches.push(fingerprint(digest)?);
            }
            Ok(())
        }
        Some(("match", list)) => {
            for name in list.split(':') {
                policy.matches.push(pattern(name)?);
            }
            Ok(())
        }
        Some(("servername", name)) => {
            policy.servername = Some(server(name)?);
            Ok(())
        }
        _ => {
            let why = format!("found {}, expected `match=` or `servername=`", quoted(word));
            Err(Refusal::new(why))
        }
    }
}

/// What Postfix puts in the place of a name (`smtp_tls_secure_cert_match` in postconf(5)).
const STRATEGIES: [&str; 3] = ["nexthop", "dot-nexthop", "hostname"];

/// A name to find in a certificate; with a dot in front, any below it.
fn pattern(text: &str) -> Result<String, Refusal> {
    if STRATEGIES.contains(&text) {
        return Ok(text.to_owned());
    }
    let name = text.strip_prefix('.').unwrap_or(text);
    server(name).map(|_| text.to_owned())
}

fn server(text: &str) -> Result<String, Refusal> {
    syntax::name(text, "a name such as mx.example.net", 1)
}

const MAKE_FINGERPRINT: &str = "write match= and what this prints for the server's certificate: \
                                openssl x509 -in server.pem -noout -fingerprint -sha256";

/// The SHA-256 of a certificate or of its public key, as openssl prints it.
fn fingerprint(text: &str) -> Result<String, Refusal> {
    let bytes: Vec<&str> = text.split(':').collect();
    let byte = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    if bytes.len() == 32 && bytes.iter().all(byte) {
        return Ok(text.to_ascii_uppercase());
    }
    let why = format!(
        "found {}, expected the 32 bytes of a SHA-256 in hexadecimal, with `:` between them",
        quoted(text)
    );
    Err(Refusal::new(why).hint(MAKE_FINGERPRINT))
}
