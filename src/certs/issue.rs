//! Making certificates.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::OffsetDateTime;

use super::constraints::Permitted;
use super::inspect::forbidden;
use super::{Certificates, Error, Issued, Names};
use crate::plan::Role;
use crate::secret::Secret;

/// How long a lab CA is valid. Clients that a developer points at a lab keep
/// trusting it; it never leaves the machine.
pub(super) const AUTHORITY_DAYS: i64 = 3650;

/// How long a server certificate is valid: the most that browsers and mail
/// clients accept (CA/Browser Forum Baseline Requirements 6.3.2: 398 days).
pub(super) const SERVER_DAYS: i64 = 397;

/// How long a client's certificate of a lab is valid: for one run.
const CLIENT_DAYS: i64 = 1;

/// A certificate is made anew when it has less than this left.
pub(super) const RENEW_DAYS: i64 = 30;

/// Clients' clocks may be this far behind.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// A new authority for `lab` and a certificate of it for each of `servers`,
/// in memory only.
///
/// # Errors
/// When a name cannot stand in a certificate.
pub fn issue(
    lab: &str,
    servers: &BTreeMap<Role, Names>,
    now: Timestamp,
) -> Result<Certificates, Error> {
    let authority = authority(lab, servers, now)?;
    let servers = servers
        .iter()
        .map(|(role, names)| Ok((*role, server(&authority, *role, names, now)?)))
        .collect::<Result<_, Error>>()?;
    Ok(Certificates { authority, servers })
}

/// A new authority: may sign certificates for `servers` and what is nobody's
/// (`constraints`), nothing else, and no authority below it.
pub(super) fn authority(
    lab: &str,
    servers: &BTreeMap<Role, Names>,
    now: Timestamp,
) -> Result<Issued, Error> {
    let subject = format!("relaykit lab {lab}");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| failed(&subject, &e))?;
    let mut params = params(&subject, now, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.name_constraints = Some(Permitted::of(servers).constraints());
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(|e| failed(&subject, &e))?;
    Ok(Issued {
        certificate: certificate.pem(),
        key: Secret::new(key.serialize_pem()),
    })
}

/// A server certificate under `authority`.
pub(super) fn server(
    authority: &Issued,
    role: Role,
    names: &Names,
    now: Timestamp,
) -> Result<Issued, Error> {
    let subject = names.dns.first().map_or(role.name(), String::as_str);
    let mut params = server_params(subject, names, now, SERVER_DAYS)?;
    if is_client(role) {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    signed(authority, subject, params)
}

/// Whether it shows others its certificate as their client, too: the relay does at next hops.
pub(super) fn is_client(role: Role) -> bool {
    role == Role::Relay
}

/// A new certificate of the relay's, with a new key, under `authority`.
///
/// # Errors
/// When the authority's key or certificate cannot be read, or a name cannot stand in a
/// certificate.
pub fn renewed(authority: &Issued, names: &Names, now: Timestamp) -> Result<Issued, Error> {
    server(authority, Role::Relay, names, now)
}

/// What a server certificate for `names` that is valid for `days` says.
pub(super) fn server_params(
    subject: &str,
    names: &Names,
    now: Timestamp,
    days: i64,
) -> Result<CertificateParams, Error> {
    let mut params = params(subject, now, days);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in &names.dns {
        let name = name.as_str().try_into().map_err(|e| failed(subject, &e))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    let addresses = names.addresses.iter().map(|a| SanType::IpAddress(*a));
    params.subject_alt_names.extend(addresses);
    Ok(params)
}

/// A certificate for a client of the lab, for listeners that demand one.
///
/// # Errors
/// When the authority's key or certificate cannot be read.
pub fn client(authority: &Issued, name: &str, now: Timestamp) -> Result<Issued, Error> {
    let mut params = params(name, now, CLIENT_DAYS);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    signed(authority, name, params)
}

/// A certificate of a new key under `authority` that is valid for `days`: for a server that is
/// called `names`, or for a client whose subject is the first of them.
///
/// # Errors
/// When the authority may not sign for a name, or cannot be read.
pub fn issued_for(
    authority: &Issued,
    names: &Names,
    client: bool,
    days: i64,
    now: Timestamp,
) -> Result<Issued, Error> {
    let subject = names.dns.first().cloned();
    let subject = subject
        .or_else(|| Some(names.addresses.first()?.to_string()))
        .unwrap_or_default();
    if client {
        let mut params = params(&subject, now, days);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        return signed(authority, &subject, params);
    }
    if let Some(name) = forbidden(authority, names) {
        return Err(Error::NotPermitted(name));
    }
    let params = server_params(&subject, names, now, days)?;
    signed(authority, &subject, params)
}

/// A certificate of a new key, which is no authority, under `authority`.
pub(super) fn signed(
    authority: &Issued,
    subject: &str,
    mut params: CertificateParams,
) -> Result<Issued, Error> {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let sign = || {
        let issuer_key = KeyPair::from_pem(authority.key.reveal())?;
        let issuer = Issuer::from_ca_cert_pem(&authority.certificate, issuer_key)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Issued {
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    };
    sign().map_err(|e| failed(subject, &e))
}

pub(super) fn failed(subject: &str, error: &rcgen::Error) -> Error {
    Error::Issue {
        subject: subject.to_owned(),
        reason: error.to_string(),
    }
}

fn params(common_name: &str, now: Timestamp, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    // X.520 allows 64 characters in a common name; the names that count are
    // the subject alternative names.
    let short: String = common_name.chars().take(64).collect();
    subject.push(DnType::CommonName, short);
    params.distinguished_name = subject;
    params.not_before = date(now - BACKDATE);
    params.not_after = date(now + SignedDuration::from_hours(24 * days));
    params
}

/// rcgen takes dates of the `time` crate.
fn date(timestamp: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(timestamp.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
