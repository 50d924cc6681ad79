//! Reading back what was issued, to decide whether it still serves.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::KeyPair;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

use super::constraints::Permitted;
use super::issue::RENEW_DAYS;
use super::{Issued, Names};
use crate::plan::Role;

/// Why `issued` does not serve any more, in words for a person; `None`: it does.
/// `names` and `authority` are what a server certificate must match; an authority
/// has neither.
pub(super) fn objection(
    issued: &Issued,
    names: Option<&Names>,
    authority: Option<&Issued>,
    now: Timestamp,
) -> Option<String> {
    let Ok((_, pem)) = parse_x509_pem(issued.certificate.as_bytes()) else {
        return Some("it is not a PEM certificate".to_owned());
    };
    let Ok(certificate) = pem.parse_x509() else {
        return Some("it is not an X.509 certificate".to_owned());
    };
    let expires = certificate.validity().not_after.timestamp();
    let renew = (now + SignedDuration::from_hours(24 * RENEW_DAYS)).as_second();
    if expires < renew {
        return Some(format!("it expires within {RENEW_DAYS} days"));
    }
    if certificate.validity().not_before.timestamp() > now.as_second() {
        return Some("it is not valid yet".to_owned());
    }
    let key = KeyPair::from_pem(issued.key.reveal()).ok();
    let held = certificate.public_key().subject_public_key.data.as_ref();
    if key.is_none_or(|key| key.public_key_raw() != held) {
        return Some("its key does not belong to it".to_owned());
    }
    if names.is_some_and(|names| sorted(names.clone()) != sorted(held_names(&certificate))) {
        return Some("its names have changed".to_owned());
    }
    let signed = authority.is_none_or(|authority| is_signed_by(&certificate, authority));
    (!signed).then(|| "another authority signed it".to_owned())
}

/// The SHA-256 of the certificate of `issued`, as openssl prints it; empty where it is none.
#[must_use]
pub fn fingerprint(issued: &Issued) -> String {
    let Ok((_, pem)) = parse_x509_pem(issued.certificate.as_bytes()) else {
        return String::new();
    };
    fingerprint_of(&pem.contents)
}

/// The same of a certificate as DER.
#[must_use]
pub fn fingerprint_of(der: &[u8]) -> String {
    let bytes = Sha256::digest(der);
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// Whether others take the certificate of `issued` as their client's (extendedKeyUsage, RFC
/// 5280 section 4.2.1.12).
pub(super) fn is_for_clients(issued: &Issued) -> bool {
    let Ok((_, pem)) = parse_x509_pem(issued.certificate.as_bytes()) else {
        return false;
    };
    let usage = pem.parse_x509().ok();
    let usage = usage.and_then(|certificate| {
        let usage = certificate.extended_key_usage().ok()??;
        Some(usage.value.client_auth)
    });
    usage.unwrap_or(false)
}

/// The first of `names` that `authority` may not sign for.
pub(super) fn forbidden(authority: &Issued, names: &Names) -> Option<String> {
    let (_, pem) = parse_x509_pem(authority.certificate.as_bytes()).ok()?;
    let held = Permitted::held(&pem.parse_x509().ok()?)?;
    held.forbids(names)
}

/// Whether `authority` may sign for `servers`, and not for more of the world.
pub(super) fn permits_just(authority: &Issued, servers: &BTreeMap<Role, Names>) -> bool {
    let Ok((_, pem)) = parse_x509_pem(authority.certificate.as_bytes()) else {
        return false;
    };
    let held = pem.parse_x509().ok();
    let held = held.and_then(|certificate| Permitted::held(&certificate));
    held == Some(Permitted::of(servers))
}

fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &Issued) -> bool {
    let Ok((_, pem)) = parse_x509_pem(issuer.certificate.as_bytes()) else {
        return false;
    };
    pem.parse_x509().is_ok_and(|issuer| {
        certificate.issuer() == issuer.subject()
            && certificate
                .verify_signature(Some(issuer.public_key()))
                .is_ok()
    })
}

fn held_names(certificate: &X509Certificate<'_>) -> Names {
    let mut names = Names::default();
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return names;
    };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
            GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
            _ => {}
        }
    }
    names
}

pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

fn sorted(mut names: Names) -> Names {
    names.dns.sort();
    names.addresses.sort();
    names
}
