//! relaykit builds an authenticated, anonymising mail relay as containers and
//! proves end to end that it is one.
//!
//! Data moves one way through typed stages: `relay.yaml` → [`config::Spec`] →
//! [`counterparts::Resolved`] → [`plan::Plan`] with its files → a running [`lab`], or
//! a bundle of files.

pub mod accounts;
pub mod audit;
pub mod bench;
pub mod certs;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod config;
pub mod container;
pub mod counterparts;
pub mod diagnostics;
pub mod engine;
pub mod export;
pub mod image;
pub mod lab;
pub mod lint;
pub mod mutation;
pub mod plan;
pub mod progress;
pub mod proof;
pub mod render;
pub mod report;
pub mod requirements;
pub mod secret;
pub mod smtp;
pub mod visible;
