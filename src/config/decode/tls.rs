//! `tls`.

use super::{Decoder, Section, word};
use crate::config::files::Pem;
use crate::config::spec::{Certificate, ClientCertificates, OutboundLevel, Spec, TlsVersion};
use crate::config::tree::Value;

impl Decoder<'_> {
    pub(super) fn tls(&mut self, section: &Section<'_>, spec: &mut Spec) {
        let tls = &mut spec.tls;
        if let Some(field) = section.field("certificate")
            && matches!(field.node.value, Value::Mapping(_))
        {
            let files = field.as_section();
            let cert = files
                .field("cert")
                .and_then(|field| self.pem(&field, Pem::Certificate));
            let key = files
                .field("key")
                .and_then(|field| self.pem(&field, Pem::Key));
            if let (Some(cert), Some(key)) = (cert, key) {
                tls.certificate = Certificate::Files { cert, key };
            }
        }
        let version = |text: &str| word(text, &TlsVersion::ALL, TlsVersion::name);
        self.set(section, "minimum", version, &mut tls.minimum);
        let asked = |text: &str| word(text, &ClientCertificates::ALL, ClientCertificates::name);
        self.set(
            section,
            "client_certificates",
            asked,
            &mut tls.client_certificates,
        );
        if let Some(field) = section.field("client_ca") {
            tls.client_ca = self.pem(&field, Pem::ClientAuthorities);
        }

        let outbound = section.section("outbound");
        let level = |text: &str| word(text, &OutboundLevel::ALL, OutboundLevel::name);
        self.set(&outbound, "level", level, &mut tls.outbound.level);
        for (_, policy) in outbound.entries("policies") {
            self.not_yet(
                &policy,
                "write policies: {}, and set tls.outbound.level for all",
            );
        }
        self.authority(&outbound, &mut tls.outbound.ca);
    }
}
