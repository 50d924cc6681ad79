//! The authorities that this machine believes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The certificates of the system's own authorities, PEM; `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name others, as they do for OpenSSL.
///
/// # Errors
/// When there are none, with what stood in the way.
pub fn system_authorities() -> Result<String, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!(
            "this machine has no authorities to believe {}",
            reasons.join(", ")
        ));
    }
    let mut roots = rustls::RootCertStore::empty();
    let mut pem = String::new();
    for certificate in found.certs {
        // Some old authorities cannot be read; nobody has a certificate of theirs.
        if roots.add(certificate.clone()).is_ok() {
            // Writing to a String cannot fail.
            let _ = writeln!(
                pem,
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
                STANDARD.encode(&certificate)
            );
        }
    }
    Ok(pem)
}
