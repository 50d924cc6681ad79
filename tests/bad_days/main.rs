//! Bad days on a real engine: each ends with a clear message, with the exit
//! code of the contract, and with nothing left. Without an engine these tests
//! fail and say so.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod failures;
mod in_use;
mod interrupted;
mod killed;
mod lost;
mod no_engine;
mod outputs;
mod proxy;
