//! Offers that no TLS library of today makes: a hand-made `ClientHello` (RFC 5246
//! section 7.4.1.2, RFC 8446 section 4.1.2). What it is answered with is the
//! business of `server_hello`.

use std::fmt;

/// A version of the protocol, as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Version(pub(in super::super) u16);

impl Version {
    /// RFC 6101, forbidden by RFC 7568.
    pub(in super::super) const SSL3: Self = Self(0x0300);
    /// RFC 2246, deprecated by RFC 8996.
    pub(in super::super) const TLS10: Self = Self(0x0301);
    /// RFC 4346, deprecated by RFC 8996.
    pub(in super::super) const TLS11: Self = Self(0x0302);
    /// RFC 5246.
    pub(in super::super) const TLS12: Self = Self(0x0303);
    /// RFC 8446.
    pub(in super::super) const TLS13: Self = Self(0x0304);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3"),
            0x0301..=0x0304 => write!(f, "TLS 1.{}", self.0 - 0x0301),
            other => write!(f, "version {other:#06x}"),
        }
    }
}

/// Elliptic-curve and RSA suites, with CBC for the versions that know no other
/// and with GCM for TLS 1.2; for certificates of either kind.
const SUITES: [u16; 10] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035,
];

/// The suites of TLS 1.3 (RFC 8446 section B.4).
pub(in super::super) const SUITES_OF_TLS13: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// The group P-256.
pub(in super::super) const P256: u16 = 23;
/// The group X25519.
pub(in super::super) const X25519: u16 = 29;

/// Signatures: ECDSA, RSA-PSS and RSA with SHA-256, ECDSA and RSA with SHA-1.
const SIGNATURES: [u16; 6] = [0x0403, 0x0804, 0x0503, 0x0401, 0x0203, 0x0201];

/// Says that this is a second try with a lower version (RFC 7507).
pub(in super::super) const FALLBACK: u16 = 0x5600;

const HANDSHAKE: u8 = 22;

/// An offer.
#[derive(Debug, Clone)]
pub(in super::super) struct ClientHello {
    version: Version,
    suites: Vec<u16>,
    compression: Vec<u8>,
    groups: Vec<u16>,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl ClientHello {
    /// Offers `version`, TLS 1.2 or older, and none above.
    pub(in super::super) fn of(version: Version) -> Self {
        Self {
            version,
            suites: SUITES.to_vec(),
            compression: vec![0],
            groups: vec![P256, 24, X25519],
            extensions: Vec::new(),
        }
    }

    /// Offers TLS 1.3 alone, without the key that a server would need: it answers
    /// with the suite and the group of its choice and asks for the key (RFC 8446
    /// section 4.1.4), so that nobody has anything to compute.
    pub(in super::super) fn of_tls13() -> Self {
        let hello = Self::of(Version::TLS12).suites(&SUITES_OF_TLS13);
        hello.extension(43, &[2, 3, 4]).extension(51, &[0, 0])
    }

    /// Offers these cipher suites alone, by their numbers.
    pub(in super::super) fn suites(mut self, suites: &[u16]) -> Self {
        self.suites = suites.to_vec();
        self
    }

    /// Offers one more cipher suite, last.
    pub(in super::super) fn also(mut self, suite: u16) -> Self {
        self.suites.push(suite);
        self
    }

    /// Offers these groups alone.
    pub(in super::super) fn groups(mut self, groups: &[u16]) -> Self {
        self.groups = groups.to_vec();
        self
    }

    /// Offers these compression methods.
    pub(in super::super) fn compression(mut self, methods: &[u8]) -> Self {
        self.compression = methods.to_vec();
        self
    }

    /// Adds an extension.
    pub(in super::super) fn extension(mut self, number: u16, content: &[u8]) -> Self {
        self.extensions.push((number, content.to_vec()));
        self
    }

    /// The handshake message.
    pub(in super::super) fn message(&self) -> Vec<u8> {
        let mut body = self.version.0.to_be_bytes().to_vec();
        body.extend([0x5a; 32]); // random: nothing secret follows
        body.push(0); // no session to resume
        body.extend(counted(&numbers(&self.suites)));
        // At most a handful of methods.
        body.push(u8::try_from(self.compression.len()).unwrap_or(u8::MAX));
        body.extend(&self.compression);
        if self.version > Version::SSL3 {
            let mut extensions = [
                extension(10, &counted(&numbers(&self.groups))),
                extension(11, &[1, 0]), // points: uncompressed
                extension(13, &counted(&numbers(&SIGNATURES))),
            ]
            .concat();
            for (number, content) in &self.extensions {
                extensions.extend(extension(*number, content));
            }
            body.extend(counted(&extensions));
        }
        let mut handshake = vec![1, 0];
        handshake.extend(counted(&body));
        handshake
    }

    /// The message in one record.
    pub(in super::super) fn record(&self) -> Vec<u8> {
        record(&self.message())
    }

    /// The message in records of at most `most` bytes of content each.
    pub(in super::super) fn records_of(&self, most: usize) -> Vec<u8> {
        self.message().chunks(most).flat_map(record).collect()
    }
}

/// The hello of SSL 2 (forbidden by RFC 6176), which has a form of its own, with
/// every cipher that it knew.
pub(in super::super) fn ssl2() -> Vec<u8> {
    let ciphers: Vec<u8> = [1_u8, 2, 3, 4, 5]
        .into_iter()
        .flat_map(|kind| [kind, 0, 0x80])
        .chain([6, 0, 0x40, 7, 0, 0xc0])
        .collect();
    let mut body = vec![1, 0, 2];
    // The ciphers' length, no session to resume, a challenge of 16 bytes.
    body.extend(&counted(&ciphers)[..2]);
    body.extend([0, 0, 0, 16]);
    body.extend(ciphers);
    body.extend([0x5a; 16]);
    let mut record = counted(&body);
    record[0] |= 0x80;
    record
}

fn record(content: &[u8]) -> Vec<u8> {
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(counted(content));
    record
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &counted(content)].concat()
}

/// `content` after its length in two bytes.
fn counted(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> (Vec<u16>, usize) {
        let mut acceptor = rustls::server::Acceptor::default();
        while !bytes.is_empty() {
            acceptor.read_tls(&mut bytes).unwrap();
        }
        let accepted = acceptor.accept().unwrap().unwrap();
        let hello = accepted.client_hello();
        let suites = hello.cipher_suites().iter().map(|s| u16::from(*s));
        (suites.collect(), hello.signature_schemes().len())
    }

    #[test]
    fn a_server_reads_the_offer_as_it_is_meant() {
        let (suites, signatures) = read(&ClientHello::of(Version::TLS12).record());
        assert_eq!(suites, SUITES);
        assert_eq!(signatures, SIGNATURES.len());
        let hello = ClientHello::of_tls13().also(FALLBACK);
        assert_eq!(read(&hello.record()).0, [0x1301, 0x1302, 0x1303, FALLBACK]);
    }

    #[test]
    fn a_message_in_pieces_is_the_same_message() {
        let hello = ClientHello::of(Version::TLS12).extension(21, &[0; 300]);
        assert_eq!(read(&hello.records_of(50)), read(&hello.record()));
    }

    #[test]
    fn versions_differ_in_one_byte() {
        let old = ClientHello::of(Version::TLS10).record();
        let new = ClientHello::of(Version::TLS12).record();
        let differing = old.iter().zip(&new).filter(|(a, b)| a != b).count();
        assert_eq!((old.len(), differing), (new.len(), 1));
        assert_eq!(Version::TLS11.to_string(), "TLS 1.1");
    }

    #[test]
    fn ssl_2_counts_its_bytes() {
        let hello = ssl2();
        let length = usize::from(u16::from_be_bytes([hello[0] & 0x7f, hello[1]]));
        assert_eq!(length, hello.len() - 2);
    }
}
