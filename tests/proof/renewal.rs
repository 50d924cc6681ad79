//! A relay that begins again in its container: other files, and nothing left.

use jiff::Timestamp;
use relaykit::config::{Spec, built_in};
use relaykit::engine::Shells;
use relaykit::lab::{self, Readiness, Workshop, Writer};
use relaykit::plan::{Container, Content, File, Plan, Purpose, Role};
use relaykit::{certs, render};

use crate::lab::{block_on, workshop};

/// What somebody may leave in a relay, each where it could be met again.
const LEFT: [&str; 4] = [
    "/tmp/left",
    "/run/saslauthd/left",
    "/var/spool/postfix/deferred/left",
    "/var/lib/postfix/left",
];

/// A file that only the first plan has.
const INJECTED: &str = "/etc/relaykit/of_the_first";

fn plan(name: &str, change: impl Fn(&mut Spec)) -> Plan {
    let mut spec = built_in();
    change(&mut spec);
    render::complete(Plan::lab(spec, name, Purpose::Proof))
}

fn relay_of(plan: &mut Plan) -> &mut Container {
    let mut containers = plan.containers.iter_mut();
    containers.find(|c| c.role == Role::Relay).unwrap()
}

#[test]
fn a_relay_begins_again_with_other_files_and_nothing_of_before() {
    let name = format!("t{}-renewal", std::process::id());
    let workshop = workshop(Readiness::Started);
    block_on(async {
        let told = tokio::spawn(renewed(name.clone(), workshop.clone())).await;
        let down = lab::down(workshop.engine.as_ref(), &name, true).await;
        told.unwrap();
        down.unwrap();
    });
}

async fn renewed(name: String, workshop: Workshop) {
    let mut first = plan(&name, |_| ());
    relay_of(&mut first).files.push(File {
        path: INJECTED.to_owned(),
        mode: 0o644,
        owner: (0, 0),
        content: Content::Text("text\n".to_owned()),
    });
    let second = plan(&name, |spec| spec.relay.message_size_limit = 54321);
    let names = lab::certificate_names(&first);
    let certificates = certs::issue(&name, &names, Timestamp::now()).unwrap();
    let shape = |plan: &Plan| lab::shape(plan, &certificates, &workshop).unwrap();
    assert_eq!(shape(&first), shape(&second));
    let mut mightier = second.clone();
    relay_of(&mut mightier).capabilities.push("SYS_ADMIN");
    assert_ne!(shape(&first), shape(&mightier));

    let up = lab::up(first, certificates.clone(), &workshop).await;
    let running = up.unwrap().running;
    let relay = &running.plan.container(Role::Relay).unwrap().name;
    let shells = Shells::new(workshop.engine.clone());
    let code = async |argv: &[&str]| shells.exec(relay, argv, None).await.unwrap().exit_code;
    let id = async || workshop.engine.inspect(relay).await.unwrap().unwrap().id;
    assert_eq!(code(&["test", "-e", INJECTED]).await, 0);
    for left in LEFT {
        assert_eq!(code(&["touch", left]).await, 0, "{left}");
    }
    let before = id().await;

    let mut writer = Writer::start(&running, &workshop).await.unwrap();
    let renewed = lab::renew(
        &running,
        &mut writer,
        &shells,
        second,
        certificates,
        &workshop,
    );
    let renewed = renewed.await.unwrap();
    assert_eq!(id().await, before, "the container is the same");
    assert_eq!(renewed.endpoints, running.endpoints);
    let size = ["postconf", "-h", "message_size_limit"];
    let size = shells.exec(relay, &size, None).await.unwrap();
    assert_eq!(size.stdout, "54321\n");
    for gone in LEFT.into_iter().chain([INJECTED]) {
        assert_ne!(code(&["test", "-e", gone]).await, 0, "{gone} is left");
    }
}
