//! Points for the tests of what is made of them.

use std::collections::BTreeMap;

use super::report::Point;
use super::step::Step;
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
