//! An honest load generator for an authenticated relay.
//!
//! Clients connect, secure the connection, log in and hand over messages, each step with
//! its time. In a closed loop the relay sets the pace, in an open one the clock: then a
//! message's time counts from when it was to be sent (no coordinated omission). What was
//! taken over and what came out at the next hop are counted apart, and the CPU that the
//! relay's processes and this program take is told with them.
//!
//! How results are told is learned from wrk2 (the time from the intended moment), oha and
//! k6 (percentiles, errors by kind, an arrival rate), hyperfine (warm-up, several rounds,
//! ratios) and Postfix's smtp-source(1), with which the figures agree where both measure.

mod client;
mod compare;
mod cpu;
mod curve;
mod human;
mod load;
mod message;
mod page;
mod point;
mod probe;
mod report;
mod series;
mod step;
mod subject;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;

pub use compare::{Ratio, Spread, Summary, ratios, summaries};
pub use cpu::{Cpu, Group, own};
pub use human::{human, line};
pub use load::{Bounds, Load, Pace, Target};
pub use page::html;
pub use point::{Measured, measure, per_second};
pub use probe::{Arrivals, Probe, Taken};
pub use report::{LoadFacts, Machine, Point, Report, TargetFacts, notes, pace};
pub use series::{Error, Series};
pub use step::Step;
pub use subject::{DOMAIN, Inside, Kind, Place, Sink, Subject, measurable, security};
pub use tally::{Percentiles, Refusal, Tally, Times};
