//! Which certificate authorities are believed.

use std::path::PathBuf;

use super::decode::{Decoder, Field};
use super::pem::Pem;
use super::setting::{Kind, Value};
use super::shown::Shown;

/// Which certificate authorities are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustAnchor {
    /// The lab's own CA.
    Generated,
    /// The CA certificates of the image (Debian's ca-certificates).
    System,
    /// A PEM file or a folder of such, absolute.
    File(PathBuf),
}

/// Whose certificates are believed.
pub(super) struct Authority<P>(pub(super) fn(&mut P) -> &mut TrustAnchor);

impl<P> Value<P> for Authority<P> {
    fn kind(&self) -> Kind {
        Kind::Text("`generated`, `system` or the path of a PEM file or of a folder of such")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let anchor = match field.text() {
            "generated" => Some(TrustAnchor::Generated),
            "system" => Some(TrustAnchor::System),
            _ => decoder.pem(field, Pem::Authorities).map(TrustAnchor::File),
        };
        if let Some(anchor) = anchor {
            *(self.0)(place) = anchor;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        match (self.0)(place) {
            TrustAnchor::Generated => Shown::text("generated"),
            TrustAnchor::System => Shown::text("system"),
            TrustAnchor::File(path) => Shown::text(path.display()),
        }
    }
}
