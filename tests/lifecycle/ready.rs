//! What `up` calls ready, and what it says where that does not come.

use std::time::Duration;

use jiff::Timestamp;
use relaykit::config::{self, User};
use relaykit::counterparts::{Purpose, Resolved};
use relaykit::engine::labels;
use relaykit::lab::{self, Outcome, Readiness};
use relaykit::plan::{Image, Plan};
use relaykit::progress::Progress;
use relaykit::{certs, image};

use crate::lab::{Lab, block_on, engine, workshop};

/// The relay's image made so that a container of it which is no relay, and so the sink,
/// begins this much later. It goes with the lab.
fn late_image(lab: &Lab, base: &str, late: Duration) -> String {
    let reference = format!("{base}-{}", lab.name);
    let seconds = late.as_secs_f64();
    let line = format!(
        "RUN sed -i '/^set -eu/a [ -e /etc/relaykit/saslauthd.conf ] || sleep {seconds}' /usr/libexec/relaykit/init"
    );
    let labels = labels::of_object(&lab.name, labels::IMAGE);
    let task = Progress::silent().start("a late image");
    let engine = engine();
    let lines = [line.as_str()];
    let made = image::derived(engine.as_ref(), &reference, base, &lines, &labels, &task);
    block_on(made).unwrap();
    reference
}

/// Brings up `lab` with a sink that begins this much later.
fn up_with_late_sink(lab: &Lab, late: Duration) -> Outcome {
    let mut spec = config::built_in();
    let listeners = &mut spec.listeners;
    for port in [
        &mut listeners.smtp,
        &mut listeners.submission,
        &mut listeners.submissions,
    ] {
        *port = Some(0);
    }
    spec.lab.ldaps = 0;
    spec.lab.users.retain(|user: &User| user.name == "alice");
    let plan = Plan::new(Resolved::new(spec, Purpose::Lab), &lab.name);
    let names = lab::certificate_names(&plan);
    let certificates = certs::issue(&lab.name, &names, Timestamp::now()).unwrap();
    let mut workshop = workshop(Readiness::Proved);
    let image = workshop.images.get_mut(&Image::Relay).unwrap();
    *image = late_image(lab, image, late);
    block_on(lab::up(plan, certificates, &workshop)).unwrap()
}

#[test]
fn a_late_sink_is_waited_for() {
    for late in [Duration::from_millis(700), Duration::from_secs(5)] {
        let lab = Lab::new(&format!("late{}", late.as_millis()));
        let began = std::time::Instant::now();
        let outcome = up_with_late_sink(&lab, late);
        assert_eq!(outcome.findings, []);
        let took = began.elapsed();
        assert!(took > late, "{took:?}");
    }
}

/// smtpd on port 25 gives up before it greets, since it cannot read a parameter.
pub(crate) const NO_GREETING: &str =
    "postfix: {master: {smtp/inet: \"n - n - - smtpd -o smtpd_history_flush_threshold=abc\"}}\n";

/// What it then says.
const FATAL: &str = "fatal: bad numerical configuration: smtpd_history_flush_threshold";

#[test]
fn a_port_that_does_not_greet_is_not_ready_and_the_cause_comes_first() {
    let lab = Lab::new("silent");
    lab.configure(NO_GREETING);
    let run = lab.relaykit(&["up"]).ended_with(5);
    let errors = run.stderr.split_once("error: ").unwrap().1;
    assert!(
        errors.starts_with(&format!("postfix/smtpd: {FATAL}")),
        "{run}"
    );
    let waited_for = format!(
        "while waiting for: lab {} > readiness > listener smtp 25 ",
        lab.name
    );
    run.says(&[
        "bad command startup -- throttling",
        "port 25 (smtp, ",
        &waited_for,
    ]);
    lab.assert_nothing_is_left();
}

#[test]
fn port_25_is_not_ready_before_it_takes_mail_for_the_domains_of_the_relay() {
    let lab = Lab::new("refusing");
    lab.configure(
        "relay: {domains: [a.example]}\n\
         postfix: {master: {smtp/inet: \"n - n - - smtpd -o smtpd_client_restrictions=reject\"}}\n",
    );
    let run = lab.relaykit(&["up"]).ended_with(5);
    run.says(&[
        "port 25 (smtp, ",
        "RCPT TO:<readiness@a.example>",
        "554 5.7.1",
    ]);
}

/// An operator's own rule that writes into each message how its client greeted.
pub(crate) const LEAK: &str = "postfix: {main: {smtpd_helo_restrictions: \
                               \"check_helo_access pcre:{{/(.+)/ PREPEND X-Greeting: $$1}}\"}}\n";

#[test]
fn a_leak_is_a_finding_and_the_lab_stays() {
    let lab = Lab::new("leak");
    lab.configure(LEAK);
    let run = lab.relaykit(&["up"]).ended_with(10);
    for words in [
        "Finding: the relay is not anonymous",
        "readiness-client.invalid",
        "relaykit test --lab",
    ] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    let run = lab
        .relaykit(&["up", "--format", "json"])
        .ended_with(10)
        .json();
    let finding = &run["findings"][0];
    assert!(finding["what"].as_str().unwrap().contains("not anonymous"));
    assert!(
        finding["seen"][0]
            .as_str()
            .unwrap()
            .contains("X-Greeting: ")
    );
    let run = lab.relaykit(&["test", "privacy.login_hides_this_client"]);
    let run = run.ended_with(10);
    assert!(run.stdout.contains("FAIL"), "{run}");
}

#[test]
fn one_dead_port_fails_nothing_and_is_told_once() {
    let lab = Lab::new("dead");
    lab.configure(NO_GREETING);
    let wanted = [
        "relay.nobody_relays_without_login",
        "protocol.vrfy_and_expn_tell_nothing",
        "auth.documents_pair_logs_in",
    ];
    let run = lab.run(&[&["test", "--json", "report.json"], &wanted[..]].concat());
    let run = run.ended_with(12);
    let fatal = FATAL;
    // Once when it is found, and at the end.
    assert_eq!(
        run.stdout.matches(" DOWN port 25 (smtp): ").count(),
        2,
        "{run}"
    );
    let summary = run.stdout.split_once("────").unwrap().1;
    let first = summary.find(fatal).unwrap();
    assert!(first < summary.find(" DOWN ").unwrap(), "{run}");
    let report = std::fs::read(lab.folder().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let outcomes: Vec<_> = report["checks"].as_array().unwrap().iter().collect();
    let of = |id: &str| outcomes.iter().find(|c| c["id"] == id).unwrap();
    for id in &wanted[..2] {
        assert_eq!(of(id)["outcome"], "broken", "{report}");
        let why = of(id)["observed"].as_str().unwrap();
        assert!(why.starts_with("postfix/smtpd: fatal: "), "{why}");
    }
    // No other port is needed, so that it is judged.
    assert_eq!(of(wanted[2])["outcome"], "pass", "{report}");
    assert_eq!(report["down"].as_array().unwrap().len(), 1);
    assert!(report["gave_up"][0].as_str().unwrap().contains(fatal));
}

#[test]
fn a_relay_that_turns_everybody_away_fails_nothing_and_each_port_is_told_once() {
    let lab = Lab::new("busy");
    lab.configure(
        "postfix: {main: {smtpd_delay_reject: \"no\", \
         smtpd_client_restrictions: \"check_client_access static:{421 4.3.2 busy}\"}}\n",
    );
    // Two labs; in one of them the check looks from inside.
    let wanted = [
        "relay.connections_of_a_client_are_limited",
        "auth.documents_pair_logs_in",
        "relay.nobody_relays_without_login",
    ];
    let run = lab.run(&[&["test", "--format", "human"], &wanted[..]].concat());
    let run = run.ended_with(12);
    assert!(!run.stdout.contains(" FAIL "), "{run}");
    let (found, summary) = run.stdout.split_once("────").unwrap();
    for port in ["25 (smtp)", "587 (submission)", "465 (submissions)"] {
        let told = format!(" DOWN port {port}: it greets with 421 4.3.2 ");
        assert_eq!(found.matches(&told).count(), 1, "{run}");
        assert_eq!(summary.matches(&told).count(), 1, "{run}");
    }
}

#[test]
fn a_line_of_master_cf_as_it_is_rendered_ends_no_test() {
    let lab = Lab::new("line");
    lab.configure(
        "postfix: {master: {submission/inet: \"n - n - - smtpd -o syslog_name=postfix/submission \
         -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes\"}}\n",
    );
    let run = lab.run(&[
        "test",
        "relay.own_domains_need_no_login",
        "privacy.login_hides_this_client",
    ]);
    run.ended_with(0);
}
