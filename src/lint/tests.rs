//! Rules against relay.yaml as people write it.

use std::path::Path;

use super::{Finding, findings, idle, located, read};
use crate::audit::{self, Rule, Tables};
use crate::config::{self, Spec};

struct Nothing;

impl Tables for Nothing {
    fn text(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

#[track_caller]
fn spec(yaml: &str) -> Spec {
    config::load(yaml, "relay.yaml", Path::new("/")).unwrap_or_else(|e| panic!("{yaml}\n{e}"))
}

fn found(spec: &Spec) -> Vec<Finding> {
    findings(spec, &read(spec, &Nothing))
}

/// What is wrong with the example of a rule.
fn wrong(rule: &'static Rule) -> Option<String> {
    let yaml = format!("version: 1\npostfix: {{{}}}\n", rule.example);
    let mut spec = match config::load(&yaml, rule.id, Path::new("/")) {
        Ok(spec) => spec,
        Err(refused) => return Some(refused.to_string()),
    };
    let own = |findings: &[Finding]| findings.iter().filter(|f| f.rule == rule).count();
    let found_by_it = found(&spec);
    if own(&found_by_it) == 0 || found_by_it.iter().any(|finding| finding.accepted) {
        return Some(format!("{}: {found_by_it:#?}", rule.id));
    }
    spec.postfix.accept = vec![rule.id.to_owned()];
    let findings = found(&spec);
    let accepted = findings.iter().all(|f| f.accepted == (f.rule == rule));
    (!accepted || !idle(&spec, &findings).is_empty()).then(|| format!("{findings:#?}"))
}

#[test]
fn the_example_of_each_rule_is_found_by_it_and_can_be_accepted() {
    let wrong: Vec<String> = audit::all().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_relaykit_sets_itself_is_no_finding() {
    // An override that does nothing keeps the reading from being skipped.
    let harmless = "postfix: {main: {in_flow_delay: 0s}}";
    for keys in [
        "",
        "relay: {trusted_networks: [192.0.2.0/24], domains: [example.org], sender_login: own}",
        "auth: {listeners: [smtp, submission, submissions]}",
        "privacy: {received: hide, strip_headers: [X-Mailer]}",
        "privacy: {received: keep}",
        "limits: {messages_per_login_per_hour: 5}",
        "outbound: {next_hop: '[smtp.example.net]:587'}",
        "tls: {outbound: {level: secure}, client_certificates: ask}",
    ] {
        let spec = spec(&format!("version: 1\n{keys}\n{harmless}\n"));
        assert_eq!(found(&spec), [], "{keys}");
    }
}

#[test]
fn a_finding_stands_where_its_line_stands() {
    let yaml = "version: 1\npostfix:\n  main:\n    in_flow_delay: 0s\n    always_bcc: a@b.example\n  \
                master:\n    2525/inet: n - n - - smtpd -o mynetworks=10.0.0.0/8\n";
    let spec = spec(yaml);
    let places = config::places(yaml.as_bytes());
    let lines: Vec<_> = found(&spec)
        .iter()
        .map(|finding| {
            let line = located(&finding.place, "relay.yaml", &places);
            (finding.rule.id, line.line, line.column)
        })
        .collect();
    for expected in [
        ("copied", 5, 17),
        ("client-relays", 7, 16),
        ("own-listener", 7, 16),
    ] {
        assert!(lines.contains(&expected), "{expected:?}: {lines:?}");
    }
}

#[test]
fn an_id_that_accepts_nothing_is_told() {
    let spec = spec("version: 1\npostfix: {accept: [copied]}\n");
    assert_eq!(idle(&spec, &found(&spec)), ["copied"]);
    let wrong = config::load(
        "version: 1\npostfix: {accept: [copyed]}\n",
        "f",
        Path::new("/"),
    );
    let told = wrong.unwrap_err().to_string();
    assert!(told.contains("did you mean `copied`?"), "{told}");
}

#[test]
fn passwords_of_a_table_are_not_read() {
    assert_eq!(super::masked("# c\n[x]:25 u:secret\n"), "# c\n[x]:25 ***\n");
    let yaml = "version: 1\npostfix: {main: {smtp_sasl_password_maps: 'inline:{x=u:secret}'}}\n";
    let spec = spec(yaml);
    assert!(
        found(&spec)
            .iter()
            .all(|finding| !finding.does.contains("secret"))
    );
}
