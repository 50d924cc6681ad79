//! The relay's certificates and keys: where they come into the container, and what tells
//! the program that takes up the one for clients
//! (`images/relay/rootfs/usr/libexec/relaykit/certificate`).

use std::path::Path;

use crate::config::{Certificate, Renewal, renewal};
use crate::container::{CONFIG, Content, File, Role, file, public};
use crate::counterparts::{NextHop, Resolved};

/// What Postfix reads: key and chain in one file, which that program replaces as a whole.
pub(super) const IN_USE: &str = "/run/tls/relay.pem";

/// Where the operator's files are, below [`CONFIG`].
struct Place {
    /// Where their folder is mounted.
    folder: &'static str,
    /// Each by itself: certificate and key.
    files: [&'static str; 2],
}

/// What clients are shown.
const FOR_CLIENTS: Place = Place {
    folder: "certificate",
    files: ["tls/relay.pem", "tls/relay.key"],
};

/// What next hops are shown.
const FOR_NEXT_HOPS: Place = Place {
    folder: "next_hop_certificate",
    files: ["tls/next-hop.pem", "tls/next-hop.key"],
};

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
    match certificate {
        Certificate::Generated => {
            let [cert, key] = FOR_CLIENTS.files;
            [
                file(cert, 0o644, Content::Certificate(Role::Relay)),
                file(key, 0o600, Content::CertificateKey(Role::Relay)),
            ]
        }
        Certificate::Files { cert, key } => FOR_CLIENTS.of(cert, key),
    }
}

/// The operator's pair for next hops. That of a lab is the one which clients are shown.
pub(super) fn next_hop_files(next_hop: &NextHop) -> Vec<File> {
    match &next_hop.certificate {
        Some(Certificate::Files { cert, key }) => FOR_NEXT_HOPS.of(cert, key).into(),
        Some(Certificate::Generated) | None => Vec::new(),
    }
}

/// `smtp_tls_chain_files`: a key stands in front of its certificate (postconf(5)).
pub(super) fn next_hop_chain(next_hop: &NextHop) -> Option<String> {
    next_hop.certificate.as_ref()?;
    match next_hop_files(next_hop).as_slice() {
        [chain, key] => Some(format!("{}, {}", key.path, chain.path)),
        _ => Some(IN_USE.to_owned()),
    }
}

impl Place {
    /// The operator's files, such that a renewal is seen.
    fn of(&self, cert: &Path, key: &Path) -> [File; 2] {
        let pair = [cert, key];
        match renewal(cert, key) {
            Renewal::InPlace => [0, 1].map(|index| {
                let content = Content::OperatorFile(pair[index].to_owned());
                let mode = [0o644, 0o600][index];
                file(self.files[index], mode, content)
            }),
            Renewal::Folder => {
                pair.map(|path| self.at("", path, Content::OperatorFolder(path.to_owned())))
            }
            Renewal::Lineage => pair.map(|path| {
                let name = path.parent().map(last).unwrap_or_default();
                let content = Content::OperatorLineage(path.to_owned());
                self.at(&format!("live/{name}/"), path, content)
            }),
        }
    }

    fn at(&self, below: &str, source: &Path, content: Content) -> File {
        File {
            path: format!("{CONFIG}/{}/{below}{}", self.folder, last(source)),
            mode: 0o600,
            owner: (0, 0),
            content,
        }
    }
}

fn last(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
