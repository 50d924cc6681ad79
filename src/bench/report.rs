//! What a run has shown, as docs/bench.schema.json has it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::compare::{Ratio, Summary};
use super::cpu::Cpu;
use super::load::Pace;
use super::step::Step;
use super::subject::{Kind, Subject};
use super::tally::{Percentiles, Refusal};
use crate::smtp::Security;

/// All of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version.
    pub relaykit: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, with what was made for it.
    pub elapsed_ms: u64,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// The machine that the clients are on.
    pub machine: Machine,
    /// What each client did.
    pub load: LoadFacts,
    /// What was measured: the first is what was asked about, a second what it is compared with.
    pub targets: Vec<TargetFacts>,
    /// Every measurement, in the order in which they were made.
    pub points: Vec<Point>,
    /// Medians over all rounds.
    pub summary: Vec<Summary>,
    /// The first target beside the second.
    pub ratios: Vec<Ratio>,
    /// What a reader has to know before they believe a figure.
    pub notes: Vec<String>,
}

/// The machine that the clients are on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Processors that this program may use.
    pub cores: usize,
    /// The load average of the last minute when the run began; `None`: the system has none.
    pub load: Option<f64>,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn now() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|text| text.split(' ').next()?.parse().ok());
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            load,
        }
    }
}

/// What each client did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadFacts {
    /// Whether it only logged in.
    pub logins_only: bool,
    /// Messages on one connection.
    pub messages_per_connection: u64,
    /// Bytes of a message.
    pub size: usize,
    /// Recipients of a message.
    pub recipients: usize,
    /// Whether small writes waited for an acknowledgement.
    pub nagle: bool,
    /// The longest that messages were begun for, at each point.
    pub time_ms: u64,
    /// The most messages at each point; `None`: as many as there were in that time.
    pub messages: Option<u64>,
    /// How long each point ran before it was measured.
    pub warm_up_ms: u64,
    /// How often each point was measured.
    pub rounds: usize,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetFacts {
    /// Its name in this report.
    pub name: String,
    /// Where it is from.
    pub kind: Kind,
    /// Where it was spoken to.
    pub address: String,
    /// `none`, `starttls` or `wrapped`.
    pub tls: &'static str,
    /// Whether clients logged in.
    pub login: bool,
    /// What took its mail.
    pub next_hop: String,
}

impl TargetFacts {
    /// What there is to tell of a subject.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        let target = &subject.target;
        Self {
            name: target.name.clone(),
            kind: subject.kind,
            address: target.address.to_string(),
            tls: match target.security {
                Security::Clear => "none",
                Security::StartTls(_) => "starttls",
                Security::Wrapper(_) => "wrapped",
            },
            login: target.login.is_some(),
            next_hop: subject.next_hop.clone(),
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Of which target.
    pub target: String,
    /// In which round, from 1.
    pub round: usize,
    /// `closed`: the relay set the pace; `open`: the clock did.
    #[serde(rename = "loop")]
    pub kind: &'static str,
    /// Clients at once, at the most.
    pub clients: usize,
    /// Messages a second that were to be sent; `None` in a closed loop.
    pub rate: Option<f64>,
    /// The time that rates are counted in.
    pub window_ms: f64,
    /// Messages that were begun, or logins where nothing is sent.
    pub begun: u64,
    /// Messages that the server took over, those with its last word after the window too.
    pub accepted: u64,
    /// Those before it that were taken over to warm up, which nothing else here counts.
    pub warm_up_accepted: u64,
    /// Messages that came out at the next hop; `None`: nobody could look.
    pub delivered: Option<u64>,
    /// Logins that succeeded.
    pub logins: u64,
    /// Connections that were made.
    pub connections: u64,
    /// What was begun and did not end well.
    pub failed: u64,
    /// Arrivals of an open loop that no client was ever free for.
    pub unstarted: u64,
    /// Taken over within the window, a second of it.
    pub accepted_per_second: f64,
    /// Delivered, a second from the beginning until the last one was there.
    pub delivered_per_second: Option<f64>,
    /// Logins within the window, a second of it.
    pub logins_per_second: f64,
    /// Times by step.
    pub latency: BTreeMap<Step, Percentiles>,
    /// All percentiles of what was asked for, messages or logins: `[part, ms]`.
    pub curve: Vec<(f64, f64)>,
    /// What was taken over, or logged in, in each second.
    pub per_second: Vec<u64>,
    /// What did not end well.
    pub errors: Vec<Refusal>,
    /// CPU by container, until the last message was delivered.
    pub cpu: BTreeMap<String, Cpu>,
    /// What this program took meanwhile.
    pub generator_cpu_ms: Option<u64>,
}

impl Point {
    /// Whether it can be compared with another: the same pace.
    pub(super) fn is_like(&self, clients: usize, rate: Option<f64>) -> bool {
        self.clients == clients && self.rate == rate
    }

    /// Its pace, in words: `8 clients`, `50 a second`.
    #[must_use]
    pub fn pace(&self) -> String {
        pace(self.clients, self.rate)
    }
}

/// A pace in words.
#[must_use]
pub fn pace(clients: usize, rate: Option<f64>) -> String {
    match (rate, clients) {
        (Some(rate), _) => format!("{rate} a second"),
        (None, 1) => "1 client".to_owned(),
        (None, clients) => format!("{clients} clients"),
    }
}

impl Pace {
    /// Its word in a report, and its rate.
    pub(super) fn told(self) -> (&'static str, Option<f64>) {
        match self {
            Self::Closed { .. } => ("closed", None),
            Self::Open { rate, .. } => ("open", Some(rate)),
        }
    }
}

/// Milliseconds, to a microsecond.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// To three digits behind the point: what is beyond was not measured.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// More of the machine than this, and the clients are measured along with the relay.
const BUSY: f64 = 0.4;

/// What a reader has to know before they believe the figures.
#[must_use]
pub fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let parts = report.points.iter();
    let parts = parts.filter_map(|point| super::human::part_of_machine(report, point));
    let most = parts.fold(0.0, f64::max);
    if most > BUSY {
        notes.push(format!(
            "this program took up to {:.0} % of the machine that the relay is on: more clients than that measure themselves",
            most * 100.0
        ));
    }
    for point in &report.points {
        let (pace, target) = (point.pace(), &point.target);
        if point.unstarted > 0 {
            notes.push(format!(
                "{target} did not keep up with {pace}: for {} messages no client was free; they count with the time that they waited",
                point.unstarted
            ));
        }
        let lost = point
            .delivered
            .map(|count| point.accepted.saturating_sub(count));
        if let Some(lost @ 1..) = lost {
            notes.push(format!(
                "{target} at {pace}: {lost} of {} messages that were taken over had not come out when nothing came any more for 20 s",
                point.accepted
            ));
        }
        let more = point
            .delivered
            .map(|count| count.saturating_sub(point.accepted));
        if let Some(more @ 1..) = more {
            notes.push(format!(
                "{target} at {pace}: {more} messages more came out than were taken over: some were sent twice, or an answer was lost"
            ));
        }
    }
    notes
}
