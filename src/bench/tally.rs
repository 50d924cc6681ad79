//! What all clients together have seen.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::step::{Step, Taken};

/// The longest time that is told apart from longer ones, in microseconds: ten minutes.
const LONGEST: u64 = 600_000_000;
/// Digits of a time that count.
const DIGITS: u8 = 3;
/// Different errors that are told apart; others are counted together.
const MOST_ERRORS: usize = 20;
/// What those are called.
const OTHERS: &str = "further errors of other kinds";

/// Times of one step, in microseconds.
#[derive(Debug, Clone)]
pub struct Times(Histogram<u64>);

/// The shape of many times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many there are.
    pub count: u64,
    /// The arithmetic mean.
    pub mean_ms: f64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// Nine of ten took no longer.
    pub p90_ms: f64,
    /// All but one in a hundred took no longer.
    pub p99_ms: f64,
    /// All but one in a thousand took no longer.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    /// None yet. `None` only if the bounds above made no sense.
    fn new() -> Option<Self> {
        Histogram::new_with_bounds(1, LONGEST, DIGITS)
            .ok()
            .map(Self)
    }

    fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST);
        self.0.saturating_record(micros.max(1));
    }

    /// Their shape; `None` where there is none.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        let at = |quantile: f64| ms(self.0.value_at_quantile(quantile));
        Some(Percentiles {
            count: self.0.len(),
            mean_ms: round(self.0.mean() / 1000.0),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(self.0.max()),
        })
    }

    /// Points of the curve of all percentiles: the part of all that took no longer, and
    /// the time in milliseconds. Denser towards the end, where the trouble is.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let points = self.0.iter_quantiles(5);
        points
            .map(|point| (point.quantile_iterated_to(), ms(point.value_iterated_to())))
            .collect()
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "ten minutes in microseconds are exact in an f64"
)]
fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// To microseconds: what is beyond was not measured.
fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

/// How one message, or one login, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Well,
    /// At this step, with this reply, or what came instead of one.
    Badly(Step, String),
}

/// What came of one turn of a client.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) taken: Vec<Taken>,
    pub(super) connections: u64,
    pub(super) logins: u64,
    /// Whether a message was to be sent, or only a login to be made.
    pub(super) sends: bool,
    pub(super) end: End,
}

/// An error and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Where.
    pub step: Step,
    /// The reply, or what came instead of one.
    pub reply: String,
    /// How often.
    pub count: u64,
}

/// All that was seen.
#[derive(Debug, Default)]
pub struct Tally {
    times: BTreeMap<Step, Times>,
    errors: BTreeMap<(Step, String), u64>,
    /// Turns that were taken: messages, or logins where nothing is sent.
    pub turns: u64,
    /// Messages that the server has taken over.
    pub accepted: u64,
    /// Of these, the ones that it took over before time was up.
    pub accepted_in_time: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Of these, the ones of turns that ended before time was up.
    pub logins_in_time: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Turns that did not end well.
    pub failed: u64,
    /// Arrivals that no client was free for until the end.
    pub unstarted: u64,
    /// Messages taken over, or logins where nothing is sent, in each second.
    pub per_second: Vec<u64>,
}

impl Tally {
    /// `at` is when the turn ended, from the start; `in_time` whether that was before
    /// time was up.
    pub(super) fn add(&mut self, attempt: Attempt, at: Duration, in_time: bool) {
        self.turns += 1;
        self.connections += attempt.connections;
        self.logins += attempt.logins;
        if in_time {
            self.logins_in_time += attempt.logins;
        }
        for (step, took) in attempt.taken {
            self.time(step, took);
        }
        match attempt.end {
            End::Well => {
                if attempt.sends {
                    self.accepted += 1;
                    self.accepted_in_time += u64::from(in_time);
                }
                let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
                // A point of a sweep lasts minutes, not weeks.
                if second < 1_000_000 {
                    if self.per_second.len() <= second {
                        self.per_second.resize(second + 1, 0);
                    }
                    self.per_second[second] += 1;
                }
            }
            End::Badly(step, reply) => {
                self.failed += 1;
                self.error(step, reply);
            }
        }
    }

    /// An arrival that no client was free for in all of `waited`. It counts among the
    /// latencies with what it has waited: left out, the worst would be missing.
    pub(super) fn unstarted(&mut self, waited: Duration) {
        self.unstarted += 1;
        self.time(Step::Wait, waited);
        self.time(Step::Message, waited);
    }

    fn time(&mut self, step: Step, took: Duration) {
        if let Some(new) = (!self.times.contains_key(&step)).then(Times::new) {
            self.times.extend(new.map(|times| (step, times)));
        }
        if let Some(times) = self.times.get_mut(&step) {
            times.add(took);
        }
    }

    fn error(&mut self, step: Step, reply: String) {
        let key = (step, reply);
        if self.errors.len() >= MOST_ERRORS && !self.errors.contains_key(&key) {
            *self.errors.entry((step, OTHERS.to_owned())).or_default() += 1;
            return;
        }
        *self.errors.entry(key).or_default() += 1;
    }

    /// The times of a step that was taken.
    #[must_use]
    pub fn times(&self, step: Step) -> Option<&Times> {
        self.times.get(&step)
    }

    /// The shape of the times of each step that was taken.
    #[must_use]
    pub fn latency(&self) -> BTreeMap<Step, Percentiles> {
        let shapes = self.times.iter();
        shapes
            .filter_map(|(step, times)| Some((*step, times.percentiles()?)))
            .collect()
    }

    /// What did not end well, the most frequent first.
    #[must_use]
    pub fn errors(&self) -> Vec<Refusal> {
        let errors = self.errors.iter();
        let mut errors: Vec<Refusal> = errors
            .map(|((step, reply), count)| Refusal {
                step: *step,
                reply: reply.clone(),
                count: *count,
            })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(taken: Vec<Taken>, end: End) -> Attempt {
        Attempt {
            taken,
            connections: 1,
            logins: 1,
            sends: true,
            end,
        }
    }

    #[test]
    fn percentiles_are_those_of_the_times() {
        let mut tally = Tally::default();
        for ms in 1..=1000 {
            let taken = vec![(Step::Message, Duration::from_millis(ms))];
            tally.add(attempt(taken, End::Well), Duration::from_millis(ms), true);
        }
        let shape = tally.latency()[&Step::Message];
        assert_eq!(shape.count, 1000);
        // Three digits: at most one in a thousand off.
        let close = |is: f64, wanted: f64| (is - wanted).abs() / wanted < 0.001;
        assert!(close(shape.p50_ms, 500.0), "{shape:?}");
        assert!(close(shape.p90_ms, 900.0), "{shape:?}");
        assert!(close(shape.p99_ms, 990.0), "{shape:?}");
        assert!(close(shape.p999_ms, 999.0), "{shape:?}");
        assert!(close(shape.max_ms, 1000.0), "{shape:?}");
        assert!(close(shape.mean_ms, 500.5), "{shape:?}");
        assert_eq!((tally.accepted, tally.failed), (1000, 0));
        assert_eq!(tally.per_second, [999, 1]);
    }

    #[test]
    fn a_step_that_nobody_took_has_no_percentiles() {
        assert!(Tally::default().latency().is_empty());
        assert_eq!(Tally::default().errors(), []);
    }

    #[test]
    fn an_arrival_that_nobody_was_free_for_counts_with_its_wait() {
        let mut tally = Tally::default();
        let taken = vec![(Step::Message, Duration::from_millis(1))];
        tally.add(attempt(taken, End::Well), Duration::ZERO, true);
        tally.unstarted(Duration::from_secs(5));
        let shape = tally.latency()[&Step::Message];
        assert_eq!((shape.count, tally.unstarted, tally.accepted), (2, 1, 1));
        assert!((shape.max_ms - 5000.0).abs() < 5.0, "{shape:?}");
    }

    #[test]
    fn errors_are_counted_by_reply_and_a_flood_of_kinds_is_cut() {
        let mut tally = Tally::default();
        let badly = |reply: String| attempt(vec![], End::Badly(Step::Rcpt, reply));
        for _ in 0..3 {
            tally.add(badly("450 later".to_owned()), Duration::ZERO, true);
        }
        for kind in 0..100 {
            tally.add(badly(format!("550 {kind}")), Duration::ZERO, true);
        }
        let errors = tally.errors();
        assert_eq!(errors.len(), MOST_ERRORS + 1);
        assert_eq!(errors.iter().map(|e| e.count).sum::<u64>(), 103);
        assert_eq!((&*errors[0].reply, errors[0].count), (OTHERS, 81));
        assert_eq!((&*errors[1].reply, errors[1].count), ("450 later", 3));
        assert_eq!((tally.failed, tally.accepted), (103, 0));
    }

    #[test]
    fn what_ends_after_the_time_counts_and_is_no_part_of_the_rate() {
        let mut tally = Tally::default();
        tally.add(attempt(vec![], End::Well), Duration::from_secs(1), true);
        tally.add(attempt(vec![], End::Well), Duration::from_secs(9), false);
        assert_eq!((tally.accepted, tally.accepted_in_time), (2, 1));
        assert_eq!((tally.logins, tally.logins_in_time), (2, 1));
    }
}
