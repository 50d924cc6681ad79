//! A relay that begins again in its container: other files, and nothing left.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use jiff::Timestamp;
use relaykit::certs;
use relaykit::certs::Certificates;
use relaykit::config::{SenderLogin, Spec, built_in};
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::engine::ExecOutput;
use relaykit::lab::{self, Readiness, Standing, Workshop};
use relaykit::plan::{Container, Content, File, Plan, Role};

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
    Plan::new(Resolved::new(spec, Purpose::Proof), name)
}

fn relay_of(plan: &mut Plan) -> &mut Container {
    let mut containers = plan.containers.iter_mut();
    containers.find(|c| c.role == Role::Relay).unwrap()
}

/// A lab and what is asked of its relay.
struct Bench {
    standing: Standing,
    certificates: Certificates,
    workshop: Workshop,
}

impl Bench {
    fn relay(&self) -> &str {
        let plan = &self.standing.running().plan;
        &plan.container(Role::Relay).unwrap().name
    }

    async fn exec(&self, argv: &[&str]) -> ExecOutput {
        let shells = self.standing.shells();
        shells.exec(self.relay(), argv, None).await.unwrap()
    }

    async fn is_there(&self, path: &str) -> bool {
        self.exec(&["test", "-e", path]).await.exit_code == 0
    }

    async fn size_limit(&self) -> String {
        let argv = ["postconf", "-h", "message_size_limit"];
        self.exec(&argv).await.stdout.trim().to_owned()
    }

    /// The container that the relay is in.
    async fn container(&self) -> String {
        self.container_of(Role::Relay).await
    }

    async fn container_of(&self, role: Role) -> String {
        let name = &self.standing.running().plan.container(role).unwrap().name;
        let engine = &self.workshop.engine;
        engine.inspect(name).await.unwrap().unwrap().id
    }

    /// How many messages the sink holds, those that prove readiness included.
    async fn stored(&self) -> usize {
        let plan = &self.standing.running().plan;
        let sink = &plan.container(Role::Sink).unwrap().name;
        let argv = ["ls", "/var/mail/inbox/new"];
        let shells = self.standing.shells();
        let listed = shells.exec(sink, &argv, None).await.unwrap();
        listed.stdout.lines().count()
    }

    async fn become_plan(self, plan: &Plan) -> Self {
        let (certificates, workshop) = (self.certificates.clone(), &self.workshop);
        let next = self
            .standing
            .become_plan(plan.clone(), certificates, workshop);
        Self {
            standing: next.await.unwrap(),
            ..self
        }
    }
}

fn in_a_lab(what: &str, readiness: Readiness, test: impl AsyncFnOnce(String, Workshop)) {
    let name = format!("t{}-{what}", std::process::id());
    let workshop = workshop(readiness);
    block_on(async {
        let tested = AssertUnwindSafe(test(name.clone(), workshop.clone())).catch_unwind();
        let tested = tested.await;
        lab::down(workshop.engine.as_ref(), &name, true)
            .await
            .unwrap();
        if let Err(panic) = tested {
            resume_unwind(panic);
        }
    });
}

async fn standing(plan: &Plan, workshop: Workshop) -> Bench {
    let names = lab::certificate_names(plan);
    let certificates = certs::issue(&plan.name, &names, Timestamp::now()).unwrap();
    let up = Standing::up(plan.clone(), certificates.clone(), &workshop);
    Bench {
        standing: up.await.unwrap(),
        certificates,
        workshop,
    }
}

#[test]
fn a_relay_begins_again_with_other_files_and_nothing_of_before() {
    in_a_lab("renewal", Readiness::Started, async |name, workshop| {
        let mut first = plan(&name, |_| ());
        relay_of(&mut first).files.push(File {
            path: INJECTED.to_owned(),
            mode: 0o644,
            owner: (0, 0),
            content: Content::Text("text\n".to_owned()),
        });
        let second = plan(&name, |spec| spec.relay.message_size_limit = 54321);
        let bench = standing(&first, workshop).await;
        assert!(bench.is_there(INJECTED).await);
        for left in LEFT {
            assert_eq!(bench.exec(&["touch", left]).await.exit_code, 0, "{left}");
        }
        let (container, endpoints) = (
            bench.container().await,
            bench.standing.running().endpoints.clone(),
        );

        let bench = bench.become_plan(&second).await;
        assert_eq!(bench.container().await, container, "it is the same");
        assert_eq!(bench.standing.running().endpoints, endpoints);
        assert_eq!(bench.size_limit().await, "54321");
        for gone in LEFT.into_iter().chain([INJECTED]) {
            assert!(!bench.is_there(gone).await, "{gone} is left");
        }
    });
}

#[test]
fn another_container_is_made_where_files_are_not_all_that_differs() {
    in_a_lab("mightier", Readiness::Started, async |name, workshop| {
        let first = plan(&name, |_| ());
        let mut mightier = first.clone();
        relay_of(&mut mightier).capabilities.push("SYS_ADMIN");
        let bench = standing(&first, workshop).await;
        let container = bench.container().await;
        let bench = bench.become_plan(&mightier).await;
        assert_ne!(bench.container().await, container);
    });
}

#[test]
fn a_disturbed_relay_is_made_anew_even_for_the_plan_that_its_container_is_labelled_with() {
    in_a_lab("disturbed", Readiness::Started, async |name, workshop| {
        let first = plan(&name, |spec| spec.relay.message_size_limit = 12345);
        let second = plan(&name, |spec| spec.relay.message_size_limit = 54321);
        let bench = standing(&first, workshop).await;
        let container = bench.container().await;
        let mut bench = bench.become_plan(&second).await;
        assert_eq!(bench.size_limit().await, "54321");
        bench.standing.disturb();
        let bench = bench.become_plan(&first).await;
        assert_ne!(bench.container().await, container);
        assert_eq!(bench.size_limit().await, "12345");
    });
}

#[test]
fn another_directory_leaves_the_relay_in_its_container() {
    in_a_lab("directory", Readiness::Proved, async |name, workshop| {
        let first = plan(&name, |_| ());
        // Nobody can log in before both the directory and the relay have changed.
        let second = plan(&name, |spec| {
            spec.relay.sender_login = SenderLogin::Own;
            spec.lab.users[0].name = "carol".to_owned();
        });
        let third = plan(&name, |spec| spec.relay.message_size_limit = 54321);
        let bench = standing(&first, workshop).await;
        let container = bench.container().await;
        let directory = bench.container_of(Role::Directory).await;
        let bench = bench.become_plan(&second).await;
        assert_eq!(bench.container().await, container);
        assert_ne!(bench.container_of(Role::Directory).await, directory);
        let bench = bench.become_plan(&third).await;
        assert_eq!(bench.container().await, container);
        assert_eq!(bench.size_limit().await, "54321");
    });
}

#[test]
fn readiness_is_proved_again_where_it_was_asked_for() {
    in_a_lab("proved", Readiness::Proved, async |name, workshop| {
        let first = plan(&name, |_| ());
        let second = plan(&name, |spec| spec.relay.message_size_limit = 54321);
        let bench = standing(&first, workshop).await;
        let before = bench.stored().await;
        let bench = bench.become_plan(&second).await;
        let after = bench.stored().await;
        assert_eq!(after, before + 1, "the message that proves it");
    });
}
