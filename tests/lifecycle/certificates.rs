//! Certificates: kept while they serve, made anew when names change, theirs alone to read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use relaykit::certs;
use relaykit::secret::Secret;
use relaykit::smtp::{Connect, Session, TlsSettings};
use serde_json::Value;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::lab::{Lab, Run, block_on, ca, endpoint, is_a};

/// The chain that the relay shows, after rustls has verified it for `hostname`.
fn chain(up: &Value, hostname: &str) -> Vec<Vec<u8>> {
    let options = Connect::wrapper(TlsSettings::trusting(hostname, ca(up)));
    let session = block_on(Session::connect(endpoint(up, "submissions"), &options)).unwrap();
    let facts = session.tls().unwrap();
    assert_eq!((&facts.chain, &facts.name), (&Ok(()), &Ok(())));
    facts.certificates.clone()
}

#[test]
fn they_are_kept_and_made_anew_when_the_name_changes() {
    let lab = Lab::new("certs");
    let up = lab.up();
    let (authority, first) = (ca(&up), chain(&up, "relay.relaykit.test"));
    lab.relaykit(&["down"]).succeeded();
    let up = lab.up();
    assert_eq!(
        (ca(&up), chain(&up, "relay.relaykit.test")),
        (authority.clone(), first.clone())
    );

    lab.configure("hostname: mail.example.test\n");
    let up = lab.up();
    assert_eq!(up["hostname"], "mail.example.test");
    assert_eq!(ca(&up), authority, "who trusts the lab goes on trusting it");
    assert_ne!(chain(&up, "mail.example.test"), first);

    lab.relaykit(&["down", "--volumes"]).succeeded();
    assert!(!lab.kept().exists(), "`down --volumes` forgets the CA");
    assert_ne!(ca(&lab.up()), authority);
}

#[test]
fn the_chain_is_what_strict_clients_want() {
    let lab = Lab::new("chain");
    let up = lab.up();
    let authority = ca(&up);
    let (_, pem) = parse_x509_pem(authority.as_bytes()).unwrap();
    let authority = pem.parse_x509().unwrap();
    authority.verify_signature(None).unwrap();
    let constraints = authority.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    let usage = authority.key_usage().unwrap().unwrap();
    assert!(usage.value.key_cert_sign() && !usage.value.digital_signature());

    let chain = chain(&up, "relay.relaykit.test");
    let (_, server) = X509Certificate::from_der(&chain[0]).unwrap();
    server
        .verify_signature(Some(authority.public_key()))
        .unwrap();
    assert!(server.validity().is_valid());
    assert!(!server.is_ca());
    assert!(
        server
            .key_usage()
            .unwrap()
            .unwrap()
            .value
            .digital_signature()
    );
    assert!(
        server
            .extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .server_auth
    );
    let days = server.validity().time_to_expiration().unwrap().whole_days();
    assert!((300..=398).contains(&days), "{days} days");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

#[test]
fn keys_and_passwords_are_their_owners_alone() {
    let lab = Lab::new("modes");
    lab.up();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&lab.kept()), 0o700);
    let secret: Vec<PathBuf> = files(&lab.kept())
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.contains("PRIVATE KEY") || text.contains("wonderland")
        })
        .collect();
    assert!(
        secret.len() >= 4,
        "keys of the CA and three servers: {secret:?}"
    );
    for path in secret {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }

    let find = "find /etc/relaykit -type f | xargs grep -lE 'PRIVATE KEY|wonderland|[{]CRYPT[}]' | xargs stat -c '%a %u %n'";
    for (role, key, owner) in [
        ("relay", "/etc/relaykit/tls/relay.key", "0"),
        ("sink", "/etc/relaykit/tls/sink.key", "0"),
        ("directory", "/etc/relaykit/tls/directory.key", "204"),
    ] {
        let found = lab.exec(role, Some(owner), &["sh", "-c", find]).stdout;
        assert!(found.contains(key), "{role}: {found}");
        for line in found.lines() {
            assert!(line.starts_with(&format!("600 {owner} ")), "{role}: {line}");
        }
    }
}

#[test]
fn a_lab_that_demands_client_certificates_is_ready_and_proved() {
    let lab = Lab::new("demand");
    lab.configure("tls: {client_certificates: require}\n");
    lab.up();
    // A login without a certificate would be refused before AUTH.
    lab.relaykit(&["test", "auth.documents_pair_logs_in"])
        .succeeded();
}

/// Without an end to a session, and without another container, then or at the next `up`.
#[test]
fn rotation_changes_the_relays_certificate_and_nothing_else() {
    let lab = Lab::new("rotate");
    let up = lab.up();
    let (before, containers) = (chain(&up, "relay.relaykit.test"), lab.container_ids());
    let options = Connect::wrapper(TlsSettings::trusting("relay.relaykit.test", ca(&up)));
    let mut open = block_on(Session::connect(endpoint(&up, "submissions"), &options)).unwrap();
    block_on(open.greeting()).unwrap();

    let json = |run: Run| serde_json::from_str::<Value>(&run.succeeded().stdout).unwrap();
    let rotated = json(lab.relaykit(&["certs", "rotate", "--format", "json"]));
    is_a("certs_rotate", &rotated);
    let after = chain(&up, "relay.relaykit.test");
    assert_ne!(after, before);
    let shown = certs::fingerprint_of(&after[0]);
    assert_eq!(rotated["certificate"]["sha256"], shown);
    assert_eq!(rotated["before"], certs::fingerprint_of(&before[0]));
    let offers = block_on(open.ehlo("client.invalid")).unwrap();
    assert_eq!(offers.reply.code, 250, "the session that was open");

    let up = lab.up();
    assert_eq!(chain(&up, "relay.relaykit.test"), after);
    assert_eq!(lab.container_ids(), containers);
    let all = json(lab.relaykit(&["certs", "show", "--format", "json"]));
    is_a("certs_show", &all);
    let all = all.as_array().unwrap();
    assert!(all.iter().any(|one| one["sha256"] == shown), "{all:?}");
}

#[test]
fn an_issued_certificate_is_believed_where_the_labs_are() {
    let lab = Lab::new("issued");
    lab.configure("tls: {client_certificates: require}\n");
    let up = lab.up();
    let issue = |more: &[&str]| {
        let issue = ["certs", "issue", "--output", "out", "--format", "json"];
        lab.relaykit(&[&issue, more].concat())
    };
    let issued = issue(&["--client", "--name", "alice"]);
    let issued = issued.succeeded().stdout;
    is_a("certs_issue", &serde_json::from_str(&issued).unwrap());
    let read = |end: &str| fs::read_to_string(lab.folder().join("out").join(end)).unwrap();
    let trusting = || TlsSettings::trusting("relay.relaykit.test", ca(&up));
    let greeted = |tls: TlsSettings| {
        block_on(async {
            let mut session =
                Session::connect(endpoint(&up, "submissions"), &Connect::wrapper(tls)).await?;
            session.greeting().await
        })
    };
    let key = Secret::new(read("alice.key"));
    let reply = greeted(trusting().client_certificate(read("alice.pem"), key)).unwrap();
    assert_eq!(reply.code, 220);
    // smtpd hangs up, or says why first: "No client certificate presented".
    let code = greeted(trusting()).map_or(421, |reply| reply.code);
    assert_eq!(code, 421, "without a certificate");

    let again = issue(&["--client", "--name", "alice"]);
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert!(
        again.stderr.contains("is there already"),
        "{}",
        again.stderr
    );
    let world = issue(&["--name", "app.example.org"]);
    assert_eq!(world.code, Some(3), "{}", world.stderr);
    assert!(world.stderr.contains("may not sign"), "{}", world.stderr);
    issue(&["--name", "app.shop.test", "--name", "127.0.0.1"]).succeeded();
    assert_eq!(issue(&["--name", "../x"]).code, Some(2));
}
