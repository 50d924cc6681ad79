//! What a lab's CA may sign for (RFC 5280 section 4.2.1.10). People put it among
//! the authorities that their programs believe, and its key lies on their disk:
//! whoever gets hold of that must not be able to play the rest of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::Names;
use crate::plan::Role;

/// Names that are nobody's in the world, each with all names below it: for tests (RFC
/// 6761 section 6.2), for this machine (section 6.3), and the engine's own.
const NOBODYS: [&str; 3] = ["host.docker.internal", "localhost", "test"];

/// Permitted host names, each with those below it, and networks: the others are
/// forbidden. Mail addresses are permitted in `.test` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permitted {
    names: BTreeSet<String>,
    networks: BTreeSet<(IpAddr, IpAddr)>,
}

impl Permitted {
    /// What the certificates of `servers` hold, this machine, and what is nobody's.
    pub(super) fn of(servers: &BTreeMap<Role, Names>) -> Self {
        let mut names: BTreeSet<String> = NOBODYS.map(str::to_owned).into();
        let all = servers.values().flat_map(|names| &names.dns);
        for name in all.map(|name| name.to_ascii_lowercase()) {
            let below = |base: &str| name == base || name.ends_with(&format!(".{base}"));
            if !NOBODYS.into_iter().any(below) {
                names.insert(name);
            }
        }
        let one_v4 = IpAddr::from(Ipv4Addr::BROADCAST);
        let one_v6 = IpAddr::from([0xff_u8; 16]);
        let mut networks = BTreeSet::from([
            (IpAddr::from([127, 0, 0, 0]), IpAddr::from([255, 0, 0, 0])),
            (Ipv6Addr::LOCALHOST.into(), one_v6),
        ]);
        let all = servers.values().flat_map(|names| &names.addresses);
        for address in all.filter(|address| !address.is_loopback()) {
            let mask = if address.is_ipv4() { one_v4 } else { one_v6 };
            networks.insert((*address, mask));
        }
        Self { names, networks }
    }

    /// What `certificate` permits; `None`: anything.
    pub(super) fn held(certificate: &X509Certificate<'_>) -> Option<Self> {
        let constraints = certificate.name_constraints().ok()??.value;
        let mut held = Self {
            names: BTreeSet::new(),
            networks: BTreeSet::new(),
        };
        for subtree in constraints.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => {
                    held.names.insert((*name).to_owned());
                }
                GeneralName::IPAddress(octets) => {
                    held.networks.extend(network(octets));
                }
                _ => {}
            }
        }
        Some(held)
    }

    /// The first of `names` that is not permitted.
    pub(super) fn forbids(&self, names: &Names) -> Option<String> {
        let below = |name: &str, base: &str| name == base || name.ends_with(&format!(".{base}"));
        let known = |name: &&String| {
            let name = name.to_ascii_lowercase();
            self.names.iter().any(|base| below(&name, base))
        };
        let inside = |address: &&IpAddr| {
            let networks = self.networks.iter();
            networks
                .filter(|(network, _)| network.is_ipv4() == address.is_ipv4())
                .any(|(network, mask)| masked(**address, *mask) == masked(*network, *mask))
        };
        let name = names.dns.iter().find(|name| !known(name)).cloned();
        let address = names.addresses.iter().find(|address| !inside(address));
        name.or_else(|| address.map(ToString::to_string))
    }

    /// As rcgen takes it.
    pub(super) fn constraints(&self) -> NameConstraints {
        let names = self.names.iter().cloned().map(GeneralSubtree::DnsName);
        let networks = self.networks.iter().map(|(address, mask)| {
            GeneralSubtree::IpAddress(match (address, mask) {
                (IpAddr::V4(address), IpAddr::V4(mask)) => {
                    CidrSubnet::V4(address.octets(), mask.octets())
                }
                (address, mask) => CidrSubnet::V6(wide(*address), wide(*mask)),
            })
        });
        let mail = GeneralSubtree::Rfc822Name(".test".to_owned());
        NameConstraints {
            permitted_subtrees: names.chain(networks).chain([mail]).collect(),
            excluded_subtrees: Vec::new(),
        }
    }
}

fn masked(address: IpAddr, mask: IpAddr) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(address) => Ipv4Addr::octets(&address).to_vec(),
        IpAddr::V6(address) => Ipv6Addr::octets(&address).to_vec(),
    };
    let pairs = octets(address).into_iter().zip(octets(mask));
    pairs.map(|(octet, mask)| octet & mask).collect()
}

fn wide(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// An address and its mask, one behind the other.
fn network(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    match octets.len() {
        8 => {
            let of = |octets: &[u8]| <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
            of(address).zip(of(mask))
        }
        32 => {
            let of = |octets: &[u8]| <[u8; 16]>::try_from(octets).ok().map(IpAddr::from);
            of(address).zip(of(mask))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use jiff::Timestamp;

    use super::super::issue::{authority, server};
    use super::*;
    use crate::certs::{Issued, issue};

    fn names(dns: &[&str], addresses: &[&str]) -> Names {
        Names {
            dns: dns.iter().map(ToString::to_string).collect(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }
    }

    fn servers() -> BTreeMap<Role, Names> {
        BTreeMap::from([
            (
                Role::Relay,
                names(&["relay.example.org", "relay"], &["127.0.0.1", "192.0.2.7"]),
            ),
            (Role::Sink, names(&["sink"], &[])),
        ])
    }

    /// What OpenSSL says of `leaf` under `ca`.
    fn openssl(folder: &Path, ca: &Issued, leaf: &Issued) -> String {
        fs::write(folder.join("ca.pem"), &ca.certificate).unwrap();
        fs::write(folder.join("leaf.pem"), &leaf.certificate).unwrap();
        let verified = Command::new("openssl")
            .args(["verify", "-x509_strict", "-CAfile", "ca.pem", "leaf.pem"])
            .current_dir(folder)
            .output()
            .unwrap();
        let text = [verified.stdout, verified.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn the_lab_is_believed_and_the_world_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let ca = authority("a", &servers(), now).unwrap();
        let said = |names: &Names| {
            let leaf = server(&ca, Role::Relay, names, now).unwrap();
            (openssl(folder.path(), &ca, &leaf), webpki(&ca, &leaf))
        };
        for (dns, addresses) in [
            (
                &["relay.example.org", "relay"][..],
                &["127.0.0.1", "192.0.2.7"][..],
            ),
            (&["sink"], &[]),
            (&["localhost"], &["127.9.9.9", "::1"]),
            (&["host.docker.internal"], &[]),
            (&["mail.any.test"], &[]),
        ] {
            let (openssl, webpki) = said(&names(dns, addresses));
            assert!(openssl.contains("leaf.pem: OK"), "{dns:?}: {openssl}");
            assert_eq!(webpki, Ok(()), "{dns:?}");
        }
        for (dns, addresses) in [
            (&["example.com"][..], &[][..]),
            (&["example.org"], &[]),
            (&["other.example.org"], &[]),
            (&["nottest"], &[]),
            (&["sink", "example.com"], &[]),
            (&["sink"], &["192.0.2.8"]),
            (&["sink"], &["2001:db8::1"]),
        ] {
            let (openssl, webpki) = said(&names(dns, addresses));
            assert!(
                openssl.contains("permitted subtree violation"),
                "{dns:?}: {openssl}"
            );
            assert!(webpki.is_err(), "{dns:?}");
        }
    }

    /// What rustls says of `leaf` under `ca`, whatever it is called.
    fn webpki(ca: &Issued, leaf: &Issued) -> Result<(), String> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, UnixTime};
        let der = |issued: &Issued| {
            CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(ca)).unwrap();
        let leaf = der(leaf);
        let parsed = rustls::server::ParsedCertificate::try_from(&leaf).unwrap();
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            &[],
            UnixTime::now(),
            rustls::crypto::ring::default_provider()
                .signature_verification_algorithms
                .all,
        )
        .map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_ca_holds_is_read_back() {
        let servers = servers();
        let made = issue("a", &servers, Timestamp::now()).unwrap();
        let pem = x509_parser::pem::parse_x509_pem(made.authority.certificate.as_bytes());
        let pem = pem.unwrap().1;
        let held = Permitted::held(&pem.parse_x509().unwrap());
        assert_eq!(held, Some(Permitted::of(&servers)));
    }
}
