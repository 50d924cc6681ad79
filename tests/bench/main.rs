//! `relaykit bench` against real relays: what it counts is what arrived, and what it
//! prints is as docs/bench.schema.json has it. No figure is held to a limit here.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../lab/mod.rs"]
mod lab;

mod own;
mod schema;
mod standing;
mod usage;
