//! Judging a server's certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The certificates in a PEM text; there must be one.
pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in this PEM text".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("a certificate in PEM: {error}")),
    }
}

/// Decides about certificates; keeps no state, so that it can be asked again.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    pub(super) fn new(
        authority: Option<&str>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in authority.map(certificates).transpose()?.unwrap_or_default() {
            roots
                .add(certificate)
                .map_err(|error| format!("the CA certificate: {error}"))?;
        }
        Ok(Self {
            roots: Arc::new(roots),
            provider: Arc::clone(provider),
        })
    }

    /// Whether `chain` leads to the authority and is valid at `now`.
    pub(super) fn chain(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let (own, others) = chain
            .split_first()
            .ok_or(rustls::Error::NoCertificatesPresented)?;
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(own)?,
            &self.roots,
            others,
            now,
            self.provider.signature_verification_algorithms.all,
        )
    }
}

/// Whether the first certificate of `chain` is for `name`.
pub(super) fn judge_name(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
) -> Result<(), rustls::Error> {
    let own = chain
        .first()
        .ok_or(rustls::Error::NoCertificatesPresented)?;
    verify_server_name(&ParsedCertificate::try_from(own)?, name)
}

/// Demands what the judge says, or lets everything pass. The handshake's
/// signatures, which say that the server has the key, are another matter.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) judge: Judge,
    pub(super) demand: bool,
    /// Whether the handshake's signatures are checked.
    pub(super) prove: bool,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.demand {
            let mut chain = vec![end_entity.clone()];
            chain.extend_from_slice(intermediates);
            self.judge.chain(&chain, now)?;
            judge_name(&chain, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if !self.prove {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if !self.prove {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
