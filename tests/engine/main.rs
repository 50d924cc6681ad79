//! The engine room against a real engine. Without one these tests fail, with
//! the engine room's own words. What they make carries a name with the process
//! id in it and is removed also when a test panics.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod connection;
mod containers;
mod images;
mod networks;
mod objects;
