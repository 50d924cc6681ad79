//! The `JUnit` report against the shape that `GitLab`, Jenkins and the `GitHub`
//! reporters share: their schemas agree on these elements and attributes. The
//! strictest is that of Jenkins' xUnit plugin (junit-10.xsd): no properties in a case.

use relaykit::report::CutShort;
use roxmltree::{Document, Node};

use crate::sample;

/// An element, its attributes (those with `!` must be there), and its children.
type Shape = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const SHAPES: &[Shape] = &[
    (
        "testsuites",
        &["name", "time", "tests", "failures", "errors"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &[
            "name!",
            "tests!",
            "failures!",
            "errors!",
            "skipped",
            "time!",
            "timestamp",
            "hostname",
        ],
        &["properties", "testcase"],
    ),
    ("properties", &[], &["property"]),
    ("property", &["name!", "value!"], &[]),
    (
        "testcase",
        &["name!", "classname!", "time!"],
        &["skipped", "error", "failure", "system-out"],
    ),
    ("skipped", &["message"], &[]),
    ("error", &["message", "type"], &[]),
    ("failure", &["message", "type"], &[]),
    ("system-out", &[], &[]),
];

/// Fails unless `text` is XML of that shape, with counts that add up.
#[track_caller]
pub(crate) fn is_valid(text: &str) {
    let document = Document::parse(text).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    for node in root.descendants().filter(Node::is_element) {
        has_shape(node);
    }
    for suite in root.children().filter(Node::is_element) {
        let cases = || suite.children().filter(|n| n.has_tag_name("testcase"));
        let with = |child: &str| {
            cases()
                .filter(|c| c.children().any(|n| n.has_tag_name(child)))
                .count()
        };
        let count = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
        assert_eq!(count("tests"), cases().count());
        assert_eq!(count("failures"), with("failure"));
        assert_eq!(count("errors"), with("error"));
        assert_eq!(count("skipped"), with("skipped"));
    }
}

fn has_shape(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let found = SHAPES.iter().find(|(shape, ..)| *shape == name);
    let (_, attributes, children) = found.unwrap_or_else(|| panic!("an element {name}"));
    for attribute in node.attributes() {
        let known = attributes
            .iter()
            .any(|a| a.trim_end_matches('!') == attribute.name());
        assert!(known, "{name} has {}", attribute.name());
    }
    for attribute in attributes.iter().filter_map(|a| a.strip_suffix('!')) {
        assert!(node.has_attribute(attribute), "{name} has no {attribute}");
    }
    for attribute in ["tests", "failures", "errors", "skipped"] {
        let value = node.attribute(attribute);
        assert!(
            value.is_none_or(|v| v.parse::<u32>().is_ok()),
            "{name} {attribute}"
        );
    }
    let time = node.attribute("time");
    assert!(
        time.is_none_or(|time| time.parse::<f64>().is_ok()),
        "{name}: {time:?}"
    );
    let mut last = 0;
    for child in node.children().filter(Node::is_element) {
        let child = child.tag_name().name();
        let place = children.iter().position(|c| *c == child);
        let place = place.unwrap_or_else(|| panic!("{child} in {name}"));
        assert!(place >= last, "{child} in {name} is out of order");
        last = place;
    }
}

fn case<'a>(document: &'a Document<'a>, name: &str) -> Node<'a, 'a> {
    let mut nodes = document.descendants();
    nodes
        .find(|node| node.attribute("name") == Some(name))
        .unwrap()
}

#[test]
fn a_report_has_the_shape_that_its_readers_share() {
    is_valid(&sample::text("junit", &sample::report()));
    is_valid(&sample::text("junit", &sample::plain()));
}

#[test]
fn what_is_accepted_is_told() {
    let text = sample::text("junit", &sample::report());
    let document = Document::parse(&text).unwrap();
    let property = case(&document, "accepted copied");
    let value = property.attribute("value").unwrap();
    assert!(value.starts_with("every message is copied to "), "{value}");
    assert!(!sample::text("junit", &sample::plain()).contains("<properties"));
}

#[test]
fn what_a_relay_says_is_still_there_and_does_no_harm() {
    let text = sample::text("junit", &sample::report());
    let document = Document::parse(&text).unwrap();
    let failed = case(&document, "plaintext_is_never_offered");
    assert_eq!(failed.attribute("classname"), Some("auth"));
    let said = failed
        .children()
        .find(|n| n.has_tag_name("system-out"))
        .unwrap();
    let said = said.text().unwrap();
    assert!(said.contains("<script>window.hacked"), "{said}");
    assert!(said.contains("\\x1b[2J\\x00\\u{ffff}]]>&amp;"), "{said}");
    assert!(
        said.contains("The relay's log:\npostfix/smtpd[9]"),
        "{said}"
    );
    assert!(said.contains("\nseverity: critical\n"), "{said}");
}

#[test]
fn an_unseen_sabotage_is_a_failure() {
    let mut report = sample::report();
    report.checks[1].sabotages[0].detected = false;
    let text = sample::text("junit", &report);
    is_valid(&text);
    let document = Document::parse(&text).unwrap();
    let case = case(&document, "wrong_password_is_refused");
    assert!(case.children().any(|n| n.has_tag_name("failure")));
}

#[test]
fn every_sabotage_is_a_case_whether_seen_or_not() {
    for detected in [true, false] {
        let mut report = sample::report();
        report.checks[1].sabotages[0].detected = detected;
        let name = report.checks[1].sabotages[0].name;
        let text = sample::text("junit", &report);
        is_valid(&text);
        let document = Document::parse(&text).unwrap();
        let case = case(&document, &format!("{name} (as configured)"));
        assert_eq!(case.parent().unwrap().attribute("name"), Some("sabotages"));
        let failed = case.children().any(|n| n.has_tag_name("failure"));
        assert_eq!(failed, !detected);
    }
}

#[test]
fn what_was_not_run_is_an_error() {
    let mut report = sample::report();
    report.not_run = vec!["auth.never_tried", "runtime.never_tried_either"];
    let text = sample::text("junit", &report);
    is_valid(&text);
    let document = Document::parse(&text).unwrap();
    for (name, area) in [("never_tried", "auth"), ("never_tried_either", "runtime")] {
        let case = case(&document, name);
        assert_eq!(case.attribute("classname"), Some(area));
        assert_eq!(case.parent().unwrap().attribute("name"), Some(area));
        assert!(case.children().any(|n| n.has_tag_name("error")));
    }
    let mutants = report.mutation.as_ref().map_or(0, |m| m.tried.len());
    let all = report.checks.len() + 2 + report.plantings().len() + mutants;
    let told = document.root_element().attribute("tests").unwrap();
    assert_eq!(told, all.to_string());
}

#[test]
fn a_proof_that_was_cut_short_is_an_error() {
    let mut report = sample::report();
    report.cut_short = Some(CutShort::Interrupted);
    report.not_run.clear();
    let text = sample::text("junit", &report);
    is_valid(&text);
    let document = Document::parse(&text).unwrap();
    let case = case(&document, "sabotages_are_detected");
    assert_eq!(case.attribute("classname"), Some("proof"));
    assert!(case.children().any(|n| n.has_tag_name("error")));
}
