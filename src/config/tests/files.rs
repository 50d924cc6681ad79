use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::{Certificate, Spec, TrustAnchor, Warning, load_bytes, read_authorities};

/// A folder with a relay.yaml's files, all of mode 0600.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(folder.path(), name, content.as_bytes(), 0o600);
    }
    folder
}

fn write(folder: &Path, name: &str, content: &[u8], mode: u32) {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Problems and warnings, with the folder's own name as `BASE`.
fn told(text: &str, base: &Path) -> Vec<String> {
    let (problems, warnings) = match load_bytes(text.as_bytes(), "f", base) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems.problems, problems.warnings),
    };
    let shown = problems.iter().map(ToString::to_string);
    let warned = warnings.iter().map(|warning| Warning(warning).to_string());
    shown
        .chain(warned)
        .map(|line| line.replace(&*base.to_string_lossy(), "BASE"))
        .collect()
}

fn spec(text: &str, base: &Path) -> Spec {
    load_bytes(text.as_bytes(), "f", base)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .spec
}

const BIND: &str =
    "version: 1\nauth: {ldap: {bind: {dn: 'cn=relay,dc=example', password_file: ./secret}}}\n";

#[test]
fn a_password_is_the_line_of_its_file() {
    for content in ["hunter2", "hunter2\n", "hunter2\r\n"] {
        let folder = folder(&[("secret", content)]);
        let bind = spec(BIND, folder.path()).auth.ldap.bind.unwrap();
        assert_eq!(bind.password.reveal(), "hunter2");
        assert_eq!(bind.dn, "cn=relay,dc=example");
        assert_eq!(bind.password_file, folder.path().join("secret"));
    }
}

#[test]
fn password_files_that_will_not_do() {
    let long = "x".repeat(128);
    let large = "x".repeat(70_000);
    for (content, expected) in [
        ("", "the password file `BASE/secret` is empty"),
        ("\n", "the password file `BASE/secret` is empty"),
        (
            "a\nb\n",
            "has a second line or a control character; the password is the only line",
        ),
        ("a\n\n", "has a second line or a control character"),
        ("a\0", "has a second line or a control character"),
        (" a", "begins with white space, which saslauthd drops"),
        (&long, "the password has 128 bytes"),
        (&large, "is larger than 64 KiB"),
    ] {
        let folder = folder(&[("secret", content)]);
        let told = told(BIND, folder.path());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("f:2:64: auth.ldap.bind.password_file: "),
            "{told:?}"
        );
        assert!(told[0].contains(expected), "{expected} in {told:?}");
        assert!(!told[0].contains("xxxx"), "{told:?}");
    }
    let empty = folder(&[]);
    let missing = told(BIND, empty.path());
    assert!(
        missing[0].contains("cannot read the password file `BASE/secret`: No such file"),
        "{missing:?}"
    );
    fs::create_dir(empty.path().join("secret")).unwrap();
    assert!(told(BIND, empty.path())[0].contains("is not a regular file"));
    let latin1 = folder(&[]);
    write(latin1.path(), "secret", b"\xe9", 0o600);
    assert!(told(BIND, latin1.path())[0].contains("is not UTF-8"));
}

#[test]
fn a_password_that_everybody_can_read() {
    let folder = folder(&[]);
    write(folder.path(), "secret", b"x", 0o644);
    assert_eq!(
        told(BIND, folder.path()),
        [
            "f:2:64: warning: auth.ldap.bind.password_file: everybody on this machine can read BASE/secret (mode 0644); chmod 600 BASE/secret"
        ]
    );
    fs::set_permissions(
        folder.path().join("secret"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    assert!(told(BIND, folder.path()).is_empty());
}

#[test]
fn half_an_account() {
    let folder = folder(&[("secret", "x")]);
    let neither = "expected both or neither; without either, the directory is searched anonymously";
    assert_eq!(
        told(
            "version: 1\nauth: {ldap: {bind: {dn: 'cn=a'}}}\n",
            folder.path()
        ),
        [format!(
            "f:2:26: auth.ldap.bind.dn: `password_file` is missing, {neither}"
        )]
    );
    assert_eq!(
        told(
            "version: 1\nauth: {ldap: {bind: {dn: null, password_file: secret}}}\n",
            folder.path()
        ),
        [format!(
            "f:2:47: auth.ldap.bind.password_file: `dn` is missing, {neither}"
        )]
    );
}

#[test]
fn a_login_at_the_next_hop() {
    let folder = folder(&[("secret", "a b:c\n"), ("trailing", "x \n")]);
    let text = "version: 1\ntls: {outbound: {level: secure}}\noutbound:\n  next_hop: '[smtp.example.net]:587'\n  credentials: {user: me@example.net, password_file: secret}\n";
    let spec = spec(text, folder.path());
    let [credentials] = spec.outbound.logins.as_slice() else {
        panic!("{:?}", spec.outbound);
    };
    assert_eq!(
        (&*credentials.user, credentials.password.reveal()),
        ("me@example.net", "a b:c")
    );
    assert_eq!(credentials.password_file, folder.path().join("secret"));
    for (from, to, expected) in [
        (
            "secure",
            "may",
            "f:5:3: warning: outbound.credentials: the next hop's certificate is not verified: whoever answers",
        ),
        (
            "secure",
            "encrypt",
            "f:5:3: warning: outbound.credentials: the next hop's certificate is not verified: whoever answers",
        ),
        (
            "'[smtp.example.net]:587'",
            "null",
            "f:5:3: outbound.credentials: a login, and no next hop to log in to; set outbound.next_hop",
        ),
        (
            "secret",
            "trailing",
            "f:5:54: outbound.credentials.password_file: the password in this file ends with white space, which Postfix drops",
        ),
        (
            "user: me@example.net, ",
            "",
            "f:5:16: outbound.credentials: `user` is missing",
        ),
        (
            "user: me@example.net, ",
            "user: 'a:b', ",
            "f:5:23: outbound.credentials.user: a `:` in the user name",
        ),
    ] {
        let told = told(&text.replace(from, to), folder.path());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(expected), "{expected}\n{told:?}");
    }
}

const TLS: &str = "version: 1\ntls: {certificate: {cert: a.pem, key: /somewhere/b.pem}, outbound: {ca: ca.pem}}\n";

#[test]
fn certificates_may_be_on_another_machine() {
    let folder = folder(&[]);
    let tls = spec(TLS, folder.path()).tls;
    let cert = folder.path().join("a.pem");
    assert_eq!(
        tls.certificate,
        Certificate::Files {
            cert,
            key: PathBuf::from("/somewhere/b.pem")
        }
    );
    assert_eq!(
        tls.outbound.ca,
        TrustAnchor::File(folder.path().join("ca.pem"))
    );
    assert_eq!(
        told(
            "version: 1\ntls: {certificate: {cert: '~/a.pem', kye: b}}\n",
            folder.path()
        ),
        [
            "f:2:20: tls.certificate: `key` is missing: its private key, PEM; write `key: ...`",
            "f:2:27: tls.certificate.cert: found `~/a.pem`: no shell replaces the `~` here; write the whole path",
            "f:2:38: tls.certificate.kye: unknown key `kye`; did you mean `key`?",
        ]
    );
}

#[test]
fn certificates_that_are_here_are_looked_into() {
    const CERT: &str = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
    const LOCKED: &str =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let text = TLS.replace("/somewhere/", "");
    let checked = |cert: &str, key: &str, ca: &str| {
        told(
            &text,
            folder(&[("a.pem", cert), ("b.pem", key), ("ca.pem", ca)]).path(),
        )
    };
    // The files are of the right kind; what is in them is looked at next.
    assert_eq!(
        checked(CERT, KEY, CERT),
        [
            "f:2:21: tls.certificate.cert: certificate 1 of the file is damaged; write the file anew from what the authority sent",
        ]
    );
    assert_eq!(
        checked(KEY, CERT, "x"),
        [
            "f:2:27: tls.certificate.cert: `BASE/a.pem` contains no PEM certificate; it is a private key: are the two swapped?",
            "f:2:39: tls.certificate.key: `BASE/b.pem` contains no PEM private key; it is a certificate: are the two swapped?",
            "f:2:62: tls.outbound.ca: `BASE/ca.pem` contains no PEM certificate",
        ]
    );
    assert!(checked(CERT, LOCKED, CERT)[0].contains("is encrypted"));
    let open = folder(&[("a.pem", CERT)]);
    write(open.path(), "b.pem", KEY.as_bytes(), 0o604);
    let told = told(&text, open.path());
    let warned = |line: &String| line.contains("warning: tls.certificate.key: everybody");
    assert!(told.iter().any(warned), "{told:?}");
}

#[test]
fn who_vouches_for_clients_is_a_house_of_ones_own() {
    let one = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    let folder = folder(&[("own.pem", one), ("world.pem", &one.repeat(140))]);
    let text = |asked: &str, file: &str| {
        format!("version: 1\ntls: {{client_certificates: {asked}, client_ca: {file}}}\n")
    };
    let spec = spec(&text("require", "own.pem"), folder.path());
    assert_eq!(spec.tls.client_ca, Some(folder.path().join("own.pem")));
    let told = |asked, file| told(&text(asked, file), folder.path());
    assert_eq!(
        told("none", "own.pem"),
        [
            "f:2:34: warning: tls.client_ca: no client is asked for a certificate, so this does nothing; write client_certificates: require, or ask"
        ]
    );
    let world = told("ask", "world.pem");
    assert_eq!(world.len(), 1, "{world:?}");
    assert!(world[0].contains("140 authorities"), "{world:?}");
    let missing = told("ask", "own.key");
    assert_eq!(missing, [""; 0], "it may be on the relay's machine");
}

#[test]
fn an_exported_relay_is_shown_the_folder_of_the_certificate() {
    let issued = rcgen::generate_simple_self_signed(["relay.relaykit.test".to_owned()]).unwrap();
    let folder = folder(&[]);
    let own = folder.path().join("tls");
    fs::create_dir(&own).unwrap();
    write(&own, "a.pem", issued.cert.pem().as_bytes(), 0o644);
    let key = issued.signing_key.serialize_pem();
    write(&own, "b.key", key.as_bytes(), 0o600);
    let text = "version: 1\ntls: {certificate: {cert: tls/a.pem, key: tls/b.key}}\n";
    let of_folder = || {
        let mut told = told(text, folder.path());
        told.retain(|line| line.contains("warning: tls.certificate: "));
        told
    };
    assert_eq!(of_folder(), [""; 0]);
    write(&own, "passwords", b"x", 0o600);
    let told = of_folder();
    assert!(told[0].contains("`passwords` is in it, too"), "{told:?}");
    fs::rename(own.join("b.key"), folder.path().join("b.key")).unwrap();
    std::os::unix::fs::symlink("../b.key", own.join("b.key")).unwrap();
    let told = of_folder();
    let leads_out = "`BASE/tls/b.key` is a link that leads out of its folder";
    assert!(told[0].contains(leads_out), "{told:?}");
}

#[test]
fn a_folder_of_authorities_is_all_that_is_in_it() {
    let one = "-----BEGIN CERTIFICATE-----\none\n-----END CERTIFICATE-----\n";
    let two = "-----BEGIN CERTIFICATE-----\ntwo\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
    let folder = folder(&[]);
    let cas = folder.path().join("cas");
    fs::create_dir(&cas).unwrap();
    let text = "version: 1\ntls: {outbound: {ca: cas}}\n";
    let expected = "f:2:22: tls.outbound.ca: no file in the folder `BASE/cas` has a PEM certificate; put the certificates of the CAs there, in PEM";
    assert_eq!(told(text, folder.path()), [expected]);
    write(&cas, "b.pem", two.as_bytes(), 0o644);
    write(
        &cas,
        "a.pem",
        format!("subject=CN=a\n{one}{key}").as_bytes(),
        0o600,
    );
    std::os::unix::fs::symlink("b.pem", cas.join("0a1b2c3d.0")).unwrap();
    assert_eq!(told(text, folder.path()), [""; 0]);
    assert_eq!(
        spec(text, folder.path()).tls.outbound.ca,
        TrustAnchor::File(cas.clone())
    );
    let read = read_authorities(&cas).unwrap();
    assert_eq!(read, format!("{two}{one}"), "each once, and no key");
    let own = "version: 1\ntls: {certificate: {cert: cas, key: cas}}\n";
    assert!(told(own, folder.path())[0].contains("is not a regular file"));
}
