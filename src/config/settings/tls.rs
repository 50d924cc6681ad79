//! `tls`: certificates, trust and protocol versions.

mod certificate;
pub(in crate::config) mod outbound;
pub(in crate::config) mod policy;

use std::path::PathBuf;

use crate::config::pem::Pem;
use crate::config::setting::{Counts, Need, Setting};
use crate::config::value::{Group, PemFile, Word};

use certificate::Presented;
use outbound::OutboundTls;

pub use certificate::Certificate;

/// TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The relay's own certificate.
    pub certificate: Certificate,
    /// The oldest protocol version offered to clients.
    pub minimum: TlsVersion,
    /// Whether clients are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// Who signs clients' certificates, a PEM file, absolute; `None`: in a lab its own
    /// CA, elsewhere nobody.
    pub client_ca: Option<PathBuf>,
    /// TLS towards next hops.
    pub outbound: OutboundTls,
}

/// A TLS protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::V1_2, Self::V1_3];

    /// The name in `relay.yaml` and in main.cf.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}

/// `tls.client_certificates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not asked for.
    None,
    /// Asked for, not needed (`smtpd_tls_ask_ccert`).
    Ask,
    /// Needed on the login listeners (`smtpd_tls_req_ccert`).
    Require,
}

impl ClientCertificates {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Ask, Self::Require];

    /// The name in `relay.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ask => "ask",
            Self::Require => "require",
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: Certificate::Generated,
            minimum: TlsVersion::V1_2,
            client_certificates: ClientCertificates::None,
            client_ca: None,
            outbound: OutboundTls::default(),
        }
    }
}

pub(in crate::config) static KEYS: &[Setting<Tls>] = &[
    Setting {
        name: "certificate",
        value: &Presented(
            |tls: &mut Tls, certificate| {
                tls.certificate = certificate.unwrap_or(Certificate::Generated);
            },
            |tls| Some(&tls.certificate),
        ),
        about: "the relay's own certificate",
        doc: "The certificate that the relay shows its clients, and its key. `generated` is one of \
              the lab's CA, which nobody else believes; in production it is a certificate for \
              `hostname`. A renewed pair is taken up while the relay runs, once it is whole and right. An \
              exported relay sees the folder of both files (with certbot's, `live` and `archive` of this \
              certificate), so give them one of their own. In a lab the lab's own stands in.",
        example: "{cert: tls/fullchain.pem, key: tls/privkey.pem}",
        source: "Postfix smtpd_tls_chain_files; RFC 8314 section 5.4",
        counts: Counts::InProduction,
        parameters: &[
            "smtpd_tls_chain_files",
            "smtpd_tls_cert_file",
            "smtpd_tls_key_file",
            "smtpd_tls_eccert_file",
            "smtpd_tls_eckey_file",
        ],
        promised: "the relay's certificate and key",
        ..Setting::USUAL
    },
    Setting {
        name: "minimum",
        value: &Word {
            at: |tls: &mut Tls| &mut tls.minimum,
            all: &TlsVersion::ALL,
            name: TlsVersion::name,
        },
        about: "the oldest version offered to clients",
        doc: "The oldest version of TLS that the relay speaks with clients. `TLSv1.3` shuts out mail \
              programs from before 2019.",
        example: "TLSv1.3",
        source: "Postfix smtpd_tls_protocols; Postfix smtpd_tls_mandatory_protocols; RFC 8996",
        parameters: &["smtpd_tls_protocols", "smtpd_tls_mandatory_protocols"],
        promised: "the lowest version of TLS",
        ..Setting::USUAL
    },
    Setting {
        name: "client_certificates",
        value: &Word {
            at: |tls: &mut Tls| &mut tls.client_certificates,
            all: &ClientCertificates::ALL,
            name: ClientCertificates::name,
        },
        about: "whether clients are asked for a certificate",
        doc: "Whether clients show a certificate beside their password. `require` lets in those alone \
              that have one of client_ca; `ask` asks, and lets in the others, too. A certificate \
              does not replace the login.",
        example: "ask",
        source: "Postfix smtpd_tls_ask_ccert; Postfix smtpd_tls_req_ccert",
        parameters: &["smtpd_tls_ask_ccert", "smtpd_tls_req_ccert"],
        ..Setting::USUAL
    },
    Setting {
        name: "client_ca",
        value: &PemFile {
            at: |tls: &mut Tls| &mut tls.client_ca,
            holds: Pem::ClientAuthorities,
        },
        need: Need::Nullable,
        about: "who signs clients' certificates, a PEM file; null: in a lab its own CA",
        doc: "The certificate of the CA that signs your clients' certificates. `client_certificates: \
              require` needs it in production; without it no certificate is trusted. A list of the \
              public authorities is refused, since anybody can get a certificate of one of those.",
        example: "clients.pem",
        source: "Postfix smtpd_tls_CAfile",
        counts: Counts::InProduction,
        parameters: &[
            "smtpd_tls_CAfile",
            "smtpd_tls_CApath",
            "tls_append_default_CA",
        ],
        promised: "this CA and no other signs clients' certificates",
    },
    Setting {
        name: "outbound",
        value: &Group {
            at: |tls: &mut Tls| &mut tls.outbound,
            keys: outbound::KEYS,
        },
        about: "TLS towards next hops",
        doc: "How TLS is used on the way to next hops.",
        ..Setting::USUAL
    },
];
