//! Against a lab that is up.

use serde_json::Value;

use crate::lab::{Child, Lab, Run};
use crate::schema::is_valid;

/// The numbers of all points, added up.
fn all(report: &Value, what: &str) -> u64 {
    let points = report["points"].as_array().unwrap().iter();
    points.map(|point| point[what].as_u64().unwrap()).sum()
}

#[test]
fn what_was_accepted_is_what_is_in_the_inbox() {
    let lab = Lab::new("bench");
    lab.up();
    let arguments = [
        "bench",
        "--clients",
        "1,3",
        "--messages",
        "7",
        "--warm-up",
        "1s",
        "--per-connection",
        "3",
        "--recipients",
        "2",
        "--size",
        "2000",
        "--format",
        "json",
        "--json",
        "b.json",
        "--html",
        "b.html",
    ];
    let run = lab.relaykit(&arguments).succeeded();
    let report = run.json();
    is_valid(&report);
    let written = std::fs::read_to_string(lab.folder().join("b.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), report);
    let page = std::fs::read_to_string(lab.folder().join("b.html")).unwrap();
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));

    assert_eq!(
        (all(&report, "accepted"), all(&report, "failed")),
        (14, 0),
        "{report:#}"
    );
    assert_eq!(all(&report, "delivered"), 14);
    // One more is sent first, to see whether it can be measured at all.
    let sent = 1 + 14 + all(&report, "warm_up_accepted");
    let inbox = lab.inbox();
    assert_eq!(u64::try_from(inbox.len()).unwrap(), sent);
    for message in &inbox {
        assert_eq!(
            message["envelope_to"].as_array().unwrap().len(),
            2,
            "{message:#}"
        );
    }
    // Three on a connection: 7 by one client on 3 connections.
    assert_eq!(report["points"][0]["connections"], 3);
    let latency = &report["points"][0]["latency"];
    for (step, count) in [
        ("message", 7),
        ("mail", 7),
        ("rcpt", 14),
        ("end", 7),
        ("auth", 3),
    ] {
        assert_eq!(latency[step]["count"], count, "{step}");
    }
    for role in ["relay", "directory", "sink"] {
        let cpu = &report["points"][0]["cpu"][role];
        assert!(cpu["total_ms"].as_f64().unwrap() > 0.0, "{role}: {cpu:#}");
    }
    let groups = report["points"][0]["cpu"]["relay"]["groups"]
        .as_array()
        .unwrap();
    for name in ["smtpd", "cleanup", "qmgr", "guard"] {
        assert!(
            groups.iter().any(|group| group["name"] == name),
            "{name}: {groups:#?}"
        );
    }
}

#[test]
fn a_relay_that_refuses_is_told_by_its_reply() {
    let lab = Lab::new("benchfull");
    lab.configure("relay: {message_size_limit: 20KiB}\n");
    lab.up();
    let arguments = [
        "bench",
        "--clients",
        "1",
        "--messages",
        "1",
        "--size",
        "30K",
    ];
    lab.relaykit(&arguments).ended_with(12).says(&["552 "]);
}

#[test]
fn the_clock_sets_the_pace_and_logins_need_no_message() {
    let lab = Lab::new("benchopen");
    lab.up();
    let open = [
        "bench",
        "--rate",
        "20",
        "--clients",
        "8",
        "--time",
        "1s",
        "--warm-up",
        "0s",
    ];
    let report = lab
        .relaykit(&[&open[..], &["--format", "json"]].concat())
        .succeeded()
        .json();
    is_valid(&report);
    let point = &report["points"][0];
    assert_eq!(
        (point["loop"].as_str(), point["rate"].as_f64()),
        (Some("open"), Some(20.0))
    );
    // So many were to be sent in a second, whatever became of each.
    let arrivals = all(&report, "begun") + all(&report, "unstarted");
    assert_eq!(arrivals, 20, "{report:#}");

    let logins = [
        "bench",
        "--logins-only",
        "--listener",
        "submissions",
        "--clients",
        "2",
        "--messages",
        "4",
    ];
    let report = lab
        .relaykit(&[&logins[..], &["--warm-up", "0s", "--format", "json"]].concat())
        .succeeded()
        .json();
    is_valid(&report);
    assert_eq!((all(&report, "logins"), all(&report, "accepted")), (4, 0));
    assert!(report["points"][0]["delivered"].is_null());
    let inbox = lab.inbox().len();
    assert_eq!(
        u64::try_from(inbox).unwrap(),
        1 + arrivals,
        "a login sends nothing"
    );
}

#[test]
fn an_interruption_leaves_the_lab_and_tells_what_was_measured() {
    let lab = Lab::new("benchstop");
    lab.up();
    let arguments = [
        "bench",
        "--clients",
        "1",
        "--time",
        "1h",
        "--warm-up",
        "0s",
        "--format",
        "json",
    ];
    let mut child = Child::start(lab.command(&[&arguments[..], &["--lab", &lab.name]].concat()));
    assert!(child.says("relaykit bench:"));
    child.signal("INT");
    let run: Run = child.end().ended_with(130);
    let report = run.json();
    is_valid(&report);
    assert_eq!(report["interrupted"], true);
    lab.relaykit(&["inbox", "list"]).succeeded();
}
