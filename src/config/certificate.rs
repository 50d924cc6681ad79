//! The operator's certificate, its chain and its key, held against what OpenSSL and those
//! to whom it is shown will ask of them (RFC 5280, RFC 9525, RFC 9325 section 4).

use jiff::Timestamp;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::problem::Refusal;

/// A certificate that ends sooner is told of: who renews by hand needs that long.
const SOON_DAYS: i64 = 14;

/// Shorter RSA keys are refused by OpenSSL's default security level (RFC 9325 4.5).
const RSA_BITS: usize = 2048;

/// md5WithRSAEncryption, sha1WithRSAEncryption (RFC 8017 A.2.4), ecdsa-with-SHA1 (RFC 5758 3.2).
const WEAK: [&str; 3] = [
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
];

/// As what the relay shows a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// To clients, as a server.
    AsServer {
        /// The relay's name.
        hostname: &'a str,
        /// The certificates (DER) of those that this machine knows.
        authorities: fn() -> Vec<Vec<u8>>,
    },
    /// To next hops, as their client: they go by a CA of their own or by this very
    /// certificate, and not by a name.
    AsClient,
}

/// Which of the two files a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Certificate,
    Key,
}

/// What is wrong with one of the two files.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) file: File,
    pub(super) why: Refusal,
    /// The relay would not start, or clients that check certificates would leave.
    pub(super) fatal: bool,
}

/// Looks at the PEM text of both files.
pub(super) fn judge(
    certificate: &str,
    key: &str,
    shown: Shown<'_>,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Findings::default();
    let ders: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let mut chain = Vec::new();
    for (index, der) in ders.iter().enumerate() {
        let read = der.as_ref().ok().and_then(|der| {
            let (rest, certificate) = parse_x509_certificate(der).ok()?;
            rest.is_empty().then_some(certificate)
        });
        match read {
            Some(read) => chain.push(read),
            None => found.refuse(
                File::Certificate,
                format!("{} is damaged", ordinal(index)),
                "write the file anew from what the authority sent",
            ),
        }
    }
    // What cannot be read has no place in the order of the others.
    if chain.len() < ders.len() || chain.is_empty() {
        return found.0;
    }
    let position = found.key(&chain, key);
    if let Shown::AsServer { hostname, .. } = shown {
        found.names(&chain[position], hostname);
    }
    found.time(&chain, position, now);
    found.strength(&chain, position);
    found.purpose(&chain[position], shown);
    // Told by the key already, and the order with it.
    if position == 0 {
        let top = found.order(&chain);
        if let Shown::AsServer { authorities, .. } = shown {
            found.end(&chain, top, authorities);
        }
    }
    found.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn refuse(&mut self, file: File, message: impl Into<String>, hint: impl Into<String>) {
        self.add(file, message, hint, true);
    }

    fn warn(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.add(File::Certificate, message, hint, false);
    }

    fn add(
        &mut self,
        file: File,
        message: impl Into<String>,
        hint: impl Into<String>,
        fatal: bool,
    ) {
        let why = Refusal::new(message).hint(hint);
        self.0.push(Finding { file, why, fatal });
    }

    /// Which certificate of `chain` the key belongs to: the relay's own.
    fn key(&mut self, chain: &[X509Certificate<'_>], key: &str) -> usize {
        let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else {
            self.refuse(
                File::Key,
                "the private key is damaged",
                "write the file anew, in PEM, without a passphrase",
            );
            return 0;
        };
        // There are kinds of key that OpenSSL can use and this library cannot.
        let Ok(key) = any_supported_type(&key) else {
            return 0;
        };
        let Some(public) = key.public_key() else {
            return 0;
        };
        let own = |certificate: &X509Certificate<'_>| {
            certificate.public_key().raw == AsRef::<[u8]>::as_ref(&public)
        };
        match chain.iter().position(own) {
            Some(0) => 0,
            Some(index) => {
                self.refuse(
                    File::Certificate,
                    format!(
                        "the private key belongs to {}, `{}`, and Postfix takes the first as its own",
                        ordinal(index),
                        chain[index].subject()
                    ),
                    "turn the order: the relay's own certificate, then what signed it, and so on",
                );
                index
            }
            None => {
                self.refuse(
                    File::Key,
                    format!(
                        "this private key does not belong to the certificate, `{}`",
                        chain[0].subject()
                    ),
                    "write the key that the certificate was ordered with",
                );
                0
            }
        }
    }

    /// RFC 9525 6.3: names are those of subjectAltName, a star is one whole label.
    fn names(&mut self, own: &X509Certificate<'_>, hostname: &str) {
        let names: Vec<String> = match own.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        if names.iter().any(|name| covers(name, hostname)) {
            return;
        }
        let held = if names.is_empty() {
            "it has no host name (in subjectAltName; clients do not read the common name)"
                .to_owned()
        } else {
            format!("its names are {}", shortened(&names))
        };
        self.refuse(
            File::Certificate,
            format!("the certificate is not for `{hostname}`, which is `hostname`: {held}"),
            "order one for that name, or write as `hostname` a name that it has",
        );
    }

    fn time(&mut self, chain: &[X509Certificate<'_>], position: usize, now: Timestamp) {
        let day = |seconds: i64| {
            Timestamp::from_second(seconds).map_or_else(
                |_| seconds.to_string(),
                |time| time.to_string()[..10].to_owned(),
            )
        };
        for (index, certificate) in chain.iter().enumerate() {
            let whose = whose(index, position, certificate);
            let from = certificate.validity().not_before.timestamp();
            let until = certificate.validity().not_after.timestamp();
            if until < now.as_second() {
                let why = format!("{whose} expired on {}", day(until));
                self.refuse(File::Certificate, why, "renew it");
            } else if from > now.as_second() {
                let why = format!("{whose} is not valid before {}", day(from));
                let hint = "wait, or look at this machine's clock";
                self.refuse(File::Certificate, why, hint);
            } else if index == position && until - now.as_second() < SOON_DAYS * 86_400 {
                self.warn(format!("{whose} expires on {}", day(until)), "renew it");
            }
        }
    }

    fn strength(&mut self, chain: &[X509Certificate<'_>], position: usize) {
        for (index, certificate) in chain.iter().enumerate() {
            let whose = whose(index, position, certificate);
            if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed() {
                let bits = key.key_size();
                if bits < RSA_BITS {
                    self.refuse(
                        File::Certificate,
                        format!(
                            "{whose} has an RSA key of {bits} bits, which TLS libraries refuse"
                        ),
                        format!(
                            "order one with a key of {RSA_BITS} bits or more, or of ECDSA P-256"
                        ),
                    );
                }
            }
            let signature = certificate.signature_algorithm.algorithm.to_id_string();
            // Nobody checks the signature of an authority under itself.
            if WEAK.contains(&signature.as_str()) && !is_self_signed(certificate) {
                self.refuse(
                    File::Certificate,
                    format!("{whose} is signed with SHA-1 or MD5, which TLS libraries refuse"),
                    "order a new one: authorities have signed with SHA-256 since 2016",
                );
            }
        }
    }

    fn purpose(&mut self, own: &X509Certificate<'_>, shown: Shown<'_>) {
        let Ok(Some(usage)) = own.extended_key_usage() else {
            return;
        };
        let usage = usage.value;
        match shown {
            Shown::AsServer { .. } if !usage.server_auth && !usage.any => self.refuse(
                File::Certificate,
                "the certificate is not one of a server (extendedKeyUsage without serverAuth)",
                "order one for a server",
            ),
            // Who goes by a fingerprint does not look at this.
            Shown::AsClient if !usage.client_auth && !usage.any => self.warn(
                "the certificate is not one of a client (extendedKeyUsage without clientAuth): a \
                 next hop that goes by its CA refuses it",
                "order one for a client, which most public authorities do not sign any more: ask \
                 who runs the next hop",
            ),
            _ => {}
        }
    }

    /// Each certificate signed by the next; which one ends the chain.
    fn order(&mut self, chain: &[X509Certificate<'_>]) -> usize {
        let mut last = 0;
        let mut rest: Vec<usize> = (1..chain.len()).collect();
        let mut path = vec![0];
        while let Some(at) = rest.iter().position(|&i| signed(&chain[last], &chain[i])) {
            last = rest.remove(at);
            path.push(last);
        }
        for &stranger in &rest {
            self.warn(
                format!(
                    "{}, `{}`, signed none of the others",
                    ordinal(stranger),
                    chain[stranger].subject()
                ),
                "take it out: it costs every handshake a part of a packet",
            );
        }
        if !path.is_sorted() {
            let right: Vec<String> = path.iter().map(|i| (i + 1).to_string()).collect();
            self.warn(
                "the certificates are not in the order in which they sign each other, which some \
                 clients do not forgive",
                format!("put them in this order: {}", right.join(", ")),
            );
        }
        last
    }

    /// The chain leads to an authority that clients know.
    fn end(
        &mut self,
        chain: &[X509Certificate<'_>],
        last: usize,
        authorities: fn() -> Vec<Vec<u8>>,
    ) {
        let top = &chain[last];
        if is_self_signed(top) {
            if last == 0 {
                self.warn(
                    "the certificate is signed by itself: clients that check certificates refuse it \
                     unless each of them is told of it",
                    "order one from an authority that the clients know",
                );
            }
            return;
        }
        let known = authorities().iter().any(|der| {
            parse_x509_certificate(der).is_ok_and(|(_, authority)| signed(top, &authority))
        });
        if !known {
            self.warn(
                format!(
                    "the chain ends at `{}`, which this machine's authorities do not know",
                    top.issuer()
                ),
                "append that certificate, unless it is an authority of your own that the clients know",
            );
        }
    }
}

fn signed(what: &X509Certificate<'_>, by: &X509Certificate<'_>) -> bool {
    what.issuer() == by.subject() && what.verify_signature(Some(by.public_key())).is_ok()
}

fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer() == certificate.subject()
}

/// Whether `name` of a certificate means `host`.
fn covers(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        None => name == host,
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
    }
}

fn whose(index: usize, position: usize, certificate: &X509Certificate<'_>) -> String {
    if index == position {
        "the certificate".to_owned()
    } else {
        format!("{}, `{}`,", ordinal(index), certificate.subject())
    }
}

fn ordinal(index: usize) -> String {
    format!("certificate {} of the file", index + 1)
}

/// The first few: some certificates have a hundred.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        format!("{text} and {} more", names.len() - SHOWN)
    } else {
        text
    }
}
