//! Several rounds as one: medians, and one target beside another.

use serde::Serialize;

use super::report::{Point, rounded};
use super::step::Step;
use super::tally::Percentiles;

/// Values of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of these; `None` where there is none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[half]
        } else {
            f64::midpoint(values[half - 1], values[half])
        };
        Some(Self {
            median: rounded(median),
            min,
            max,
        })
    }
}

/// All rounds of one target at one pace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Which target.
    pub target: String,
    /// Clients at once, at the most.
    pub clients: usize,
    /// Messages a second that were to be sent; `None` in a closed loop.
    pub rate: Option<f64>,
    /// How many rounds there were.
    pub rounds: usize,
    /// Messages taken over a second.
    pub accepted_per_second: Spread,
    /// Messages delivered a second; `None`: nobody could look.
    pub delivered_per_second: Option<Spread>,
    /// Logins a second.
    pub logins_per_second: Spread,
    /// What half of the messages, or logins, took no longer than.
    pub p50_ms: Option<Spread>,
    /// Nine of ten.
    pub p90_ms: Option<Spread>,
    /// All but one in a hundred.
    pub p99_ms: Option<Spread>,
    /// The longest.
    pub max_ms: Option<Spread>,
    /// CPU of the relay for a message.
    pub relay_cpu_ms: Option<Spread>,
    /// What did not end well, in all rounds.
    pub failed: u64,
}

/// The first target's median by the second's: of rates, more is better; of times, less.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// Clients at once, at the most.
    pub clients: usize,
    /// Messages a second that were to be sent; `None` in a closed loop.
    pub rate: Option<f64>,
    /// The target above the line.
    pub of: String,
    /// The target below it.
    pub to: String,
    /// Of messages taken over a second.
    pub accepted_per_second: Option<f64>,
    /// Of messages delivered a second.
    pub delivered_per_second: Option<f64>,
    /// Of logins a second.
    pub logins_per_second: Option<f64>,
    /// Of the median time.
    pub p50: Option<f64>,
    /// Of the 99th percentile.
    pub p99: Option<f64>,
    /// Of the relay's CPU for a message.
    pub relay_cpu: Option<f64>,
}

/// What counts for a person: the message, or the login where nothing is sent.
fn asked(point: &Point) -> Option<&Percentiles> {
    let message = point.latency.get(&Step::Message);
    message.or_else(|| point.latency.get(&Step::Login))
}

/// The name of the container whose CPU counts.
const RELAY: &str = "relay";

/// One summary for each target and pace, in the order of the points.
#[must_use]
pub fn summaries(points: &[Point]) -> Vec<Summary> {
    let mut found: Vec<Summary> = Vec::new();
    for point in points {
        let same = |s: &Summary| s.target == point.target && point.is_like(s.clients, s.rate);
        if !found.iter().any(same) {
            found.extend(summary(points, point));
        }
    }
    found
}

fn summary(points: &[Point], like: &Point) -> Option<Summary> {
    let rounds: Vec<&Point> = points
        .iter()
        .filter(|p| p.target == like.target && p.is_like(like.clients, like.rate))
        .collect();
    let spread = |value: fn(&Point) -> Option<f64>| {
        Spread::of(rounds.iter().filter_map(|point| value(point)))
    };
    Some(Summary {
        target: like.target.clone(),
        clients: like.clients,
        rate: like.rate,
        rounds: rounds.len(),
        accepted_per_second: spread(|p| Some(p.accepted_per_second))?,
        delivered_per_second: spread(|p| p.delivered_per_second),
        logins_per_second: spread(|p| Some(p.logins_per_second))?,
        p50_ms: spread(|p| Some(asked(p)?.p50_ms)),
        p90_ms: spread(|p| Some(asked(p)?.p90_ms)),
        p99_ms: spread(|p| Some(asked(p)?.p99_ms)),
        max_ms: spread(|p| Some(asked(p)?.max_ms)),
        relay_cpu_ms: spread(|p| p.cpu.get(RELAY)?.per_message_ms),
        failed: rounds.iter().map(|point| point.failed).sum(),
    })
}

/// `of` beside `to`, at each pace that both were measured at.
#[must_use]
pub fn ratios(summaries: &[Summary], of: &str, to: &str) -> Vec<Ratio> {
    let firsts = summaries.iter().filter(|summary| summary.target == of);
    let pair = |first: &Summary| {
        let mut others = summaries.iter().filter(|summary| summary.target == to);
        let second = others.find(|s| s.clients == first.clients && s.rate == first.rate)?;
        Some(ratio(first, second))
    };
    firsts.filter_map(pair).collect()
}

fn ratio(first: &Summary, second: &Summary) -> Ratio {
    let by = |first: Option<Spread>, second: Option<Spread>| {
        let (first, second) = (first?.median, second?.median);
        (second > 0.0).then(|| rounded(first / second))
    };
    Ratio {
        clients: first.clients,
        rate: first.rate,
        of: first.target.clone(),
        to: second.target.clone(),
        accepted_per_second: by(
            Some(first.accepted_per_second),
            Some(second.accepted_per_second),
        ),
        delivered_per_second: by(first.delivered_per_second, second.delivered_per_second),
        logins_per_second: by(
            Some(first.logins_per_second),
            Some(second.logins_per_second),
        ),
        p50: by(first.p50_ms, second.p50_ms),
        p99: by(first.p99_ms, second.p99_ms),
        relay_cpu: by(first.relay_cpu_ms, second.relay_cpu_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::testing::point;

    #[test]
    fn a_median_is_the_middle_and_not_the_mean() {
        let spread = Spread::of([9.0, 1.0, 2.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 9.0));
        let between = Spread::of([4.0, 1.0]).unwrap().median;
        assert!((between - 2.5).abs() < 1e-9, "{between}");
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_of_medians_at_the_same_pace() {
        let mut points = Vec::new();
        for (round, (ours, theirs)) in [(100.0, 40.0), (120.0, 60.0), (10.0, 50.0)]
            .into_iter()
            .enumerate()
        {
            points.push(point("ours", round + 1, 8, ours));
            points.push(point("theirs", round + 1, 8, theirs));
        }
        points.push(point("ours", 1, 32, 7.0));
        let summaries = summaries(&points);
        assert_eq!(summaries.len(), 3);
        assert_eq!(summaries[0].rounds, 3);
        let ratios = ratios(&summaries, "ours", "theirs");
        assert_eq!(ratios.len(), 1, "nobody measured theirs at 32");
        assert_eq!(
            (ratios[0].clients, ratios[0].accepted_per_second),
            (8, Some(2.0))
        );
        assert_eq!(ratios[0].delivered_per_second, None);
    }
}
