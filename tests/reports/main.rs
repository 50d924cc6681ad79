//! What a run leaves behind for people and machines: JSON against its published
//! schema, `JUnit` against the shape that its readers share, the HTML page in a
//! browser, and the catalogue in the documentation.
//!
//! The page is driven over Chromium's own `DevTools` protocol on a pipe, which
//! takes `serde_json` and a hundred lines; the crates for it bring a `WebSocket`
//! stack and the whole protocol as generated code.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod browser;
mod catalogue;
mod json;
mod junit;
mod page;
mod real;
mod reference;
mod sample;
