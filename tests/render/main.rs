//! What is rendered: golden files under `tests/snapshots`, and what holds for
//! every plan. `RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test render` writes the
//! golden files anew; read the difference before it is committed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod properties;
mod sample;
mod snapshots;
