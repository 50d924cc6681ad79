//! First contact, API versions, TLS and engines that go away, against a small
//! engine of the test's own that knows just `/version`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use relaykit::engine::{self, Environment, Error};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const VERSION: &str = r#"{"Version":"99.1","ApiVersion":"1.42","Arch":"aarch64","Components":[]}"#;

/// Serves until it is dropped; remembers the request lines.
struct Fake {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fake {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => answer(stream, &heard).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => answer(stream, &heard).await,
                        Err(error) => heard.lock().unwrap().push(error.to_string()),
                    },
                }
            }
        });
        Self {
            address,
            requests,
            serving,
        }
    }

    fn environment(&self) -> Environment {
        Environment {
            docker_host: Some(self.address.clone()),
            ..Environment::default()
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// One request: `/version` is answered, all else breaks off half-way.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let line = request.lines().next().unwrap_or_default().to_owned();
    let known = line.contains("/version");
    requests.lock().unwrap().push(line);
    let length = if known { VERSION.len() } else { 1000 };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + VERSION).as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

#[tokio::test]
async fn the_version_agreed_on_is_in_every_request() {
    let fake = Fake::start(None).await;
    let engine = engine::connect(&fake.environment()).await.unwrap();
    let about = engine.about().await.unwrap();
    assert_eq!(about.name, "Docker Engine 99.1");
    assert_eq!((&*about.api, &*about.architecture), ("1.42", "arm64"));
    assert_eq!(about.remote_host.as_deref(), Some("127.0.0.1"));

    let pinned = Environment {
        docker_api_version: Some("1.40".to_owned()),
        ..fake.environment()
    };
    let pinned = engine::connect(&pinned).await.unwrap();
    for engine in [engine, pinned] {
        engine.inspect("dev-relay").await.unwrap_err();
    }
    assert_eq!(
        fake.requests(),
        [
            "GET /version HTTP/1.1",
            "GET /version HTTP/1.1",
            "GET /v1.42/containers/dev-relay/json HTTP/1.1",
            "GET /v1.40/containers/dev-relay/json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn an_engine_that_goes_away_is_lost_and_told_with_what_was_being_done() {
    let fake = Fake::start(None).await;
    let engine = engine::connect(&fake.environment()).await.unwrap();
    let lost = engine.inspect("dev-relay").await.unwrap_err();
    assert!(
        matches!(&lost, Error::Lost { action, .. } if action.contains("dev-relay")),
        "{lost}"
    );
    drop(fake);
    tokio::task::yield_now().await;
    let lost = engine.start("dev-relay").await.unwrap_err();
    assert!(
        matches!(&lost, Error::Lost { action, .. } if action.contains("starting")),
        "{lost}"
    );
}

/// A CA, a server and a client below it, as files of `DOCKER_CERT_PATH`.
fn certificates(folder: &Path) -> TlsAcceptor {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &issuer).unwrap(), key)
    };
    let (client, client_key) = issue("client");
    std::fs::write(folder.join("ca.pem"), ca_certificate.pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), client.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), client_key.serialize_pem()).unwrap();

    let (server, server_key) = issue("127.0.0.1");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca_certificate.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![server.der().clone()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn tls_needs_the_certificates_of_both_sides() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fake = Fake::start(Some(certificates(ours.path()))).await;
    certificates(other.path());
    let with = |folder: &Path| Environment {
        docker_tls_verify: Some("1".to_owned()),
        docker_cert_path: Some(folder.to_owned()),
        ..fake.environment()
    };
    let engine = engine::connect(&with(ours.path())).await.unwrap();
    assert_eq!(engine.about().await.unwrap().api, "1.42");
    let error = engine::connect(&with(other.path())).await.err().unwrap();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
}
