//! A planned container made definite: the engine's request, the bytes of its
//! files, and a digest of both that tells whether a running one is still it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Error, certificate};
use crate::certs::{self, Certificates};
use crate::config::read_authorities;
use crate::container::FINGERPRINT;
use crate::engine::{ContainerRequest, Labels, labels};
use crate::plan::{Container, Content, File, Plan, Role};

/// A container as it will be asked for.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) role: Role,
    pub(super) request: ContainerRequest,
    files: Vec<(File, Piece)>,
    /// The digest of the request alone.
    shape: String,
}

/// The content of a file as far as it is known before networks exist.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Gateway(String),
}

impl Definition {
    /// `container` of `plan`, running `image`.
    ///
    /// # Errors
    /// When a file of the operator's cannot be read.
    pub(super) fn new(
        plan: &Plan,
        container: &Container,
        image: &str,
        certificates: &Certificates,
        owner: &str,
    ) -> Result<Self, Error> {
        let files = container
            .files
            .iter()
            .map(|file| Ok((file.clone(), piece(&file.content, certificates)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut request = request(container, image);
        request.volume_labels = volume_labels(plan);
        request
            .volume_labels
            .retain(|name, _| container.mounts.iter().any(|m| m.volume == *name));
        let authority = certs::fingerprint(&certificates.authority);
        let digest = digest(&request, &files, &authority);
        let shape = self::digest(&request, &[], "");
        let labels = labels::of_object(&plan.name, container.role.name());
        request.labels = labels::with_owner(labels::with_digest(labels, &digest), owner);
        if container.role == Role::Relay {
            request.labels = labels::with_hostname(request.labels, &container.hostname);
        }
        Ok(Self {
            role: container.role,
            request,
            files,
            shape,
        })
    }

    /// The digest on its label.
    pub(super) fn digest(&self) -> &str {
        self.request
            .labels
            .get(labels::DIGEST)
            .map_or("", String::as_str)
    }

    /// The digest of all but its files.
    pub(super) fn shape(&self) -> &str {
        &self.shape
    }

    /// The networks whose gateway a file names.
    pub(super) fn gateways(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|(_, piece)| match piece {
            Piece::Gateway(network) => Some(network.as_str()),
            Piece::Bytes(_) => None,
        })
    }

    /// Path to mode and content of its files; of a gateway that is not known, nothing.
    pub(super) fn contents(
        &self,
        gateways: &BTreeMap<String, String>,
    ) -> BTreeMap<String, (u32, Vec<u8>)> {
        let content = |(file, piece): &(File, Piece)| {
            let bytes = match piece {
                Piece::Bytes(bytes) => bytes.clone(),
                Piece::Gateway(network) => gateways.get(network)?.clone().into_bytes(),
            };
            Some((file.path.clone(), (file.mode, bytes)))
        };
        self.files.iter().filter_map(content).collect()
    }

    /// Its files by the volume they lie on, with their path below the mount.
    fn files(&self) -> impl Iterator<Item = (&str, &str, &File, &Piece)> {
        self.files.iter().filter_map(|(file, piece)| {
            self.request.mounts.iter().find_map(|(volume, folder, _)| {
                let below = file.path.strip_prefix(folder.as_str())?.strip_prefix('/')?;
                Some((volume.as_str(), below, file, piece))
            })
        })
    }

    /// The volumes that its files lie on.
    pub(super) fn filled(&self) -> BTreeSet<&str> {
        self.files().map(|(volume, ..)| volume).collect()
    }
}

/// The files of all `definitions` in one tar, each volume's below a folder of
/// its name.
///
/// # Errors
/// When a gateway is missing.
pub(super) fn archive(
    definitions: &[&Definition],
    gateways: &BTreeMap<String, String>,
) -> std::io::Result<Bytes> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    let files = definitions.iter().flat_map(|definition| definition.files());
    for (volume, below, file, piece) in files {
        let path = format!("{volume}/{below}");
        for (end, _) in path.match_indices('/') {
            if folders.insert(path[..end].to_owned()) {
                let kind = tar::EntryType::Directory;
                append(&mut tar, &path[..end], kind, 0o755, file.owner, &[])?;
            }
        }
        let bytes = match piece {
            Piece::Bytes(bytes) => bytes.as_slice(),
            Piece::Gateway(network) => {
                let addresses = gateways.get(network);
                addresses
                    .ok_or_else(|| std::io::Error::other("unknown gateway"))?
                    .as_bytes()
            }
        };
        append(
            &mut tar,
            &path,
            tar::EntryType::Regular,
            file.mode,
            file.owner,
            bytes,
        )?;
    }
    tar.into_inner().map(Bytes::from)
}

/// The labels of each of the plan's volumes.
pub(super) fn volume_labels(plan: &Plan) -> BTreeMap<String, Labels> {
    let labels = |keep: bool| {
        let labels = labels::of_object(&plan.name, labels::VOLUME);
        if keep { labels::kept(labels) } else { labels }
    };
    let volumes = plan.volumes.iter();
    volumes
        .map(|volume| (volume.name.clone(), labels(volume.keep)))
        .collect()
}

/// What is asked for `container`, running `image`.
pub(super) fn request(container: &Container, image: &str) -> ContainerRequest {
    let networks = container.networks.iter();
    let ports = container.ports.iter();
    let mounts = container.mounts.iter();
    ContainerRequest {
        name: container.name.clone(),
        image: image.to_owned(),
        hostname: container.hostname.clone(),
        entrypoint: container.entrypoint.clone(),
        command: container.command.clone(),
        user: container.user.clone(),
        networks: networks
            .map(|n| (n.network.clone(), n.aliases.clone()))
            .collect(),
        ports: ports.map(|p| (p.container, p.bind, p.host)).collect(),
        mounts: mounts
            .map(|m| (m.volume.clone(), m.target.clone(), m.read_only))
            .collect(),
        tmpfs: container.tmpfs.clone(),
        capabilities: container
            .capabilities
            .iter()
            .map(|&c| c.to_owned())
            .collect(),
        memory: Some(container.limits.memory),
        processes: Some(container.limits.processes),
        unconfined: !container.confined,
        unfiltered: !container.confined,
        stop_grace: container.stop_grace,
        ..ContainerRequest::default()
    }
}

pub(super) fn piece(content: &Content, certificates: &Certificates) -> Result<Piece, Error> {
    let server = |role: &Role| {
        certificates.servers.get(role).ok_or_else(|| {
            Error::Impossible(format!("no certificate was issued for the {}", role.name()))
        })
    };
    let text = match content {
        Content::Text(text) => text.clone(),
        Content::Secret(secret) => secret.reveal().to_owned(),
        Content::CaCertificate => certificates.authority.certificate.clone(),
        Content::Certificate(role) => server(role)?.certificate.clone(),
        Content::CertificateKey(role) => server(role)?.key.reveal().to_owned(),
        Content::WithFingerprint(role, text) => {
            let fingerprint = certs::fingerprint(server(role)?);
            text.replace(FINGERPRINT, &fingerprint)
        }
        Content::Gateway(network) => return Ok(Piece::Gateway(network.clone())),
        Content::OperatorAuthority(path) => {
            let read = read_authorities(path);
            return read
                .map(|text| Piece::Bytes(text.into_bytes()))
                .map_err(|source| unreadable(path, source));
        }
        Content::OperatorFile(path)
        | Content::OperatorFolder(path)
        | Content::OperatorLineage(path) => {
            let read = std::fs::read(path);
            return read
                .map(Piece::Bytes)
                .map_err(|source| unreadable(path, source));
        }
    };
    Ok(Piece::Bytes(text.into_bytes()))
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        action: "reading",
        path: path.to_owned(),
        source,
    }
}

/// Over the request without its labels, and every byte of every file: a
/// changed password counts although it is never shown. The relay's own certificate
/// is renewed while it runs, so whose `authority` it is of counts alone.
fn digest(request: &ContainerRequest, files: &[(File, Piece)], authority: &str) -> String {
    let mut hash = Sha256::new();
    let mut feed = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    feed(format!("{request:?}").as_bytes());
    for (file, piece) in files {
        feed(format!("{} {:o} {:?}", file.path, file.mode, file.owner).as_bytes());
        match piece {
            _ if certificate::is_renewed(&file.content) => {
                feed(format!("of {authority}").as_bytes());
            }
            Piece::Bytes(bytes) => feed(bytes),
            Piece::Gateway(network) => feed(format!("gateway of {network}").as_bytes()),
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

pub(super) fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    owner: (u32, u32),
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner.0.into());
    header.set_gid(owner.1.into());
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}
