//! The certificates that the relay shows, where the files are here: an export may be for
//! another machine, which has them.

use jiff::Timestamp;

use super::Check;
use crate::config::certificate::{self, File, Shown};
use crate::config::renewal::{Renewal, renewal};
use crate::config::spec::Certificate;
use crate::config::{files, pem};

impl Check<'_> {
    pub(super) fn certificates(&mut self) {
        let spec = self.spec;
        if self.report.sound(&["hostname", "tls.certificate"]) {
            let shown = Shown::AsServer {
                hostname: &spec.hostname,
                authorities,
            };
            self.certificate("tls.certificate", &spec.tls.certificate, shown);
        }
        let key = "tls.outbound.certificate";
        if let Some(certificate) = &spec.tls.outbound.certificate
            && self.report.sound(&[key])
        {
            self.certificate(key, certificate, Shown::AsClient);
        }
    }

    fn certificate(&mut self, path: &str, certificate: &Certificate, shown: Shown<'_>) {
        let Certificate::Files { cert, key } = certificate else {
            return;
        };
        let (Ok(chain), Ok(secret)) = (pem::text(cert), pem::text(key)) else {
            return;
        };
        for finding in certificate::judge(&chain, &secret, shown, Timestamp::now()) {
            let at = match finding.file {
                File::Certificate => format!("{path}.cert"),
                File::Key => format!("{path}.key"),
            };
            if finding.fatal {
                self.refuse(&at, finding.why);
            } else {
                self.warn(&at, finding.why);
            }
        }
        if renewal(cert, key) == Renewal::Folder
            && let Some(why) = files::folder_of_certificate(&[cert, key])
        {
            self.warn(path, why);
        }
    }
}

/// The certificates (DER) of the authorities that this machine knows; a list that
/// cannot be read knows none.
fn authorities() -> Vec<Vec<u8>> {
    let known = rustls_native_certs::load_native_certs().certs;
    known.into_iter().map(|der| der.to_vec()).collect()
}
