//! `relay.yaml`: loading with positions, validation, and the [`Spec`] that the
//! rest of the house reads.
//!
//! A setting is declared once, in `settings`: its key, what it may hold, its default, what
//! it is for. A file goes through three stages by those declarations, and each finds all
//! of its problems before anybody is told: text to a tree that keeps places (`tree`), the
//! tree held to the shape that is declared (`shape`), values to a [`Spec`] (`value`, with
//! `syntax` for what single texts mean, and `combine` for combinations).

mod certificate;
mod combine;
mod decode;
mod draft;
mod files;
pub mod filter;
mod next_hop;
mod node;
mod overrides;
pub mod parameters;
mod pem;
mod places;
mod problem;
mod production;
mod promises;
mod reference;
mod renewal;
mod saying;
mod schema;
mod setting;
mod settings;
mod shape;
mod shown;
mod spec;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod trust;
mod value;

use std::path::Path;

pub use combine::in_lab;
pub use draft::{Draft, scalar};
pub use overrides::takes_back_a_promise;
pub use pem::read_authorities;
pub use places::{Places, places};
pub use problem::{Problem, Problems, Warning};
pub use production::{Missing, missing_for_production};
pub use reference::{Described, reference};
pub use renewal::{Renewal, renewal};
pub use saying::{Says, add, set};
pub use schema::schema;
pub use setting::Counts;
pub use settings::{effective, value};
pub use shown::Shown;
pub use spec::*;

use decode::Decoder;
use node::Node;
use problem::{Position, Refusal, Report};

/// The version of relay.yaml that this relaykit reads.
const VERSION: u64 = 1;
/// Far above any real file, far below what would stall the parser.
const LARGEST: usize = 1 << 20;

/// A configuration without problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What it means.
    pub spec: Spec,
    /// What works and is unwise, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// The lab without a file: every key at its default.
#[must_use]
pub fn built_in() -> Spec {
    Spec::default()
}

/// Reads a relay.yaml from its `text`. `file` names it in messages; `base` is the
/// absolute folder that relative paths start at. Password files are read.
///
/// # Errors
/// All problems of the file at once, each with its place.
pub fn load(text: &str, file: &str, base: &Path) -> Result<Spec, Problems> {
    load_bytes(text.as_bytes(), file, base).map(|loaded| loaded.spec)
}

/// As [`load`], from the bytes of a file, with the warnings beside the result.
///
/// # Errors
/// All problems of the file at once, each with its place.
pub fn load_bytes(bytes: &[u8], file: &str, base: &Path) -> Result<Loaded, Problems> {
    let mut report = Report::new(file);
    let spec = read(bytes, base, &mut report);
    let warnings = report.finish()?;
    Ok(Loaded { spec, warnings })
}

/// What `bytes` mean; worth nothing if there is a problem in `report`.
fn read(bytes: &[u8], base: &Path, report: &mut Report) -> Spec {
    let Some(mut root) = text(bytes, report).and_then(|text| tree::parse(text, report)) else {
        let why = Refusal::new("the file says nothing, expected a mapping of keys to values");
        if report.is_empty() {
            report.refuse(
                Position::START,
                "",
                why.hint("write `version: 1` as the first line"),
            );
        }
        return built_in();
    };
    if !version(&root, report) {
        return built_in();
    }
    shape::check(&mut root, report);
    let mut spec = built_in();
    let mut decoder = Decoder {
        base,
        report,
        adding: false,
    };
    settings::read(&root, &mut decoder, &mut spec);
    settings::settle(&root, &mut spec);
    overrides::check(&root, report);
    combine::check(&spec, &root, report);
    promises::check(&spec, &root, report);
    spec
}

fn text<'a>(bytes: &'a [u8], report: &mut Report) -> Option<&'a str> {
    if bytes.len() > LARGEST {
        let why = format!(
            "the file has {} bytes, expected at most {LARGEST}",
            bytes.len()
        );
        report.refuse(Position::START, "", Refusal::new(why));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            let why = Refusal::new(format!("the byte 0x{byte:02X} is not UTF-8"));
            report.refuse(
                Position { line, column },
                "",
                why.hint("save the file as UTF-8"),
            );
            None
        }
    }
}

/// Whether the rest of the file can be judged: the keys of another version are
/// not known here.
fn version(root: &Node, report: &mut Report) -> bool {
    let Some(entry) = root.entry("version") else {
        return true;
    };
    match entry.value.number() {
        Some(other) if other != VERSION => {
            let why = Refusal::new(format!("found version {other}, expected {VERSION}"));
            let why = why.hint("this relaykit reads version 1 only");
            report.refuse(entry.value.at, "version", why);
            false
        }
        // A wrong type is told with all others.
        _ => true,
    }
}
