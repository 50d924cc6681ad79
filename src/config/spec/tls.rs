//! Certificates, trust and protocol versions.

use std::path::PathBuf;

/// Which certificate authorities are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustAnchor {
    /// The lab's own CA.
    Generated,
    /// The CA certificates of the image (Debian's ca-certificates).
    System,
    /// A PEM file, absolute.
    File(PathBuf),
}

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

/// Where the relay's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// Issued by the lab CA.
    Generated,
    /// PEM files on the host, absolute paths.
    Files {
        /// The certificate followed by its intermediates.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
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

/// TLS towards next hops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundTls {
    /// `smtp_tls_security_level`.
    pub level: OutboundLevel,
    /// Who signs next hops' certificates.
    pub ca: TrustAnchor,
}

/// `smtp_tls_security_level`, see `TLS_README` of Postfix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboundLevel {
    /// TLS where the next hop offers it.
    May,
    /// TLS or no delivery.
    Encrypt,
    /// TLS with a verified name or no delivery (the name may come from DNS).
    Verify,
    /// TLS with a verified name or no delivery.
    Secure,
}

impl OutboundLevel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::May, Self::Encrypt, Self::Verify, Self::Secure];

    /// The name in `relay.yaml` and in main.cf.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::May => "may",
            Self::Encrypt => "encrypt",
            Self::Verify => "verify",
            Self::Secure => "secure",
        }
    }
}
