//! The exported relay under Docker Compose, held to the source document's four
//! steps, to who may relay, to anonymity, and to what the bundle's README says.

use std::process::{Command, Stdio};

use relaykit::plan::Role;
use serde_json::Value;

use crate::bench::{export, said, succeed};
use crate::deployment::{Deployment, LIVE, PASSWORD, USER, hostname};
use crate::exported::{CANARY, Exported, SMTP, SUBMISSION, SUBMISSIONS, message};
use crate::lab::{Child, block_on, engine, until};

#[test]
fn the_bundle_is_a_relay_for_its_users_alone() {
    let exported = Exported::up();
    the_documents_four_steps(&exported);
    only_a_login_relays(&exported);
    the_next_hop_learns_nothing_of_the_client(&exported);
    the_container_is_confined(&exported);
    its_health_is_asked_for_without_a_line_in_the_log(&exported);
    the_readme_is_right(&exported);
    the_readmes_steps_work(&exported);
    the_readmes_question_to_the_directory_is_answered(&exported);
    a_renewed_certificate_is_taken_up(&exported);
    the_readmes_copy_of_the_queue_is_whole(&exported);
    the_image_goes_along_as_docker_takes_it(&exported);
    nothing_accepted_is_lost(exported);
}

fn the_documents_four_steps(exported: &Exported) {
    block_on(async {
        for port in [SMTP, SUBMISSION] {
            let clear = exported
                .session(port)
                .await
                .unwrap()
                .ehlo(CANARY)
                .await
                .unwrap();
            assert!(clear.starttls(), "{port}: {clear:?}");
            let text = clear.reply.text();
            assert!(!text.contains("AUTH"), "{port}: {text}");
        }
        for port in [SUBMISSION, SUBMISSIONS] {
            let mut session = exported.secured(port).await.unwrap();
            let offered = session.ehlo(CANARY).await.unwrap();
            assert_eq!(offered.auth_mechanisms(), ["PLAIN", "LOGIN"], "{port}");
            assert_eq!(
                offered.auth_equals_mechanisms(),
                ["PLAIN", "LOGIN"],
                "{port}"
            );
            let reply = session
                .command(&format!("AUTH PLAIN {}", pair(PASSWORD)))
                .await
                .unwrap();
            assert_eq!(reply.code, 235, "{port}: {reply:?}");

            let mut session = exported.secured(port).await.unwrap();
            session.ehlo(CANARY).await.unwrap();
            let reply = session
                .command(&format!("AUTH PLAIN {}", pair("guess")))
                .await
                .unwrap();
            assert_eq!(reply.code, 535, "{port}: {reply:?}");
        }
    });
}

/// The pair of step 3, by the README's own command.
fn pair(password: &str) -> String {
    let mut shell = Command::new("bash");
    shell.args([
        "-c",
        "printf '%s\\0%s\\0%s' \"$u\" \"$u\" \"$p\" | base64 -w 0",
    ]);
    succeed(shell.env("u", USER).env("p", password))
}

fn only_a_login_relays(exported: &Exported) {
    block_on(async {
        for port in [SMTP, SUBMISSION, SUBMISSIONS] {
            let mut session = exported.secured(port).await.unwrap();
            session.ehlo(CANARY).await.unwrap();
            session.mail_from("mallory@example.org").await.unwrap();
            let reply = session.rcpt_to("dave@example.net").await.unwrap();
            assert!(reply.is_permanent(), "{port}: {reply:?}");
        }
    });
}

fn the_next_hop_learns_nothing_of_the_client(exported: &Exported) {
    let gateway = block_on(engine().gateway(&Deployment::clients())).unwrap();
    let telling = [
        CANARY.to_owned(),
        exported.deployment.address.to_string(),
        gateway.to_string(),
    ];
    let by = format!("by {} ", hostname());
    for port in [SUBMISSION, SUBMISSIONS] {
        let message = message("anonymity");
        exported.submit(port, &message).unwrap();
        let stored = exported.arrived(&message);
        let trace = message.trace_in(&stored.raw).unwrap();
        let trace = String::from_utf8(trace.to_vec()).unwrap();
        for word in &telling {
            assert!(!trace.contains(word), "{port}: {word} is in:\n{trace}");
        }
        for word in [&by, " with ESMTPSA ", " id ", "carol"] {
            assert!(trace.contains(word), "{port}: {word} is not in:\n{trace}");
        }
        assert_eq!(trace.matches("Received:").count(), 1, "{trace}");
        assert!(stored.trace.contains("TLSv1."), "{}", stored.trace);
        assert_eq!(stored.envelope_to, ["dave@example.net"]);
    }
}

fn the_container_is_confined(exported: &Exported) {
    let container = exported.deployment.container();
    let facts = succeed(Command::new("docker").args(["inspect", &container]));
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let host = &facts[0]["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
    let mut added: Vec<&str> = host["CapAdd"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    added.sort_unstable();
    let planned = exported.surroundings.plan.container(Role::Relay).unwrap();
    assert_eq!(added, planned.capabilities);
    let options = host["SecurityOpt"].as_array().unwrap();
    assert!(
        options
            .iter()
            .any(|o| o.as_str().unwrap().starts_with("no-new-privileges"))
    );
    for mount in facts[0]["Mounts"].as_array().unwrap() {
        let bind = mount["Type"] == "bind";
        assert_eq!(mount["RW"], !bind, "{mount}");
    }
    assert_eq!(
        facts[0]["HostConfig"]["RestartPolicy"]["Name"],
        "unless-stopped"
    );
    let environment = facts[0]["Config"]["Env"].to_string();
    assert!(!environment.contains("password"), "{environment}");
}

/// It is healthy while everybody answers, and says so of itself; who does not answer is named.
fn its_health_is_asked_for_without_a_line_in_the_log(exported: &Exported) {
    let container = exported.deployment.container();
    let state = |what: &str| {
        let format = format!("{{{{.State.Health.{what}}}}}");
        let mut docker = Command::new("docker");
        succeed(docker.args(["inspect", "--format", &format, &container]))
    };
    until("a healthy relay", || {
        (state("Status").trim() == "healthy").then_some(())
    });
    let ask = || {
        let mut docker = Command::new("docker");
        let asked = docker.args(["exec", &container, "/usr/libexec/relaykit/health"]);
        asked.output().unwrap()
    };
    for _ in 0..3 {
        let asked = ask();
        assert!(asked.status.success(), "{}", said(&asked));
    }
    let log = exported.log();
    let ours = |line: &&str| line.contains("smtpd[") && line.contains("[127.0.0.1]");
    let lines: Vec<&str> = log.lines().filter(ours).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    let guard = |what| {
        exported
            .deployment
            .exec(&["s6-svc", what, "/run/service/guard"])
    };
    guard("-d");
    until("a guard that is away", || {
        (!ask().status.success()).then_some(())
    });
    assert!(
        said(&ask()).contains("logins: nobody listens"),
        "{}",
        said(&ask())
    );
    guard("-u");
    until("a guard that is back", || {
        ask().status.success().then_some(())
    });
}

/// Its commands, and what it says that they show.
fn the_readme_is_right(exported: &Exported) {
    let deployment = &exported.deployment;
    let readme = exported.readme();
    let run = |command: &str, needle: &str| {
        assert!(readme.contains(command), "the README has no `{command}`");
        let words: Vec<&str> = command.split(' ').skip(2).collect();
        let words: Vec<&str> = match words.as_slice() {
            ["exec", rest @ ..] => ["exec", "-T"].iter().chain(rest).copied().collect(),
            all => all.to_vec(),
        };
        let shown = succeed(&mut deployment.compose(&words));
        assert!(
            shown.contains(needle),
            "`{command}` does not show {needle}:\n{shown}"
        );
    };
    run("docker compose ps", "relay");
    run("docker compose logs --tail 50 relay", "status=sent");
    run(
        "docker compose exec relay postqueue -p",
        "Mail queue is empty",
    );
    run("docker compose exec relay postqueue -f", "");
    run(
        "docker compose exec relay postconf -n",
        &format!("myhostname = {}", hostname()),
    );
    let log = exported.log();
    assert!(log.contains("relaykit/guard["), "{log}");
}

/// What it says to do when nobody can log in.
fn the_readmes_question_to_the_directory_is_answered(exported: &Exported) {
    let readme = exported.readme();
    let block = readme
        .split("```sh")
        .find(|block| block.contains("-verify_hostname ldap"));
    let block = block.unwrap().split("```").next().unwrap();
    let words = block.replace("\\\n", " ").replace("</dev/null", "");
    let words: Vec<&str> = words.split_whitespace().skip(2).collect();
    let ask = |words: &[&str]| said(&exported.deployment.compose(words).output().unwrap());
    let answer = ask(&words);
    assert!(answer.contains("Verification: OK"), "{words:?}: {answer}");
    // And it can say no: to another name.
    let other = words
        .join(" ")
        .replace("-verify_hostname ldap.example.org", "-verify_hostname x");
    let answer = ask(&other.split(' ').collect::<Vec<_>>());
    assert!(!answer.contains("Verification: OK"), "{other}: {answer}");
}

/// Steps 1, 2 and 4 as the README has them, typed in as a person would.
fn the_readmes_steps_work(exported: &Exported) {
    let readme = exported.readme();
    let shell = |command: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", command]);
        bash
    };
    let first = readme.lines().find(|line| line.contains("curl ")).unwrap();
    let offered = succeed(&mut shell(first.trim()));
    assert!(offered.contains("250-STARTTLS"), "{first}: {offered}");
    assert!(!offered.contains("AUTH"), "{first}: {offered}");

    let second = readme
        .split("```sh")
        .find(|block| block.contains("openssl s_client"))
        .unwrap();
    let second = second.split("```").next().unwrap().trim();
    let authority = exported.deployment.path(LIVE).join("ca.pem");
    let mut openssl = shell(&format!("{second} -CAfile {}", authority.display()));
    openssl.stdin(Stdio::piped());
    let mut openssl = Child::start(openssl);
    for (typed, shown) in [
        ("EHLO me".to_owned(), "250-AUTH PLAIN LOGIN"),
        (format!("AUTH PLAIN {}", pair(PASSWORD)), "235 "),
        ("QUIT".to_owned(), "221 "),
    ] {
        openssl.write(&format!("{typed}\n"));
        assert!(
            openssl.says(shown),
            "{second}: no {shown}: {}",
            openssl.end()
        );
    }
    drop(openssl);
}

/// As certbot does it: new files, links that point to them, and nothing else. A session that
/// is open goes on; a pair that does not belong together changes nothing.
fn a_renewed_certificate_is_taken_up(exported: &Exported) {
    let served = || {
        let mut session = block_on(exported.secured(SUBMISSIONS)).unwrap();
        block_on(session.ehlo(CANARY)).unwrap();
        session.tls().unwrap().certificates[0].clone()
    };
    let deployment = &exported.deployment;
    let before = served();
    let mut open = block_on(exported.secured(SUBMISSION)).unwrap();
    block_on(open.ehlo(CANARY)).unwrap();
    let renewed = deployment.certificates(true);

    let mut mixed = renewed.clone();
    let other = deployment.certificates(false);
    let relay = mixed.servers.get_mut(&Role::Relay).unwrap();
    relay.key = other.servers[&Role::Relay].key.clone();
    deployment.install(&mixed, "2");
    until("a word about the wrong pair", || {
        let log = exported.log();
        log.contains("left out: the private key does not belong to the certificate")
            .then_some(())
    });
    assert_eq!(served(), before, "a wrong pair is shown");
    let health = deployment.exec(&["/usr/libexec/relaykit/health"]);
    assert!(health.contains("is left out"), "{health}");

    let renewed = deployment.certificates(true);
    deployment.install(&renewed, "3");
    until("the renewed certificate", || {
        (served() != before).then_some(())
    });
    let reply = block_on(open.command(&format!("AUTH PLAIN {}", pair(PASSWORD)))).unwrap();
    assert_eq!(reply.code, 235, "the open session: {reply:?}");
    let health = deployment.exec(&["/usr/libexec/relaykit/health"]);
    assert!(!health.contains("left out"), "{health}");

    let before = served();
    succeed(&mut deployment.compose(&["restart", "relay"]));
    exported.wait_until_ready();
    assert_eq!(served(), before, "after a restart it is another one");
}

/// Its command, between a stop and a start.
fn the_readmes_copy_of_the_queue_is_whole(exported: &Exported) {
    let readme = exported.readme();
    let block = readme
        .split("```sh")
        .find(|block| block.contains(">queue.tar"));
    let block = block.unwrap().split("```").next().unwrap();
    let copying = block.split("docker compose").nth(1).unwrap();
    let copying = copying.split_once('\n').unwrap().1;
    assert!(copying.starts_with("docker run "), "{block}");
    let folder = exported.deployment.path("copy");
    std::fs::create_dir(&folder).unwrap();
    succeed(&mut exported.deployment.compose(&["stop", "relay"]));
    let mut shell = Command::new("bash");
    succeed(shell.args(["-c", copying]).current_dir(&folder));
    succeed(&mut exported.deployment.compose(&["start", "relay"]));
    exported.wait_until_ready();
    let mut tar = Command::new("tar");
    let listed = succeed(tar.args(["-tvf", "queue.tar"]).current_dir(&folder));
    for kept in ["./deferred/", "./incoming/", "./hold/"] {
        assert!(listed.contains(kept), "{kept}: {listed}");
    }
}

/// `--save`, into the bundle that is there.
fn the_image_goes_along_as_docker_takes_it(exported: &Exported) {
    let bundle = exported.deployment.path("bundle");
    let mut saving = export(&exported.deployment.path("relay.yaml"), &bundle);
    let told = succeed(saving.arg("--save"));
    assert!(
        told.contains("is up to date") && told.contains("docker load"),
        "{told}"
    );
    let here = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        succeed(command.args(&words[1..]).current_dir(&bundle))
    };
    let loaded = here(&["docker", "load", "-i", "image.tar"]);
    assert!(loaded.contains("/relay:"), "{loaded}");
    let held = here(&["sha256sum", "-c", ".relaykit.sha256"]);
    assert!(held.contains("image.tar: OK"), "{held}");
    // It stays where the bundle is exported again without it.
    succeed(&mut export(
        &exported.deployment.path("relay.yaml"),
        &bundle,
    ));
    here(&["sha256sum", "--quiet", "-c", ".relaykit.sha256"]);
}

/// Not by a restart while the next hop is away, and not by a new export into
/// another folder, which takes over.
fn nothing_accepted_is_lost(mut exported: Exported) {
    let next_hop = exported.next_hop();
    signal(&next_hop, "STOP");
    let message = message("while the next hop is away");
    exported.submit(SUBMISSION, &message).unwrap();
    succeed(&mut exported.deployment.compose(&["restart", "relay"]));
    let queue = exported.deployment.exec(&["postqueue", "-p"]);
    assert!(queue.contains("dave@example.net"), "{queue}");

    let before = exported.deployment.container();
    exported
        .deployment
        .configure(&exported.deployment.relay_yaml("11MiB"));
    exported.deployment.export("newer");
    succeed(&mut exported.deployment.compose(&["up", "-d"]));
    assert_ne!(exported.deployment.container(), before);
    let limit = exported
        .deployment
        .exec(&["postconf", "-h", "message_size_limit"]);
    assert_eq!(limit.trim(), (11 << 20).to_string());

    signal(&next_hop, "CONT");
    until("the next hop", || {
        exported.deployment.exec(&["postqueue", "-f"]);
        let queue = exported.deployment.exec(&["postqueue", "-p"]);
        queue.contains("Mail queue is empty").then_some(())
    });
    let stored = exported.arrived(&message);
    assert!(message.trace_in(&stored.raw).is_some());
}

/// To all that could answer a client of this Postfix: stopped, it is as a next
/// hop that is there and silent. Its name goes on being known, other than that
/// of an ended container.
fn signal(container: &str, signal: &str) {
    let script = format!("kill -s {signal} $(pidof master smtpd)");
    let output = block_on(engine().exec(container, &["sh", "-c", &script], None)).unwrap();
    assert_eq!(output.exit_code, 0, "{output:?}");
}
