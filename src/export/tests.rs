use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_yaml::Value;

use super::{Bundle, Error, FORMATS, Text, deployment_name};
use crate::config::{
    Bind, Certificate, Credentials, Listener, NextHop, Route, Spec, TrustAnchor, built_in,
};
use crate::counterparts::{Purpose, Resolved};
use crate::plan::{Content, File, Plan, Role};
use crate::secret::Secret;

const IMAGE: &str = "relaykit/relay:0123456789ab";

/// Everything that an operator can bring, with passwords that nothing else contains.
fn spec() -> Spec {
    let mut spec = built_in();
    spec.hostname = "relay.example.org".to_owned();
    spec.listeners.bind = IpAddr::from([192, 0, 2, 25]);
    spec.auth.ldap.servers = vec!["ldaps://ldap.example.org".to_owned()];
    spec.auth.ldap.search_base = "ou=People,dc=example,dc=org".to_owned();
    spec.auth.ldap.ca = TrustAnchor::File(PathBuf::from("/srv/$ca/my ca.pem"));
    spec.auth.ldap.bind = Some(Bind {
        dn: "cn=relay,dc=example,dc=org".to_owned(),
        password: Secret::new("bind-password"),
        password_file: PathBuf::from("/secrets/bind"),
    });
    spec.tls.certificate = Certificate::Files {
        cert: PathBuf::from("/srv/tls/relay: chain.pem"),
        key: PathBuf::from("/srv/tls/schlüssel.pem"),
    };
    spec.tls.outbound.ca = TrustAnchor::File(PathBuf::from("/srv/tls/next-hop.pem"));
    spec.outbound.next_hops = vec![NextHop {
        host: "smtp.example.net".to_owned(),
        port: Some(587),
        mx_lookup: false,
    }];
    spec.outbound.logins = vec![Credentials {
        next_hop: None,
        user: "relay".to_owned(),
        password: Secret::new("next-hop-password"),
        password_file: PathBuf::from("/secrets/next-hop"),
    }];
    spec
}

fn plan(spec: Spec) -> Plan {
    let name = deployment_name(&spec.hostname);
    let mut plan = Plan::new(Resolved::new(spec, Purpose::Production), &name);
    // As whoever exports reads them.
    for file in plan.containers.iter_mut().flat_map(|c| &mut c.files) {
        if let Content::OperatorAuthority(path) = &file.content {
            file.content = Content::Text(format!("certificates of {}", path.display()));
        }
    }
    plan
}

fn bundle(plan: &Plan) -> Bundle {
    (FORMATS[0].bundle)(plan, IMAGE).unwrap()
}

fn text<'a>(bundle: &'a Bundle, path: &str) -> &'a str {
    let file = bundle.files.iter().find(|file| file.path == path);
    file.map_or_else(|| panic!("there is no {path}"), |file| file.text.reveal())
}

fn relay(bundle: &Bundle) -> Value {
    let document: Value = serde_yaml::from_str(text(bundle, "compose.yaml")).unwrap();
    document["services"]["relay"].clone()
}

/// What a shell of Compose's makes of a value: `$$` is a dollar.
fn strings(list: &Value) -> Vec<String> {
    let items = list.as_sequence().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().replace("$$", "$"))
        .collect()
}

/// Source and target of the service's mounts of this type.
fn mounts(relay: &Value, kind: &str) -> Vec<(String, String)> {
    let of_kind = |mount: &&Value| mount["type"] == *kind;
    let end = |mount: &Value, key: &str| mount[key].as_str().unwrap().replace("$$", "$");
    let mounts = relay["volumes"]
        .as_sequence()
        .unwrap()
        .iter()
        .filter(of_kind);
    mounts
        .map(|mount| (end(mount, "source"), end(mount, "target")))
        .collect()
}

#[test]
fn every_file_of_the_plan_is_in_the_bundle_or_mounted_from_the_operators_path() {
    let plan = plan(spec());
    let bundle = bundle(&plan);
    let binds = mounts(&relay(&bundle), "bind");
    let mut own = 0;
    for File {
        path,
        mode,
        content,
        ..
    } in &plan.container(Role::Relay).unwrap().files
    {
        // The mount that shows this path in the container, and where it comes from.
        let shows = |(_, target): &&(String, String)| {
            path.strip_prefix(target)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found: Vec<_> = binds.iter().filter(shows).collect();
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        let source = path.replacen(&found[0].1, &found[0].0, 1);
        if let Content::OperatorFile(from)
        | Content::OperatorFolder(from)
        | Content::OperatorLineage(from) = content
        {
            assert_eq!(source, from.display().to_string());
            own += 1;
            continue;
        }
        let source = source.strip_prefix("./").unwrap();
        let file = bundle
            .files
            .iter()
            .find(|file| file.path == source)
            .unwrap();
        assert_eq!(file.mode, *mode, "{path}");
        match content {
            Content::Text(text) => assert_eq!(file.text, Text::Open(text.clone())),
            Content::Secret(text) => assert_eq!(file.text, Text::Secret(text.clone())),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(own, 2);
}

#[test]
fn passwords_are_in_owner_only_files_and_nowhere_else() {
    let bundle = bundle(&plan(spec()));
    let mut holders = BTreeSet::new();
    for file in &bundle.files {
        for password in ["bind-password", "next-hop-password"] {
            if file.text.reveal().contains(password) {
                assert_eq!(file.mode, 0o600, "{}", file.path);
                assert!(matches!(file.text, Text::Secret(_)), "{}", file.path);
                holders.insert((password, file.path.as_str()));
            }
        }
    }
    let expected = [
        ("bind-password", "config/saslauthd.conf"),
        ("next-hop-password", "config/postfix/next_hop_password"),
    ];
    assert_eq!(holders, BTreeSet::from(expected));
    assert!(!format!("{bundle:?}").contains("hop-password"));
}

#[test]
fn the_service_is_what_the_plan_says() {
    let plan = plan(spec());
    let planned = plan.container(Role::Relay).unwrap();
    let relay = relay(&bundle(&plan));
    assert_eq!(relay["image"], *IMAGE);
    assert_eq!(relay["hostname"], *"relay.example.org");
    assert_eq!(relay["read_only"], true);
    assert_eq!(strings(&relay["cap_drop"]), ["ALL"]);
    assert_eq!(strings(&relay["cap_add"]), planned.capabilities);
    assert_eq!(strings(&relay["security_opt"]), ["no-new-privileges:true"]);
    let tmpfs = planned
        .tmpfs
        .iter()
        .map(|(folder, options)| format!("{folder}:{options}"));
    assert_eq!(strings(&relay["tmpfs"]), tmpfs.collect::<Vec<_>>());
    let ports = [
        "192.0.2.25:2525:25",
        "192.0.2.25:2587:587",
        "192.0.2.25:2465:465",
    ];
    assert_eq!(
        strings(&relay["ports"])
            .iter()
            .collect::<BTreeSet<_>>()
            .len(),
        3
    );
    assert!(
        strings(&relay["ports"])
            .iter()
            .all(|port| ports.contains(&port.as_str()))
    );
    let grace = format!("{}s", planned.stop_grace.as_secs());
    assert_eq!(relay["stop_grace_period"], *grace);
    assert_eq!(relay["restart"], *"unless-stopped");
    let targets: Vec<_> = mounts(&relay, "volume")
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    assert_eq!(targets, ["/var/spool/postfix", "/var/lib/postfix"]);
}

#[test]
fn what_the_service_names_is_declared() {
    let bundle = bundle(&plan(spec()));
    let document: Value = serde_yaml::from_str(text(&bundle, "compose.yaml")).unwrap();
    let relay = relay(&bundle);
    for (volume, _) in mounts(&relay, "volume") {
        assert!(document["volumes"].get(&volume).is_some(), "{volume}");
    }
    for network in strings(&relay["networks"]) {
        // No option: an ordinary network, which reaches the world.
        assert_eq!(
            document["networks"][&network],
            Value::Mapping(serde_yaml::Mapping::new())
        );
    }
}

#[test]
fn addresses_are_published_as_they_are_meant() {
    let cases = [
        ("0.0.0.0", "0.0.0.0:2587:587"),
        ("127.0.0.1", "127.0.0.1:2587:587"),
        ("::", "[::]:2587:587"),
        ("2001:db8::25", "[2001:db8::25]:2587:587"),
    ];
    for (bind, expected) in cases {
        let mut spec = spec();
        spec.listeners.bind = bind.parse().unwrap();
        spec.listeners.smtp = None;
        let bundle = bundle(&plan(spec));
        let ports = strings(&relay(&bundle)["ports"]);
        assert!(ports.contains(&expected.to_owned()), "{ports:?}");
        assert_eq!(ports.len(), 2);
        let warned = text(&bundle, "compose.yaml").contains("IPv6");
        assert_eq!(warned, bind.contains(':'), "{bind}");
    }
}

#[test]
fn an_image_without_a_registry_is_never_pulled() {
    let plan = plan(spec());
    let pulled = |image: &str| {
        let bundle = (FORMATS[0].bundle)(&plan, image).unwrap();
        relay(&bundle).get("pull_policy").is_none()
    };
    assert!(!pulled("relaykit/relay:0123456789ab"));
    assert!(!pulled("mail/eu/relay:1"));
    assert!(pulled("registry.example.org/relay:1"));
    assert!(pulled("registry:5000/relay:1"));
    assert!(pulled("localhost/relay:1"));
}

#[test]
fn a_lab_does_not_leave_by_any_format() {
    for format in FORMATS {
        for purpose in [Purpose::Lab, Purpose::Proof] {
            let lab = Plan::new(Resolved::new(spec(), purpose), "default");
            let error = (format.bundle)(&lab, IMAGE).unwrap_err();
            assert!(matches!(error, Error::Lab(_)), "{error}");
        }
        let mut spec = spec();
        spec.tls.certificate = Certificate::Generated;
        let error = (format.bundle)(&plan(spec), IMAGE).unwrap_err();
        assert!(matches!(error, Error::MadeInLab(_)), "{error}");
        let mut elsewhere = plan(self::spec());
        elsewhere.containers[0].files[0].path = "/etc/other".to_owned();
        let error = (format.bundle)(&elsewhere, IMAGE).unwrap_err();
        assert!(matches!(error, Error::NoMount(_)), "{error}");
    }
}

#[test]
fn the_readme_has_the_commands_for_what_is_configured() {
    let readme = |spec: Spec| text(&bundle(&plan(spec)), "README.md").to_owned();
    let all = readme(spec());
    assert!(
        all.contains("-starttls smtp -connect 192.0.2.25:2587 "),
        "{all}"
    );
    assert!(
        all.contains("curl -sv --max-time 10 smtp://192.0.2.25:2587 "),
        "{all}"
    );
    assert!(
        all.contains("\n  '/srv/tls/relay: chain.pem' \\\n"),
        "{all}"
    );
    assert!(
        all.lines().count() < 180,
        "three pages: {}",
        all.lines().count()
    );

    let mut only_465 = spec();
    only_465.auth.listeners = BTreeSet::from([Listener::Submissions]);
    only_465.listeners.submission = None;
    only_465.listeners.bind = "::".parse().unwrap();
    let only_465 = readme(only_465);
    assert!(
        only_465.contains("-crlf -connect relay.example.org:2465 "),
        "{only_465}"
    );
    assert!(!only_465.contains("curl"), "{only_465}");

    let mut nobody = spec();
    nobody.auth.listeners = BTreeSet::new();
    nobody.listeners.submission = None;
    nobody.listeners.submissions = None;
    assert!(!readme(nobody).contains("AUTH"));
}

#[test]
fn the_readme_asks_the_directory_as_saslauthd_does() {
    let asks = |url: &str, start_tls: bool, ca: TrustAnchor| {
        let mut spec = spec();
        spec.auth.ldap.servers = vec![url.to_owned()];
        spec.auth.ldap.start_tls = start_tls;
        spec.auth.ldap.ca = ca;
        let readme = text(&bundle(&plan(spec)), "README.md").to_owned();
        let asks = readme.split("openssl s_client -brief").nth(1).unwrap();
        let asks = asks.split(" -verify_return_error").next().unwrap();
        asks.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" \\", "")
    };
    let system = || TrustAnchor::System;
    let expected = "-connect l.example:636 -verify_hostname l.example";
    assert_eq!(asks("ldaps://l.example", false, system()), expected);
    let expected = "-starttls ldap -connect l.example:1389 -verify_hostname l.example";
    assert_eq!(asks("ldap://l.example:1389/", true, system()), expected);
    let expected = "-connect [2001:db8::1]:636 -verify_ip 2001:db8::1";
    assert_eq!(asks("ldaps://[2001:db8::1]", false, system()), expected);

    let readme = text(&bundle(&plan(spec())), "README.md").to_owned();
    assert!(
        readme.contains(" -CAfile /etc/relaykit/tls/directory-ca.pem </dev/null"),
        "{readme}"
    );
}

#[test]
fn two_relays_are_two_deployments() {
    assert_eq!(deployment_name("Relay.Example.org"), "relay-example-org");
    assert_eq!(deployment_name("mail_1.example."), "mail-1-example");
    assert_eq!(deployment_name(""), "relay");
    let bundle = bundle(&plan(spec()));
    assert!(text(&bundle, ".env").ends_with("\nCOMPOSE_PROJECT_NAME=relay-example-org\n"));
}

#[test]
fn formats_have_names_of_their_own() {
    let names: BTreeSet<_> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), FORMATS.len());
}

/// A machine whose engine has no IPv6 is not asked for it without need.
#[test]
fn the_network_has_ipv6_where_a_next_hop_needs_it() {
    let networks = |spec: Spec| {
        let bundle = bundle(&plan(spec));
        let document: Value = serde_yaml::from_str(text(&bundle, "compose.yaml")).unwrap();
        document["networks"].clone()
    };
    let ipv4 = networks(spec());
    assert!(ipv4["clients"].get("enable_ipv6").is_none(), "{ipv4:?}");
    let hop = |host: &str| NextHop {
        host: host.to_owned(),
        port: Some(587),
        mx_lookup: false,
    };
    let mut literal = spec();
    literal.outbound.next_hops = vec![hop("192.0.2.1"), hop("2001:db8::1")];
    let mut route = spec();
    route.outbound.routes = vec![Route {
        next_hops: vec![hop("2001:db8::1")],
        ..Route::default()
    }];
    let mut asked = spec();
    asked.outbound.ipv6 = true;
    for spec in [literal, route, asked] {
        let networks = networks(spec);
        let clients = &networks["clients"];
        assert_eq!(clients["enable_ipv6"], true, "{networks:?}");
        let subnet = clients["ipam"]["config"][0]["subnet"].as_str().unwrap();
        assert!(
            subnet.starts_with("fd") && subnet.ends_with("::/64"),
            "{subnet}"
        );
    }
}
