//! A second handshake inside of the first (RFC 5246 section 7.4.1.1), which no TLS
//! library of today starts: the connection is taken from the library after the
//! first one, and the `ClientHello` of the second is sealed by hand.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use rustls::ConnectionTrafficSecrets;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, trace_span};

use super::wire::Io;
use super::{Error, Failure, Session, TlsSettings, TlsVersion};

/// What a server makes of a client that wants to negotiate again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renegotiation {
    /// It sends an alert or ends the connection.
    Refused,
    /// It begins a second handshake.
    Begun,
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

impl Session {
    /// Shakes hands with TLS 1.2 now, asks for a second handshake inside of the
    /// first, with all that RFC 5746 wants to see, and reads the first answer. The
    /// session is of no use after it.
    ///
    /// # Errors
    /// As [`Session::handshake`] for the first handshake; [`Failure::Timeout`] where
    /// the second is neither refused nor begun.
    pub async fn renegotiate(&mut self, settings: &TlsSettings) -> Result<Renegotiation, Error> {
        let doing = "renegotiating";
        let settings = settings.clone().only(TlsVersion::Tls12);
        let Some(io) = self.wire.detach() else {
            let failure = Failure::Settings("the connection is under TLS already".to_owned());
            return Err(self.error(doing, failure));
        };
        let deadline = Instant::now() + self.timeout();
        let shaken = second_handshake(io, &settings);
        let shaken = shaken.instrument(trace_span!("smtp", what = "a second handshake"));
        match timeout_at(deadline, shaken).await {
            Ok(Ok(answer)) => {
                let text = format!("a second ClientHello inside of TLS 1.2: {answer:?}");
                self.transcript().note(text);
                Ok(answer)
            }
            Ok(Err(failure)) => Err(self.error(doing, failure)),
            Err(_) => Err(self.late(doing, self.timeout())),
        }
    }
}

async fn second_handshake(
    io: Box<dyn Io>,
    settings: &TlsSettings,
) -> Result<Renegotiation, Failure> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let tap = Tap {
        io,
        sent: sent.clone(),
    };
    let (stream, _) = settings.connect(tap).await?;
    let (mut tap, connection) = stream.into_inner();
    let secrets = connection
        .dangerous_extract_secrets()
        .map_err(|error| Failure::Tls(Box::new(error)))?;
    let (sequence, secrets) = secrets.tx;
    let mut seal = Seal::of(&secrets)
        .ok_or_else(|| Failure::Settings("this client cannot seal this suite".to_owned()))?;
    let sent = std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner));
    let finished = finished(&sent, &seal)
        .ok_or_else(|| Failure::Settings("the first handshake cannot be read back".to_owned()))?;
    let record = seal
        .record(sequence, HANDSHAKE, &client_hello(&finished))
        .ok_or_else(|| Failure::Settings("the second hello cannot be sealed".to_owned()))?;
    let answered = async {
        tap.write_all(&record).await?;
        tap.flush().await?;
        answer(&mut tap).await
    };
    match answered.await {
        Ok(answer) => Ok(answer),
        Err(error) => match Failure::sort(error, String::new()) {
            Failure::Closed { .. } => Ok(Renegotiation::Refused),
            other => Err(other),
        },
    }
}

/// The kind of a record stands before what is sealed.
async fn answer(tap: &mut Tap) -> io::Result<Renegotiation> {
    loop {
        let mut header = [0; 5];
        tap.read_exact(&mut header).await?;
        match header[0] {
            ALERT => return Ok(Renegotiation::Refused),
            HANDSHAKE => return Ok(Renegotiation::Begun),
            _ => {}
        }
        let length = u16::from_be_bytes([header[3], header[4]]);
        let mut content = vec![0; length.into()];
        tap.read_exact(&mut content).await?;
    }
}

/// What the client verified the first handshake with: its own `Finished`, the
/// first record that it sealed.
fn finished(sent: &[u8], seal: &Seal) -> Option<Vec<u8>> {
    let mut rest = sent;
    let mut sealed = false;
    while let [kind, _, _, high, low, ..] = *rest {
        let (content, after) =
            rest[5..].split_at_checked(u16::from_be_bytes([high, low]).into())?;
        if sealed && kind == HANDSHAKE {
            let message = seal.open(0, HANDSHAKE, content)?;
            return message.get(4..).map(<[u8]>::to_vec);
        }
        sealed |= kind == CHANGE_CIPHER_SPEC;
        rest = after;
    }
    None
}

/// An offer of TLS 1.2 that belongs to the connection (RFC 5746 section 3.5).
fn client_hello(finished: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    body.push(0);
    let suites = [
        0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa8, 0xcc, 0xa9,
    ];
    body.extend(counted(&suites));
    body.extend([1, 0]);
    let verified = [&[length(finished)], finished].concat();
    let extensions = [
        [
            &[0, 10],
            counted(&counted(&[0, 23, 0, 24, 0, 29])).as_slice(),
        ]
        .concat(),
        vec![0, 11, 0, 2, 1, 0],
        [
            &[0, 13],
            counted(&counted(&[4, 3, 8, 4, 5, 3, 4, 1])).as_slice(),
        ]
        .concat(),
        vec![0, 23, 0, 0],
        [&[0xff, 1], counted(&verified).as_slice()].concat(),
    ];
    body.extend(counted(&extensions.concat()));
    [&[1, 0], counted(&body).as_slice()].concat()
}

fn length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}

fn counted(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), content].concat()
}

/// The client's key for records of TLS 1.2 (RFC 5246 section 6.2.3.3).
struct Seal {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    /// How many bytes of the nonce stand in each record: 8 with GCM (RFC 5288
    /// section 3), none with `ChaCha20` (RFC 7905 section 2).
    explicit: usize,
}

impl Seal {
    fn of(secrets: &ConnectionTrafficSecrets) -> Option<Self> {
        let (algorithm, key, iv, explicit) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv, 8),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv, 8),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&CHACHA20_POLY1305, key, iv, 0)
            }
            _ => return None,
        };
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).ok()?),
            iv: iv.as_ref().try_into().ok()?,
            explicit,
        })
    }

    /// The nonce of the record with this number, as rustls makes it too.
    fn nonce(&self, sequence: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, count) in nonce[NONCE_LEN - 8..]
            .iter_mut()
            .zip(sequence.to_be_bytes())
        {
            *byte ^= count;
        }
        nonce
    }

    fn header(sequence: u64, kind: u8, length: usize) -> Option<Aad<Vec<u8>>> {
        let mut header = sequence.to_be_bytes().to_vec();
        header.extend([kind, 3, 3]);
        header.extend(u16::try_from(length).ok()?.to_be_bytes());
        Some(Aad::from(header))
    }

    fn record(&mut self, sequence: u64, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        let nonce = self.nonce(sequence);
        let mut sealed = content.to_vec();
        let header = Self::header(sequence, kind, content.len())?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, header, &mut sealed)
            .ok()?;
        let explicit = &nonce[NONCE_LEN - self.explicit..];
        let content = [explicit, &sealed].concat();
        Some([&[kind, 3, 3], counted(&content).as_slice()].concat())
    }

    fn open(&self, sequence: u64, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        let (explicit, sealed) = content.split_at_checked(self.explicit)?;
        let mut nonce = self.nonce(sequence);
        nonce[NONCE_LEN - self.explicit..].copy_from_slice(explicit);
        let length = sealed.len().checked_sub(self.key.algorithm().tag_len())?;
        let header = Self::header(sequence, kind, length)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, header, &mut sealed).ok()?;
        Some(opened.to_vec())
    }
}

/// A connection that keeps what is sent.
struct Tap {
    io: Box<dyn Io>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.extend_from_slice(&bytes[..count]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::smtp::Connect;
    use crate::smtp::script::{Authority, SERVER_NAME};

    /// A server that shakes hands, reads the second hello as its keys open it, and
    /// answers with a record of this kind.
    async fn answered_with(kind: u8) -> Renegotiation {
        let authority = Authority::new();
        let mut config = (*authority.server).clone();
        config.enable_secret_extraction = true;
        let (client, server) = duplex(1 << 16);
        let serve = async {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let (mut io, connection) = acceptor.accept(server).await.unwrap().into_inner();
            let secrets = connection.dangerous_extract_secrets().unwrap();
            let mut header = [0; 5];
            io.read_exact(&mut header).await.unwrap();
            let mut content = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
            io.read_exact(&mut content).await.unwrap();
            let (sequence, keys) = secrets.rx;
            let opened = Seal::of(&keys).unwrap().open(sequence, header[0], &content);
            let hello = opened.unwrap();
            io.write_all(&[kind, 3, 3, 0, 1, 0]).await.unwrap();
            hello
        };
        let ask = async {
            let connect = Connect::default();
            let mut session = Session::over(Box::new(client), "a server", &connect).await;
            let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
            session.as_mut().unwrap().renegotiate(&settings).await
        };
        let (hello, answer) = tokio::join!(serve, ask);
        // A ClientHello that ends with what the first handshake was verified by.
        assert_eq!(hello[0], 1);
        let verified = hello.len() - 12 - 5;
        assert_eq!(hello[verified..verified + 5], [0xff, 1, 0, 13, 12]);
        answer.unwrap()
    }

    #[tokio::test]
    async fn a_second_handshake_is_told_from_an_alert() {
        assert_eq!(answered_with(HANDSHAKE).await, Renegotiation::Begun);
        assert_eq!(answered_with(ALERT).await, Renegotiation::Refused);
    }
}
