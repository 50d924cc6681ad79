//! A certificate of the operator's own, as `config validate` reads it: each fault has
//! words of its own, at the key that it stands under.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot make its certificates has to fail"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

const RELAY_YAML: &str = "version: 1\nhostname: relay.example.org\n\
                          tls: {certificate: {cert: tls/cert.pem, key: tls/key.pem}}\n";

/// The right parts: authority, what stands between, the relay's own.
struct Parts {
    root: Issuer<'static, KeyPair>,
    between: Issuer<'static, KeyPair>,
    root_pem: String,
    between_pem: String,
    key: KeyPair,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn own(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(90);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

impl Parts {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority("Example Root");
        let root_pem = params.self_signed(&key).unwrap().pem();
        let root = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = authority("Example Intermediate");
        let between_pem = params.signed_by(&key, &root).unwrap().pem();
        Self {
            root,
            between: Issuer::new(params, key),
            root_pem,
            between_pem,
            key: KeyPair::generate().unwrap(),
        }
    }

    fn own(&self, params: &CertificateParams) -> String {
        params.signed_by(&self.key, &self.between).unwrap().pem()
    }

    fn good(&self) -> String {
        self.own(&own("relay.example.org"))
    }
}

/// The same pair for next hops.
const FOR_NEXT_HOPS: &str = "version: 1\nhostname: relay.example.org\n\
                             tls: {outbound: {certificate: {cert: tls/cert.pem, key: tls/key.pem}}}\n";

/// What `config validate` says about these two files, and whether it takes them.
fn validated(certificate: &str, key: &str) -> (String, bool) {
    validated_in(RELAY_YAML, certificate, key)
}

fn validated_in(relay_yaml: &str, certificate: &str, key: &str) -> (String, bool) {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("relay.yaml"), relay_yaml).unwrap();
    // A folder of their own, as an exported relay is to have it.
    fs::create_dir(place.path().join("tls")).unwrap();
    fs::write(place.path().join("tls/cert.pem"), certificate).unwrap();
    write_key(&place.path().join("tls/key.pem"), key);
    let output = Command::new(env!("CARGO_BIN_EXE_relaykit"))
        .args(["config", "validate"])
        .current_dir(place.path())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    (
        String::from_utf8(output.stderr).unwrap(),
        output.status.success(),
    )
}

fn write_key(path: &Path, key: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, key).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[track_caller]
fn is_refused(certificate: &str, key: &str, words: &str) {
    let (said, taken) = validated(certificate, key);
    assert!(!taken, "{said}");
    assert!(said.contains(words), "{said}");
}

#[track_caller]
fn is_warned_of(certificate: &str, key: &str, words: &str) {
    let (said, taken) = validated(certificate, key);
    assert!(taken, "{said}");
    assert!(said.contains(words), "{said}");
}

#[test]
fn a_whole_chain_says_nothing() {
    let parts = Parts::new();
    let chain = parts.good() + &parts.between_pem + &parts.root_pem;
    let (said, taken) = validated(&chain, &parts.key.serialize_pem());
    assert!(taken, "{said}");
    assert_eq!(said, "");
    let star = parts.own(&own("*.example.org")) + &parts.between_pem + &parts.root_pem;
    assert_eq!(
        validated(&star, &parts.key.serialize_pem()),
        (String::new(), true)
    );
}

#[test]
fn a_key_of_another_is_refused() {
    let parts = Parts::new();
    let other = KeyPair::generate().unwrap().serialize_pem();
    let chain = parts.good() + &parts.between_pem + &parts.root_pem;
    is_refused(
        &chain,
        &other,
        "tls.certificate.key: this private key does not belong to the certificate, \
         `CN=relay.example.org`",
    );
    let damaged = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END CERTIFICATE-----\n";
    is_refused(&chain, damaged, "the private key is damaged");
}

#[test]
fn a_reversed_chain_is_refused_and_disorder_is_told() {
    let parts = Parts::new();
    let key = parts.key.serialize_pem();
    is_refused(
        &(parts.root_pem.clone() + &parts.between_pem + &parts.good()),
        &key,
        "tls.certificate.cert: the private key belongs to certificate 3 of the file, \
         `CN=relay.example.org`",
    );
    is_warned_of(
        &(parts.good() + &parts.root_pem + &parts.between_pem),
        &key,
        "put them in this order: 1, 3, 2",
    );
    let stranger = Parts::new().root_pem;
    is_warned_of(
        &(parts.good() + &parts.between_pem + &parts.root_pem + &stranger),
        &key,
        "certificate 4 of the file, `CN=Example Root`, signed none of the others",
    );
}

#[test]
fn a_chain_that_ends_too_soon_is_told() {
    let parts = Parts::new();
    let key = parts.key.serialize_pem();
    is_warned_of(
        &parts.good(),
        &key,
        "the chain ends at `CN=Example Intermediate`",
    );
    is_warned_of(
        &(parts.good() + &parts.between_pem),
        &key,
        "the chain ends at `CN=Example Root`",
    );
    let alone = own("relay.example.org").self_signed(&parts.key).unwrap();
    is_warned_of(&alone.pem(), &key, "the certificate is signed by itself");
}

#[test]
fn another_name_is_refused() {
    let parts = Parts::new();
    let key = parts.key.serialize_pem();
    let rest = parts.between_pem.clone() + &parts.root_pem;
    for (name, held) in [
        ("mail.example.org", "its names are mail.example.org"),
        // A star is one label, and a whole one.
        ("*.relay.example.org", "its names are *.relay.example.org"),
        ("*.org", "its names are *.org"),
    ] {
        let words =
            format!("the certificate is not for `relay.example.org`, which is `hostname`: {held}");
        is_refused(&(parts.own(&own(name)) + &rest), &key, &words);
    }
    let mut nameless = own("relay.example.org");
    nameless.subject_alt_names.clear();
    is_refused(
        &(parts.own(&nameless) + &rest),
        &key,
        "it has no host name (in subjectAltName; clients do not read the common name)",
    );
}

#[test]
fn times_are_told() {
    let parts = Parts::new();
    let key = parts.key.serialize_pem();
    let rest = parts.between_pem.clone() + &parts.root_pem;
    let now = OffsetDateTime::now_utc();
    let mut past = own("relay.example.org");
    past.not_before = now - Duration::days(90);
    past.not_after = now - Duration::hours(1);
    is_refused(
        &(parts.own(&past) + &rest),
        &key,
        "the certificate expired on 20",
    );
    let mut future = own("relay.example.org");
    future.not_before = now + Duration::days(2);
    is_refused(
        &(parts.own(&future) + &rest),
        &key,
        "the certificate is not valid before 20",
    );
    let mut soon = own("relay.example.org");
    soon.not_after = now + Duration::days(13);
    is_warned_of(
        &(parts.own(&soon) + &rest),
        &key,
        "the certificate expires on 20",
    );
    let mut between = authority("Example Intermediate");
    between.not_after = now - Duration::days(1);
    let between = between.signed_by(parts.between.key(), &parts.root).unwrap();
    is_refused(
        &(parts.good() + &between.pem() + &parts.root_pem),
        &key,
        "certificate 2 of the file, `CN=Example Intermediate`, expired on 20",
    );
}

#[test]
fn a_weak_one_and_one_of_a_client_are_refused() {
    // OpenSSL made it, since rcgen makes no such thing: it ends in 2126.
    let weak = include_str!("fixtures/weak.pem");
    let (key, certificate) = weak.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    let certificate = format!("-----BEGIN CERTIFICATE-----{certificate}");
    is_refused(
        &certificate,
        key,
        "the certificate has an RSA key of 1024 bits, which TLS libraries refuse",
    );
    is_refused(
        &certificate,
        key,
        "the certificate is signed with SHA-1 or MD5, which TLS libraries refuse",
    );
    let parts = Parts::new();
    let mut clients = own("relay.example.org");
    clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let chain = parts.own(&clients) + &parts.between_pem + &parts.root_pem;
    is_refused(
        &chain,
        &parts.key.serialize_pem(),
        "the certificate is not one of a server",
    );
}

#[test]
fn a_damaged_certificate_is_refused_by_its_place() {
    let parts = Parts::new();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    is_refused(
        &(parts.good() + damaged),
        &parts.key.serialize_pem(),
        "certificate 2 of the file is damaged",
    );
}

/// What a client shows is held to what servers ask of it: not to a name.
#[test]
fn a_pair_for_next_hops_is_looked_at_too() {
    let parts = Parts::new();
    let client = |name: &str| {
        let mut params = own(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    };
    let key = parts.key.serialize_pem();
    let said = |certificate: &str, key: &str| validated_in(FOR_NEXT_HOPS, certificate, key);
    let right = parts.own(&client("anybody.example.net"));
    assert_eq!(said(&right, &key), (String::new(), true));
    let mut late = client("anybody.example.net");
    late.not_after = OffsetDateTime::now_utc() - Duration::hours(1);
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (certificate, key, words) in [
        (
            right.clone(),
            &other,
            "tls.outbound.certificate.key: this private key does not belong to the certificate",
        ),
        (
            parts.own(&late),
            &key,
            "tls.outbound.certificate.cert: the certificate expired on ",
        ),
        (
            parts.between_pem.clone() + &right,
            &key,
            "the private key belongs to certificate 2 of the file",
        ),
    ] {
        let (said, taken) = said(&certificate, key);
        assert!(!taken && said.contains(words), "{words}\n{said}");
    }
    let (said, taken) = said(&parts.own(&own("relay.example.org")), &key);
    let words = "the certificate is not one of a client (extendedKeyUsage without clientAuth)";
    assert!(taken && said.contains(words), "{said}");
}
