//! Offers of old TLS versions, which no TLS library of today makes: a
//! hand-made `ClientHello` (RFC 5246 section 7.4.1.2) and the first answer to it.

use std::fmt;
use std::ops::ControlFlow;

use super::super::Judged;
use super::session::answer;
use crate::smtp::{Failure, Session};

/// A version that is offered alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Legacy {
    /// RFC 2246, deprecated by RFC 8996.
    Tls10,
    /// RFC 4346, deprecated by RFC 8996.
    Tls11,
    /// RFC 5246.
    Tls12,
}

impl Legacy {
    /// All of them.
    pub(in super::super) const ALL: [Self; 3] = [Self::Tls10, Self::Tls11, Self::Tls12];

    fn minor(self) -> u8 {
        match self {
            Self::Tls10 => 1,
            Self::Tls11 => 2,
            Self::Tls12 => 3,
        }
    }
}

impl fmt::Display for Legacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS 1.{}", self.minor() - 1)
    }
}

const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;

/// Elliptic-curve and RSA suites, with CBC for the versions that know no other
/// and with GCM for TLS 1.2; for certificates of either kind.
const SUITES: [u16; 8] = [
    0xc02b, 0xc02f, 0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035,
];

/// Offers `version` and none above; the version of the `ServerHello`, or `None`
/// where the server refuses with an alert or closes the connection.
pub(in super::super) async fn offer(
    session: &mut Session,
    version: Legacy,
) -> Judged<Option<String>> {
    let hello = client_hello(version);
    answer(session.write_raw(&hello).await, "a server that reads")?;
    let mut bytes = Vec::new();
    loop {
        let more = match session.read_raw().await {
            Err(error) if matches!(error.failure, Failure::Closed { .. }) => Vec::new(),
            other => answer(other, "an answer to a ClientHello")?,
        };
        if more.is_empty() {
            return ControlFlow::Continue(None);
        }
        bytes.extend(more);
        if bytes[0] != HANDSHAKE {
            return ControlFlow::Continue(None);
        }
        // Record header 5 bytes, handshake header 4, then the version.
        if let [_, _, _, _, _, kind, _, _, _, _, minor, ..] = bytes[..] {
            let chosen = (kind == SERVER_HELLO).then(|| format!("TLS 1.{}", minor.max(1) - 1));
            return ControlFlow::Continue(chosen);
        }
    }
}

fn client_hello(version: Legacy) -> Vec<u8> {
    let suites: Vec<u8> = SUITES.iter().flat_map(|s| s.to_be_bytes()).collect();
    let mut body = vec![3, version.minor()];
    body.extend([0x5a; 32]); // random: nothing secret follows
    body.push(0); // no session to resume
    body.extend(counted(&suites));
    body.extend([1, 0]); // no compression
    let extensions = [
        extension(10, &counted(&[0, 23, 0, 24, 0, 29])), // groups: P-256, P-384, X25519
        extension(11, &[1, 0]),                          // points: uncompressed
        // signatures: ECDSA and RSA with SHA-256 and SHA-1
        extension(13, &counted(&[4, 3, 4, 1, 8, 4, 2, 3, 2, 1])),
    ];
    body.extend(counted(&extensions.concat()));
    let mut handshake = vec![1, 0];
    handshake.extend(counted(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(counted(&handshake));
    record
}

fn extension(number: u8, content: &[u8]) -> Vec<u8> {
    [&[0, number], counted(content).as_slice()].concat()
}

/// `content` after its length in two bytes.
fn counted(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_reads_the_offer_as_it_is_meant() {
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor
            .read_tls(&mut client_hello(Legacy::Tls12).as_slice())
            .unwrap();
        let accepted = acceptor.accept().unwrap().unwrap();
        let hello = accepted.client_hello();
        let suites: Vec<u16> = hello
            .cipher_suites()
            .iter()
            .map(|s| u16::from(*s))
            .collect();
        assert_eq!(suites, SUITES);
        assert_eq!(hello.signature_schemes().len(), 5);
    }

    #[test]
    fn versions_differ_in_one_byte() {
        let (old, new) = (client_hello(Legacy::Tls10), client_hello(Legacy::Tls12));
        let differing = old.iter().zip(&new).filter(|(a, b)| a != b).count();
        assert_eq!((old.len(), differing), (new.len(), 1));
        assert_eq!(Legacy::Tls11.to_string(), "TLS 1.1");
    }
}
