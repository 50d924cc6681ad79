//! The run as an HTML page.

use super::report::Report;

/// To be drawn.
#[must_use]
pub fn html(report: &Report) -> Vec<u8> {
    super::human::human(report).into_bytes()
}
