//! A lab's life by the built program, on a real engine: up, used, changed,
//! looked at, taken down. Without an engine these tests fail and say so.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod certificates;
mod changes;
mod containers;
mod diagnostics;
mod difference;
mod doctor;
mod down;
mod inbox;
mod parameters;
mod ready;
mod received;
mod side_by_side;
mod sink;
mod stack;
mod up;
mod views;
