//! `tls.outbound`: how sure the relay is of next hops.

use super::certificate::{Certificate, Presented};
use super::policy::{Policies, Policy};
use crate::config::decode::{Decoder, Field};
use crate::config::next_hop::NextHop;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::trust::{Authority, TrustAnchor};

/// TLS towards next hops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundTls {
    /// `smtp_tls_security_level`.
    pub level: OutboundLevel,
    /// Another level for single next hops.
    pub policies: Vec<(NextHop, Policy)>,
    /// Who signs next hops' certificates.
    pub ca: TrustAnchor,
    /// What the relay shows next hops that ask for a certificate; `None`: nothing.
    pub certificate: Option<Certificate>,
}

impl Default for OutboundTls {
    fn default() -> Self {
        Self {
            level: OutboundLevel::May,
            policies: Vec::new(),
            ca: TrustAnchor::System,
            certificate: None,
        }
    }
}

/// A level of TLS towards a next hop, see `TLS_README` of Postfix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutboundLevel {
    /// No TLS at all.
    None,
    /// TLS where the next hop offers it.
    May,
    /// TLS or no delivery.
    Encrypt,
    /// TLS with a verified name or no delivery (the name may come from DNS).
    Verify,
    /// TLS with a verified name or no delivery.
    Secure,
    /// TLS with this very certificate or key, or no delivery.
    Fingerprint,
}

impl OutboundLevel {
    /// Those that can be for all next hops.
    pub const FOR_ALL: [Self; 4] = [Self::May, Self::Encrypt, Self::Verify, Self::Secure];

    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::May,
        Self::Encrypt,
        Self::Verify,
        Self::Secure,
        Self::Fingerprint,
    ];

    /// The name in `relay.yaml` and in main.cf.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::May => "may",
            Self::Encrypt => "encrypt",
            Self::Verify => "verify",
            Self::Secure => "secure",
            Self::Fingerprint => "fingerprint",
        }
    }

    /// Whether a name in a certificate of a known authority is demanded.
    #[must_use]
    pub fn names(self) -> bool {
        matches!(self, Self::Verify | Self::Secure)
    }

    /// Whether the relay wants to be sure of who answers before it sends.
    #[must_use]
    pub fn verifies(self) -> bool {
        self >= Self::Verify
    }
}

/// A word of Postfix's that is no level here, why, and what to write.
pub(super) type Refused = (&'static str, &'static str, &'static str);

const RESOLVER: &str = "the relay asks the engine's resolver, which does not tell it whether an \
                        answer was signed (DNSSEC), so that Postfix would take `dane` for `may` \
                        without a word";
const SURE: &str = "write secure, or in tls.outbound.policies fingerprint with the next hop's own";

/// Levels that need a resolver which validates.
pub(super) const DANE: [Refused; 2] = [("dane", RESOLVER, SURE), ("dane-only", RESOLVER, SURE)];

const REFUSED_FOR_ALL: &[Refused] = &[
    DANE[0],
    DANE[1],
    (
        "fingerprint",
        "a fingerprint is one server's",
        "write it in tls.outbound.policies: {'[host]:587': 'fingerprint match=AA:BB:...'}",
    ),
    (
        "none",
        "all mail would travel in clear",
        "write may, or none for a single next hop in tls.outbound.policies",
    ),
];

pub(in crate::config) static KEYS: &[Setting<OutboundTls>] = &[
    Setting {
        name: "level",
        value: &Level,
        about: "how sure the relay is of a next hop before it sends",
        doc: "How sure the relay is of the next hop before it sends. `may` takes TLS where it is \
              offered. `encrypt` sends nothing without TLS. `verify` and `secure` also demand a \
              certificate with the next hop's name; with `verify` that name may come from DNS, \
              which others can forge. What a next hop lacks defers the mail. A next hop at port \
              465 gets `encrypt` where this is `may`.",
        example: "secure",
        source: "Postfix smtp_tls_security_level; Postfix smtp_tls_servername; RFC 3207",
        parameters: &[
            "smtp_tls_security_level",
            "smtp_use_tls",
            "smtp_enforce_tls",
        ],
        promised: "how TLS is used towards the next hop",
        ..Setting::USUAL
    },
    Setting {
        name: "policies",
        value: &Policies,
        about: "another level for one next hop",
        doc: "Another level for single next hops, each as outbound.next_hop or a route has it: `none`, `may`, \
              `encrypt`, `verify`, `secure` or `fingerprint`, and behind it `match=` with the names \
              to find in the certificate or, with `fingerprint`, the SHA-256 of the certificate or \
              its key, several of them parted by `|`; and `servername=` with the name to ask the \
              server for. In a lab each holds for the server that stands in.",
        example: "{'[smtp.example.net]:587': secure match=mx.example.net}",
        source: "Postfix smtp_tls_policy_maps; Postfix smtp_tls_fingerprint_digest; RFC 9525 section 6.1",
        parameters: &["smtp_tls_policy_maps", "smtp_tls_per_site"],
        promised: "how sure the relay is of single next hops",
        ..Setting::USUAL
    },
    Setting {
        name: "ca",
        value: &Authority(|outbound: &mut OutboundTls| &mut outbound.ca),
        about: "who signs next hops' certificates",
        doc: "Whose certificates the relay believes of next hops: `system` for the public \
              authorities that Debian lists, or the path of a PEM file or of a folder of such, of \
              which every certificate is believed. `generated` is the lab's CA, which signed \
              nobody else's.",
        example: "generated",
        source: "Postfix smtp_tls_CAfile",
        counts: Counts::InProduction,
        parameters: &["smtp_tls_CAfile", "smtp_tls_CApath"],
        promised: "who signs the next hop's certificate",
        ..Setting::USUAL
    },
    Setting {
        name: "certificate",
        value: &Presented(
            |outbound: &mut OutboundTls, certificate| outbound.certificate = certificate,
            |outbound| outbound.certificate.as_ref(),
        ),
        need: Need::Nullable,
        about: "the certificate that the relay shows next hops; null: none",
        doc: "The certificate, and its key, that the relay shows next hops which ask clients for \
              one. With it TLS is required on the way, even where `tls.outbound.level` is `may`: mail \
              for which key and certificate do not belong together waits, and never leaves in clear. A renewed \
              pair counts for new connections within a few minutes. `generated` is one of the \
              lab's CA, which stands in wherever a lab has another.",
        example: "{cert: tls/client.pem, key: tls/client.key}",
        source: "Postfix smtp_tls_chain_files; RFC 8446 section 4.4.2",
        counts: Counts::InProduction,
        parameters: &[
            "smtp_tls_chain_files",
            "smtp_tls_cert_file",
            "smtp_tls_key_file",
            "smtp_tls_eccert_file",
            "smtp_tls_eckey_file",
            "smtp_tls_dcert_file",
            "smtp_tls_dkey_file",
        ],
        promised: "the certificate that next hops are shown",
    },
];

/// One of the levels that can be for all.
struct Level;

impl Value<OutboundTls> for Level {
    fn kind(&self) -> Kind {
        let words = OutboundLevel::FOR_ALL.iter().map(|level| level.name());
        Kind::WordBut(words.collect(), REFUSED_FOR_ALL)
    }

    fn read(&self, _: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut OutboundTls) {
        let mut levels = OutboundLevel::FOR_ALL.into_iter();
        if let Some(level) = levels.find(|level| level.name() == field.text()) {
            outbound.level = level;
        }
    }

    fn show(&self, outbound: &mut OutboundTls) -> Shown {
        Shown::text(outbound.level.name())
    }
}
