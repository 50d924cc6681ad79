//! A certificate and its key that the relay shows others.

use std::path::PathBuf;

use crate::config::decode::{Decoder, Field};
use crate::config::pem::Pem;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::value::FILE;

/// Where a certificate of the relay's comes from.
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

/// `generated`, or a pair of files; how it is put into its place, and what is there.
pub(super) struct Presented<P>(
    pub(super) fn(&mut P, Option<Certificate>),
    pub(super) fn(&P) -> Option<&Certificate>,
);

static PAIR: &[Setting<()>] = &[
    Setting {
        name: "cert",
        value: &FILE,
        need: Need::Required,
        about: "the certificate and its intermediates, PEM",
        doc: "The certificate, followed by the intermediate ones up to the CA.",
        example: "tls/fullchain.pem",
        source: "Postfix smtpd_tls_chain_files; Postfix smtp_tls_chain_files",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
    Setting {
        name: "key",
        value: &FILE,
        need: Need::Required,
        about: "its private key, PEM",
        doc: "The certificate's private key, without a passphrase: nobody can type one when the \
              relay starts.",
        example: "tls/privkey.pem",
        source: "Postfix smtpd_tls_chain_files; Postfix smtp_tls_chain_files",
        counts: Counts::InProduction,
        ..Setting::USUAL
    },
];

impl<P> Value<P> for Presented<P> {
    fn kind(&self) -> Kind {
        Kind::WordOr(&["generated"], PAIR.iter().map(Setting::key).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if field.is_null() {
            return (self.0)(place, None);
        }
        if field.text() == "generated" {
            return (self.0)(place, Some(Certificate::Generated));
        }
        let files = field.as_section();
        let cert = files.field("cert");
        let cert = cert.and_then(|field| decoder.pem(&field, Pem::Certificate));
        let key = files.field("key");
        let key = key.and_then(|field| decoder.pem(&field, Pem::Key));
        if let (Some(cert), Some(key)) = (cert, key) {
            (self.0)(place, Some(Certificate::Files { cert, key }));
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        match (self.1)(place) {
            None => Shown::Null,
            Some(Certificate::Generated) => Shown::text("generated"),
            Some(Certificate::Files { cert, key }) => Shown::Mapping(vec![
                ("cert".to_owned(), Shown::text(cert.display())),
                ("key".to_owned(), Shown::text(key.display())),
            ]),
        }
    }
}
