//! The whole proof, on a real engine: every check passes on the lab that
//! relaykit builds, and every sabotage that a check claims to see is seen.
//! Without an engine these tests fail and say so.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod mutants;
mod renewal;
mod sabotages;
