//! What holds for every plan, however odd its spec.

use std::collections::BTreeSet;

use relaykit::config::{Listener, Received, Spec};
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::plan::{Container, Content, File, Plan, Role};
use relaykit::render::MARK;

use crate::sample;

/// A file's text, passwords included.
fn text(file: &File) -> &str {
    match &file.content {
        Content::Text(text) => text,
        Content::Secret(secret) => secret.reveal(),
        _ => "",
    }
}

fn postfix_files<'a>(plan: &'a Plan, name: &str) -> Vec<&'a str> {
    plan.containers
        .iter()
        .flat_map(|container| &container.files)
        .filter(|file| file.path == format!("/etc/relaykit/postfix/{name}"))
        .map(text)
        .collect()
}

/// Lines that are neither blank nor a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn no_parameter_is_set_twice() {
    for (name, plan) in sample::plans() {
        for main_cf in postfix_files(&plan, "main.cf") {
            let mut seen = BTreeSet::new();
            for line in lines(main_cf) {
                let (parameter, _) = line.split_once(" =").expect(line);
                assert!(seen.insert(parameter), "{name}: {parameter} is set twice");
            }
            assert!(seen.len() > 30, "{name}: main.cf is nearly empty");
        }
    }
}

#[test]
fn no_service_is_chrooted_or_there_twice() {
    for (name, plan) in sample::plans() {
        for master_cf in postfix_files(&plan, "master.cf") {
            let mut seen = BTreeSet::new();
            for line in lines(master_cf).filter(|line| !line.starts_with(' ')) {
                let columns: Vec<&str> = line.split_whitespace().collect();
                assert_eq!(columns[4], "n", "{name}: {line}");
                assert!(seen.insert((columns[0], columns[1])), "{name}: {line}");
            }
            assert!(seen.contains(&("postlog", "unix-dgram")), "{name}: no log");
        }
    }
}

#[test]
fn every_file_lies_on_a_mount_and_once() {
    for (name, plan) in sample::plans() {
        for container in &plan.containers {
            let mut seen = BTreeSet::new();
            for file in &container.files {
                assert!(
                    seen.insert(&file.path),
                    "{name}: {} is there twice",
                    file.path
                );
                assert!(
                    container.mounts.iter().any(|mount| {
                        file.path
                            .strip_prefix(&mount.target)
                            .is_some_and(|rest| rest.starts_with('/'))
                    }),
                    "{name}: {} is on no mount of {}",
                    file.path,
                    container.name
                );
            }
        }
    }
}

#[test]
fn every_file_that_postfix_names_is_there() {
    for (name, plan) in sample::plans() {
        for container in plan.containers.iter().filter(|c| c.role != Role::Directory) {
            let named = container
                .files
                .iter()
                .filter(|file| matches!(file.content, Content::Text(_) | Content::Secret(_)))
                .flat_map(|file| lines(text(file)))
                .flat_map(|line| line.split([' ', ',', ':', '=']))
                .filter(|word| word.starts_with("/etc/relaykit/") && *word != "/etc/relaykit/sasl");
            for path in named {
                assert!(
                    container.files.iter().any(|file| file.path == path),
                    "{name}: {} names {path}",
                    container.name
                );
            }
        }
    }
}

#[test]
fn secrets_are_in_owner_only_secret_files_and_nowhere_else() {
    for (name, plan) in sample::plans() {
        let mut secrets: Vec<&str> = plan
            .resolved
            .spec
            .lab
            .users
            .iter()
            .map(|user| user.password.reveal())
            .collect();
        secrets.extend(
            plan.resolved
                .spec
                .auth
                .ldap
                .bind
                .as_ref()
                .map(|bind| bind.password.reveal()),
        );
        secrets.extend(
            plan.resolved
                .spec
                .outbound
                .logins
                .iter()
                .map(|login| login.password.reveal()),
        );
        for container in &plan.containers {
            for file in &container.files {
                let secret = match &file.content {
                    Content::Text(text) => {
                        for secret in &secrets {
                            assert!(
                                !text.contains(secret),
                                "{name}: {} tells a secret",
                                file.path
                            );
                        }
                        false
                    }
                    Content::Secret(_) | Content::CertificateKey(_) => true,
                    _ => file.path.to_ascii_lowercase().ends_with(".key"),
                };
                if secret {
                    assert_eq!(file.mode, 0o600, "{name}: {}", file.path);
                }
            }
        }
    }
}

#[test]
fn the_directory_gets_hashes_and_no_passwords() {
    for (name, plan) in sample::plans() {
        let Some(directory) = plan.container(Role::Directory) else {
            continue;
        };
        for file in &directory.files {
            for user in &plan.resolved.spec.lab.users {
                assert!(
                    !text(file).contains(user.password.reveal()),
                    "{name}: {}",
                    file.path
                );
            }
        }
    }
}

#[test]
fn only_a_proof_lab_believes_xclient() {
    for (name, plan) in sample::plans() {
        let names_it = postfix_files(&plan, "main.cf")
            .iter()
            .any(|main_cf| main_cf.contains("xclient"));
        let has_file = !postfix_files(&plan, "xclient_hosts").is_empty();
        let proof = plan.resolved.purpose == Purpose::Proof;
        assert_eq!((names_it, has_file), (proof, proof), "{name}");
    }
}

#[test]
fn production_has_nothing_of_the_lab() {
    let plan = Plan::new(
        Resolved::new(sample::production_spec(), Purpose::Production),
        "mail",
    );
    let roles: Vec<Role> = plan.containers.iter().map(|c| c.role).collect();
    assert_eq!(roles, [Role::Relay]);
    for file in plan.containers.iter().flat_map(|c| &c.files) {
        assert!(
            !matches!(
                file.content,
                Content::CaCertificate
                    | Content::Certificate(_)
                    | Content::CertificateKey(_)
                    | Content::Gateway(_)
            ),
            "{}",
            file.path
        );
        for word in [
            "[sink]",
            "relaykit.test",
            "ldaps://directory",
            "xclient",
            "alice",
        ] {
            assert!(!text(file).contains(word), "{} has {word}", file.path);
        }
    }
}

/// What is proved in a lab is what leaves the house: only the names of next hops, their
/// logins and digests are others.
#[test]
fn next_hops_are_rendered_alike_in_a_lab_and_in_production() {
    let rows = |purpose, path: &str| -> Vec<String> {
        let plan = Plan::new(Resolved::new(sample::several_spec(), purpose), "x");
        let relay = plan.container(Role::Relay).unwrap();
        let path = format!("/etc/relaykit/postfix/{path}");
        let file = relay.files.iter().find(|file| file.path == path).unwrap();
        let text = match &file.content {
            Content::WithFingerprint(_, text) => text,
            _ => text(file),
        };
        lines(text).map(str::to_owned).collect()
    };
    let main = |purpose| -> Vec<String> {
        let own = ["smtp_", "relayhost", "default_transport", "relay_transport"];
        let of_next_hops = |line: &String| own.iter().any(|name| line.starts_with(name));
        let lines = rows(purpose, "main.cf").into_iter().filter(of_next_hops);
        lines.collect()
    };
    let (lab, production) = (main(Purpose::Lab), main(Purpose::Production));
    let names = |lines: &[String]| -> Vec<String> {
        let names = lines.iter().filter_map(|line| line.split(" =").next());
        // An address is not asked for by its name; stand-ins have names.
        let names = names.filter(|name| *name != "smtp_tls_servername");
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(&lab), names(&production));
    assert_eq!(
        production
            .iter()
            .find(|line| line.starts_with("relayhost"))
            .unwrap(),
        "relayhost = [one.example.org]:587, [192.0.2.1]:587, three.example.org"
    );
    assert_eq!(
        lab.iter()
            .find(|line| line.starts_with("relayhost"))
            .unwrap(),
        "relayhost = [hop1.sink.test]:2608, [hop2.sink.test]:2616, [hop3.sink.test]:2640"
    );
    let digest = vec!["AB"; 32].join(":");
    assert_eq!(
        rows(Purpose::Production, "next_hop_tls"),
        [
            "[one.example.org]:587 secure servername=hostname",
            "[192.0.2.1]:587 secure match=two.example.org servername=two.example.org",
            &format!("three.example.org fingerprint match={digest}"),
        ]
    );
    assert_eq!(
        rows(Purpose::Production, "next_hop_password"),
        [
            "[one.example.org]:587 mail@one.example.org:next-hop-password",
            "three.example.org mail@three.example.org:next-hop-password",
        ]
    );
    let lab = rows(Purpose::Lab, "next_hop_tls");
    for row in [
        "[hop2.sink.test]:2616 secure match=hop2.sink.test servername=hostname",
        "[hop2.sink.test]:2501 secure match=hop2.sink.test servername=hostname",
        "[hop3.sink.test]:2640 fingerprint match=FINGERPRINT-OF-THE-CERTIFICATE",
    ] {
        assert!(lab.iter().any(|line| line == row), "{row} in {lab:#?}");
    }
}

#[test]
fn every_login_listener_marks_its_header_and_has_a_cleanup_that_knows_the_mark() {
    for listener in Listener::ALL {
        let mut spec: Spec = sample::default_spec();
        spec.auth.listeners = BTreeSet::from([listener]);
        let plan = Plan::new(Resolved::new(spec, Purpose::Lab), "x");
        let relay: &Container = plan.container(Role::Relay).unwrap();
        let master = postfix_files(&plan, "master.cf")[0];
        let service = service(master, listener.name());
        assert!(
            service.contains(&format!("-o mail_name={MARK}")),
            "{service}"
        );
        assert!(
            service.contains("-o smtpd_sasl_authenticated_header=yes"),
            "{service}"
        );
        let cleanup = service
            .split_whitespace()
            .find_map(|word| word.strip_prefix("cleanup_service_name="))
            .expect("a cleanup of its own");
        let cleanup = self::service(master, cleanup);
        let tables = cleanup
            .split_once("header_checks = pcre:")
            .expect("tables")
            .1;
        let tables = tables.split_once(" }").unwrap().0.split(", pcre:");
        let [table, lines] = tables.collect::<Vec<_>>()[..] else {
            panic!("two tables: {cleanup}");
        };
        assert!(lines.ends_with("/long_lines"), "{cleanup}");
        let table = relay
            .files
            .iter()
            .find(|file| file.path == table)
            .expect("the table");
        assert!(text(table).contains(&MARK.replace('.', "\\.")));
        assert_eq!(
            master.matches("mail_name=").count(),
            1,
            "only that listener"
        );
    }
}

#[test]
fn what_a_message_lacks_is_added_to_mail_by_login_alone() {
    let adds = |change: &dyn Fn(&mut Spec)| {
        let mut spec = sample::default_spec();
        spec.auth.listeners.insert(Listener::Smtp);
        change(&mut spec);
        let plan = Plan::new(Resolved::new(spec, Purpose::Lab), "x");
        let master = postfix_files(&plan, "master.cf")[0];
        ["cleanup", "cleanup-login", "cleanup-mixed"].map(|name| {
            // Where a service has nothing of its own it is not there.
            let there = master.contains(&format!("\n{name} "));
            there && service(master, name).contains("always_add_missing_headers=yes")
        })
    };
    for received in Received::ALL {
        let usual = |spec: &mut Spec| spec.privacy.received = received;
        assert_eq!(adds(&usual), [false, true, true], "{received:?}");
    }
    let passing = |spec: &mut Spec| spec.relay.domains = vec!["a.example".to_owned()];
    assert_eq!(adds(&passing), [false, true, false]);
    let off = |spec: &mut Spec| spec.privacy.add_missing_headers = false;
    assert_eq!(adds(&off), [false, false, false]);
    let last_word = |spec: &mut Spec| {
        let off = ("always_add_missing_headers".to_owned(), "no".to_owned());
        spec.postfix.main.extend([off]);
    };
    assert_eq!(adds(&last_word), [false, false, false]);
}

/// A service of master.cf with its options.
fn service<'a>(master: &'a str, name: &str) -> &'a str {
    let start = master.find(&format!("\n{name} ")).expect(name) + 1;
    let end = master[start..]
        .match_indices('\n')
        .find(|(at, _)| !master[start + at + 1..].starts_with(' '))
        .map_or(master.len(), |(at, _)| start + at);
    &master[start..end]
}

#[test]
fn rendering_is_reproducible() {
    for ((name, one), (_, other)) in sample::plans().into_iter().zip(sample::plans()) {
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn the_clients_network_gives_the_default_route() {
    // Docker takes the first of the names in alphabetical order.
    for (name, plan) in sample::plans() {
        let relay = plan.container(Role::Relay).unwrap();
        let first = relay.networks.iter().map(|a| &a.network).min();
        assert_eq!(first, Some(&plan.networks[0].name), "{name}");
    }
}
