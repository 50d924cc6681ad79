//! `relaykit check` against relays that it did not build, and `relaykit test
//! --lab` against a lab that is up. Without an engine the latter fail and say so.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod attached;
mod hostile;
mod silent;
mod stranger;
mod usage;
