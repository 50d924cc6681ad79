use std::io::Read;

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedPublicKey,
    SignedSecretKey,
};
use pgp::types::Password;
use rand::thread_rng;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::image::bootstrap::testing::{Answers, Server};
use crate::image::context::hex;

fn key() -> SignedSecretKey {
    SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("Test archive <test@relaykit.test>".into())
        .build()
        .unwrap()
        .generate(thread_rng())
        .unwrap()
}

/// The files of a suite with one package, signed by `key`.
fn suite(key: &SignedSecretKey, folder: &str, codename: &str, version: &str) -> Answers {
    let packages = format!(
        "Package: tool\nVersion: {version}\nFilename: pool/tool.deb\nSize: 1\nSHA256: {}\n",
        "0".repeat(64)
    );
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new(packages.as_bytes(), 0)
        .read_to_end(&mut packed)
        .unwrap();
    let digest = hex(&Sha256::digest(&packed));
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S UTC");
    let release = format!(
        "Codename: {codename}\nDate: {date}\nAcquire-By-Hash: yes\nSHA256:\n {digest} {} main/binary-amd64/Packages.xz\n",
        packed.len()
    );
    let signed =
        CleartextSignedMessage::sign(thread_rng(), &release, &key.primary_key, &Password::empty());
    let signed = signed
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap();
    let list = format!("{folder}/dists/{codename}/main/binary-amd64/by-hash/SHA256/{digest}");
    Answers::from([
        (
            format!("{folder}/dists/{codename}/InRelease"),
            vec![(200, signed.into_bytes())],
        ),
        (list, vec![(200, packed)]),
    ])
}

fn whole_archive(key: &SignedSecretKey) -> Answers {
    let mut answers = suite(key, "/debian", "trixie", "1.0");
    answers.append(&mut suite(key, "/debian", "trixie-updates", "1.1"));
    answers.append(&mut suite(
        key,
        "/debian-security",
        "trixie-security",
        "1.0+deb13u1",
    ));
    answers
}

async fn read(key: &SignedSecretKey, settings: BootstrapSettings) -> Result<Archives, Error> {
    let keyring = Keyring::new(vec![SignedPublicKey::from(key.clone())]);
    let fetcher = Fetcher::new(&settings, CancellationToken::new(), |_| {}).unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let reader = Reader {
            fetcher: &fetcher,
            keyring: &keyring,
            now: Timestamp::now(),
            architecture: "amd64",
        };
        reader.read(&settings)
    });
    reading.await.unwrap()
}

/// Settings of a host whose apt knows nothing but `sources`.
fn host(folder: &tempfile::TempDir, sources: &str) -> BootstrapSettings {
    std::fs::write(folder.path().join("sources.list"), sources).unwrap();
    BootstrapSettings {
        apt: folder.path().to_owned(),
        ..BootstrapSettings::default()
    }
}

fn given(server: &Server) -> BootstrapSettings {
    BootstrapSettings {
        mirror: Some(format!("{}/debian/", server.address)),
        apt: "/nonexistent".into(),
        ..BootstrapSettings::default()
    }
}

#[tokio::test]
async fn reads_all_suites_of_a_mirror_and_takes_the_newest() {
    let key = key();
    let server = Server::start(whole_archive(&key));
    let found = read(&key, given(&server)).await.unwrap();
    let tool = found.index.get("tool").unwrap();
    assert_eq!((tool.version.as_str(), tool.archive), ("1.1", 0));
    let uri = format!("{}/debian", server.address);
    let expected = [
        Archive {
            uri: uri.clone(),
            suites: vec!["trixie", "trixie-updates"],
        },
        Archive {
            uri: format!("{uri}-security"),
            suites: vec!["trixie-security"],
        },
    ];
    assert_eq!(found.places, expected);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

#[tokio::test]
async fn a_mirror_without_updates_stops_everything_unless_that_is_meant() {
    let key = key();
    let mut answers = suite(&key, "/debian", "trixie", "1.0");
    let server = Server::start(answers.clone());
    let told = read(&key, given(&server)).await.unwrap_err().to_string();
    for part in [
        "trixie-updates is not at",
        "--mirror",
        "--allow-missing-updates",
    ] {
        assert!(told.contains(part), "{told}");
    }
    answers.append(&mut suite(&key, "/debian", "trixie-updates", "1.1"));
    let half = Server::start(answers);
    let told = read(&key, given(&half)).await.unwrap_err().to_string();
    let place = format!("trixie-security is not at {}/debian-security", half.address);
    assert!(told.contains(&place), "{told}");

    let mut settings = given(&server);
    settings.allow_missing_updates = true;
    let found = read(&key, settings).await.unwrap();
    assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
    assert!(
        found.warnings[1].contains("trixie-security is not at"),
        "{:?}",
        found.warnings
    );
    assert_eq!(found.places.len(), 1);
}

#[tokio::test]
async fn an_index_signed_by_another_key_stops_everything() {
    let (key, other) = (key(), key());
    for (folder, codename) in [
        ("/debian", "trixie-updates"),
        ("/debian-security", "trixie-security"),
    ] {
        let mut answers = whole_archive(&key);
        answers.append(&mut suite(&other, folder, codename, "9"));
        let server = Server::start(answers);
        let error = read(&key, given(&server)).await.unwrap_err();
        assert!(matches!(error, Error::Signature { .. }), "{error}");
        let url = format!("{}{folder}/dists/{codename}/InRelease", server.address);
        assert!(error.to_string().contains(&url), "{error}");
    }
}

#[tokio::test]
async fn another_suite_under_the_wanted_name_is_refused() {
    let key = key();
    let mut answers = whole_archive(&key);
    let old = suite(&key, "/debian", "bookworm", "0.9");
    let old = old["/debian/dists/bookworm/InRelease"].clone();
    answers.insert("/debian/dists/trixie/InRelease".to_owned(), old);
    let server = Server::start(answers);
    let error = read(&key, given(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Release { .. }), "{error}");
}

#[tokio::test]
async fn a_changed_package_list_stops_everything() {
    let key = key();
    let mut answers = whole_archive(&key);
    for (path, list) in &mut answers {
        if path.contains("/trixie/main/") {
            list[0].1[20] ^= 1;
        }
    }
    let server = Server::start(answers);
    let error = read(&key, given(&server)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Mismatch { file, .. } if file == "Packages.xz"),
        "{error}"
    );
}

#[tokio::test]
async fn the_hosts_mirror_is_the_first_that_verifies() {
    let (key, other) = (key(), key());
    let mut answers = whole_archive(&key);
    answers.append(&mut suite(&other, "/fake", "trixie", "9"));
    let server = Server::start(answers);
    let folder = tempfile::tempdir().unwrap();
    let address = &server.address;
    let sources = format!(
        "deb {address}/missing trixie main\ndeb {address}/fake trixie main\ndeb {address}/debian bookworm main\n"
    );
    let found = read(&key, host(&folder, &sources)).await.unwrap();
    assert_eq!(found.places[0].uri, format!("{address}/debian"));

    let sources = format!("deb {address}/fake trixie main\n");
    let error = read(&key, host(&folder, &sources))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/fake") && error.contains("--mirror"),
        "{error}"
    );
    let error = read(&key, host(&folder, "")).await.unwrap_err().to_string();
    assert!(error.contains("RELAYKIT_MIRROR"), "{error}");
}
