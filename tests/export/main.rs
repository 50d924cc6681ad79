//! `relaykit export`: what it writes, what it refuses, and that what it writes
//! is a relay. The last needs an engine and Docker Compose, and fails without.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../lab/mod.rs"]
mod lab;

mod bench;
mod deployment;
mod exported;
mod ipv6;
mod refusals;
mod running;
mod sample;
mod users;
