//! TLS as a probing client wants it: strict by default, or accepting anything
//! and saying what was wrong with it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;
use super::verify::{Judge, Verifier, certificates, judge_name};
use super::wire::Io;
use crate::secret::Secret;

/// How to shake hands. A clone shares the session tickets of
/// [`TlsSettings::resuming`] with its original.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a wish of its own, and all can be had together"
)]
pub struct TlsSettings {
    server_name: String,
    authority: Option<String>,
    demand: bool,
    prove: bool,
    version: Option<TlsVersion>,
    suite: Option<String>,
    client_certificate: Option<(String, Secret)>,
    name_indication: bool,
    resuming: bool,
    built: Arc<OnceLock<Built>>,
}

/// Made at the first handshake, so that broken settings are told where they hurt.
#[derive(Debug)]
struct Built {
    config: Arc<ClientConfig>,
    judge: Judge,
    identity: Arc<Identity>,
}

/// What the client shows of itself when a server asks, and whether one has.
#[derive(Debug)]
struct Identity {
    certificate: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A version of TLS that this client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The protocol version.
    pub version: TlsVersion,
    /// The name in IANA's registry, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// The key exchange group, such as `X25519`; none for a session resumed without one.
    pub group: Option<String>,
    /// The server's certificates in DER, its own first, as it sent them.
    pub certificates: Vec<Vec<u8>>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server asked for a client certificate, in this handshake or an
    /// earlier one with the same settings.
    pub certificate_requested: bool,
    /// Whether the chain leads to the given authority and is valid today; why not.
    /// A strict handshake does not get here with an `Err`.
    pub chain: Result<(), String>,
    /// Whether the certificate is for the given server name; why not.
    pub name: Result<(), String>,
    /// What the server sent in the clear after its reply to STARTTLS and before the
    /// handshake: somebody's injected reply, thrown away here. More such bytes,
    /// arriving later, make the handshake fail.
    pub injected: Vec<u8>,
}

impl TlsSettings {
    /// Demands a certificate for `server_name` (a DNS name or an IP address) under
    /// one of the authorities in `authority`, PEM.
    #[must_use]
    pub fn trusting(server_name: impl Into<String>, authority: impl Into<String>) -> Self {
        let recording = Self::recording(server_name, Some(&authority.into()));
        Self {
            demand: true,
            ..recording
        }
    }

    /// Accepts any certificate whose key the server really has, and records in
    /// [`TlsFacts`] whether `authority` (PEM) and `server_name` would have accepted it.
    #[must_use]
    pub fn recording(server_name: impl Into<String>, authority: Option<&str>) -> Self {
        Self {
            server_name: server_name.into(),
            authority: authority.map(str::to_owned),
            demand: false,
            prove: true,
            version: None,
            suite: None,
            client_certificate: None,
            name_indication: true,
            resuming: false,
            built: Arc::default(),
        }
    }

    /// Takes it for granted that the server has its certificate's key: to read the
    /// certificate of a server whose key is one that this client does not take.
    #[must_use]
    pub fn unproven(self) -> Self {
        Self {
            prove: false,
            built: Arc::default(),
            ..self
        }
    }

    /// Offers this version alone.
    #[must_use]
    pub fn only(self, version: TlsVersion) -> Self {
        Self {
            version: Some(version),
            built: Arc::default(),
            ..self
        }
    }

    /// Offers this cipher suite alone, by its IANA name. [`Failure::Settings`] where
    /// the client does not have it: it has the nine with AEAD and forward secrecy.
    #[must_use]
    pub fn only_suite(self, name: impl Into<String>) -> Self {
        Self {
            suite: Some(name.into()),
            built: Arc::default(),
            ..self
        }
    }

    /// Answers a request for a client certificate with this chain and key, PEM.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<String>, key: Secret) -> Self {
        let client_certificate = Some((chain.into(), key));
        Self {
            client_certificate,
            built: Arc::default(),
            ..self
        }
    }

    /// Asks for, and demands, another server name.
    #[must_use]
    pub fn named(self, server_name: impl Into<String>) -> Self {
        Self {
            server_name: server_name.into(),
            ..self
        }
    }

    /// Does not tell the server its name (SNI, RFC 6066).
    #[must_use]
    pub fn without_name_indication(self) -> Self {
        Self {
            name_indication: false,
            built: Arc::default(),
            ..self
        }
    }

    /// Keeps session tickets and offers them at the next handshake with the same
    /// settings or a clone. Otherwise every handshake is a full one.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self {
            resuming: true,
            built: Arc::default(),
            ..self
        }
    }

    /// The server name asked for.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Shakes hands over `io`.
    pub(super) async fn connect<I: Io>(&self, io: I) -> Result<(TlsStream<I>, TlsFacts), Failure> {
        let name = ServerName::try_from(self.server_name.clone())
            .map_err(|_| Failure::Settings(format!("`{}` is no server name", self.server_name)))?;
        let built = if let Some(built) = self.built.get() {
            built
        } else {
            let built = self.build().map_err(Failure::Settings)?;
            self.built.get_or_init(|| built)
        };
        let connector = TlsConnector::from(Arc::clone(&built.config));
        let stream = connector
            .connect(name.clone(), io)
            .await
            .map_err(|error| Failure::sort(error, String::new()))?;
        let facts = facts(stream.get_ref().1, built, &name)?;
        Ok((stream, facts))
    }

    fn build(&self) -> Result<Built, String> {
        let provider = Arc::new(self.provider()?);
        let judge = Judge::new(self.authority.as_deref(), &provider)?;
        let versions: &[&SupportedProtocolVersion] = match self.version {
            None => rustls::ALL_VERSIONS,
            Some(TlsVersion::Tls12) => &[&rustls::version::TLS12],
            Some(TlsVersion::Tls13) => &[&rustls::version::TLS13],
        };
        let verifier = Verifier {
            judge: judge.clone(),
            demand: self.demand,
            prove: self.prove,
            provider,
        };
        let verifier_provider = Arc::clone(&verifier.provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let identity = Arc::new(Identity {
            certificate: self.certified_key(&verifier_provider)?,
            asked: AtomicBool::new(false),
        });
        let mut config = builder.with_client_cert_resolver(identity.clone());
        config.enable_secret_extraction = true;
        config.enable_sni = self.name_indication;
        if !self.resuming {
            config.resumption = Resumption::disabled();
        }
        Ok(Built {
            config: Arc::new(config),
            judge,
            identity,
        })
    }

    fn certified_key(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<CertifiedKey>>, String> {
        let Some((chain, key)) = &self.client_certificate else {
            return Ok(None);
        };
        let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
            .map_err(|error| format!("the client certificate's key: {error}"))?;
        let certified = CertifiedKey::from_der(certificates(chain)?, key, provider)
            .map_err(|error| format!("the client certificate: {error}"))?;
        Ok(Some(Arc::new(certified)))
    }

    /// ring, with the asked for suite alone.
    fn provider(&self) -> Result<CryptoProvider, String> {
        let mut provider = rustls::crypto::ring::default_provider();
        if let Some(name) = &self.suite {
            provider
                .cipher_suites
                .retain(|suite| suite_name(suite.suite()) == *name);
            if provider.cipher_suites.is_empty() {
                return Err(format!("this client does not have the cipher suite {name}"));
            }
        }
        Ok(provider)
    }
}

/// Reads what was agreed on from a finished handshake.
fn facts(
    connection: &ClientConnection,
    built: &Built,
    name: &ServerName<'_>,
) -> Result<TlsFacts, Failure> {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        other => return Err(Failure::Settings(format!("agreed on {other:?}"))),
    };
    let suite = connection.negotiated_cipher_suite();
    let certificates = connection.peer_certificates().unwrap_or_default();
    Ok(TlsFacts {
        version,
        cipher_suite: suite
            .map(|suite| suite_name(suite.suite()))
            .unwrap_or_default(),
        group: connection
            .negotiated_key_exchange_group()
            .map(|g| format!("{:?}", g.name())),
        certificates: certificates
            .iter()
            .map(|der| der.as_ref().to_vec())
            .collect(),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        certificate_requested: built.identity.asked.load(Ordering::Relaxed),
        chain: built
            .judge
            .chain(certificates, UnixTime::now())
            .map_err(|error| error.to_string()),
        name: judge_name(certificates, name).map_err(|error| error.to_string()),
        injected: Vec::new(),
    })
}

/// rustls marks the suites of TLS 1.3 in their names; IANA does not.
fn suite_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}
