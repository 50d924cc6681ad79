//! Programs in containers: one that sends to a lab, and relaykit itself.

use std::process::Command;

use relaykit::engine::Kind;

use crate::lab::{Lab, Run, block_on, engine};

fn docker(arguments: &[&str]) -> Run {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    Run::of(docker)
}

/// A network that is not the lab's, for one test.
struct Network(String);

impl Network {
    fn new(name: &str) -> Self {
        let name = format!("t{}-{name}_default", std::process::id());
        docker(&["network", "create", &name]).succeeded();
        Self(name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        docker(&["network", "rm", &self.0]);
    }
}

/// The image of the lab's relay: it has a shell and openssl.
fn image(lab: &Lab) -> String {
    let facts = block_on(engine().inspect(&lab.container("relay"))).unwrap();
    facts.unwrap().image
}

#[test]
fn a_program_on_a_network_of_its_own_finds_the_relay_by_its_name() {
    let lab = Lab::new("app");
    let network = Network::new("app");
    let with = |network: &str| {
        lab.write("relay.yaml", &format!(
            "version: 1\nhostname: mail.example.test\nlisteners: {{smtp: 0, submission: 0, submissions: 0}}\nlab: {{ldaps: 0, networks: [{network}]}}\n"
        ));
    };
    with("no-such-network");
    let missing = lab.relaykit(&["up"]).ended_with(3);
    missing.says(&["no-such-network", "docker network ls", "PROJECT_default"]);
    lab.assert_nothing_is_left();

    with(&network.0);
    let up = lab.up();
    let ca = format!("{}:/ca.pem:ro", up["ca_certificate"].as_str().unwrap());
    let script = "echo QUIT | openssl s_client -quiet -crlf -starttls smtp -connect mail.example.test:587 -CAfile /ca.pem -verify_return_error -verify_hostname mail.example.test";
    let image = image(&lab);
    let app = [
        "run",
        "--rm",
        "--network",
        &network.0,
        "-v",
        &ca,
        "--entrypoint",
        "sh",
    ];
    let said = docker(&[&app[..], &[&image, "-c", script]].concat()).succeeded();
    assert!(said.stdout.contains("221 2.0.0"), "{said}");

    let down = lab.relaykit(&["down", "--volumes"]).succeeded();
    assert!(!down.stdout.contains(&network.0), "{down}");
    docker(&["network", "inspect", &network.0]).succeeded();
}

/// As a runner of GitLab or Jenkins starts a job: its own container, and the engine's socket.
#[test]
fn relaykit_in_a_container_reaches_its_labs() {
    let lab = Lab::new("job");
    lab.up();
    let image = image(&lab);
    let other = format!("{}-in", lab.name);
    let program = format!(
        "{}:/usr/local/bin/relaykit:ro",
        env!("CARGO_BIN_EXE_relaykit")
    );
    // Without an option of its own a program demands the name that it connects to.
    let by_name = format!(
        "echo QUIT | openssl s_client -quiet -crlf -starttls smtp -connect relay.relaykit.test:587 -CAfile ~/.local/state/relaykit/labs/{other}/ca.pem -verify_return_error -verify_hostname relay.relaykit.test"
    );
    let script = format!(
        "set -e; cd /tmp; relaykit up --lab {other} --format json; relaykit status --format json; {by_name} >said; relaykit test --format json auth.plaintext_is_never_offered runtime.xclient >report; relaykit down --lab {other} --volumes >down; cat report said"
    );
    let job = [
        "run",
        "--rm",
        "-v",
        "/var/run/docker.sock:/var/run/docker.sock",
        "-v",
        &program,
        "--entrypoint",
        "sh",
        &image,
        "-c",
        &script,
    ];
    let run = docker(&job);
    assert_eq!(crate::lab::left_of(&other), Vec::<String>::new(), "{run}");
    let run = run.succeeded();
    let mut printed = serde_json::Deserializer::from_str(&run.stdout).into_iter();
    let mut next = || -> serde_json::Value { printed.next().unwrap().unwrap() };
    let (up, status, report) = (next(), next(), next());
    let submission = up["endpoints"]["submission"].as_str().unwrap();
    assert!(
        submission.ends_with(":587") && !submission.starts_with("127."),
        "{up}"
    );
    let found = status
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["lab"] == other.as_str());
    assert_eq!(found.unwrap()["endpoints"], up["endpoints"]);
    assert!(
        report["summary"]["passed"].as_u64().is_some_and(|n| n >= 2),
        "{report}"
    );
    assert_eq!(report["summary"]["failed"], 0, "{report}");
    assert!(run.stdout.contains("221 2.0.0"), "{run}");
}

#[test]
fn a_paused_container_goes_on() {
    let lab = Lab::new("paused");
    lab.up();
    let before = lab.container_ids();
    for role in ["sink", "relay"] {
        docker(&["pause", &lab.container(role)]).succeeded();
    }
    lab.up();
    assert_eq!(lab.container_ids(), before);
    docker(&["pause", &lab.container("relay")]).succeeded();
    lab.relaykit(&["down", "--volumes"]).succeeded();
    lab.assert_nothing_is_left();
}

#[test]
fn a_labs_networks_are_small_and_of_a_range_for_benchmarks() {
    let lab = Lab::new("small");
    lab.up();
    let networks: Vec<_> = lab
        .objects()
        .into_iter()
        .filter(|o| o.kind == Kind::Network)
        .collect();
    assert_eq!(networks.len(), 3);
    for network in networks {
        let format = "{{range .IPAM.Config}}{{.Subnet}}{{end}}";
        let subnet = docker(&["network", "inspect", "-f", format, &network.name]).succeeded();
        let subnet = subnet.stdout.trim();
        assert!(
            subnet.starts_with("198.19.") && subnet.ends_with("/28"),
            "{subnet}"
        );
    }
}
