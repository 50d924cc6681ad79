//! What a certificate says of itself, for people and scripts.

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;

use super::inspect::{address, fingerprint_of};

/// One certificate (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Whose it is.
    pub subject: String,
    /// The host names and addresses that it is for (RFC 9525: these alone count).
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when it is valid.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whole days from now until then; below zero when it has expired.
    pub days_left: i64,
    /// As `openssl x509 -fingerprint -sha256` prints it.
    pub sha256: String,
    /// Whether it may sign others.
    pub authority: bool,
}

/// Each certificate in a PEM text, as of `now`; what is none is passed over.
#[must_use]
pub fn described(pem: &str, now: Timestamp) -> Vec<Described> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok);
    let certificates = blocks.filter(|block| block.label == "CERTIFICATE");
    certificates
        .filter_map(|block| {
            let certificate = block.parse_x509().ok()?;
            Some(one(&certificate, &block.contents, now))
        })
        .collect()
}

fn one(certificate: &X509Certificate<'_>, der: &[u8], now: Timestamp) -> Described {
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let validity = certificate.validity();
    let until = time(validity.not_after.timestamp());
    let left = until.as_second() - now.as_second();
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.iter().flat_map(|e| &e.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    Described {
        subject: certificate.subject().to_string(),
        names: names.collect(),
        issuer: certificate.issuer().to_string(),
        from: time(validity.not_before.timestamp()),
        until,
        days_left: left.div_euclid(86_400),
        sha256: fingerprint_of(der),
        authority: certificate.is_ca(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::certs::{Names, issue};
    use crate::plan::Role;

    #[test]
    fn a_certificate_tells_whose_it_is_and_how_long() {
        let now = Timestamp::now();
        let names = Names {
            dns: vec!["relay.relaykit.test".to_owned()],
            addresses: vec![[127, 0, 0, 1].into()],
        };
        let issued = issue("a", &[(Role::Relay, names)].into(), now).unwrap();
        let own = &issued.servers[&Role::Relay];
        let chain = format!(
            "{}{}{}",
            own.key.reveal(),
            own.certificate,
            issued.authority.certificate
        );
        let [relay, ca] = described(&chain, now).try_into().unwrap();
        assert_eq!(relay.names, ["relay.relaykit.test", "127.0.0.1"]);
        assert_eq!(relay.issuer, ca.subject);
        assert_eq!(relay.sha256, crate::certs::fingerprint(own));
        assert_eq!((relay.authority, ca.authority), (false, true));
        assert_eq!(relay.days_left, 397);
        let later = now + SignedDuration::from_hours(24 * 400);
        assert_eq!(described(&chain, later)[0].days_left, -3);
        assert_eq!(described("no certificate", now), []);
    }
}
