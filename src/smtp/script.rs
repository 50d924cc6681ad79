//! A server that plays a script, for tests. A script reads like the transcript
//! that it leads to, only with nothing masked:
//!
//! ```text
//! S: 220 relay.test       the server says this line
//! C: QUIT                 the client must say this line
//! s: 22\x000 re           the server says these bytes: \r, \n, \xNN, no line end
//! c: a\n.\r\n             the client must say these bytes
//! -- TLS                  both shake hands
//! -- hold                 the server says nothing more, until the client leaves
//! -- cut                  the connection is gone, and TLS is not told of its end
//! ```
//!
//! At its end the server closes the connection.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::wire::Io;
use super::{Connect, Error, Session};
use crate::secret::Secret;

/// The name on the scripted server's certificate.
pub(super) const SERVER_NAME: &str = "relay.test";

/// A CA with a certificate for the server and one for a client.
pub(super) struct Authority {
    pub(super) pem: String,
    pub(super) server: Arc<ServerConfig>,
    /// The same, but clients must show a certificate of this CA.
    pub(super) strict_server: Arc<ServerConfig>,
    pub(super) client: (String, Secret),
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (own, own_key) = issue(SERVER_NAME);
        let (client, client_key) = issue("client.test");
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = verifier.build().unwrap();
        let builder = || ServerConfig::builder_with_provider(provider.clone());
        let chain = || vec![own.der().clone()];
        let key = || PrivateKeyDer::try_from(own_key.serialize_der()).unwrap();
        let server = builder().with_safe_default_protocol_versions().unwrap();
        let server = server
            .with_no_client_auth()
            .with_single_cert(chain(), key())
            .unwrap();
        let strict = builder().with_safe_default_protocol_versions().unwrap();
        let strict = strict.with_client_cert_verifier(verifier);
        Self {
            pem: ca.pem(),
            server: Arc::new(server),
            strict_server: Arc::new(strict.with_single_cert(chain(), key()).unwrap()),
            client: (client.pem(), Secret::new(client_key.serialize_pem())),
        }
    }
}

/// A session with a server that plays `script` in the clear.
pub(super) async fn play(script: &str) -> (Session, Server) {
    let (session, server) = play_with(script, None, &Connect::default()).await;
    (session.unwrap(), server)
}

/// A session with a server that plays `script`; `tls` is for its `-- TLS`.
pub(super) async fn play_with(
    script: &str,
    tls: Option<Arc<ServerConfig>>,
    options: &Connect,
) -> (Result<Session, Error>, Server) {
    // Small, so that every reply comes in pieces; a whole flight of a handshake fits,
    // or a server that gives up would break the pipe before its alert is read.
    let (ours, theirs) = duplex(if tls.is_some() { 16384 } else { 24 });
    let steps: Vec<String> = script
        .lines()
        .map(|line| line.trim_start().to_owned())
        .collect();
    let server = Server(tokio::spawn(serve(steps, theirs, tls)));
    (Session::over(Box::new(ours), "test", options).await, server)
}

/// The server of a script.
pub(super) struct Server(JoinHandle<()>);

impl Server {
    /// Waits until the script is played; fails where the client did not say its lines.
    pub(super) async fn finished(self) {
        self.0.await.unwrap();
    }
}

async fn serve(steps: Vec<String>, stream: DuplexStream, tls: Option<Arc<ServerConfig>>) {
    let mut stream: Box<dyn Io> = Box::new(stream);
    for step in steps.iter().filter(|step| !step.is_empty()) {
        match step.split_at_checked(3).unwrap_or((step, "")) {
            ("-- ", "hold") => hear_the_end(&mut stream).await,
            ("-- ", "cut") => return,
            ("-- ", "TLS") => {
                let acceptor = TlsAcceptor::from(tls.clone().unwrap());
                match acceptor.accept(stream).await {
                    Ok(under_tls) => stream = Box::new(under_tls),
                    Err(_) => return,
                }
            }
            ("S: ", line) => say(&mut stream, format!("{line}\r\n").as_bytes()).await,
            ("s: ", bytes) => say(&mut stream, &unescape(bytes)).await,
            ("C: ", line) => hear(&mut stream, format!("{line}\r\n").as_bytes()).await,
            ("c: ", bytes) => hear(&mut stream, &unescape(bytes)).await,
            _ => panic!("not a line of a script: {step}"),
        }
    }
    let _ = stream.shutdown().await;
}

async fn say(stream: &mut Box<dyn Io>, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

async fn hear(stream: &mut Box<dyn Io>, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    let mut count = 0;
    while count < heard.len() {
        match stream.read(&mut heard[count..]).await {
            Ok(0) | Err(_) => break,
            Ok(more) => count += more,
        }
    }
    let (heard, expected) = (heard[..count].escape_ascii(), expected.escape_ascii());
    assert_eq!(
        heard.to_string(),
        expected.to_string(),
        "what the client said"
    );
}

async fn hear_the_end(stream: &mut Box<dyn Io>) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(
        rest.escape_ascii().to_string(),
        "",
        "what the client said at the end"
    );
}

/// The bytes that `text` stands for.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match after.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'x' => (u8::from_str_radix(&after[1..3], 16).unwrap(), 3),
            other => panic!("unknown escape \\{}", char::from(other)),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
