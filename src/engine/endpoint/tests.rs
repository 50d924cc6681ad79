//! The Docker CLI's rules, against folders made for the purpose.

use super::*;

/// A home with `config.json` and contexts; gone at the end of the test.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn environment(&self) -> Environment {
        Environment {
            home: Some(self.0.path().to_owned()),
            ..Environment::default()
        }
    }
}

/// `printf build-farm | sha256sum`
const BUILD_FARM: &str = "588f7e4613159ec2dbd65e1582747b7636b9cc7a9ccb0480e883c197223768ee";

fn tcp(authority: &str) -> Endpoint {
    Endpoint::Tcp {
        authority: authority.to_owned(),
        tls: None,
    }
}

#[test]
fn docker_host_goes_before_contexts() {
    let home = Home::new();
    home.write(".docker/config.json", r#"{"currentContext":"nowhere"}"#);
    let environment = Environment {
        docker_host: Some("tcp://engine.example:2375".to_owned()),
        docker_context: Some("nowhere".to_owned()),
        ..home.environment()
    };
    assert_eq!(resolve(&environment).unwrap(), tcp("engine.example:2375"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let environment = Environment {
        docker_host: Some(String::new()),
        docker_context: Some(String::new()),
        docker_config: Some(PathBuf::new()),
        ..Home::new().environment()
    };
    assert_eq!(
        resolve(&environment).unwrap().address(),
        "unix:///var/run/docker.sock"
    );
}

#[test]
fn a_context_is_found_by_the_digest_of_its_name() {
    let home = Home::new();
    home.write(
        ".docker/config.json",
        r#"{"currentContext":"other","auths":{}}"#,
    );
    home.write(
        &format!(".docker/contexts/meta/{BUILD_FARM}/meta.json"),
        r#"{"Name":"build-farm","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://ci@farm.example:2222","SkipTLSVerify":false}}}"#,
    );
    let environment = Environment {
        docker_context: Some("build-farm".to_owned()),
        ..home.environment()
    };
    let endpoint = resolve(&environment).unwrap();
    assert_eq!(endpoint.address(), "ssh://ci@farm.example:2222");
    assert_eq!(endpoint.remote_host().as_deref(), Some("farm.example"));
}

#[test]
fn the_current_context_is_used_and_must_exist() {
    let home = Home::new();
    home.write("config/config.json", r#"{"currentContext":"build-farm"}"#);
    let environment = Environment {
        docker_config: Some(home.path("config")),
        ..home.environment()
    };
    let error = resolve(&environment).unwrap_err().to_string();
    assert!(
        error.contains("`build-farm`") && error.contains("config.json"),
        "{error}"
    );

    let folder = format!("config/contexts/meta/{BUILD_FARM}/meta.json");
    home.write(
        &folder,
        r#"{"Endpoints":{"docker":{"Host":"tcp://[::1]"}}}"#,
    );
    let endpoint = resolve(&environment).unwrap();
    assert_eq!(endpoint, tcp("[::1]:2375"));
    assert_eq!(endpoint.remote_host().as_deref(), Some("::1"));

    home.write(
        &folder,
        r#"{"Endpoints":{"docker":{"Host":"tcp://h","SkipTLSVerify":true}}}"#,
    );
    assert!(
        resolve(&environment)
            .unwrap_err()
            .to_string()
            .contains("without checking")
    );
}

#[test]
fn a_context_brings_its_own_certificates() {
    let home = Home::new();
    home.write(
        &format!(".docker/contexts/meta/{BUILD_FARM}/meta.json"),
        r#"{"Endpoints":{"docker":{"Host":"tcp://farm.example"}}}"#,
    );
    let tls = format!(".docker/contexts/tls/{BUILD_FARM}/docker");
    home.write(&format!("{tls}/ca.pem"), "");
    home.write(&format!("{tls}/cert.pem"), "");
    let environment = Environment {
        docker_context: Some("build-farm".to_owned()),
        ..home.environment()
    };
    let error = resolve(&environment).unwrap_err().to_string();
    assert!(error.contains("key.pem"), "{error}");

    home.write(&format!("{tls}/key.pem"), "");
    let Endpoint::Tcp {
        authority,
        tls: Some(files),
    } = resolve(&environment).unwrap()
    else {
        panic!("TLS over TCP expected");
    };
    assert_eq!(authority, "farm.example:2376");
    assert_eq!(files.key, home.path(&tls).join("key.pem"));
}

#[test]
fn tls_verify_takes_the_certificates_of_the_config_folder() {
    let home = Home::new();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        home.write(&format!(".docker/{file}"), "");
    }
    let mut environment = Environment {
        docker_host: Some("tcp://engine.example:1234/".to_owned()),
        docker_tls_verify: Some("1".to_owned()),
        ..home.environment()
    };
    let Endpoint::Tcp {
        tls: Some(files),
        authority,
    } = resolve(&environment).unwrap()
    else {
        panic!("TLS over TCP expected");
    };
    assert_eq!(
        (authority.as_str(), files.ca),
        ("engine.example:1234", home.path(".docker/ca.pem"))
    );

    environment.docker_cert_path = Some(home.path("elsewhere"));
    assert!(
        resolve(&environment)
            .unwrap_err()
            .to_string()
            .contains("elsewhere/ca.pem")
    );
}

/// As Docker CLI 28.2 reads them.
#[test]
fn an_address_without_a_scheme_is_a_host_and_a_port() {
    for (host, meant) in [
        ("engine:2375", "engine:2375"),
        ("127.0.0.1:1234", "127.0.0.1:1234"),
        ("[::1]:1234", "[::1]:1234"),
        ("engine", "engine:2375"),
        (":1234", "localhost:1234"),
        ("tcp://", "localhost:2375"),
        ("tcp://:1234", "localhost:1234"),
    ] {
        let environment = Environment {
            docker_host: Some(host.to_owned()),
            ..Home::new().environment()
        };
        assert_eq!(resolve(&environment).unwrap(), tcp(meant), "{host}");
    }
}

#[test]
fn addresses_that_make_no_sense_are_refused_by_name() {
    for host in [
        "/var/run/docker.sock",
        "npipe:////./pipe/docker",
        "ssh://",
        "ssh://farm:ssh",
        "tcp://h/base",
        "https://h",
    ] {
        let environment = Environment {
            docker_host: Some(host.to_owned()),
            ..Environment::default()
        };
        let error = resolve(&environment).unwrap_err().to_string();
        assert!(
            error.contains(host) && error.contains("DOCKER_HOST"),
            "{error}"
        );
    }
}

#[test]
fn a_broken_config_is_named() {
    let home = Home::new();
    home.write(".docker/config.json", "{");
    let error = resolve(&home.environment()).unwrap_err().to_string();
    assert!(error.contains(".docker/config.json"), "{error}");
}
