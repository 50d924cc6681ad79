//! The relay's certificate and key: where they come into the container, and what tells
//! the program that takes them up (`images/relay/rootfs/usr/libexec/relaykit/certificate`).

use std::path::Path;

use crate::config::{Certificate, Renewal, renewal};
use crate::container::{CONFIG, Content, File, Role, file, public};
use crate::counterparts::Resolved;

/// What Postfix reads: key and chain in one file, which that program replaces as a whole.
pub(super) const IN_USE: &str = "/run/tls/relay.pem";

/// Where an operator's folder is mounted, below [`CONFIG`].
const FOLDER: &str = "certificate";

/// The pair, from the lab CA or the operator's own, and where it is.
pub(super) fn files(resolved: &Resolved) -> [File; 3] {
    let [chain, key] = pair(&resolved.certificate);
    let text = format!(
        "# Where the certificate and its key are, which are looked at every second, and the name\n\
         # that a renewed one must be for. Written by relaykit.\n\
         certificate: {}\n\
         key: {}\n\
         hostname: {}\n",
        chain.path, key.path, resolved.spec.hostname
    );
    [public("certificate.conf", text), chain, key]
}

fn pair(certificate: &Certificate) -> [File; 2] {
    let (cert, key) = match certificate {
        Certificate::Generated => {
            return [
                file("tls/relay.pem", 0o644, Content::Certificate(Role::Relay)),
                file("tls/relay.key", 0o600, Content::CertificateKey(Role::Relay)),
            ];
        }
        Certificate::Files { cert, key } => (cert, key),
    };
    let at = |below: &str, source: &Path, content: Content| File {
        path: format!("{CONFIG}/{FOLDER}/{below}{}", last(source)),
        mode: 0o600,
        owner: (0, 0),
        content,
    };
    match renewal(cert, key) {
        Renewal::InPlace => [
            file("tls/relay.pem", 0o644, Content::OperatorFile(cert.clone())),
            file("tls/relay.key", 0o600, Content::OperatorFile(key.clone())),
        ],
        Renewal::Folder => {
            [cert, key].map(|path| at("", path, Content::OperatorFolder(path.clone())))
        }
        Renewal::Lineage => [cert, key].map(|path| {
            let name = path.parent().map(last).unwrap_or_default();
            let content = Content::OperatorLineage(path.clone());
            at(&format!("live/{name}/"), path, content)
        }),
    }
}

fn last(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
