//! main.cf, parameter by parameter.

use super::text::lines;
use super::values;
use super::{Draft, Operator};
use crate::render::next_hops::CLEAR;

/// The changes of `text`, in which `tables` are the maps of the relay.
pub(super) fn drafts(text: &str, tables: &[String]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for line in lines(text) {
        let Some((name, value)) = line.text.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        // The next hops that a lab plays for its checks are no part of a relay.
        if name == "transport_maps" && value.contains(CLEAR.domain) {
            continue;
        }
        let mut add = |operator, after: String| {
            drafts.push(Draft::of_line(text, &line, name, operator, after));
        };
        add(Operator::DropLine, String::new());
        for (operator, other) in values::others(name, value, tables) {
            add(operator, format!("{name} = {other}").trim_end().to_owned());
        }
    }
    drafts
}
