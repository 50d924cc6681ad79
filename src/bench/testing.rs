//! Points for the tests of what is made of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::compare::{ratios, summaries};
use super::report::{LoadFacts, Machine, Point, Report, TargetFacts};
use super::step::Step;
use super::subject::Kind;
use super::tally::Percentiles;

/// A point with these rates and times that follow from them.
pub(super) fn point(target: &str, round: usize, clients: usize, rate: f64) -> Point {
    let message = Percentiles {
        count: 10,
        mean_ms: 1.0,
        p50_ms: 1000.0 / rate,
        p90_ms: 2000.0 / rate,
        p99_ms: 3000.0 / rate,
        p999_ms: 4000.0 / rate,
        max_ms: 4000.0 / rate,
    };
    Point {
        target: target.to_owned(),
        round,
        kind: "closed",
        clients,
        rate: None,
        window_ms: 1000.0,
        begun: 10,
        accepted: 10,
        warm_up_accepted: 0,
        delivered: None,
        logins: 10,
        connections: 10,
        failed: 0,
        unstarted: 0,
        accepted_per_second: rate,
        delivered_per_second: None,
        logins_per_second: rate,
        latency: BTreeMap::from([(Step::Message, message)]),
        curve: vec![(0.0, 1.0), (0.5, 2.0), (1.0, 3.0)],
        per_second: vec![10],
        errors: Vec::new(),
        cpu: BTreeMap::new(),
        generator_cpu_ms: Some(10),
    }
}

/// A report of two targets.
pub(super) fn report() -> Report {
    let points: Vec<Point> = [("ours", 2.0), ("theirs", 1.0)]
        .into_iter()
        .flat_map(|(name, times)| [1, 8, 32].map(|clients| point(name, 1, clients, times * 10.0)))
        .collect();
    let summary = summaries(&points);
    let target = |name: &str| TargetFacts {
        name: name.to_owned(),
        kind: Kind::Own,
        address: "127.0.0.1:2587".to_owned(),
        tls: "starttls",
        login: true,
        next_hop: "smtp-sink".to_owned(),
    };
    Report {
        relaykit: "0.0.0",
        started_at: Timestamp::UNIX_EPOCH,
        elapsed_ms: 1,
        interrupted: false,
        machine: Machine {
            cores: 2,
            load: None,
        },
        load: LoadFacts {
            logins_only: false,
            messages_per_connection: 1,
            size: 1024,
            recipients: 1,
            nagle: false,
            time_ms: 1000,
            messages: None,
            warm_up_ms: 0,
            rounds: 1,
        },
        targets: vec![target("ours"), target("theirs")],
        ratios: ratios(&summary, "ours", "theirs"),
        points,
        summary,
        notes: vec!["a reverse lookup".to_owned()],
    }
}
