//! Certificates that are wrong in one respect, to see that it is noticed.
//!
//! What no library makes any more was made once, with OpenSSL, and lies in the
//! folder beside this file. Those keys are known to everybody: good for nothing
//! else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SubjectPublicKeyInfo,
};

use super::issue::{SERVER_DAYS, authority, failed, server, server_params, signed};
use super::{Error, Issued, Names};
use crate::plan::Role;
use crate::secret::Secret;

/// RSA, 1024 bits.
const SMALL_KEY: &str = include_str!("flawed/rsa1024.key");
const SMALL_PUBLIC_KEY: &str = include_str!("flawed/rsa1024.pub");
/// Self-signed by ECDSA with SHA-1, valid for a century.
const SHA1_KEY: &str = include_str!("flawed/sha1.key");
const SHA1_CERTIFICATE: &str = include_str!("flawed/sha1.pem");

/// What is wrong with a server's certificate; everything else about it is right,
/// and the lab's authority has signed it, where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is valid for one more day.
    ExpiresSoon,
    /// It is for another host.
    OtherName,
    /// The host's name is its common name and no alternative name.
    CommonNameOnly,
    /// It is its own authority.
    SelfSigned,
    /// It may serve as a client's alone.
    ForClients,
    /// It may sign other certificates.
    Authority,
    /// Its key is RSA with 1024 bits.
    SmallKey,
    /// It is signed with SHA-1, by itself.
    Sha1,
    /// The key beside it is not its own.
    OtherKey,
    /// Another lab's authority follows it in its file.
    StrangerBehind,
}

impl Flaw {
    /// What it is, to go after `the certificate: `.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ExpiresSoon => "valid for one more day",
            Self::OtherName => "for another host",
            Self::CommonNameOnly => "without alternative names",
            Self::SelfSigned => "self-signed",
            Self::ForClients => "for client authentication alone",
            Self::Authority => "a CA's",
            Self::SmallKey => "RSA with 1024 bits",
            Self::Sha1 => "self-signed with SHA-1",
            Self::OtherKey => "with another key beside it",
            Self::StrangerBehind => "followed by another lab's CA",
        }
    }
}

/// A server certificate for `names` under `lab_authority` with this `flaw`.
///
/// # Errors
/// When it cannot be made.
pub fn flawed(
    lab_authority: &Issued,
    names: &Names,
    flaw: Flaw,
    now: Timestamp,
) -> Result<Issued, Error> {
    let subject = names.dns.first().map_or("relay", String::as_str);
    let right = |names: &Names| server(lab_authority, Role::Relay, names, now);
    match flaw {
        Flaw::ExpiresSoon => {
            let params = server_params(subject, names, now, 1)?;
            signed(lab_authority, subject, params)
        }
        Flaw::OtherName => right(&Names {
            dns: vec!["another.relaykit.test".to_owned()],
            addresses: Vec::new(),
        }),
        Flaw::CommonNameOnly => {
            let mut params = server_params(subject, names, now, SERVER_DAYS)?;
            params.subject_alt_names.clear();
            signed(lab_authority, subject, params)
        }
        Flaw::SelfSigned => self_signed(subject, names, now),
        Flaw::ForClients => {
            let mut params = server_params(subject, names, now, SERVER_DAYS)?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            signed(lab_authority, subject, params)
        }
        Flaw::Authority => may_sign(lab_authority, subject, names, now),
        Flaw::SmallKey => small_key(lab_authority, subject, names, now),
        Flaw::Sha1 => Ok(Issued {
            certificate: SHA1_CERTIFICATE.to_owned(),
            key: Secret::new(SHA1_KEY),
        }),
        Flaw::OtherKey => Ok(Issued {
            key: right(names)?.key,
            ..right(names)?
        }),
        Flaw::StrangerBehind => {
            let issued = right(names)?;
            let stranger = authority("of a stranger", &BTreeMap::new(), now)?;
            Ok(Issued {
                certificate: issued.certificate + &stranger.certificate,
                ..issued
            })
        }
    }
}

/// A key and a certificate that nobody needs any more, in one PEM file as Postfix
/// reads it.
#[must_use]
pub fn old() -> Secret {
    Secret::new(format!("{SHA1_KEY}{SHA1_CERTIFICATE}"))
}

fn self_signed(subject: &str, names: &Names, now: Timestamp) -> Result<Issued, Error> {
    let mut params = server_params(subject, names, now, SERVER_DAYS)?;
    params.is_ca = IsCa::ExplicitNoCa;
    let make = || {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(Issued {
            certificate: params.self_signed(&key)?.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    };
    make().map_err(|error| failed(subject, &error))
}

/// The lab's authority allows none below it, so that the flag alone is not what
/// a chain is refused for: it is there for whoever reads the certificate.
fn may_sign(
    lab_authority: &Issued,
    subject: &str,
    names: &Names,
    now: Timestamp,
) -> Result<Issued, Error> {
    let mut params = server_params(subject, names, now, SERVER_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
    ];
    let make = || {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &issuer(lab_authority)?)?;
        Ok(Issued {
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    };
    make().map_err(|error| failed(subject, &error))
}

fn small_key(
    lab_authority: &Issued,
    subject: &str,
    names: &Names,
    now: Timestamp,
) -> Result<Issued, Error> {
    let mut params = server_params(subject, names, now, SERVER_DAYS)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let make = || {
        let key = SubjectPublicKeyInfo::from_pem(SMALL_PUBLIC_KEY)?;
        let certificate = params.signed_by(&key, &issuer(lab_authority)?)?;
        Ok(Issued {
            certificate: certificate.pem(),
            key: Secret::new(SMALL_KEY),
        })
    };
    make().map_err(|error| failed(subject, &error))
}

fn issuer(authority: &Issued) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
    let key = KeyPair::from_pem(authority.key.reveal())?;
    Issuer::from_ca_cert_pem(&authority.certificate, key)
}
